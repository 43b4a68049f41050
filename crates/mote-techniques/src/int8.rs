//! Int8 post-training quantization.
//!
//! Weights become symmetric int8 with one scale per output channel, activations asymmetric int8 with one
//! scale per tensor, biases int32; the arithmetic is TensorFlow Lite's (Jacob et al. 2018, arXiv 1712.05877;
//! Krishnamoorthi 2018, arXiv 1806.08342 for per-channel weights). Activation ranges are observed by running
//! the f32 network in the engine on windows of training users.
//!
//! Weights of some layers may take four bits, two to a byte: in all layers that `qat:bits=4` trains for it, or in as
//! many as it takes to save a share of the bytes, beginning with those that harm the scores least. The report has the
//! signal-to-quantization-noise ratio of each layer.

mod mixed;
mod quantize;
mod ranges;
mod sqnr;
#[cfg(test)]
mod test_network;
mod weights;

pub use ranges::Calibration;
pub(crate) use weights::quantize_weights;

use crate::artifact::{Artifact, Context};
use crate::error::Error;
use crate::technique::{Change, Kind, Technique};
use mote_model::{Graph, Node, Op};
use quantize::quantize;
use ranges::{observe, range};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Post-training quantization of weights and activations to int8, calibrated on training users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Int8 {
    /// How ranges are chosen from the values observed.
    pub calibration: Calibration,
    /// Training windows on which values are observed.
    #[schemars(range(min = 1))]
    pub windows: usize,
    /// Bits of weights; 4 for all convolutions but the first and the depthwise ones, as in `qat`.
    #[schemars(extend("enum" = [8, 4]))]
    pub bits: u8,
    /// Share of the weights' bytes to save with 4 bits, in the layers that lose least by it.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 0.5))]
    pub mixed: f64,
}

impl Default for Int8 {
    fn default() -> Self {
        Self {
            calibration: Calibration::Mse,
            windows: 512,
            bits: 8,
            mixed: 0.0,
        }
    }
}

impl Technique for Int8 {
    const NAME: &'static str = weights::NAME;
    const KIND: Kind = Kind::Model;

    fn check(&self) -> Result<(), Error> {
        if self.mixed > 0.0 && self.bits == 4 {
            let what = "chooses the layers of 4 bits itself; leave bits=4 out";
            return Err(Self::wrong_option("mixed", what));
        }
        Ok(())
    }

    fn apply(&self, artifact: &mut Artifact, context: &Context) -> Result<Change, Error> {
        let Self {
            calibration,
            windows: count,
            bits,
            mixed: share,
        } = *self;
        if artifact.graph.is_int8() {
            return Err(Self::impossible("the network is int8 already"));
        }
        let windows = spread(context, count)?;
        let values = observe(&artifact.graph, context, &windows)?;
        let ranges: Vec<_> = values.into_iter().map(|v| range(v, calibration)).collect();
        let before = artifact.graph.clone();
        let few_bits = match bits {
            4 => trained_for_few_bits(&before),
            _ if share > 0.0 => {
                let losses = mixed::losses(&before, &ranges, context, &windows)?;
                mixed::choose(&before, &losses, share)
                    .map_err(|what| Self::wrong_option("mixed", what))?
            }
            _ => vec![false; before.nodes.len()],
        };
        artifact.graph = quantize(&before, &ranges, &few_bits)?;
        let mut lines = vec![format!(
            "{} parameters from 4 bytes to 1 (biases stay 4), activations from 4 bytes to 1",
            before.parameters()
        )];
        if few_bits.contains(&true) {
            let bytes = |bits: &[bool]| mixed::weight_bytes(&before, bits);
            let (eight, now) = (bytes(&[]), bytes(&few_bits));
            let saved = 100.0 * (1.0 - now as f64 / eight.max(1) as f64);
            lines.push(format!(
                "weights {eight} -> {now} bytes ({saved:.1} % fewer) with 4 bits in some layers"
            ));
        }
        lines.extend(sqnr::report(&before, &artifact.graph, context, &windows)?);
        let mut how = format!("{calibration:?} calibration on {count} windows").to_lowercase();
        if bits == 4 {
            how.push_str(", 4-bit weights");
        } else if share > 0.0 {
            how.push_str(&format!(", {:.0} % fewer weight bytes", 100.0 * share));
        }
        Ok(Change {
            technique: format!("int8 ({how})"),
            lines,
        })
    }
}

