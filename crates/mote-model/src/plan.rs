//! Where each activation lies in the arena.
//!
//! A tensor is live from the step that writes it to the last step that reads it; tensors that are live at the
//! same step must not overlap, all others may. Finding the smallest arena is dynamic storage allocation
//! (NP-hard in general), but networks for motion are small: chains are solved at once, and a bounded search
//! proves most others optimal. [`Plan::optimal`] says whether it did.
//!
//! A kernel may write over input that it has done with. How far its output may reach into its input is the
//! [lead](overlap) of the output; planner and [check](Plan::check) go by the same leads.

mod overlap;
mod pack;

use crate::{Error, Graph, Node, Op, TensorId};
use pack::{Buffer, Problem};

/// Every tensor starts at a multiple of this many bytes.
pub const ALIGNMENT: usize = 4;

/// How tensors share the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// One buffer per tensor, for the whole run.
    KeepAll,
    /// Tensors that are never live together share bytes.
    Lifetimes,
    /// As [`Strategy::Lifetimes`]; besides, an element-wise operator (activation, add, softmax, exit) may write over an
    /// input that nothing reads later.
    InPlace,
    /// As [`Strategy::InPlace`]; besides, convolutions and pooling may write over those parts of such an input that
    /// they have done with ([`mote::kernels::overlap`]). The smallest arena.
    Overlap,
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
    /// No plan under this strategy needs fewer bytes: what the tensors that are live at the worst step take, of
    /// that step's output only what may not lie over its inputs.
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

    /// Whether every tensor of `graph` keeps its bytes as long as it is needed.
    ///
    /// # Errors
    /// When the plan is not one of `graph`, or two tensors get into each other's way; the message names them.
    pub fn check(&self, graph: &Graph) -> Result<(), Error> {
        graph.check_order()?;
        let fail = |what: String| Err(Error::network("plan", what));
        if self.offsets.len() != graph.tensors.len() || !self.arena.is_multiple_of(ALIGNMENT) {
            return fail(format!(
                "{} offsets for {} tensors in {} bytes: this plan is of another network",
                self.offsets.len(),
                graph.tensors.len(),
                self.arena
            ));
        }
        let options = Options {
            strategy: Strategy::Overlap,
            keep_input: false,
        };
        let problem = problem(graph, options);
        let tensors = graph.tensors.iter().zip(&self.offsets).enumerate();
        for (id, (tensor, &offset)) in tensors.clone() {
            let fits = offset
                .checked_add(tensor.bytes())
                .is_some_and(|end| end <= self.arena);
            if !fits || !offset.is_multiple_of(ALIGNMENT) {
                let len = tensor.bytes();
                return fail(format!(
                    "tensor {id}, {len} bytes at byte {offset}, does not fit the arena of {} bytes",
                    self.arena
                ));
            }
        }
        for (a, (_, &at)) in tensors.clone() {
            for (b, (_, &other)) in tensors.clone().skip(a + 1) {
                if !problem.apart(a, at, b, other) {
                    let kept = |t| match graph.state().any(|s| s == t) {
                        true => ", kept from run to run,",
                        false => "",
                    };
                    return fail(format!(
                        "tensor {a}{} at byte {at} and tensor {b}{} at byte {other} get into each other's way",
                        kept(a),
                        kept(b)
                    ));
                }
            }
        }
        Ok(())
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
    let problem = problem(graph, options);
    let packing = best_packing(graph, options, &problem);
    let rows = problem
        .buffers
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

/// Packs the tensors of `problem`, which is that of `graph` under `options`. A packing under a stricter strategy is one
/// under this strategy, too, so where the search could not prove that it found the smallest arena, those are tried as well.
fn best_packing(graph: &Graph, options: Options, problem: &Problem) -> pack::Packing {
    let mut best = pack::pack(problem);
    let stricter: &[Strategy] = match options.strategy {
        Strategy::KeepAll | Strategy::Lifetimes => &[],
        Strategy::InPlace => &[Strategy::Lifetimes],
        Strategy::Overlap => &[Strategy::InPlace, Strategy::Lifetimes],
    };
    for &strategy in stricter {
        if best.optimal {
            break;
        }
        let other = pack::pack(&self::problem(
            graph,
            Options {
                strategy,
                ..options
            },
        ));
        if other.len < best.len {
            best = pack::Packing {
                len: other.len,
                offsets: other.offsets,
                optimal: other.len == best.lower_bound,
                lower_bound: best.lower_bound,
            };
        }
    }
    best
}

/// Lifetimes of all tensors, and how far outputs may reach into inputs.
fn problem(graph: &Graph, options: Options) -> Problem {
    let buffers = lifetimes(graph, options);
    let leads = overlap::leads(graph, &buffers, options);
    Problem::new(buffers, leads)
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
        let output = &mut buffers[node.output];
        (output.first, output.last) = (first.min(step), step);
        for &input in &node.inputs {
            buffers[input].last = step;
        }
    }
    buffers[graph.output].last = end;
    if options.keep_input {
        buffers[graph.input].last = end;
    }
    for id in graph.state() {
        (buffers[id].first, buffers[id].last) = (0, end);
    }
    if options.strategy == Strategy::KeepAll {
        for b in &mut buffers {
            (b.first, b.last) = (0, end);
        }
    }
    buffers
}
