//! The choice of an early exit: its layer and its margin.

use super::head::Head;
use crate::artifact::Context;
use crate::error::Error;
use crate::int8::quantize_weights;
use mote::kernels::argmax;
use mote_model::session::{self, Session};
use mote_model::{
    Activation, Dense, Exit, Graph, Node, Op, Pool, PoolKind, Shape, Tensor, Weights,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Name of the technique, for errors.
pub(super) const NAME: &str = "lazy";

/// Where a decision may end early: `auto`, `none` or the name of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(from = "String", into = "String")]
#[schemars(with = "String")]
pub enum ExitLayer {
    /// Behind the layer where it saves most, if it saves anything.
    #[default]
    Auto,
    /// Nowhere.
    None,
    /// Behind this layer.
    Behind(String),
}

impl From<String> for ExitLayer {
    fn from(text: String) -> Self {
        match text.as_str() {
            "auto" => Self::Auto,
            "none" => Self::None,
            _ => Self::Behind(text),
        }
    }
}

impl From<ExitLayer> for String {
    fn from(exit: ExitLayer) -> String {
        match exit {
            ExitLayer::Auto => "auto".to_owned(),
            ExitLayer::None => "none".to_owned(),
            ExitLayer::Behind(layer) => layer,
        }
    }
}

/// A network with an exit.
pub(super) struct Chosen {
    pub graph: Graph,
    /// The layer in front of it.
    pub layer: String,
    /// Multiply-accumulates of a decision that ends at the exit.
    pub macs: usize,
    /// Share of the windows, of users it was not fitted on, that end at the exit.
    pub share: f64,
    /// Share of those windows that it makes wrong, minus the share that it makes right.
    pub loss: f64,
}

/// Training windows, divided by user.
struct Windows {
    fit: Vec<usize>,
    set: Vec<usize>,
}

/// Returns the network with an exit where `exit` says. Behind several layers it stands where it saves most
/// multiply-accumulates on `count` training windows. `None` when no exit saves any, or no margin keeps to `loss`, the
/// share of decisions that it may spoil.
pub(super) fn choose(
    graph: &Graph,
    exit: &ExitLayer,
    loss: f64,
    count: usize,
    context: &Context,
) -> Result<Option<Chosen>, Error> {
    let windows = divide(count, context)?;
    let candidates: Vec<usize> = graph
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, n)| match exit {
            ExitLayer::Auto => is_candidate(graph, n),
            ExitLayer::None => false,
            ExitLayer::Behind(layer) => n.name == *layer,
        })
        .map(|(index, _)| index)
        .collect();
    if let (true, ExitLayer::Behind(layer)) = (candidates.is_empty(), exit) {
        let names: Vec<&str> = graph.nodes.iter().map(|n| n.name.as_str()).collect();
        return Err(Error::Option {
            technique: NAME,
            option: "exit".to_owned(),
            what: format!(
                "there is no layer `{layer}`; there are: {}",
                names.join(", ")
            ),
        });
    }
    let features = Features::of(graph, &candidates, &windows.fit, context)?;
    let mut best: Option<(f64, Chosen)> = None;
    for (&candidate, features) in candidates.iter().zip(&features) {
        let head = features.fit(graph, context, &windows.fit)?;
        let Some((saved, chosen)) = calibrate(graph, candidate, head, loss, &windows.set, context)?
        else {
            continue;
        };
        if best.as_ref().is_none_or(|(most, _)| saved > *most) {
            best = Some((saved, chosen));
        }
    }
    // An exit that was asked for by name may cost more than it saves.
    let pays = |saved: f64| saved > 0.0 || *exit != ExitLayer::Auto;
    Ok(best
        .filter(|(saved, _)| pays(*saved))
        .map(|(_, chosen)| chosen))
}

/// Returns whether `auto` considers an exit behind `node`: behind each clamped convolution.
fn is_candidate(graph: &Graph, node: &Node) -> bool {
    let time = graph.tensors[node.output].shape.time;
    matches!(&node.op, Op::Conv1d(c) if c.activation != Activation::None) && time > 1
}

/// Fewest windows to fit an exit on, and to set its margin on.
const FEWEST: usize = 8;

