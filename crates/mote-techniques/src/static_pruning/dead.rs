//! Layers and channels that cannot change the result.
//!
//! A channel is dead when the clamp behind its convolution makes it zero whatever comes in: the largest sum its
//! weights allow, over the range that each input channel can take, is not positive. Reading zero (in int8: the
//! zero point) adds nothing, at the padding neither, so the weights that read it are dead too.

use mote_model::{Activation, Conv1d, Error, Graph, Node, Op, TensorId, Weights};

/// How much was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Removed {
    pub nodes: usize,
    pub channels: usize,
}

/// Removes dead layers and channels of `graph`.
pub(super) fn remove(graph: &mut Graph) -> Result<Removed, Error> {
    let nodes = remove_nodes(graph);
    let dead = dead_channels(graph)?;
    let mut channels = 0;
    for (t, tensor) in graph.tensors.iter_mut().enumerate() {
        let gone = dead.get(t).map_or(0, |d| d.iter().filter(|&&d| d).count());
        channels += gone;
        tensor.shape.channels -= gone;
    }
    for node in &mut graph.nodes {
        let input = node.inputs.first().and_then(|&i| dead.get(i));
        if let (Some(input), Some(output)) = (input, dead.get(node.output)) {
            shrink(&mut node.op, input, output);
        }
    }
    Ok(Removed { nodes, channels })
}

/// Removes nodes that the output does not depend on, and their tensors.
fn remove_nodes(graph: &mut Graph) -> usize {
    let mut needed = vec![false; graph.tensors.len()];
    let mut need = |t: TensorId| {
        if let Some(slot) = needed.get_mut(t) {
            *slot = true;
        }
    };
    need(graph.input);
    need(graph.output);
    for node in graph.nodes.iter().rev() {
        if needed.get(node.output) == Some(&true) {
            for &input in &node.inputs {
                if let Some(slot) = needed.get_mut(input) {
                    *slot = true;
                }
            }
        }
    }
    let before = graph.nodes.len();
    graph.nodes.retain(|n| needed.get(n.output) == Some(&true));
    let mut number = vec![0; needed.len()];
    let mut next = 0;
    for (slot, &needed) in number.iter_mut().zip(&needed) {
        *slot = next;
        next += usize::from(needed);
    }
    let renumbered = |t: TensorId| number.get(t).copied().unwrap_or(t);
    let mut keep = needed.iter();
    graph.tensors.retain(|_| keep.next() == Some(&true));
    for node in &mut graph.nodes {
        node.output = renumbered(node.output);
        for input in &mut node.inputs {
            *input = renumbered(*input);
        }
    }
    graph.input = renumbered(graph.input);
    graph.output = renumbered(graph.output);
    before - graph.nodes.len()
}

/// Lowest and highest value of a channel, with zero at 0.
type Range = [f64; 2];

/// Per tensor and channel, whether it is always zero and can go.
fn dead_channels(graph: &Graph) -> Result<Vec<Vec<bool>>, Error> {
    let mut ranges: Vec<Vec<Range>> = Vec::with_capacity(graph.tensors.len());
    for tensor in &graph.tensors {
        let range = match tensor.quant {
            Some(q) => [-128.0, 127.0].map(|x| x - f64::from(q.zero_point)),
            None => [f64::NEG_INFINITY, f64::INFINITY],
        };
        ranges.push(vec![range; tensor.shape.channels]);
    }
    for node in &graph.nodes {
        let Some(input) = node.inputs.first().and_then(|&i| ranges.get(i)) else {
            continue;
        };
        let found = output_ranges(node, input);
        if let (Some(found), Some(slot)) = (found, ranges.get_mut(node.output)) {
            *slot = found;
        }
    }
    let mut dead: Vec<Vec<bool>> = ranges
        .iter()
        .map(|channels| {
            channels
                .iter()
                .map(|&[low, high]| low >= 0.0 && high <= 0.0)
                .collect()
        })
        .collect();
    for fixed in [graph.input, graph.output] {
        keep_all(&mut dead, fixed);
    }
    while settle(graph, &mut dead) {}
    Ok(dead)
}

fn keep_all(dead: &mut [Vec<bool>], tensor: TensorId) {
    if let Some(channels) = dead.get_mut(tensor) {
        channels.fill(false);
    }
}

/// Takes back what cannot go because of a neighbour. Returns whether anything changed.
fn settle(graph: &Graph, dead: &mut [Vec<bool>]) -> bool {
    let before = dead.to_vec();
    for node in &graph.nodes {
        match &node.op {
            // Any input channel may go, and any output channel.
            Op::Conv1d(c) if c.groups == 1 => (),
            Op::Dense(_) => keep_all(dead, node.output),
            // Channel by channel: one goes on both sides or on none.
            Op::Conv1d(c) if c.groups == c.out_channels && is_depthwise(graph, node, c) => {
                couple(node, dead);
            }
            Op::Pool(_) | Op::Activation(_) => couple(node, dead),
            _ => {
                for &t in node.inputs.iter().chain([&node.output]) {
                    keep_all(dead, t);
                }
            }
        }
    }
    // A tensor needs a channel.
    for channels in dead.iter_mut().filter(|c| c.iter().all(|&d| d)) {
        channels.fill(false);
    }
    before != dead
}

