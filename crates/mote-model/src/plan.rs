//! Where each activation lies in the arena.
//!
//! A tensor is live from the step that writes it to the last step that reads it; tensors that are live at the
//! same step must not overlap, all others may. Finding the smallest arena is dynamic storage allocation
//! (NP-hard in general), but networks for motion are small: chains are solved at once, and a bounded search
//! proves most others optimal. [`Plan::optimal`] says whether it did.

mod pack;

use crate::{Error, Graph, Node, Op, TensorId};
use pack::{Buffer, Packing};

/// Every tensor starts at a multiple of this many bytes.
pub const ALIGNMENT: usize = 4;

/// Most combinations of in-place choices that are searched.
const MAX_CHOICES: usize = 64;

/// How tensors share the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// One buffer per tensor, for the whole run.
    KeepAll,
    /// Tensors that are never live together share bytes.
    Lifetimes,
    /// As [`Strategy::Lifetimes`]; besides, an element-wise operator (activation, add, softmax) may write over an
    /// input that nothing reads later.
    InPlace,
}

/// What [`plan_with`] is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How tensors share the arena.
    pub strategy: Strategy,
    /// The input survives the run, because the next window overlaps this one.
    pub keep_input: bool,
}

/// An assignment of arena bytes to tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Bytes of the whole arena, a multiple of [`ALIGNMENT`].
    pub arena: usize,
    /// First byte of each tensor, indexed as [`Graph::tensors`], multiples of [`ALIGNMENT`].
    pub offsets: Vec<usize>,
    /// No plan under this strategy needs fewer bytes: the largest sum of live tensors at any one step.
    pub peak_lower_bound: usize,
    /// Whether `arena` is proven to be the smallest possible under this strategy.
    pub optimal: bool,
    rows: Vec<Row>,
}

/// One tensor's rectangle in the picture of a plan: bytes on one axis, steps on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The tensor.
    pub tensor: TensorId,
    /// First byte in the arena.
    pub offset: usize,
    /// Bytes.
    pub len: usize,
    /// Index of the node that writes it (0 for the input, which is there before the first node runs).
    pub first: usize,
    /// Index of the last node that needs it, inclusive.
    pub last: usize,
}

impl Plan {
    /// The plan as rectangles, one per tensor in the order of [`Graph::tensors`].
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }
}

/// Plans the arena of `graph`. The input may be overwritten by the run; see [`plan_with`].
///
/// # Errors
/// When the nodes of `graph` are not in executable order ([`Graph::check_order`]).
pub fn plan(graph: &Graph, strategy: Strategy) -> Result<Plan, Error> {
    plan_with(
        graph,
        Options {
            strategy,
            keep_input: false,
        },
    )
}

/// Plans the arena of `graph` under `options`.
///
/// # Errors
/// When the nodes of `graph` are not in executable order ([`Graph::check_order`]).
pub fn plan_with(graph: &Graph, options: Options) -> Result<Plan, Error> {
    graph.check_order()?;
    let tensors = lifetimes(graph, options);
    let packing = match options.strategy {
        Strategy::KeepAll | Strategy::Lifetimes => pack::pack(&tensors),
        Strategy::InPlace => pack_in_place(graph, &tensors, options),
    };
    let rows = tensors
        .iter()
        .zip(&packing.offsets)
        .zip(&graph.tensors)
        .enumerate()
        .map(|(tensor, ((buffer, &offset), t))| Row {
            tensor,
            offset,
            len: t.bytes(),
            first: buffer.first,
            last: buffer.last,
        })
        .collect();
    Ok(Plan {
        arena: packing.len,
        offsets: packing.offsets,
        peak_lower_bound: packing.lower_bound,
        optimal: packing.optimal,
        rows,
    })
}

/// Aligned length and live steps of every tensor.
fn lifetimes(graph: &Graph, options: Options) -> Vec<Buffer> {
    let end = graph.nodes.len().saturating_sub(1);
    let mut buffers: Vec<Buffer> = graph
        .tensors
        .iter()
        .map(|t| Buffer {
            len: t.bytes().next_multiple_of(ALIGNMENT),
            first: 0,
            last: 0,
        })
        .collect();
    for (step, node) in graph.nodes.iter().enumerate() {
        // An early exit writes the output too, long before the last layer does.
        let exits = |n: &Node| matches!(n.op, Op::Exit(_)) && n.output == node.output;
        let first = graph.nodes.iter().position(exits).unwrap_or(step);
        if let Some(b) = buffers.get_mut(node.output) {
            (b.first, b.last) = (first.min(step), step);
        }
        for &input in &node.inputs {
            if let Some(b) = buffers.get_mut(input) {
                b.last = step;
            }
        }
    }
    if let Some(b) = buffers.get_mut(graph.output) {
        b.last = end;
    }
    if let Some(b) = buffers.get_mut(graph.input).filter(|_| options.keep_input) {
        b.last = end;
    }
    for id in graph.state() {
        if let Some(b) = buffers.get_mut(id) {
            (b.first, b.last) = (0, end);
        }
    }
    if options.strategy == Strategy::KeepAll {
        for b in &mut buffers {
            (b.first, b.last) = (0, end);
        }
    }
    buffers
}

