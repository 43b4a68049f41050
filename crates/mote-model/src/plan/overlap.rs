//! Leads: how many bytes an output has to begin before an input that it may write over.
//!
//! The rule is the kernels' ([`mote::kernels::overlap`]); here it is applied to a graph.

use super::pack::{Buffer, Lead};
use super::{ALIGNMENT, Options, Strategy};
use crate::{Conv1d, Graph, Node, Op, Shape, Tensor, TensorId};
use mote::kernels::{conv1d, pool};

/// Whether the depthwise kernels run `conv` over `input`.
pub(crate) fn is_depthwise(conv: &Conv1d, input: Shape) -> bool {
    conv.groups > 1 && conv.groups == input.channels && conv.groups == conv.out_channels
}

/// The leads of all outputs that `options` lets overlap inputs: inputs that nothing needs afterwards, and outputs that
/// nothing wrote before.
pub(super) fn leads(graph: &Graph, buffers: &[Buffer], options: Options) -> Vec<Lead> {
    let mut leads = Vec::new();
    for (step, node) in graph.nodes.iter().enumerate() {
        let mut inputs = node.inputs.clone();
        inputs.dedup();
        for input in inputs {
            let last_use = buffers.get(input).is_some_and(|b| b.last == step)
                && buffers.get(node.output).is_some_and(|b| b.first == step)
                && input != graph.output
                && input != node.output
                && !graph.state().any(|s| s == input)
                && !(options.keep_input && input == graph.input);
            let Some(bytes) = lead(graph, node, input, options.strategy).filter(|_| last_use)
            else {
                continue;
            };
            // An output that would end behind its input ends with it: this costs nothing and keeps bounds simple.
            let len = |t: TensorId| buffers.get(t).map_or(0, |b| b.len);
            let excess = len(node.output).saturating_sub(len(input));
            leads.push(Lead {
                below: node.output,
                above: input,
                bytes: bytes.next_multiple_of(ALIGNMENT).max(excess),
            });
        }
    }
    leads
}

/// Bytes that the output of `node` has to begin before `input` if the two overlap; `None` when they may not.
fn lead(graph: &Graph, node: &Node, input: TensorId, strategy: Strategy) -> Option<usize> {
    let (input, output) = (graph.tensors.get(input)?, graph.tensors.get(node.output)?);
    let walk = match &node.op {
        Op::Activation(_) | Op::Add(_) | Op::Softmax | Op::Exit(_) => {
            let at_all = matches!(strategy, Strategy::InPlace | Strategy::Overlap);
            return (at_all && input.bytes() == output.bytes()).then_some(0);
        }
        _ if strategy != Strategy::Overlap => return None,
        // A few output channels at a time, each of which goes through all of the input.
        op if op.weights().is_some_and(|w| w.bits() == 4) => return None,
        Op::Conv1d(conv) => {
            conv_shape(conv, input.shape, output.shape).walk(is_depthwise(conv, input.shape))?
        }
        Op::Dense(dense) if dense.is_per_step(input.shape) => conv1d::Shape {
            in_time: input.shape.time,
            out_time: output.shape.time,
            ..conv1d::Shape::dense(input.shape.channels, output.shape.channels)
        }
        .walk(false)?,
        Op::Pool(p) => pool::Shape {
            in_time: input.shape.time,
            channels: input.shape.channels,
            out_time: output.shape.time,
            kernel: p.kernel,
            stride: p.stride,
            padding: p.padding[0],
        }
        .walk(),
        _ => return None,
    };
    let elements = walk.lead();
    let element = |t: &Tensor| t.bytes() / t.shape.len().max(1);
    (element(input) == element(output) && elements < output.shape.len())
        .then(|| elements * element(output))
}

fn conv_shape(conv: &Conv1d, input: Shape, output: Shape) -> conv1d::Shape {
    conv1d::Shape {
        in_time: input.time,
        in_channels: input.channels,
        out_time: output.time,
        out_channels: output.channels,
        kernel: conv.kernel,
        stride: conv.stride,
        dilation: conv.dilation,
        padding: conv.padding[0],
        group_inputs: input.channels / conv.groups.max(1),
        group_outputs: output.channels / conv.groups.max(1),
    }
}