/// Divides training windows, evenly spaced: those of every fourth user set the margin.
fn divide(count: usize, context: &Context) -> Result<Windows, Error> {
    let user = |n: usize| context.windows.users[n];
    let users: BTreeSet<u32> = context.train.iter().map(|&n| user(n)).collect();
    let users: Vec<u32> = users.into_iter().collect();
    if users.len() < 2 {
        return Err(Error::Impossible {
            technique: NAME,
            why: "an early exit is fitted on some training users and its margin set on others, and there are not two; use `exit=none`".to_owned(),
        });
    }
    let step = context.train.len().div_ceil(count);
    let chosen = context.train.iter().copied().step_by(step);
    let sets = |&n: &usize| {
        let number = users.binary_search(&user(n));
        number.expect("every training window is of a training user") % 4 == 1
    };
    let (set, fit): (Vec<usize>, Vec<usize>) = chosen.partition(sets);
    if fit.len() < FEWEST || set.len() < FEWEST {
        return Err(Error::Impossible {
            technique: NAME,
            why: format!(
                "of {} training windows, {} fit the exit and {} set its margin, and {FEWEST} of each are needed; \
                 give more `windows` or more recordings, or use `exit=none`",
                context.train.len(),
                fit.len(),
                set.len()
            ),
        });
    }
    Ok(Windows { fit, set })
}

/// Means over time of a layer's output, `[window][channel]`.
struct Features {
    channels: usize,
    rows: Vec<f32>,
}

impl Features {
    /// Computes those of each of `layers`, for all `windows`.
    fn of(
        graph: &Graph,
        layers: &[usize],
        windows: &[usize],
        context: &Context,
    ) -> Result<Vec<Self>, Error> {
        let outputs: Vec<usize> = layers.iter().map(|&l| graph.nodes[l].output).collect();
        let empty = |&t: &usize| Self {
            channels: graph.tensors[t].shape.channels,
            rows: Vec::new(),
        };
        let mut all: Vec<Self> = outputs.iter().map(empty).collect();
        let compiled = session::compile(graph)?;
        let mut session = Session::new(&compiled)?;
        for &n in windows {
            session.run_observed(context.windows.window(n), |tensor, values| {
                let layers = outputs.iter().zip(&mut all).filter(|(t, _)| **t == tensor);
                for (_, features) in layers {
                    features.push(values);
                }
            })?;
        }
        Ok(all)
    }

    /// Adds the means of a window, whose output is `values`, `[time][channel]`.
    fn push(&mut self, values: &[f32]) {
        let steps = values.len() / self.channels;
        for c in 0..self.channels {
            let sum: f32 = values.iter().skip(c).step_by(self.channels).sum();
            self.rows.push(sum / steps as f32);
        }
    }

    /// Fits a classifier to them, whose scores fill the grid of the network's output.
    fn fit(&self, graph: &Graph, context: &Context, windows: &[usize]) -> Result<Head, Error> {
        let output = graph.tensor(graph.output)?;
        let y: Vec<usize> = windows.iter().map(|&n| context.windows.y[n]).collect();
        let mut head = Head::fit(&self.rows, &y, self.channels, output.shape.len());
        if let Some(quant) = output.quant {
            let largest = |sign: f32| {
                let rows = self.rows.chunks_exact(self.channels);
                rows.flat_map(|row| head.scores(row))
                    .fold(1e-6f32, |m, s| m.max(s * sign))
            };
            let room = |steps: f32| steps.max(1.0) * quant.scale;
            let zero = f32::from(quant.zero_point);
            let factor =
                (room(127.0 - zero) / largest(1.0)).min(room(128.0 + zero) / largest(-1.0));
            head.scale(factor);
        }
        Ok(head)
    }
}

/// Returns the network with an exit behind layer `at`, and the multiply-accumulates that it saves on average. Its
/// margin is the smallest that keeps to `loss` on `windows`.
fn calibrate(
    graph: &Graph,
    at: usize,
    head: Head,
    loss: f64,
    windows: &[usize],
    context: &Context,
) -> Result<Option<(f64, Chosen)>, Error> {
    let mut with_exit = insert(graph, at, head)?;
    // Pool, classifier and exit stand behind the layer.
    let exit = at + 3;
    let scores = with_exit.nodes[exit].inputs[0];
    let mut decisions = Vec::with_capacity(windows.len());
    let compiled = session::compile(&with_exit)?;
    let mut session = Session::new(&compiled)?;
    for &n in windows {
        let (mut early, mut full, mut lead) = (0, 0, 0.0);
        session.run_observed(context.windows.window(n), |tensor, values| {
            if tensor == scores {
                early = argmax(values);
                lead = lead_of(values);
            } else if tensor == graph.output {
                // The network itself is the last to write it.
                full = argmax(values);
            }
        })?;
        let truth = context.windows.y[n];
        let spoilt = i32::from(truth == full) - i32::from(truth == early);
        decisions.push((lead, spoilt));
    }
    let Some((margin, stopped, spoilt)) = margin(&mut decisions, loss) else {
        return Ok(None);
    };
    let n = decisions.len() as f64;
    let share = stopped as f64 / n;
    let macs = |graph: &Graph, nodes: usize| -> usize {
        graph
            .nodes
            .iter()
            .take(nodes)
            .map(|n| graph.node_macs(n))
            .sum()
    };
    let early = macs(&with_exit, exit + 1);
    let saved = share * graph.macs() as f64
        - (early - macs(graph, at + 1)) as f64
        - share * macs(graph, at + 1) as f64;
    with_exit.nodes[exit].op = Op::Exit(Exit { margin });
    Ok(Some((
        saved,
        Chosen {
            graph: with_exit,
            layer: graph.nodes[at].name.clone(),
            macs: early,
            share,
            loss: f64::from(spoilt) / n,
        },
    )))
}

