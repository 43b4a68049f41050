//! What a network takes on a device, predicted without building firmware.
//!
//! Model and arena are exact: they come from the format writer and the planner. Cycles are a sum over layers, each a
//! linear function of what its kind of kernel does; code and stack are sums over the kinds of layers in use. The
//! coefficients are [measured](crate::Calibration).

use mote_device::board::Board;
use mote_device::energy::Budget;
use mote_model::stream::Schedule;
use mote_model::{Graph, Node, Op, PoolKind, Runtime, WeightMemory, blob};
use serde::{Deserialize, Serialize};

use crate::{Calibration, Figures};

/// What a layer costs by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Convolution over several taps and all channels.
    Conv,
    /// Convolution of one tap.
    Pointwise,
    /// Convolution channel by channel.
    Depthwise,
    /// Dense layer.
    Dense,
    /// Old steps in front of new ones.
    History,
    /// Global pool of a stream.
    WindowPool,
    /// Pool of a window.
    Pool,
    /// Any other operator: element by element.
    Other,
    /// What runs outside layers: conversion of samples, the loop over layers.
    Outside,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Conv,
        Self::Pointwise,
        Self::Depthwise,
        Self::Dense,
        Self::History,
        Self::WindowPool,
        Self::Pool,
        Self::Other,
        Self::Outside,
    ];

    /// The kind of an operator.
    pub fn of(op: &Op) -> Self {
        match op {
            Op::Conv1d(c) if c.groups > 1 => Self::Depthwise,
            Op::Conv1d(c) if c.kernel == 1 => Self::Pointwise,
            Op::Conv1d(_) => Self::Conv,
            Op::Dense(_) => Self::Dense,
            Op::History(_) => Self::History,
            Op::WindowPool(_) => Self::WindowPool,
            Op::Pool(p) if p.kind == PoolKind::Average => Self::Pool,
            _ => Self::Other,
        }
    }
}

/// What one layer does per decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Its kind.
    pub kind: Kind,
    /// Calls, rows, outputs, multiply-accumulates, and weights read: of convolutions and dense layers. Calls, elements
    /// in, elements out: of the rest.
    pub amounts: Vec<f64>,
}

/// What the layers of `graph` do per decision, and last what runs outside them.
pub fn work(graph: &Graph) -> Vec<Work> {
    let schedule = Schedule::of(graph);
    let every = schedule.map_or(1.0, |s| s.every as f64);
    let mut per_decision = every;
    let mut all = Vec::with_capacity(graph.nodes.len() + 1);
    let elements = |id: usize| graph.tensors.get(id).map_or(0, |t| t.shape.len()) as f64;
    for node in &graph.nodes {
        let (inputs, outputs) = (first_input(graph, node), elements(node.output));
        let each = match &node.op {
            Op::Conv1d(_) | Op::Dense(_) => {
                let rows = graph.tensors.get(node.output).map_or(1, |t| t.shape.time) as f64;
                let weights = node.op.weights().map_or(0, |w| w.len()) as f64;
                let macs = graph.node_macs(node) as f64;
                vec![1.0, rows, outputs, macs, weights]
            }
            // A pool of a stream writes once per decision.
            Op::WindowPool(_) => vec![1.0, inputs, outputs / every],
            Op::History(h) => {
                let new = inputs;
                let kept = h.keep as f64 * (new / rows_in(graph, node).max(1.0));
                vec![1.0, new, kept]
            }
            _ => vec![1.0, inputs, outputs],
        };
        all.push(Work {
            kind: Kind::of(&node.op),
            amounts: each.into_iter().map(|a| a * per_decision).collect(),
        });
        if matches!(node.op, Op::WindowPool(_)) {
            per_decision = 1.0;
        }
    }
    let layers = graph.nodes.len() as f64;
    all.push(Work {
        kind: Kind::Outside,
        amounts: vec![every, every * elements(graph.input), every * layers],
    });
    all
}

fn first_input(graph: &Graph, node: &Node) -> f64 {
    let tensor = node.inputs.first().and_then(|&i| graph.tensors.get(i));
    tensor.map_or(0, |t| t.shape.len()) as f64
}

fn rows_in(graph: &Graph, node: &Node) -> f64 {
    let tensor = node.inputs.first().and_then(|&i| graph.tensors.get(i));
    tensor.map_or(0, |t| t.shape.time) as f64
}

/// Layers of a kind, and whether there is one.
fn layers(graph: &Graph, of: impl Fn(&Op) -> bool) -> [f64; 2] {
    let count = graph.nodes.iter().filter(|n| of(&n.op)).count() as f64;
    [count, count.min(1.0)]
}

fn is_depthwise(op: &Op) -> bool {
    Kind::of(op) == Kind::Depthwise
}

fn is_padded(op: &Op) -> bool {
    matches!(op, Op::Conv1d(c) if c.padding != [0, 0])
}

/// What code is made of: a constant; layers that compute; for depthwise ones, padding and histories more.
pub(crate) fn code_amounts(graph: &Graph) -> Vec<f64> {
    let [computing, _] = layers(graph, |op| op.weights().is_some());
    let [depthwise, any_depthwise] = layers(graph, is_depthwise);
    let [padded, any_padded] = layers(graph, is_padded);
    let [histories, streamed] = layers(graph, |op| matches!(op, Op::History(_)));
    vec![
        1.0,
        computing,
        depthwise,
        any_depthwise,
        padded,
        any_padded,
        histories,
        streamed,
    ]
}

