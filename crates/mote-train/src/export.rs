//! From trained parameters to the deployable network: batch norm is folded into the convolution before it.

use crate::Error;
use crate::network::{Network, NormedConv, Snapshot};
use mote_model::{ConvLayer, Graph, Weights, cnn};

/// Builds the f32 graph of `network` with what it learnt.
pub(crate) fn graph(name: &str, network: &Network, snapshot: &Snapshot) -> Result<Graph, Error> {
    let values = |id| network.params.values(id, &snapshot.values);
    let layers: Vec<ConvLayer> = network.layers.iter().map(|l| l.conv.clone()).collect();
    let mut weights = Vec::with_capacity(layers.len());
    for (layer, statistics) in network.layers.iter().zip(&snapshot.running) {
        let (scale, bias) = statistics.affine(values(layer.gamma), values(layer.beta));
        weights.push(Weights::F32 {
            weights: folded(layer, values(layer.weights), &scale),
            bias,
        });
    }
    let head = Weights::F32 {
        weights: transposed(values(network.head_weights), network.classes),
        bias: values(network.head_bias).to_vec(),
    };
    Ok(cnn::graph(name, network.input, &layers, weights, head)?)
}

/// Returns `weights`, `[kernel * in][out]`, as `[out][kernel][in]`, each output channel multiplied by its scale. Those of
/// a depthwise convolution, `[kernel][channels]`, are the same with one input per output.
fn folded(layer: &NormedConv, weights: &[f32], scale: &[f32]) -> Vec<f32> {
    let mut out = transposed(weights, layer.conv.out_channels);
    for (channel, scale) in out.chunks_exact_mut(layer.conv.fan_in()).zip(scale) {
        for w in channel {
            *w *= scale;
        }
    }
    out
}

/// Returns `x`, `[rows][columns]`, as `[columns][rows]`.
fn transposed(x: &[f32], columns: usize) -> Vec<f32> {
    (0..columns)
        .flat_map(|c| x.iter().skip(c).step_by(columns).copied())
        .collect()
}