/// Returns the lead of the largest value over the second largest.
fn lead_of(values: &[f32]) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    match sorted.as_slice() {
        [.., second, best] => best - second,
        _ => f32::INFINITY,
    }
}

/// Returns the smallest margin with which at most a share `loss` of the decisions is spoilt, the number of decisions
/// that stop, and how many of them are spoilt. A decision is given as its lead and 1 if stopping spoils it, -1 if
/// stopping mends it.
fn margin(decisions: &mut [(f32, i32)], loss: f64) -> Option<(f32, usize, i32)> {
    decisions.sort_by(|a, b| b.0.total_cmp(&a.0));
    let allowed = loss * decisions.len() as f64;
    let mut spoilt = 0;
    let mut best = None;
    for (i, &(lead, bad)) in decisions.iter().enumerate() {
        spoilt += bad;
        // Decisions with the same lead stop all together.
        let last = decisions.get(i + 1).is_none_or(|next| next.0 < lead);
        if last && f64::from(spoilt) <= allowed {
            best = Some((lead, i + 1, spoilt));
        }
    }
    best
}

/// Inserts a pool, `head` and an exit that never stops behind layer `at`.
fn insert(graph: &Graph, at: usize, head: Head) -> Result<Graph, Error> {
    let mut out = graph.clone();
    let node = &graph.nodes[at];
    let (name, source) = (node.name.clone(), node.output);
    let input = graph.tensor(source)?.clone();
    let output = graph.tensor(graph.output)?.clone();
    let float = Weights::F32 {
        weights: head.weights,
        bias: head.bias,
    };
    let weights = match input.quant {
        Some(quant) => quantize_weights(&float, quant.scale, 8)?,
        None => float,
    };
    let pooled = out.tensors.len();
    let scores = pooled + 1;
    out.tensors.push(Tensor {
        shape: Shape::new(1, input.shape.channels),
        quant: input.quant,
    });
    out.tensors.push(output.clone());
    let steps = [
        Node {
            name: format!("{name}_exit_pool"),
            op: Op::Pool(Pool {
                kind: PoolKind::Average,
                kernel: input.shape.time,
                stride: 1,
                padding: [0, 0],
            }),
            inputs: vec![source],
            output: pooled,
        },
        Node {
            name: format!("{name}_exit_scores"),
            op: Op::Dense(Dense {
                out_features: output.shape.len(),
                activation: Activation::None,
                weights,
            }),
            inputs: vec![pooled],
            output: scores,
        },
        Node {
            name: format!("{name}_exit"),
            op: Op::Exit(Exit {
                margin: f32::INFINITY,
            }),
            inputs: vec![scores],
            output: out.output,
        },
    ];
    out.nodes.splice(at + 1..at + 1, steps);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_is_the_smallest_that_keeps_to_the_loss() {
        // In order of the lead: right, right, spoilt, mended, spoilt, spoilt.
        let mut decisions = [(5.0, 0), (4.0, 0), (3.0, 1), (2.0, -1), (1.0, 1), (0.5, 1)];
        assert_eq!(margin(&mut decisions, 0.0), Some((2.0, 4, 0)));
        assert_eq!(margin(&mut decisions, 0.2), Some((1.0, 5, 1)));
        assert_eq!(margin(&mut decisions, 0.5), Some((0.5, 6, 2)));
        // Two with the same lead cannot be told apart.
        let mut tied = [(1.0, 0), (1.0, 1)];
        assert_eq!(margin(&mut tied, 0.1), None);
    }
}
