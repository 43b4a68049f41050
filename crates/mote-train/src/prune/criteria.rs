//! How much a channel matters.

use crate::Error;
use crate::checkpoint::Snapshot;
use crate::infer;
use crate::network::{Network, Phase, host};
use crate::run::Run;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Training windows that [`Criterion::Taylor`] looks at, and how many at a time.
const WINDOWS: usize = 1024;
const BATCH: usize = 64;

/// What makes a channel matter.
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

impl FromStr for Criterion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "l1" => Ok(Self::L1),
            "bn" => Ok(Self::BatchNorm),
            "taylor" => Ok(Self::Taylor),
            _ => Err(Error::config(
                "criterion",
                "the criteria are l1, bn and taylor",
            )),
        }
    }
}

/// The score of every output channel of every block; the squares of a block's scores have a mean of 1, so that
/// blocks compare.
pub(super) fn scores(
    criterion: Criterion,
    network: &Network,
    snapshot: &Snapshot,
    run: &Run<'_>,
) -> Result<Vec<Vec<f32>>, Error> {
    let all = match criterion {
        Criterion::Taylor => taylor(network, snapshot, run)?,
        Criterion::L1 | Criterion::BatchNorm => of_weights(criterion, network, snapshot),
    };
    // A block's output is its last convolution's, which is never the depthwise one.
    let blocks = network.layers.iter().zip(all).filter(|(l, _)| !l.depthwise);
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

/// Per layer and channel.
fn of_weights(criterion: Criterion, network: &Network, snapshot: &Snapshot) -> Vec<Vec<f32>> {
    let scores = network.layers.iter().map(|layer| {
        let mut scores = vec![0.0; layer.channels_out];
        let slot = match criterion {
            Criterion::L1 => layer.weights,
            _ => layer.norm.gamma,
        };
        for row in network
            .values(slot, &snapshot.values)
            .chunks_exact(layer.channels_out)
        {
            for (score, w) in scores.iter_mut().zip(row) {
                *score += w.abs();
            }
        }
        scores
    });
    scores.collect()
}

/// Per layer and channel.
fn taylor(network: &Network, snapshot: &Snapshot, run: &Run<'_>) -> Result<Vec<Vec<f32>>, Error> {
    let device = Device::flex().autodiff();
    let leaves = infer::leaves(&network.slots, &snapshot.values, &device);
    let widths = || network.layers.iter().map(|l| l.channels_out);
    let mut scores: Vec<Vec<f32>> = widths().map(|c| vec![0.0; c]).collect();
    for batch in run.sample(WINDOWS).chunks(BATCH) {
        let n = batch.len();
        let x = TensorData::new(run.plain(batch), infer::input_shape(network, n));
        let x = Tensor::<3>::from_data(x, &device);
        // Targets share a total of 1 among the windows of a batch.
        let targets = run.targets(batch).into_iter().map(|t| t * n as f32);
        let targets = TensorData::new(targets.collect(), [n, network.classes]);
        let targets = Tensor::<2>::from_data(targets, &device);
        let gates: Vec<Tensor<3>> = widths()
            .map(|c| Tensor::ones([n, 1, c], &device).require_grad())
            .collect();
        let phase = Phase::Gated {
            running: &snapshot.running,
            gates: &gates,
        };
        let logits = network.forward(x, &leaves, phase)?;
        let mut gradients = (log_softmax(logits, 1) * targets).sum().neg().backward();
        for (gate, scores) in gates.iter().zip(&mut scores) {
            let gradient = gate.grad_remove(&mut gradients).ok_or(Error::Backend {
                place: "backward pass",
                what: "a gate has no gradient".to_owned(),
            })?;
            for row in host(gradient)?.chunks_exact(scores.len().max(1)) {
                for (score, g) in scores.iter_mut().zip(row) {
                    *score += g.abs();
                }
            }
        }
    }
    Ok(scores)
}
