//! Int8 post-training quantization.
//!
//! Weights become symmetric int8 with one scale per output channel, activations asymmetric int8 with one
//! scale per tensor, biases int32; the arithmetic is TensorFlow Lite's (Jacob et al. 2018, arXiv 1712.05877;
//! Krishnamoorthi 2018, arXiv 1806.08342 for per-channel weights). Activation ranges are observed by running
//! the f32 network in the engine on windows of training users.
//!
//! Weights of some layers may take four bits, two to a byte: all that `qat:bits=4` trains for, or as many as it takes
//! to save a share of the bytes, those first that harm the scores least. What each layer's rounding costs is reported
//! as its signal-to-quantization-noise ratio.

mod mixed;
mod sqnr;
mod weights;

pub(crate) use weights::quantize_weights;

use crate::artifact::{Artifact, Context};
use crate::error::Error;
use crate::technique::{Change, Kind, Technique};
use mote_model::op::OutputGrid;
use mote_model::session::{self, Session};
use mote_model::{Graph, Node, Op, Quant};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Post-training quantization of weights and activations to int8, calibrated on training users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Int8 {
    /// How ranges are chosen from the values observed.
    pub calibration: Calibration,
    /// Training windows observed.
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

/// How a tensor's range is chosen from the values observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Calibration {
    /// Smallest to largest value.
    MinMax,
    /// Values between the 0.01 and the 99.99 percentile.
    Percentile,
    /// The share of the full range with the least mean squared error.
    Mse,
}

/// Values kept per tensor: enough for stable percentiles, few enough to sort in no time.
const KEPT_PER_TENSOR: usize = 200_000;