fn is_depthwise(graph: &Graph, node: &Node, conv: &Conv1d) -> bool {
    let input = node.inputs.first().and_then(|&i| graph.tensors.get(i));
    input.is_some_and(|t| t.shape.channels == conv.groups)
}

fn couple(node: &Node, dead: &mut [Vec<bool>]) {
    let Some(&input) = node.inputs.first() else {
        return;
    };
    if let Ok([a, b]) = dead.get_disjoint_mut([input, node.output]) {
        for (a, b) in a.iter_mut().zip(b) {
            let both = *a && *b;
            (*a, *b) = (both, both);
        }
    }
}

/// Ranges of the channels that `node` writes; `None` when nothing is known of them.
fn output_ranges(node: &Node, input: &[Range]) -> Option<Vec<Range>> {
    match &node.op {
        Op::Conv1d(c) if c.activation != Activation::None => {
            let per_output = c.weights.len() / c.out_channels.max(1) - 1;
            let group_inputs = input.len() / c.groups.max(1);
            let group_outputs = c.out_channels / c.groups.max(1);
            let ranges = (0..c.out_channels).map(|o| {
                let first = o / group_outputs.max(1) * group_inputs;
                let mut high = bias(&c.weights, o);
                for i in 0..per_output {
                    let weight = weight(&c.weights, o * per_output + i);
                    let range = input.get(first + i % group_inputs.max(1));
                    high += most(
                        weight,
                        *range.unwrap_or(&[f64::NEG_INFINITY, f64::INFINITY]),
                    );
                }
                [0.0, if high <= 0.0 { 0.0 } else { f64::INFINITY }]
            });
            Some(ranges.collect())
        }
        // Zero in, zero out.
        Op::Pool(_) => Some(input.to_vec()),
        Op::Activation(a) if *a != Activation::None => {
            let clamped = |&[low, high]: &Range| [low.max(0.0), high.max(0.0)];
            Some(input.iter().map(clamped).collect())
        }
        _ => None,
    }
}

/// The largest product of `weight` and a number in a range.
fn most(weight: f64, [low, high]: Range) -> f64 {
    if weight == 0.0 {
        0.0
    } else if weight > 0.0 {
        weight * high
    } else {
        weight * low
    }
}

fn weight(weights: &Weights, index: usize) -> f64 {
    match weights {
        Weights::F32 { weights, .. } => weights.get(index).map_or(f64::NAN, |&w| w.into()),
        Weights::I8 { weights, .. } => weights.get(index).map_or(f64::NAN, |&w| w.into()),
    }
}

fn bias(weights: &Weights, output: usize) -> f64 {
    match weights {
        Weights::F32 { bias, .. } => bias.get(output).map_or(f64::NAN, |&b| b.into()),
        Weights::I8 { bias, .. } => bias.get(output).map_or(f64::NAN, |&b| b.into()),
    }
}

/// Takes the dead channels out of an operator's parameters.
fn shrink(op: &mut Op, input: &[bool], output: &[bool]) {
    match op {
        Op::Conv1d(c) if c.groups == 1 => {
            take(&mut c.weights, input, output);
            c.out_channels = alive(output);
        }
        Op::Conv1d(c) if c.groups == output.len() => {
            take(&mut c.weights, &[false], output);
            c.out_channels = alive(output);
            c.groups = c.out_channels;
        }
        Op::Dense(d) => take(&mut d.weights, input, &vec![false; d.out_features]),
        _ => (),
    }
}

fn alive(dead: &[bool]) -> usize {
    dead.iter().filter(|&&d| !d).count()
}

