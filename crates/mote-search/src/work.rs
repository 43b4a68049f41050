//! What a network does and holds, as amounts in which costs are linear: per layer for cycles, in total for memory.

use mote_model::stream::Schedule;
use mote_model::{Graph, Op, PoolKind, Runtime, blob};
use serde::{Deserialize, Serialize};

/// Kinds of layers that differ in what an amount of work costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerKind {
    /// Convolution over several taps and all channels.
    Conv,
    /// Convolution of one tap.
    Pointwise,
    /// Convolution channel by channel.
    Depthwise,
    /// Dense layer.
    Dense,
    /// Delay line: old steps in front of new ones.
    History,
    /// Global pool of a stream.
    WindowPool,
    /// Pool of a window.
    Pool,
    /// Any other operator, which goes element by element.
    Other,
    /// What runs outside layers: the conversion of samples, and the loop over layers.
    Outside,
}

impl LayerKind {
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

    /// Returns the kind of an operator.
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
    pub kind: LayerKind,
    /// For convolutions and dense layers: calls, rows, outputs, multiply-accumulates, and weights read. For the others:
    /// calls, elements in, elements out.
    pub amounts: Vec<f64>,
}

/// Returns the work of each layer of `graph` per decision, and of what runs outside layers at the end.
pub fn work(graph: &Graph) -> Vec<Work> {
    let schedule = Schedule::of(graph);
    let every = schedule.map_or(1.0, |s| s.every as f64);
    let mut per_decision = every;
    let mut all = Vec::with_capacity(graph.nodes.len() + 1);
    let elements = |id: usize| graph.tensors[id].shape.len() as f64;
    for node in &graph.nodes {
        let input = graph.tensors[node.inputs[0]].shape;
        let (inputs, outputs) = (input.len() as f64, elements(node.output));
        let each = match &node.op {
            Op::Conv1d(_) | Op::Dense(_) => {
                let rows = graph.tensors[node.output].shape.time as f64;
                let weights = node.op.weights().map_or(0, |w| w.len()) as f64;
                let macs = graph.node_macs(node) as f64;
                vec![1.0, rows, outputs, macs, weights]
            }
            // A pool of a stream writes once per decision.
            Op::WindowPool(_) => vec![1.0, inputs, outputs / every],
            Op::History(h) => {
                let new = inputs;
                let kept = (h.keep * input.channels) as f64;
                vec![1.0, new, kept]
            }
            _ => vec![1.0, inputs, outputs],
        };
        all.push(Work {
            kind: LayerKind::of(&node.op),
            amounts: each.into_iter().map(|a| a * per_decision).collect(),
        });
        if matches!(node.op, Op::WindowPool(_)) {
            per_decision = 1.0;
        }
    }
    let layers = graph.nodes.len() as f64;
    all.push(Work {
        kind: LayerKind::Outside,
        amounts: vec![every, every * elements(graph.input), every * layers],
    });
    all
}

/// Counts the layers for which `of` holds; the second number is 1 if there are any.
fn layers(graph: &Graph, of: impl Fn(&Op) -> bool) -> [f64; 2] {
    let count = graph.nodes.iter().filter(|n| of(&n.op)).count() as f64;
    [count, count.min(1.0)]
}

fn is_depthwise(op: &Op) -> bool {
    LayerKind::of(op) == LayerKind::Depthwise
}

fn is_padded(op: &Op) -> bool {
    matches!(op, Op::Conv1d(c) if c.padding != [0, 0])
}

/// Returns what code size is linear in: a constant, layers that compute, depthwise layers, padded layers, and
/// histories.
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

/// Returns what the size of statics beyond the arena is linear in: a constant, and values of the input.
pub(crate) fn statics_amounts(graph: &Graph) -> Vec<f64> {
    vec![1.0, graph.tensors[graph.input].shape.len() as f64]
}

/// Returns what stack size is linear in: a constant, and whether there are depthwise and padded layers.
pub(crate) fn stack_amounts(graph: &Graph) -> Vec<f64> {
    vec![
        1.0,
        layers(graph, is_depthwise)[1],
        layers(graph, is_padded)[1],
    ]
}

/// Returns what model size beyond the format is linear in: a constant, and layers.
pub(crate) fn model_amounts(graph: &Graph) -> Vec<f64> {
    vec![1.0, graph.nodes.len() as f64]
}

/// Returns the bytes of the model and of the arena.
pub(crate) fn exact(graph: &Graph, runtime: Runtime) -> Result<(u64, u64), mote_model::Error> {
    let plan = runtime.plan(graph)?;
    let words = blob::to_words(graph, &plan)?;
    Ok((words.len() as u64 * 4, plan.arena as u64))
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
        assert_eq!(window[0].kind, LayerKind::Conv);
        assert_eq!(window[0].amounts, [1.0, 28.0, 224.0, 3360.0, 128.0]);
        assert_eq!(window[1].kind, LayerKind::Depthwise);
        assert_eq!(window[1].amounts[3], 26.0 * 8.0 * 3.0);
        assert_eq!(window[2].kind, LayerKind::Pointwise);
        assert_eq!(window.last().unwrap().amounts, [1.0, 180.0, 5.0]);
    }

    #[test]
    fn a_stream_computes_new_samples_only_and_decides_once() {
        let stream = amounts("window=3,hop=1,net=c8k5s2-d16k3,run=stream");
        let of = |kind| stream.iter().find(|w| w.kind == kind).unwrap();
        // 20 new samples are 10 steps of the first layer, whatever the window.
        assert_eq!(of(LayerKind::Conv).amounts[3], 10.0 * 8.0 * 15.0);
        assert_eq!(of(LayerKind::Dense).amounts, [1.0, 1.0, 5.0, 80.0, 85.0]);
        assert_eq!(of(LayerKind::WindowPool).amounts[2], 16.0);
        // Ticks of four samples.
        assert_eq!(of(LayerKind::Outside).amounts[0], 5.0);
        assert_eq!(of(LayerKind::Outside).amounts[1], 60.0);
    }
}