impl Technique for Int8 {
    const NAME: &'static str = "int8";
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

/// At most `count` training windows, evenly spaced.
fn spread(context: &Context, count: usize) -> Result<Vec<usize>, Error> {
    if context.train.is_empty() {
        return Err(Int8::impossible(
            "there is no training window to calibrate on",
        ));
    }
    let step = context.train.len().div_ceil(count);
    Ok(context.train.iter().copied().step_by(step).collect())
}

/// The layers that `qat` trains for fewer than eight bits, per node: convolutions but the first and the depthwise
/// ones.
fn trained_for_few_bits(graph: &Graph) -> Vec<bool> {
    let mut first = true;
    let mut is_few = |node: &Node| match &node.op {
        Op::Conv1d(_) => !std::mem::take(&mut first) && mixed::fits_four_bits(&node.op),
        _ => false,
    };
    graph.nodes.iter().map(&mut is_few).collect()
}

/// Runs the f32 network on training windows and collects every tensor's values.
fn observe(graph: &Graph, context: &Context, windows: &[usize]) -> Result<Vec<Vec<f32>>, Error> {
    let mut values: Vec<Vec<f32>> = vec![Vec::new(); graph.tensors.len()];
    let compiled = session::compile(graph)?;
    let mut session = Session::new(&compiled)?;
    for &n in windows {
        session.run_observed(context.windows.window(n), |tensor, observed| {
            if let Some(kept) = values.get_mut(tensor) {
                let every = (observed.len() * windows.len())
                    .div_ceil(KEPT_PER_TENSOR)
                    .max(1);
                kept.extend(observed.iter().step_by(every));
            }
        })?;
    }
    Ok(values)
}

/// The range to represent, always holding zero.
fn range(mut values: Vec<f32>, calibration: Calibration) -> (f32, f32) {
    values.retain(|v| v.is_finite());
    values.sort_by(f32::total_cmp);
    let (Some(&low), Some(&high)) = (values.first(), values.last()) else {
        return (0.0, 0.0);
    };
    let (low, high) = (low.min(0.0), high.max(0.0));
    match calibration {
        Calibration::MinMax => (low, high),
        Calibration::Percentile => {
            let at = |share: f64| {
                values
                    .get(((values.len() - 1) as f64 * share) as usize)
                    .copied()
            };
            (
                at(0.0001).unwrap_or(low).min(0.0),
                at(0.9999).unwrap_or(high).max(0.0),
            )
        }
        Calibration::Mse => {
            let sample: Vec<f32> = values
                .iter()
                .copied()
                .step_by(values.len().div_ceil(20_000).max(1))
                .collect();
            let error = |share: f32| {
                let quant = Quant::over(low * share, high * share);
                sample
                    .iter()
                    .map(|&v| f64::from(quant.nearest(v) - v).powi(2))
                    .sum::<f64>()
            };
            let shares = (30..=100)
                .rev()
                .step_by(2)
                .map(|percent| percent as f32 / 100.0);
            let best = shares
                .map(|s| (error(s), s))
                .min_by(|a, b| a.0.total_cmp(&b.0));
            let share = best.map_or(1.0, |(_, share)| share);
            (low * share, high * share)
        }
    }
}

/// Writes the int8 network of `graph`, given each tensor's range, and per node whether its weights take four bits.
fn quantize(graph: &Graph, ranges: &[(f32, f32)], few_bits: &[bool]) -> Result<Graph, Error> {
    let mut out = graph.clone();
    for (tensor, &(low, high)) in out.tensors.iter_mut().zip(ranges) {
        tensor.quant = Some(Quant::over(low, high));
    }
    for (index, node) in out.nodes.iter_mut().enumerate() {
        let bits = if few_bits.get(index) == Some(&true) {
            4
        } else {
            8
        };
        let input = node.inputs.first().copied().unwrap_or(graph.input);
        let input_quant = out.tensors.get(input).and_then(|t| t.quant);
        let (Some(input_quant), Some(output)) = (input_quant, out.tensors.get_mut(node.output))
        else {
            return Err(mote_model::Error::NoTensor {
                id: input,
                count: graph.tensors.len(),
            }
            .into());
        };
        match &node.op {
            Op::Exit(_) => {
                return Err(Int8::impossible(
                    "an early exit is set on the network as it runs; name `int8` before `lazy`",
                ));
            }
            Op::History(_) | Op::WindowPool(_) => {
                return Err(Int8::impossible(format!(
                    "layer `{}` is of a stream already; quantize before",
                    node.name
                )));
            }
            Op::Quantize | Op::Dequantize => {
                return Err(Int8::impossible(format!(
                    "layer `{}` changes the element type already",
                    node.name
                )));
            }
            _ => {}
        }
        match node.op.output_grid() {
            OutputGrid::Own => {}
            OutputGrid::Input => output.quant = Some(input_quant),
            OutputGrid::Fixed(quant) => output.quant = Some(quant),
        }
        if let Some(weights) = node.op.weights_mut() {
            *weights = quantize_weights(weights, input_quant.scale, bits)?;
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::read;
    use mote_data::Windows;
    use mote_model::{
        Activation, Conv1d, Dense, Frontend, LeakyRelu, Pool, PoolKind, Shape, Weights,
    };

    const TIME: usize = 24;

    /// Sixteen windows of oscillations, of one user.
    pub(super) fn windows() -> Windows {
        let sample = |i: usize| (i as f32 * 0.37).sin() * 6.0 + (i as f32 * 1.91).cos() * 2.0;
        Windows {
            time: TIME,
            channels: 3,
            rate_hz: 20.0,
            hop: TIME,
            x: (0..16 * TIME * 3).map(sample).collect(),
            y: vec![0; 16],
            users: vec![0; 16],
            recordings: vec![0; 16],
            labels: vec!["one".into(), "two".into()],
        }
    }

    pub(super) fn context<'a>(windows: &'a Windows, train: &'a [usize]) -> Context<'a> {
        Context {
            windows,
            train,
            seed: 1,
            training: None,
        }
    }

    /// A convolution, a separable one, a pool and a dense layer, in f32.
    pub(super) fn network() -> Graph {
        let weights = |outputs: usize, taps: usize| Weights::F32 {
            weights: (0..outputs * taps)
                .map(|i| (i as f32 * 1.7).sin() / (taps as f32).sqrt())
                .collect(),
            bias: (0..outputs).map(|i| (i as f32).cos() * 0.2).collect(),
        };
        let conv = |channels: usize, out_channels: usize, kernel: usize, groups: usize| {
            Op::Conv1d(Conv1d {
                out_channels,
                kernel,
                stride: 1,
                dilation: 1,
                padding: [0, 0],
                groups,
                activation: Activation::Relu,
                weights: weights(out_channels, kernel * channels / groups),
            })
        };
        let mut graph = Graph::new("net", Shape::new(TIME, 3));
        graph.push("first", conv(3, 8, 5, 1)).unwrap();
        graph.push("depthwise", conv(8, 8, 3, 8)).unwrap();
        graph.push("pointwise", conv(8, 32, 1, 1)).unwrap();
        let kernel = graph.tensor(graph.output).unwrap().shape.time;
        let pool = Pool {
            kind: PoolKind::Average,
            kernel,
            stride: 1,
            padding: [0, 0],
        };
        graph.push("pool", Op::Pool(pool)).unwrap();
        let dense = Dense {
            out_features: 2,
            activation: Activation::None,
            weights: weights(2, 32),
        };
        graph.push("dense", Op::Dense(dense)).unwrap();
        graph.frontend = Some(Frontend {
            offset: vec![10, -20, 0],
            scale: vec![4e-4; 3],
        });
        graph
    }

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

    #[test]
    fn a_leaky_relu_gets_a_grid_of_its_own() {
        let mut graph = Graph::new("leaky", Shape::new(4, 3));
        let leaky = LeakyRelu { alpha: 0.25 };
        graph.push("leaky", Op::LeakyRelu(leaky)).unwrap();
        let ranges = [(-2.0, 1.0), (-0.5, 1.0)];
        let quantized = quantize(&graph, &ranges, &[]).unwrap();
        let grids: Vec<_> = quantized.tensors.iter().map(|t| t.quant).collect();
        assert_eq!(
            grids,
            ranges.map(|(low, high)| Some(Quant::over(low, high)))
        );
        Session::new(&session::compile(&quantized).unwrap()).unwrap();
    }

    #[test]
    fn the_grid_holds_zero_exactly_and_covers_the_range() {
        for range in [(-1.0, 3.0), (0.0, 6.0), (-2.5, 0.0), (0.0, 0.0)] {
            let q = Quant::over(range.0, range.1);
            let lowest = (-128.0 - f32::from(q.zero_point)) * q.scale;
            let highest = (127.0 - f32::from(q.zero_point)) * q.scale;
            assert!(
                lowest <= range.0 + q.scale && highest >= range.1 - q.scale,
                "{range:?} {q:?}"
            );
        }
    }

    #[test]
    fn mse_is_never_worse_than_minmax_and_percentile_cuts_an_outlier() {
        // Mostly small values with a long tail, and one outlier.
        let tail = (1..10_000).map(|i| -(i as f32 / 10_000.0).ln());
        let values: Vec<f32> = tail.chain([40.0]).collect();
        let error = |calibration| {
            let (low, high) = range(values.clone(), calibration);
            let grid = Quant::over(low, high);
            let squares = values
                .iter()
                .map(|&v| f64::from(grid.nearest(v) - v).powi(2));
            squares.sum::<f64>()
        };
        assert!(error(Calibration::Mse) <= error(Calibration::MinMax));
        assert_eq!(range(values.clone(), Calibration::MinMax).1, 40.0);
        assert!(range(values.clone(), Calibration::Percentile).1 < 12.0);
    }
}