/// What statics are made of beyond the arena: a constant, and values of the input.
pub(crate) fn statics_amounts(graph: &Graph) -> Vec<f64> {
    let input = graph.tensors.get(graph.input);
    vec![1.0, input.map_or(0, |t| t.shape.len()) as f64]
}

/// What the stack is made of: a constant; more for depthwise layers, and for padding.
pub(crate) fn stack_amounts(graph: &Graph) -> Vec<f64> {
    vec![
        1.0,
        layers(graph, is_depthwise)[1],
        layers(graph, is_padded)[1],
    ]
}

/// What model bytes are made of beyond the format's: a constant, and layers.
pub(crate) fn model_amounts(graph: &Graph) -> Vec<f64> {
    vec![1.0, graph.nodes.len() as f64]
}

/// Bytes of the model format, and of the arena.
pub(crate) fn exact(graph: &Graph, runtime: Runtime) -> Result<(u64, u64), mote_model::Error> {
    let plan = runtime.plan(graph)?;
    let words = blob::to_words(graph, &plan)?;
    Ok((words.len() as u64 * 4, plan.arena as u64))
}

/// A prediction, by part. Bytes; cycles per decision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Flash beyond the model.
    pub flash_code: u64,
    /// Flash of the model.
    pub flash_model: u64,
    /// Statics: arena and what the runtime keeps beside it.
    pub ram_static: u64,
    /// Deepest stack.
    pub ram_stack: u64,
    /// Core cycles; `None` where no timing of the core is published.
    pub cycles: Option<u64>,
}

impl Prediction {
    /// The figures on `board` with a decision every `hop_s` seconds.
    pub fn figures(&self, board: &Board, hop_s: f64) -> Figures {
        let budget = Budget::new(board, self.cycles, Some(hop_s), None);
        Figures {
            flash: self.flash_code + self.flash_model,
            ram: self.ram_static + self.ram_stack,
            cycles: self.cycles,
            latency_ms: budget.latency_ms,
            energy_uj: budget.energy_uj,
            power_uw: budget.average_power_uw,
        }
    }
}

impl Calibration {
    /// What `graph`, held as `runtime` says, takes. Of a network with early exits it is the longest decision. Reading
    /// paged weights from their storage is not in it.
    ///
    /// # Errors
    /// When the planner or the format writer does not accept the network.
    pub fn predict(
        &self,
        graph: &Graph,
        runtime: Runtime,
    ) -> Result<Prediction, mote_model::Error> {
        let (bytes, arena) = exact(graph, runtime)?;
        let sum = |coefficients: &[f64], amounts: &[f64]| -> f64 {
            coefficients.iter().zip(amounts).map(|(c, a)| c * a).sum()
        };
        let cycles = self.cycles.as_ref().map(|per_kind| {
            let of = |work: &Work| {
                per_kind
                    .get(&work.kind)
                    .map_or(0.0, |c| sum(c, &work.amounts))
            };
            work(graph).iter().map(of).sum::<f64>().round() as u64
        });
        let whole = |value: f64| value.max(0.0).round() as u64;
        let model = bytes as f64 + sum(&self.model, &model_amounts(graph));
        // The storage holds what the window lets through.
        let (model, window) = match runtime.weights {
            WeightMemory::Paged { window, .. } => (model - graph_weights(graph), window as f64),
            WeightMemory::InRam | WeightMemory::InFlash => (model, 0.0),
        };
        Ok(Prediction {
            flash_code: whole(sum(&self.code, &code_amounts(graph))),
            flash_model: whole(model),
            ram_static: whole(arena as f64 + sum(&self.statics, &statics_amounts(graph)) + window),
            ram_stack: whole(sum(&self.stack, &stack_amounts(graph))),
            cycles,
        })
    }
}

/// Bytes of all weights.
fn graph_weights(graph: &Graph) -> f64 {
    graph.parameters() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Shapes, network};

    fn amounts(text: &str) -> Vec<Work> {
        let shapes = Shapes {
            rate_hz: 20.0,
            channels: 3,
            classes: 5,
        };
        work(&network(&text.parse().unwrap(), shapes).unwrap().0)
    }

    #[test]
    fn multiply_accumulates_are_counted_per_decision() {
        let window = amounts("window=3,net=c8k5s2-d16k3");
        // 60 samples, 28 steps, 26 steps.
        assert_eq!(window[0].kind, Kind::Conv);
        assert_eq!(window[0].amounts, [1.0, 28.0, 224.0, 3360.0, 128.0]);
        assert_eq!(window[1].kind, Kind::Depthwise);
        assert_eq!(window[1].amounts[3], 26.0 * 8.0 * 3.0);
        assert_eq!(window[2].kind, Kind::Pointwise);
        assert_eq!(window.last().unwrap().amounts, [1.0, 180.0, 5.0]);
    }

    #[test]
    fn a_stream_computes_new_samples_only_and_decides_once() {
        let stream = amounts("window=3,hop=1,net=c8k5s2-d16k3,run=stream");
        let of = |kind| stream.iter().find(|w| w.kind == kind).unwrap();
        // 20 new samples are 10 steps of the first layer, whatever the window.
        assert_eq!(of(Kind::Conv).amounts[3], 10.0 * 8.0 * 15.0);
        assert_eq!(of(Kind::Dense).amounts, [1.0, 1.0, 5.0, 80.0, 85.0]);
        assert_eq!(of(Kind::WindowPool).amounts[2], 16.0);
        // Ticks of four samples.
        assert_eq!(of(Kind::Outside).amounts[0], 5.0);
        assert_eq!(of(Kind::Outside).amounts[1], 60.0);
    }
}
