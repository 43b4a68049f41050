//! Where a decision may end early, and how clear it must be.

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
    /// The layer it is behind.
    pub layer: String,
    /// Multiply-accumulates of a decision that ends there.
    pub macs: usize,
    /// Share of the windows it was set on that end there.
    pub share: f64,
    /// Share of them that it spoils, less those it mends.
    pub loss: f64,
}

/// Windows to look at.
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
    // One that was asked for by name need not pay.
    let pays = |saved: f64| saved > 0.0 || *exit != ExitLayer::Auto;
    Ok(best
        .filter(|(saved, _)| pays(*saved))
        .map(|(_, chosen)| chosen))
}

/// Whether an exit may stand behind `node` without being asked for by name: behind each clamped convolution.
fn is_candidate(graph: &Graph, node: &Node) -> bool {
    let time = graph.tensors.get(node.output).map_or(0, |t| t.shape.time);
    matches!(&node.op, Op::Conv1d(c) if c.activation != Activation::None) && time > 1
}

/// Training windows, evenly spaced; every fourth user sets the margin.
fn divide(count: usize, context: &Context) -> Result<Windows, Error> {
    let user = |n: usize| context.windows.users.get(n).copied();
    let users: BTreeSet<_> = context.train.iter().filter_map(|&n| user(n)).collect();
    let users: Vec<_> = users.into_iter().collect();
    if users.len() < 2 {
        return Err(Error::Impossible {
            technique: NAME,
            why: "an early exit is fitted on some training users and its margin set on others, and there are not two; use `exit=none`".to_owned(),
        });
    }
    let step = context.train.len().div_ceil(count.max(1)).max(1);
    let chosen = context.train.iter().copied().step_by(step);
    let sets = |&n: &usize| {
        users
            .iter()
            .position(|&u| Some(u) == user(n))
            .is_some_and(|i| i % 4 == 1)
    };
    let (set, fit) = chosen.partition(sets);
    Ok(Windows { fit, set })
}

/// Means over time of a layer's output, `[window][channel]`.
struct Features {
    channels: usize,
    rows: Vec<f32>,
}

impl Features {
    /// Of each of `layers`, for all `windows`.
    fn of(
        graph: &Graph,
        layers: &[usize],
        windows: &[usize],
        context: &Context,
    ) -> Result<Vec<Self>, Error> {
        let outputs: Vec<usize> = layers
            .iter()
            .filter_map(|&l| graph.nodes.get(l).map(|n| n.output))
            .collect();
        let mut all: Vec<Self> = outputs
            .iter()
            .map(|&t| {
                Ok(Self {
                    channels: graph.tensor(t)?.shape.channels,
                    rows: Vec::new(),
                })
            })
            .collect::<Result<_, mote_model::Error>>()?;
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

    fn push(&mut self, values: &[f32]) {
        let steps = values.len() / self.channels.max(1);
        for c in 0..self.channels {
            let sum: f32 = values.iter().skip(c).step_by(self.channels).sum();
            self.rows.push(sum / steps.max(1) as f32);
        }
    }

    /// A classifier on them, whose scores fill the grid of the network's output.
    fn fit(&self, graph: &Graph, context: &Context, windows: &[usize]) -> Result<Head, Error> {
        let output = graph.tensor(graph.output)?;
        let y: Vec<usize> = windows
            .iter()
            .filter_map(|&n| context.windows.y.get(n).copied())
            .collect();
        let mut head = Head::fit(&self.rows, &y, self.channels, output.shape.len());
        if let Some(quant) = output.quant {
            let largest = |sign: f32| {
                let rows = self.rows.chunks_exact(self.channels.max(1));
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

/// The network with an exit behind layer `at`, whose margin is the smallest that keeps to `loss` on `windows`, and
/// the multiply-accumulates it saves on average there.
fn calibrate(
    graph: &Graph,
    at: usize,
    head: Head,
    loss: f64,
    windows: &[usize],
    context: &Context,
) -> Result<Option<(f64, Chosen)>, Error> {
    let mut with_exit = insert(graph, at, head)?;
    let (layer, scores) = match (graph.nodes.get(at), with_exit.nodes.get(at + 3)) {
        (Some(layer), Some(Node { inputs, .. })) => (layer.name.clone(), inputs.first().copied()),
        _ => return Ok(None),
    };
    let mut decisions = Vec::with_capacity(windows.len());
    let compiled = session::compile(&with_exit)?;
    let mut session = Session::new(&compiled)?;
    for &n in windows {
        let (mut early, mut full, mut lead) = (0, 0, 0.0);
        session.run_observed(context.windows.window(n), |tensor, values| {
            if Some(tensor) == scores {
                early = argmax(values);
                lead = lead_of(values);
            } else if tensor == graph.output {
                // The last to write it is the network itself.
                full = argmax(values);
            }
        })?;
        let truth = context.windows.y.get(n).copied();
        let spoilt = i32::from(truth == Some(full)) - i32::from(truth == Some(early));
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
    let early = macs(&with_exit, at + 4);
    let saved = share * graph.macs() as f64
        - (early - macs(graph, at + 1)) as f64
        - share * macs(graph, at + 1) as f64;
    if let Some(Op::Exit(exit)) = with_exit.nodes.get_mut(at + 3).map(|n| &mut n.op) {
        exit.margin = margin;
    }
    Ok(Some((
        saved,
        Chosen {
            graph: with_exit,
            layer,
            macs: early,
            share,
            loss: f64::from(spoilt) / n,
        },
    )))
}

/// Lead of the largest value over the second largest.
fn lead_of(values: &[f32]) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    match sorted.as_slice() {
        [.., second, best] => best - second,
        _ => f32::INFINITY,
    }
}

/// The smallest margin under which no more than a share `loss` of decisions, given as lead and number spoilt, is
/// spoilt, how many stop, and how many of them are spoilt.
fn margin(decisions: &mut [(f32, i32)], loss: f64) -> Option<(f32, usize, i32)> {
    decisions.sort_by(|a, b| b.0.total_cmp(&a.0));
    let allowed = loss * decisions.len() as f64;
    let mut spoilt = 0;
    let mut best = None;
    for (i, &(lead, bad)) in decisions.iter().enumerate() {
        spoilt += bad;
        // All of one lead stop or none.
        let last = decisions.get(i + 1).is_none_or(|next| next.0 < lead);
        if last && f64::from(spoilt) <= allowed {
            best = Some((lead, i + 1, spoilt));
        }
    }
    best
}

/// The network with a pool, `head` and an exit that never stops behind layer `at`.
fn insert(graph: &Graph, at: usize, head: Head) -> Result<Graph, Error> {
    let mut out = graph.clone();
    let node = graph.nodes.get(at).ok_or(mote_model::Error::NoTensor {
        id: at,
        count: graph.nodes.len(),
    })?;
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
        // By lead: right, right, spoilt, mended, spoilt, spoilt.
        let mut decisions = [(5.0, 0), (4.0, 0), (3.0, 1), (2.0, -1), (1.0, 1), (0.5, 1)];
        assert_eq!(margin(&mut decisions, 0.0), Some((2.0, 4, 0)));
        assert_eq!(margin(&mut decisions, 0.2), Some((1.0, 5, 1)));
        assert_eq!(margin(&mut decisions, 0.5), Some((0.5, 6, 2)));
        // Of two with one lead none stops alone.
        let mut tied = [(1.0, 0), (1.0, 1)];
        assert_eq!(margin(&mut tied, 0.1), None);
    }
}
