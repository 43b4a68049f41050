//! Layers and channels that cannot change the result.
//!
//! A channel is dead when the clamp behind its convolution makes it zero for every input: the largest sum that its
//! weights allow, over the range of each input channel, is not positive. Reading zero (in int8, the zero point) adds
//! nothing, nor does padding, so the weights that read a dead channel are dead, too.

use mote_model::{Activation, Conv1d, Error, Graph, Node, Op, TensorId, Weights};

/// What was removed.
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
    for (tensor, dead) in graph.tensors.iter_mut().zip(&dead) {
        let gone = dead.iter().filter(|&&d| d).count();
        channels += gone;
        tensor.shape.channels -= gone;
    }
    for node in &mut graph.nodes {
        shrink(&mut node.op, &dead[node.inputs[0]], &dead[node.output]);
    }
    Ok(Removed { nodes, channels })
}

/// Removes nodes that the output does not depend on, and their tensors.
fn remove_nodes(graph: &mut Graph) -> usize {
    let mut needed = vec![false; graph.tensors.len()];
    needed[graph.input] = true;
    needed[graph.output] = true;
    for node in graph.nodes.iter().rev() {
        if needed[node.output] {
            for &input in &node.inputs {
                needed[input] = true;
            }
        }
    }
    let before = graph.nodes.len();
    graph.nodes.retain(|n| needed[n.output]);
    let mut number = vec![0; needed.len()];
    let mut next = 0;
    for (slot, &needed) in number.iter_mut().zip(&needed) {
        *slot = next;
        next += usize::from(needed);
    }
    let renumbered = |t: TensorId| number[t];
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

/// Lowest and highest value of a channel, relative to its zero.
type Range = [f64; 2];

/// Returns for each tensor and channel whether it is always zero and can be removed.
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
        if let Some(found) = output_ranges(node, &ranges[node.inputs[0]]) {
            ranges[node.output] = found;
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
        dead[fixed].fill(false);
    }
    while settle(graph, &mut dead) {}
    Ok(dead)
}

/// Keeps what cannot be removed because of a neighbour. Returns whether anything changed.
fn settle(graph: &Graph, dead: &mut [Vec<bool>]) -> bool {
    let before = dead.to_vec();
    for node in &graph.nodes {
        match &node.op {
            // Any input channel may be removed, and any output channel.
            Op::Conv1d(c) if c.groups == 1 => (),
            Op::Dense(_) => dead[node.output].fill(false),
            // Input and output have the same channels: each is removed on both sides or on none.
            Op::Conv1d(c) if c.groups == c.out_channels && is_depthwise(graph, node, c) => {
                couple(node, dead);
            }
            Op::Pool(_) | Op::Activation(_) => couple(node, dead),
            _ => {
                for &t in node.inputs.iter().chain([&node.output]) {
                    dead[t].fill(false);
                }
            }
        }
    }
    // A tensor needs at least one channel.
    for channels in dead.iter_mut().filter(|c| c.iter().all(|&d| d)) {
        channels.fill(false);
    }
    before != dead
}

fn is_depthwise(graph: &Graph, node: &Node, conv: &Conv1d) -> bool {
    graph.tensors[node.inputs[0]].shape.channels == conv.groups
}

/// Removes a channel on both sides of `node`, or keeps it on both.
fn couple(node: &Node, dead: &mut [Vec<bool>]) {
    let [input, output] = dead
        .get_disjoint_mut([node.inputs[0], node.output])
        .expect("a node writes another tensor than it reads");
    for (a, b) in input.iter_mut().zip(output) {
        let both = *a && *b;
        (*a, *b) = (both, both);
    }
}

/// Returns the ranges of the channels that `node` writes; `None` when nothing is known of them.
fn output_ranges(node: &Node, input: &[Range]) -> Option<Vec<Range>> {
    match &node.op {
        Op::Conv1d(c) if c.activation != Activation::None => {
            // Weights and a bias per output.
            let per_output = c.weights.len() / c.out_channels - 1;
            let group_inputs = input.len() / c.groups;
            let group_outputs = c.out_channels / c.groups;
            let ranges = (0..c.out_channels).map(|o| {
                let first = o / group_outputs * group_inputs;
                let mut high = bias(&c.weights, o);
                for i in 0..per_output {
                    let weight = weight(&c.weights, o * per_output + i);
                    high += most(weight, input[first + i % group_inputs]);
                }
                [0.0, if high <= 0.0 { 0.0 } else { f64::INFINITY }]
            });
            Some(ranges.collect())
        }
        // The pool of zeros is zero.
        Op::Pool(_) => Some(input.to_vec()),
        Op::Activation(a) if *a != Activation::None => {
            let clamped = |&[low, high]: &Range| [low.max(0.0), high.max(0.0)];
            Some(input.iter().map(clamped).collect())
        }
        _ => None,
    }
}

/// Returns the largest product of `weight` and a number in a range.
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
        Weights::F32 { weights, .. } => weights[index].into(),
        Weights::I8 { weights, .. } => weights[index].into(),
    }
}

fn bias(weights: &Weights, output: usize) -> f64 {
    match weights {
        Weights::F32 { bias, .. } => bias[output].into(),
        Weights::I8 { bias, .. } => bias[output].into(),
    }
}

/// Removes the dead channels from the parameters of an operator.
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

/// Removes the rows of dead outputs and, in the other rows, the weights of dead inputs. A row has one weight per tap
/// and input, so the inputs repeat.
fn take(all: &mut Weights, input: &[bool], output: &[bool]) {
    let live = |o: usize| !output[o];
    fn keep<T: Copy>(values: &[T], input: &[bool], output: &[bool]) -> Vec<T> {
        let row = values.len() / output.len();
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
            *weights = keep(weights, input, output);
            bias.retain(|_| next_live());
        }
        Weights::I8 {
            weights,
            scales,
            bias,
            bits: _,
        } => {
            *weights = keep(weights, input, output);
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
