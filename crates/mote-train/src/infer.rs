//! Inference during training.

use crate::Error;
use crate::checkpoint::Snapshot;
use crate::network::{Network, Phase, Slot, host};
use burn::tensor::{Device, Tensor, TensorData};

/// Windows per forward pass in evaluation.
const EVALUATION_BATCH: usize = 256;

/// Shape of a batch of `n` windows.
pub(crate) fn input_shape(network: &Network, n: usize) -> [usize; 3] {
    [n, network.input.time, network.input.channels]
}

/// One tensor per parameter slot.
pub(crate) fn leaves(slots: &[Slot], values: &[f32], device: &Device) -> Vec<Tensor<1>> {
    let leaf = |slot: &Slot| {
        let values = values.get(slot.range.clone()).unwrap_or(&[]);
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
    };
    slots.iter().map(leaf).collect()
}

/// Logits of normalised windows, `[n][classes]`.
pub(crate) fn logits(network: &Network, snapshot: &Snapshot, x: &[f32]) -> Result<Vec<f32>, Error> {
    let device = Device::flex();
    let leaves = leaves(&network.slots, &snapshot.values, &device);
    let stride = network.input.len();
    let mut logits = Vec::with_capacity(x.len() / stride * network.classes);
    for x in x.chunks(EVALUATION_BATCH * stride) {
        let shape = input_shape(network, x.len() / stride);
        let x = Tensor::from_data(TensorData::new(x.to_vec(), shape), &device);
        let phase = Phase::Infer {
            running: &snapshot.running,
        };
        logits.extend(host(network.forward(x, &leaves, phase)?)?);
    }
    Ok(logits)
}

/// Pooled features of a batch of normalised windows, `[n][features]`.
pub(crate) fn features(
    network: &Network,
    snapshot: &Snapshot,
    x: Vec<f32>,
) -> Result<Vec<f32>, Error> {
    let device = Device::flex();
    let leaves = leaves(&network.slots, &snapshot.values, &device);
    let shape = input_shape(network, x.len() / network.input.len());
    let x = Tensor::from_data(TensorData::new(x, shape), &device);
    let phase = Phase::Infer {
        running: &snapshot.running,
    };
    host(network.pooled(x, &leaves, phase)?)
}

/// Index of the largest value; the first of equals.
pub(crate) fn argmax(row: &[f32]) -> usize {
    row.iter()
        .enumerate()
        .fold((0, f32::NEG_INFINITY), |best, (i, &v)| {
            if v > best.1 { (i, v) } else { best }
        })
        .0
}

/// Cross-entropy of one row of logits.
pub(crate) fn cross_entropy(logits: &[f32], class: usize) -> f64 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&l| f64::from(l - max).exp()).sum();
    sum.ln() - f64::from(logits.get(class).copied().unwrap_or(f32::NEG_INFINITY) - max)
}
