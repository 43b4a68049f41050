//! A network without some of its channels.

use crate::Error;
use crate::network::{Network, Snapshot};
use crate::ops::Statistics;
use crate::params::ParamId;

/// Returns `network` with blocks of other widths.
pub(super) fn resized(network: &Network, widths: &[usize]) -> Result<Network, Error> {
    let mut cnn = network.cnn.clone();
    for (block, &width) in cnn.blocks.iter_mut().zip(widths) {
        block.channels = width;
    }
    let resized = Network::new(&cnn, network.input, network.classes)?;
    Ok(match network.filter {
        Some(_) => resized.with_filter(),
        None => resized,
    })
}

/// Returns `network` with only the channels `kept` (ascending) of each block, and its state. It computes what `network`
/// computes when the other channels of each block's output are zero.
pub(super) fn shrink(
    network: &Network,
    snapshot: &Snapshot,
    kept: &[Vec<usize>],
) -> Result<(Network, Snapshot), Error> {
    let widths: Vec<usize> = kept.iter().map(Vec::len).collect();
    let smaller = resized(network, &widths)?;
    let mut values = vec![0.0; smaller.params.len()];
    let mut running = Vec::with_capacity(network.layers.len());
    let mut write = |id: ParamId, from: Vec<f32>| {
        smaller
            .params
            .values_mut(id, &mut values)
            .copy_from_slice(&from);
    };
    let old = |id: ParamId| network.params.values(id, &snapshot.values);

    let mut inputs: Vec<usize> = (0..network.input.channels).collect();
    // The value that each removed channel of the input has at every step.
    let mut constants = vec![0.0; network.input.channels];
    let layers = network.layers.iter().zip(&smaller.layers);
    for ((layer, new), statistics) in layers.zip(&snapshot.running) {
        let (weights, columns) = (old(layer.weights), layer.conv.out_channels);
        let outputs = match layer.conv.depthwise {
            true => inputs.clone(),
            false => kept[layer.conv.block].clone(),
        };
        let mut statistics = statistics.clone();
        if layer.conv.depthwise {
            write(new.weights, columns_of(weights, columns, &outputs));
            // A channel of zeros leaves the norm as its shift.
            constants = statistics.affine(old(layer.gamma), old(layer.beta)).1;
        } else {
            // A constant input shifts the sums equally at every step, so the norm's mean can take it up. Constants other
            // than zero come from a depthwise convolution; the pointwise one that follows has no padding.
            for (row, weights) in weights.chunks_exact(columns).enumerate() {
                let channel = row % layer.conv.in_channels;
                if inputs.binary_search(&channel).is_err() {
                    for (mean, w) in statistics.mean.iter_mut().zip(weights) {
                        *mean -= constants[channel] * w;
                    }
                }
            }
            let rows = rows_of(weights, columns, layer.conv.in_channels, &inputs);
            write(new.weights, columns_of(&rows, columns, &outputs));
            constants = vec![0.0; columns];
        }
        let narrowed = |x: &[f32]| columns_of(x, columns, &outputs);
        write(new.gamma, narrowed(old(layer.gamma)));
        write(new.beta, narrowed(old(layer.beta)));
        running.push(Statistics {
            mean: narrowed(&statistics.mean),
            variance: narrowed(&statistics.variance),
        });
        inputs = outputs;
    }
    let head = old(network.head_weights);
    write(
        smaller.head_weights,
        rows_of(head, network.classes, network.features(), &inputs),
    );
    write(smaller.head_bias, old(network.head_bias).to_vec());
    if let (Some(filter), Some(new)) = (network.filter, smaller.filter) {
        write(new.transitions, old(filter.transitions).to_vec());
        write(new.weight, old(filter.weight).to_vec());
    }
    Ok((smaller, Snapshot { values, running }))
}

/// Returns the columns `kept` of `x`, `[rows][columns]`.
fn columns_of(x: &[f32], columns: usize, kept: &[usize]) -> Vec<f32> {
    x.chunks_exact(columns)
        .flat_map(|row| kept.iter().map(|&column| row[column]))
        .collect()
}

/// Returns the rows `kept` of every `period` rows of `x`, `[rows][columns]`.
fn rows_of(x: &[f32], columns: usize, period: usize, kept: &[usize]) -> Vec<f32> {
    x.chunks_exact(columns * period)
        .flat_map(|tap| kept.iter().map(|&row| &tap[row * columns..][..columns]))
        .flatten()
        .copied()
        .collect()
}
