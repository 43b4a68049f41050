//! Leads: how many bytes an output has to begin before an input that it may write over.
//!
//! The rule is the kernels' ([`mote::kernels::overlap`]); here it is applied to a graph.

use super::pack::{Buffer, Lead};
use super::{ALIGNMENT, Options, Strategy};
use crate::op::Overlap;
use crate::{Graph, Node, Tensor, TensorId};

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
    let overlap = node.op.with(|op| op.overlap(input.shape, output.shape));
    let walk = match overlap {
        Overlap::InPlace => {
            let at_all = matches!(strategy, Strategy::InPlace | Strategy::Overlap);
            return (at_all && input.bytes() == output.bytes()).then_some(0);
        }
        Overlap::Walk(walk) if strategy == Strategy::Overlap => walk,
        Overlap::Walk(_) | Overlap::Never => return None,
    };
    let elements = walk.lead();
    let element = |t: &Tensor| t.bytes() / t.shape.len().max(1);
    (element(input) == element(output) && elements < output.shape.len())
        .then(|| elements * element(output))
}
