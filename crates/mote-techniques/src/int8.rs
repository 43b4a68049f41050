//! Int8 post-training quantization.
//!
//! Weights become symmetric int8 with one scale per output channel, activations asymmetric int8 with one
//! scale per tensor, biases int32; the arithmetic is TensorFlow Lite's (Jacob et al. 2018, arXiv 1712.05877;
//! Krishnamoorthi 2018, arXiv 1806.08342 for per-channel weights). Activation ranges are observed by running
//! the f32 network in the engine on windows of training users.

use crate::{Artifact, Change, Context, Error, Kind, Options, Technique, host};
use mote_model::{Graph, Op, Quant, Weights};
use std::str::FromStr;

/// See the [module's description](self).
pub struct Int8;

/// How a tensor's range is chosen from the values observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Calibration {
    /// Smallest to largest value.
    MinMax,
    /// Values between the 0.01 and the 99.99 percentile.
    Percentile,
    /// The share of the full range with the least mean squared error.
    Mse,
}

impl FromStr for Calibration {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "minmax" => Ok(Self::MinMax),
            "percentile" => Ok(Self::Percentile),
            "mse" => Ok(Self::Mse),
            _ => Err(()),
        }
    }
}

/// Values kept per tensor: enough for stable percentiles, few enough to sort in no time.
const KEPT_PER_TENSOR: usize = 200_000;

impl Technique for Int8 {
    fn name(&self) -> &'static str {
        "int8"
    }

    fn kind(&self) -> Kind {
        Kind::Model
    }

    fn summary(&self) -> &'static str {
        "post-training quantization of weights and activations to int8, calibrated on training users"
    }

    fn options(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "calibration",
                "how ranges are chosen: mse (default), percentile or minmax",
            ),
            ("windows", "training windows observed (default 512)"),
        ]
    }

    fn apply(
        &self,
        artifact: &mut Artifact,
        options: &Options,
        context: &Context,
    ) -> Result<Change, Error> {
        let calibration = options.get("calibration", Calibration::Mse)?;
        let count: usize = options.get("windows", 512)?;
        if count == 0 {
            return Err(options.error("windows", "at least one window is needed"));
        }
        if artifact.graph.is_int8() {
            return Err(Error::Impossible {
                technique: self.name(),
                why: "the network is int8 already".into(),
            });
        }
        let values = observe(&artifact.graph, context, count)?;
        let ranges: Vec<_> = values.into_iter().map(|v| range(v, calibration)).collect();
        let before = artifact.graph.clone();
        artifact.graph = quantize(&before, &ranges)?;
        Ok(Change {
            technique: format!("int8 ({calibration:?} calibration on {count} windows)")
                .to_lowercase(),
            lines: vec![format!(
                "{} parameters from 4 bytes to 1 (biases stay 4), activations from 4 bytes to 1",
                before.parameters()
            )],
        })
    }
}

