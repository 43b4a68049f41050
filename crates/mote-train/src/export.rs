//! From trained parameters to the deployable network: batch norm is folded into the convolution before it.

use crate::Error;
use crate::network::{Layer, Network, SlotId};
use crate::ops::Statistics;
use mote_model::{Activation, Conv1d, Dense, Graph, Op, Pool, PoolKind, Weights};

/// The f32 graph of `network` with the flat parameter vector `values` and running statistics.
pub(crate) fn graph(
    name: &str,
    network: &Network,
    activation: Activation,
    values: &[f32],
    running: &[Statistics],
) -> Result<Graph, Error> {
    let mut graph = Graph::new(name, network.input);
    for (layer, statistics) in network.layers.iter().zip(running) {
        let gamma = slot(network, values, layer.norm.gamma)?;
        let beta = slot(network, values, layer.norm.beta)?;
        let (scale, bias) = statistics.affine(gamma, beta);
        let weights = folded(layer, slot(network, values, layer.weights)?, &scale);
        let bounded = layer.norm.clamp.0 == 0.0;
        graph.push(
            layer.name.clone(),
            Op::Conv1d(Conv1d {
                out_channels: layer.channels_out,
                kernel: layer.slide.kernel,
                stride: layer.slide.stride,
                dilation: layer.slide.dilation,
                padding: layer.slide.padding,
                groups: if layer.depthwise {
                    layer.channels_in
                } else {
                    1
                },
                activation: if bounded {
                    activation
                } else {
                    Activation::None
                },
                weights: Weights::F32 { weights, bias },
            }),
        )?;
    }
    let time = graph.tensor(graph.output)?.shape.time;
    graph.push(
        "pool",
        Op::Pool(Pool {
            kind: PoolKind::Average,
            kernel: time,
            stride: 1,
            padding: [0, 0],
        }),
    )?;
    let weights = slot(network, values, network.head_weights)?;
    graph.push(
        "dense",
        Op::Dense(Dense {
            out_features: network.classes,
            activation: Activation::None,
            weights: Weights::F32 {
                weights: transposed(weights, network.classes),
                bias: slot(network, values, network.head_bias)?.to_vec(),
            },
        }),
    )?;
    Ok(graph)
}

/// `[kernel * in][out]` to `[out][kernel][in]`, each output channel multiplied by its scale. A depthwise
/// `[kernel][channels]` is the same with one input per output.
fn folded(layer: &Layer, weights: &[f32], scale: &[f32]) -> Vec<f32> {
    let mut out = transposed(weights, layer.channels_out);
    let per_channel = out.len() / layer.channels_out.max(1);
    for (channel, scale) in out.chunks_exact_mut(per_channel.max(1)).zip(scale) {
        for w in channel {
            *w *= scale;
        }
    }
    out
}

/// `[rows][columns]` to `[columns][rows]`.
fn transposed(x: &[f32], columns: usize) -> Vec<f32> {
    (0..columns)
        .flat_map(|c| x.iter().skip(c).step_by(columns).copied())
        .collect()
}

fn slot<'a>(network: &Network, values: &'a [f32], id: SlotId) -> Result<&'a [f32], Error> {
    network
        .slots
        .get(id)
        .and_then(|s| values.get(s.range.clone()))
        .ok_or(Error::Backend {
            place: "export",
            what: format!("no parameter {id}"),
        })
}