/// Drops the rows of dead outputs and, in the others, the weights of dead inputs, which come round and round.
fn take(all: &mut Weights, input: &[bool], output: &[bool]) {
    let outputs = output.len().max(1);
    let live = |o: usize| output.get(o) == Some(&false);
    fn keep<T: Copy>(values: &[T], outputs: usize, input: &[bool], output: &[bool]) -> Vec<T> {
        let row = (values.len() / outputs).max(1);
        let rows = values.chunks(row).zip(output).filter(|(_, dead)| !**dead);
        rows.flat_map(|(row, _)| {
            let columns = row.iter().zip(input.iter().cycle());
            columns.filter(|(_, dead)| !**dead).map(|(&v, _)| v)
        })
        .collect()
    }
    let mut channel = 0..;
    let mut next_live = || channel.next().is_some_and(live);
    match all {
        Weights::F32 { weights, bias } => {
            *weights = keep(weights, outputs, input, output);
            bias.retain(|_| next_live());
        }
        Weights::I8 {
            weights,
            scales,
            bias,
            bits: _,
        } => {
            *weights = keep(weights, outputs, input, output);
            bias.retain(|_| next_live());
            let mut channel = 0..;
            scales.retain(|_| channel.next().is_some_and(live));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_model::session::{Compiled, Scores, Session, compile};
    use mote_model::{Dense, Frontend, Pool, PoolKind, Shape};

    fn conv(out_channels: usize, groups: usize, weights: Vec<f32>, bias: Vec<f32>) -> Op {
        Op::Conv1d(Conv1d {
            out_channels,
            kernel: 3,
            stride: 1,
            dilation: 1,
            padding: [1, 1],
            groups,
            activation: Activation::Relu,
            weights: Weights::F32 { weights, bias },
        })
    }

    /// Channel 1 of the first layer never leaves zero, and with it channel 1 of the depthwise layer.
    fn network() -> Graph {
        let ramp = |n: usize| (0..n).map(|i| (i as f32 * 0.37).sin()).collect::<Vec<_>>();
        let mut graph = Graph::new("test", Shape::new(8, 3));
        let mut first = ramp(4 * 9);
        first[9..18].fill(0.0);
        let op = conv(4, 1, first, vec![0.1, -0.5, 0.2, 0.3]);
        graph.push("first", op).unwrap();
        let op = conv(4, 4, ramp(12), vec![0.1, -0.1, 0.0, 0.2]);
        graph.push("depthwise", op).unwrap();
        graph.push("second", conv(5, 1, ramp(60), ramp(5))).unwrap();
        let pool = Pool {
            kind: PoolKind::Average,
            kernel: 8,
            stride: 1,
            padding: [0, 0],
        };
        graph.push("pool", Op::Pool(pool)).unwrap();
        let dense = Dense {
            out_features: 2,
            activation: Activation::None,
            weights: Weights::F32 {
                weights: ramp(10),
                bias: vec![0.0, 0.1],
            },
        };
        graph.push("dense", Op::Dense(dense)).unwrap();
        graph.frontend = Some(Frontend {
            offset: vec![0; 3],
            scale: vec![1e-3; 3],
        });
        graph
    }

    fn scores(compiled: &Compiled) -> Vec<Scores> {
        let mut session = Session::new(compiled).unwrap();
        (0..20)
            .map(|n| {
                let window: Vec<f32> = (0..24)
                    .map(|i| ((n * 24 + i) as f32).sin() * 20.0)
                    .collect();
                session.classify(&window).unwrap().scores
            })
            .collect()
    }

    #[test]
    fn dead_channels_go_through_every_layer_and_scores_stay() {
        let before = network();
        let mut after = before.clone();
        let removed = remove(&mut after).unwrap();
        assert_eq!(
            removed,
            Removed {
                nodes: 0,
                channels: 2
            }
        );
        assert_eq!(after.tensors[1].shape.channels, 3);
        assert_eq!(after.tensors[2].shape.channels, 3);
        // 9 weights and a bias, 3 weights and a bias, 3 weights of each of 5 outputs.
        assert_eq!(before.parameters() - after.parameters(), 10 + 4 + 15);
        assert_eq!(
            scores(&compile(&before).unwrap()),
            scores(&compile(&after).unwrap())
        );
    }

    #[test]
    fn a_channel_that_can_be_positive_stays() {
        let mut graph = network();
        let Op::Conv1d(c) = &mut graph.nodes[0].op else {
            panic!("the first layer is a convolution")
        };
        let Weights::F32 { weights, .. } = &mut c.weights else {
            panic!("it is f32")
        };
        weights[9] = 1e-3;
        assert_eq!(remove(&mut graph).unwrap(), Removed::default());
    }

    #[test]
    fn a_branch_nobody_reads_goes() {
        let mut graph = network();
        let output = graph.output;
        graph.push("idle", Op::Softmax).unwrap();
        graph.output = output;
        let tensors = graph.tensors.len();
        assert_eq!(remove(&mut graph).unwrap().nodes, 1);
        assert_eq!(graph.tensors.len(), tensors - 1);
        graph.check_order().unwrap();
    }

    #[test]
    fn when_every_channel_is_dead_they_stay() {
        let mut graph = network();
        let Op::Conv1d(c) = &mut graph.nodes[2].op else {
            panic!("the third layer is a convolution")
        };
        c.weights = Weights::F32 {
            weights: vec![0.0; 60],
            bias: vec![-1.0; 5],
        };
        remove(&mut graph).unwrap();
        assert_eq!(graph.tensors[3].shape.channels, 5);
    }
}