/// Runs the f32 network on evenly spaced training windows and collects every tensor's values.
fn observe(graph: &Graph, context: &Context, count: usize) -> Result<Vec<Vec<f32>>, Error> {
    if context.train.is_empty() {
        return Err(Error::Impossible {
            technique: Int8.name(),
            why: "there is no training window to calibrate on".into(),
        });
    }
    let mut values: Vec<Vec<f32>> = vec![Vec::new(); graph.tensors.len()];
    let compiled = host::compile(graph)?;
    let mut host = host::Host::new(&compiled)?;
    let step = context.train.len().div_ceil(count);
    let windows = context.train.len().div_ceil(step);
    for &n in context.train.iter().step_by(step) {
        host.run_observed(context.windows.window(n), |tensor, observed| {
            if let Some(kept) = values.get_mut(tensor) {
                let every = (observed.len() * windows).div_ceil(KEPT_PER_TENSOR).max(1);
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

/// Writes the int8 network of `graph`, given each tensor's range.
fn quantize(graph: &Graph, ranges: &[(f32, f32)]) -> Result<Graph, Error> {
    let mut out = graph.clone();
    for (tensor, &(low, high)) in out.tensors.iter_mut().zip(ranges) {
        tensor.quant = Some(Quant::over(low, high));
    }
    for node in &mut out.nodes {
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
        match &mut node.op {
            // These pass values through: a grid of their own would only add rounding.
            Op::Pool(_) | Op::Activation(_) => output.quant = Some(input_quant),
            Op::Softmax => {
                output.quant = Some(Quant {
                    scale: 1.0 / 256.0,
                    zero_point: -128,
                })
            }
            Op::Conv1d(conv) => conv.weights = quantize_weights(&conv.weights, input_quant.scale)?,
            Op::Dense(dense) => {
                dense.weights = quantize_weights(&dense.weights, input_quant.scale)?
            }
            Op::Add(_) => {}
            Op::Exit(_) => {
                return Err(Error::Impossible {
                    technique: Int8.name(),
                    why:
                        "an early exit is set on the network as it runs; name `int8` before `lazy`"
                            .into(),
                });
            }
            Op::History(_) | Op::WindowPool(_) => {
                return Err(Error::Impossible {
                    technique: Int8.name(),
                    why: format!(
                        "layer `{}` is of a stream already; quantize before",
                        node.name
                    ),
                });
            }
            Op::Quantize | Op::Dequantize => {
                return Err(Error::Impossible {
                    technique: Int8.name(),
                    why: format!("layer `{}` changes the element type already", node.name),
                });
            }
        }
    }
    Ok(out)
}

/// Symmetric int8 weights, one scale per output channel, and the int32 bias that goes with them.
pub(crate) fn quantize_weights(weights: &Weights, input_scale: f32) -> Result<Weights, Error> {
    let Weights::F32 { weights, bias } = weights else {
        return Err(Error::Impossible {
            technique: Int8.name(),
            why: "a layer is int8 already".into(),
        });
    };
    let per_channel = weights.len() / bias.len().max(1);
    let mut out = (Vec::with_capacity(weights.len()), Vec::new(), Vec::new());
    for (channel, &bias) in weights.chunks(per_channel.max(1)).zip(bias) {
        let largest = channel.iter().fold(0.0f32, |m, w| m.max(w.abs()));
        // A channel of (nearly) no weights must still be able to hold its bias in 31 bits.
        let scale = (largest / 127.0)
            .max(bias.abs() / (input_scale * (1u32 << 30) as f32))
            .max(1e-12);
        out.0.extend(
            channel
                .iter()
                .map(|w| (w / scale).round().clamp(-127.0, 127.0) as i8),
        );
        out.1.push(scale);
        out.2
            .push((f64::from(bias) / (f64::from(input_scale) * f64::from(scale))).round() as i32);
    }
    Ok(Weights::I8 {
        weights: out.0,
        scales: out.1,
        bias: out.2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn weights_come_back_within_half_a_step() {
        let original = vec![0.5, -1.0, 0.25, 0.0, 0.003, 0.001];
        let w = Weights::F32 {
            weights: original.clone(),
            bias: vec![0.1, -0.2],
        };
        let Weights::I8 {
            weights,
            scales,
            bias,
        } = quantize_weights(&w, 0.02).unwrap()
        else {
            panic!("not int8")
        };
        for (i, (&q, &real)) in weights.iter().zip(&original).enumerate() {
            let scale = scales[i / 3];
            assert!((f32::from(q) * scale - real).abs() <= scale / 2.0 + 1e-6);
        }
        assert_eq!(
            bias[0],
            (0.1 / (0.02 * f64::from(scales[0]))).round() as i32
        );
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

    #[test]
    fn a_silent_channel_keeps_its_bias() {
        let w = Weights::F32 {
            weights: vec![0.0; 3],
            bias: vec![0.7],
        };
        let Weights::I8 { scales, bias, .. } = quantize_weights(&w, 0.05).unwrap() else {
            panic!("not int8")
        };
        let back = bias[0] as f32 * scales[0] * 0.05;
        assert!((back - 0.7).abs() < 1e-4, "{back}");
    }
}
