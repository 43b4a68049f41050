//! Inference by the tensor library, for looks at a network while it trains.

use crate::Error;
use crate::forward::InferPass;
use crate::network::{Network, Snapshot};
use crate::ops::to_host;
use burn_core::tensor::Device;

/// Windows per forward pass in evaluation.
const EVALUATION_BATCH: usize = 256;

/// Returns the logits, `[n][classes]`, of normalised windows, `[n][time][channels]`.
pub(crate) fn logits(network: &Network, snapshot: &Snapshot, x: &[f32]) -> Result<Vec<f32>, Error> {
    let parameters = network.params.tensors(&snapshot.values, &Device::flex());
    let mut pass = InferPass {
        running: &snapshot.running,
    };
    let stride = network.input.len();
    let mut logits = Vec::with_capacity(x.len() / stride * network.classes);
    for x in x.chunks(EVALUATION_BATCH * stride) {
        let batch = network.forward(x.to_vec(), &parameters, &mut pass)?;
        logits.extend(to_host(batch)?);
    }
    Ok(logits)
}

/// Returns the pooled features, `[n][features]`, of a batch of normalised windows, `[n][time][channels]`.
pub(crate) fn features(
    network: &Network,
    snapshot: &Snapshot,
    x: Vec<f32>,
) -> Result<Vec<f32>, Error> {
    let parameters = network.params.tensors(&snapshot.values, &Device::flex());
    let mut pass = InferPass {
        running: &snapshot.running,
    };
    to_host(network.pooled(x, &parameters, &mut pass)?)
}

/// Returns the cross-entropy of one row of logits, in nats, when `class` is the truth.
pub(crate) fn cross_entropy(logits: &[f32], class: usize) -> f64 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&l| f64::from(l - max).exp()).sum();
    sum.ln() - f64::from(logits[class] - max)
}
