//! How much a channel matters.

use crate::Error;
use crate::cross_entropy::cross_entropy;
use crate::forward::{LayerTensors, Pass, clamp};
use crate::network::{Network, NormedConv, Snapshot};
use crate::ops::{Statistics, UNBOUNDED, to_host};
use crate::training_set::TrainingSet;
use burn_core::tensor::{Device, Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Training windows that [`Criterion::Taylor`] looks at, and how many at a time.
const WINDOWS: usize = 1024;
const BATCH: usize = 64;

/// How the importance of a channel is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Criterion {
    /// Sum of the absolute weights that compute it, before batch norm (Li et al. 2017, arXiv 1608.08710).
    L1,
    /// Absolute scale of its batch norm (Liu et al. 2017, arXiv 1708.06519).
    #[serde(rename = "bn")]
    BatchNorm,
    /// Change of the loss if it were zero, to first order: `|sum over time of activation * gradient|`, mean over
    /// training windows (Molchanov et al. 2017, arXiv 1611.06440).
    Taylor,
}

/// Returns the score of every output channel of every block. The squares of a block's scores have a mean of 1, so that
/// blocks can be compared.
pub(super) fn scores(
    criterion: Criterion,
    network: &Network,
    snapshot: &Snapshot,
    data: &TrainingSet<'_>,
) -> Result<Vec<Vec<f32>>, Error> {
    let all = match criterion {
        Criterion::Taylor => taylor(network, snapshot, data)?,
        Criterion::L1 | Criterion::BatchNorm => of_weights(criterion, network, snapshot),
    };
    // A block's output is its last convolution's, which is never the depthwise one.
    let blocks = network
        .layers
        .iter()
        .zip(all)
        .filter(|(l, _)| !l.conv.depthwise);
    Ok(blocks.map(|(_, scores)| normalised(scores)).collect())
}

fn normalised(scores: Vec<f32>) -> Vec<f32> {
    let squares: f32 = scores.iter().map(|s| s * s).sum();
    let rms = (squares / scores.len().max(1) as f32).sqrt();
    if rms > 0.0 {
        scores.iter().map(|s| s / rms).collect()
    } else {
        scores
    }
}

/// Returns the scores per layer and channel that weights alone decide.
fn of_weights(criterion: Criterion, network: &Network, snapshot: &Snapshot) -> Vec<Vec<f32>> {
    let scores = network.layers.iter().map(|layer| {
        let channels = layer.conv.out_channels;
        let mut scores = vec![0.0; channels];
        let param = match criterion {
            Criterion::L1 => layer.weights,
            _ => layer.gamma,
        };
        let weights = network.params.values(param, &snapshot.values);
        for row in weights.chunks_exact(channels) {
            for (score, w) in scores.iter_mut().zip(row) {
                *score += w.abs();
            }
        }
        scores
    });
    scores.collect()
}

/// Returns the scores per layer and channel by [`Criterion::Taylor`].
fn taylor(
    network: &Network,
    snapshot: &Snapshot,
    data: &TrainingSet<'_>,
) -> Result<Vec<Vec<f32>>, Error> {
    let device = Device::flex().autodiff();
    let parameters = network.params.tensors(&snapshot.values, &device);
    let widths = || network.layers.iter().map(|l| l.conv.out_channels);
    let mut scores: Vec<Vec<f32>> = widths().map(|c| vec![0.0; c]).collect();
    for batch in data.sample(WINDOWS).chunks(BATCH) {
        let n = batch.len();
        let gates: Vec<Tensor<3>> = widths()
            .map(|c| Tensor::ones([n, 1, c], &device).require_grad())
            .collect();
        let mut pass = GatedPass {
            running: &snapshot.running,
            gates: &gates,
        };
        let logits = network.forward(data.plain(batch), &parameters, &mut pass)?;
        // Targets share a total of 1 among the windows of a batch.
        let targets = data.targets(batch).into_iter().map(|t| t * n as f32);
        let mut gradients = cross_entropy(logits, targets.collect()).backward();
        for (gate, scores) in gates.iter().zip(&mut scores) {
            let gradient = gate.grad_remove(&mut gradients).ok_or(Error::Backend {
                place: "backward pass",
                what: "a gate has no gradient".to_owned(),
            })?;
            for row in to_host(gradient)?.chunks_exact(scores.len()) {
                for (score, g) in scores.iter_mut().zip(row) {
                    *score += g.abs();
                }
            }
        }
    }
    Ok(scores)
}

/// Norms use running statistics, everything has a gradient, and the output of layer `i` is multiplied by `gates[i]`,
/// `[n, 1, channels]`: zeros mask channels, and the gradient of ones is how much each channel matters.
pub(super) struct GatedPass<'a> {
    pub running: &'a [Statistics],
    pub gates: &'a [Tensor<3>],
}

impl Pass for GatedPass<'_> {
    fn normalise(
        &mut self,
        index: usize,
        layer: &NormedConv,
        rows: Tensor<2>,
        tensors: LayerTensors,
    ) -> Result<Tensor<2>, Error> {
        let (gamma, beta) = (to_host(tensors.gamma)?, to_host(tensors.beta)?);
        let (scale, shift) = self.running[index].affine(&gamma, &beta);
        let row = |v: Vec<f32>| {
            let shape = [1, v.len()];
            Tensor::<2>::from_data(TensorData::new(v, shape), &rows.device())
        };
        let z = rows.clone() * row(scale) + row(shift);
        let bounds = clamp(layer.conv.activation);
        Ok(if bounds == UNBOUNDED {
            z
        } else {
            z.clamp(bounds.0, bounds.1)
        })
    }

    fn output(&mut self, index: usize, x: Tensor<3>) -> Result<Tensor<3>, Error> {
        Ok(x * self.gates[index].clone())
    }
}