/// Tries every combination of "which input does this node write over, if any" (up to a limit) and keeps the
/// best packing.
fn pack_in_place(graph: &Graph, tensors: &[Buffer], options: Options) -> Packing {
    let choices: Vec<(TensorId, Vec<TensorId>)> = graph
        .nodes
        .iter()
        .enumerate()
        .map(|(step, node)| {
            (
                node.output,
                over_writable(graph, tensors, step, node, options),
            )
        })
        .filter(|(_, inputs)| !inputs.is_empty())
        .collect();
    // Digit 0 of each choice is its first input, the last digit is "not in place".
    let combinations = choices
        .iter()
        .try_fold(1usize, |n, (_, inputs)| n.checked_mul(inputs.len() + 1))
        .unwrap_or(usize::MAX);
    let bound = in_place_bound(graph, tensors, &choices);
    let mut best: Option<Packing> = None;
    let mut all_proven = combinations <= MAX_CHOICES;
    for combination in 0..combinations.min(MAX_CHOICES) {
        let mut rest = combination;
        let mut owner: Vec<TensorId> = (0..tensors.len()).collect();
        for (output, inputs) in &choices {
            let digit = rest % (inputs.len() + 1);
            rest /= inputs.len() + 1;
            if let (Some(&input), Some(slot)) = (inputs.get(digit), owner.get_mut(*output)) {
                *slot = input;
            }
        }
        let packing = pack_merged(tensors, &owner);
        all_proven &= packing.optimal;
        if best.as_ref().is_none_or(|b| packing.len < b.len) {
            best = Some(packing);
        }
        if best.as_ref().is_some_and(|b| b.len == bound) {
            break;
        }
    }
    let mut best = best.unwrap_or_else(|| pack::pack(tensors));
    best.optimal = all_proven || best.len == bound;
    best.lower_bound = bound;
    best
}

/// The inputs that `node` at `step` may write over: element-wise, same length, not needed afterwards.
fn over_writable(
    graph: &Graph,
    tensors: &[Buffer],
    step: usize,
    node: &Node,
    options: Options,
) -> Vec<TensorId> {
    if !matches!(node.op, Op::Activation(_) | Op::Add(_) | Op::Softmax) {
        return Vec::new();
    }
    let bytes = |id: TensorId| graph.tensors.get(id).map(crate::Tensor::bytes);
    let mut inputs: Vec<TensorId> = node
        .inputs
        .iter()
        .copied()
        .filter(|&i| {
            tensors.get(i).is_some_and(|b| b.last == step)
                && bytes(i) == bytes(node.output)
                && !(options.keep_input && i == graph.input)
                && i != graph.output
                && !graph.state().any(|s| s == i)
        })
        .collect();
    inputs.dedup();
    inputs
}

/// Sum of live tensors at the worst step, an in-place output counted once with its input.
fn in_place_bound(
    graph: &Graph,
    tensors: &[Buffer],
    choices: &[(TensorId, Vec<TensorId>)],
) -> usize {
    let mut live = pack::live_bytes(tensors);
    for (step, node) in graph.nodes.iter().enumerate() {
        let in_place = choices.iter().any(|(output, _)| *output == node.output);
        if let (true, Some(bytes), Some(b)) =
            (in_place, live.get_mut(step), tensors.get(node.output))
        {
            *bytes -= b.len;
        }
    }
    live.into_iter().max().unwrap_or(0)
}

/// Packs tensors of which `owner[t]` names the tensor whose bytes `t` takes over (itself when none).
fn pack_merged(tensors: &[Buffer], owner: &[TensorId]) -> Packing {
    let root = |mut t: TensorId| {
        while let Some(&o) = owner.get(t).filter(|&&o| o != t) {
            t = o;
        }
        t
    };
    let mut index = vec![None; tensors.len()];
    let mut merged: Vec<Buffer> = Vec::new();
    // Roots first: a tensor's owner may come later in the tensor list.
    for (t, &b) in tensors.iter().enumerate() {
        if root(t) == t {
            if let Some(slot) = index.get_mut(t) {
                *slot = Some(merged.len());
            }
            merged.push(b);
        }
    }
    let group = |t: TensorId| index.get(root(t)).copied().flatten();
    for (t, b) in tensors.iter().enumerate() {
        if let Some(m) = group(t).and_then(|g| merged.get_mut(g)) {
            m.first = m.first.min(b.first);
            m.last = m.last.max(b.last);
        }
    }
    let packing = pack::pack(&merged);
    let offset = |t| group(t).and_then(|g| packing.offsets.get(g)).copied();
    Packing {
        offsets: (0..tensors.len()).map(|t| offset(t).unwrap_or(0)).collect(),
        ..packing
    }
}