/// Returns at most `count` training windows, evenly spaced.
fn spread(context: &Context, count: usize) -> Result<Vec<usize>, Error> {
    if context.train.is_empty() {
        return Err(Int8::impossible(
            "there is no training window to calibrate on",
        ));
    }
    let step = context.train.len().div_ceil(count);
    Ok(context.train.iter().copied().step_by(step).collect())
}

/// Returns for each node whether `qat` trains it for fewer than eight bits: convolutions but the first and the
/// depthwise ones.
fn trained_for_few_bits(graph: &Graph) -> Vec<bool> {
    let mut first = true;
    let mut is_few = |node: &Node| match &node.op {
        Op::Conv1d(_) => !std::mem::take(&mut first) && mixed::fits_four_bits(&node.op),
        _ => false,
    };
    graph.nodes.iter().map(&mut is_few).collect()
}

#[cfg(test)]
mod tests {
    use super::test_network::{context, network, windows};
    use super::*;
    use crate::options::read;
    use mote_model::Weights;
    use mote_model::session::{self, Session};

    fn applied(options: &str) -> Result<(Graph, Vec<String>), Error> {
        let windows = windows();
        let train: Vec<usize> = (0..windows.len()).collect();
        let mut artifact = Artifact::baseline(network());
        let int8: Int8 = read(options)?;
        let change = int8.apply(&mut artifact, &context(&windows, &train))?;
        Session::new(&session::compile(&artifact.graph)?)?;
        Ok((artifact.graph, change.lines))
    }

    fn bits(graph: &Graph) -> Vec<u8> {
        let weights = graph.nodes.iter().filter_map(|n| n.op.weights());
        weights.map(Weights::bits).collect()
    }

    #[test]
    fn four_bits_spare_the_first_the_depthwise_and_the_dense_layer() {
        let (graph, lines) = applied("bits=4").unwrap();
        assert_eq!(bits(&graph), [8, 8, 4, 8]);
        // 120, 24, 256 and 64 weights.
        let says = |start: &str| lines.iter().any(|l| l.starts_with(start));
        assert!(says("weights 464 -> 336 bytes"), "{lines:?}");
        assert!(says("`pointwise` 4-bit weights"), "{lines:?}");
        let (plain, _) = applied("").unwrap();
        let bytes = |g: &Graph| session::compile(g).unwrap().bytes();
        assert_eq!(bytes(&plain) - bytes(&graph), 128);
        let error = applied("bits=5").unwrap_err().to_string();
        assert!(
            error.contains("bits") && error.contains("one of 8, 4"),
            "{error}"
        );
    }

    #[test]
    fn mixed_precision_saves_what_was_asked_for() {
        let saved = |graph: &Graph| {
            let weights = graph.nodes.iter().filter_map(|n| n.op.weights());
            464 - weights.map(Weights::bytes).sum::<usize>()
        };
        for (share, least) in [("0.05", 24), ("0.25", 116), ("0.4", 186)] {
            let (graph, _) = applied(&format!("mixed={share}")).unwrap();
            assert!(saved(&graph) >= least, "{share}: {}", saved(&graph));
        }
        let error = applied("mixed=0.49").unwrap_err().to_string();
        assert!(
            error.contains("mixed") && error.contains("47.4 %"),
            "{error}"
        );
        for wrong in ["mixed=0.5", "mixed=-1", "mixed=nan", "mixed=0.1,bits=4"] {
            assert!(applied(wrong).is_err(), "{wrong}");
        }
    }
}
