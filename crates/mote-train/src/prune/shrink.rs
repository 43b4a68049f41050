//! A network without some of its channels.

use super::resized;
use crate::Error;
use crate::checkpoint::Snapshot;
use crate::network::{Network, SlotId};
use crate::ops::Statistics;

/// `network` with only the channels `kept` (ascending) of each block, and its state. It computes what `network`
/// computes when the other channels of each block's output are zero.
pub(super) fn shrink(
    network: &Network,
    snapshot: &Snapshot,
    kept: &[Vec<usize>],
) -> Result<(Network, Snapshot), Error> {
    let widths: Vec<usize> = kept.iter().map(Vec::len).collect();
    let smaller = resized(network, &widths)?;
    let mut values = vec![0.0; smaller.len()];
    let mut running = Vec::with_capacity(network.layers.len());
    let mut write = |slot: SlotId, from: Vec<f32>| {
        if let Some(to) = smaller
            .slots
            .get(slot)
            .and_then(|s| values.get_mut(s.range.clone()))
        {
            to.copy_from_slice(&from);
        }
    };
    let old = |slot: SlotId| network.values(slot, &snapshot.values);

    let mut inputs: Vec<usize> = (0..network.input.channels).collect();
    // What the channels of the input that go hold at every step.
    let mut constants = vec![0.0; network.input.channels];
    let mut blocks = kept.iter();
    for ((layer, new), statistics) in network
        .layers
        .iter()
        .zip(&smaller.layers)
        .zip(&snapshot.running)
    {
        let (weights, columns) = (old(layer.weights), layer.channels_out);
        let outputs = if layer.depthwise {
            inputs.clone()
        } else {
            blocks.next().cloned().unwrap_or_default()
        };
        let mut statistics = statistics.clone();
        if layer.depthwise {
            write(new.weights, columns_of(weights, columns, &outputs));
            // A channel of zeros leaves the norm as its shift.
            constants = statistics
                .affine(old(layer.norm.gamma), old(layer.norm.beta))
                .1;
        } else {
            // Constants shift the sums by as much at every step: the norm's mean takes them up. Only a pointwise
            // convolution, which has no padding, follows a depthwise one and sees any but zero.
            for (row, weights) in weights.chunks_exact(columns).enumerate() {
                let channel = row % layer.channels_in;
                if inputs.binary_search(&channel).is_err() {
                    let constant = constants.get(channel).copied().unwrap_or(0.0);
                    for (mean, w) in statistics.mean.iter_mut().zip(weights) {
                        *mean -= constant * w;
                    }
                }
            }
            let rows = rows_of(weights, columns, layer.channels_in, &inputs);
            write(new.weights, columns_of(&rows, columns, &outputs));
            constants = vec![0.0; columns];
        }
        write(
            new.norm.gamma,
            columns_of(old(layer.norm.gamma), columns, &outputs),
        );
        write(
            new.norm.beta,
            columns_of(old(layer.norm.beta), columns, &outputs),
        );
        running.push(Statistics {
            mean: columns_of(&statistics.mean, columns, &outputs),
            variance: columns_of(&statistics.variance, columns, &outputs),
        });
        inputs = outputs;
    }
    let head = old(network.head_weights);
    write(
        smaller.head_weights,
        rows_of(head, network.classes, network.features(), &inputs),
    );
    write(smaller.head_bias, old(network.head_bias).to_vec());
    Ok((smaller, Snapshot { values, running }))
}

/// The columns `kept` of `x`, `[rows][columns]`.
fn columns_of(x: &[f32], columns: usize, kept: &[usize]) -> Vec<f32> {
    x.chunks_exact(columns)
        .flat_map(|row| kept.iter().filter_map(|&c| row.get(c).copied()))
        .collect()
}

/// The rows `kept` of every `period` rows of `x`, `[rows][columns]`.
fn rows_of(x: &[f32], columns: usize, period: usize, kept: &[usize]) -> Vec<f32> {
    x.chunks_exact(columns * period)
        .flat_map(|tap| {
            kept.iter()
                .filter_map(move |&row| tap.get(row * columns..(row + 1) * columns))
                .flatten()
                .copied()
        })
        .collect()
}
