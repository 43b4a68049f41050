//! The network an importer writes.

use mote_model::{Activation, Conv1d, Error, Graph, Node, Op, Shape, Tensor, TensorId, Weights};
use std::collections::{HashMap, HashSet};

/// A graph with names for its nodes.
pub(super) struct Builder {
    pub graph: Graph,
    /// Nodes so far per operator name.
    counts: HashMap<&'static str, usize>,
}

impl Builder {
    /// A network without layers, whose input is still to be given.
    pub fn new(name: &str) -> Self {
        Self {
            graph: Graph::new(name, Shape::new(1, 1)),
            counts: HashMap::new(),
        }
    }

    /// Adds a node that writes a new tensor.
    pub fn node(&mut self, op: Op, inputs: Vec<TensorId>, tensor: Tensor) -> TensorId {
        let output = self.graph.tensors.len();
        self.graph.tensors.push(tensor);
        let count = self.counts.entry(op.name()).or_default();
        *count += 1;
        let name = format!("{}_{count}", op.name());
        self.graph.nodes.push(Node {
            name,
            op,
            inputs,
            output,
        });
        output
    }

    /// Gives the input another shape, which is free as long as no layer reads it: the caller fills it row by row,
    /// whatever it is called. Whether that was possible.
    pub fn reshape_input(&mut self, tensor: TensorId, shape: Shape) -> bool {
        let mut nodes = self.graph.nodes.iter();
        let unread = nodes.all(|n| !n.inputs.contains(&tensor));
        match self.graph.tensors.get_mut(tensor) {
            Some(input) if tensor == self.graph.input && unread => input.shape = shape,
            _ => return false,
        }
        true
    }

    /// Cuts steps off both ends of `tensor`, which nobody has read yet: its convolution, behind element-wise layers perhaps,
    /// is padded with that much less, or the last of its outputs are not computed. Whether that was possible.
    pub fn cut(&mut self, tensor: TensorId, [before, after]: [usize; 2], shape: Shape) -> bool {
        let mut at = tensor;
        let mut passed = Vec::new();
        loop {
            let readers = self.graph.nodes.iter().filter(|n| n.inputs.contains(&at));
            if readers.count() > passed.len().min(1) {
                return false;
            }
            let Some(index) = self.graph.nodes.iter().position(|n| n.output == at) else {
                return false;
            };
            let Some(node) = self.graph.nodes.get_mut(index) else {
                return false;
            };
            passed.push((at, node.output));
            match &mut node.op {
                Op::Conv1d(conv) if conv.stride == 1 => {
                    let span = (conv.kernel - 1) * conv.dilation;
                    let [first, last] = &mut conv.padding;
                    if *first < before || *last < after || span < before.max(after) {
                        return false;
                    }
                    *first -= before;
                    *last -= after;
                    break;
                }
                Op::Activation(_) | Op::LeakyRelu(_) | Op::Function(_) => {
                    at = node.inputs.first().copied().unwrap_or(at);
                }
                _ => return false,
            }
        }
        for (tensor, _) in passed {
            if let Some(tensor) = self.graph.tensors.get_mut(tensor) {
                tensor.shape = Shape::new(shape.time, tensor.shape.channels);
            }
        }
        true
    }

    /// Adds the f32 `tensor` times `factor`.
    pub fn scaled(&mut self, tensor: TensorId, factor: f32) -> Result<TensorId, Error> {
        let result = self.graph.tensor(tensor)?.clone();
        let channels = result.shape.channels;
        let conv = Conv1d {
            out_channels: channels,
            kernel: 1,
            stride: 1,
            dilation: 1,
            padding: [0, 0],
            groups: channels,
            activation: Activation::None,
            weights: Weights::F32 {
                weights: vec![factor; channels],
                bias: vec![0.0; channels],
            },
        };
        Ok(self.node(Op::Conv1d(conv), vec![tensor], result))
    }

    /// Adds what takes `kept` steps of `tensor` from `start` on: depthwise convolutions of two taps, one of them zero, which
    /// is exact. `None` when more steps are left out than a dilation may be.
    pub fn slice(&mut self, tensor: TensorId, start: usize, kept: usize) -> Option<TensorId> {
        let Tensor { shape, quant } = *self.graph.tensor(tensor).ok()?;
        let Shape { mut time, channels } = shape;
        let behind = time.checked_sub(start.checked_add(kept)?)?;
        let mut tensor = tensor;
        for (left_out, taps) in [(start, [0i8, 1]), (behind, [1, 0])] {
            if left_out == 0 {
                continue;
            }
            if left_out > 255 {
                return None;
            }
            time -= left_out;
            let count = channels * 2;
            let taps = taps.iter().cycle().take(count);
            let weights = match quant {
                None => Weights::F32 {
                    weights: taps.map(|&t| f32::from(t)).collect(),
                    bias: vec![0.0; channels],
                },
                // Of 1, but factors are below one.
                Some(_) => Weights::I8 {
                    weights: taps.map(|t| 64 * t).collect(),
                    bits: 8,
                    scales: vec![1.0 / 64.0; channels],
                    bias: vec![0; channels],
                },
            };
            let conv = Conv1d {
                out_channels: channels,
                kernel: 2,
                stride: 1,
                dilation: left_out,
                padding: [0, 0],
                groups: channels,
                activation: Activation::None,
                weights,
            };
            let result = Tensor {
                shape: Shape::new(time, channels),
                quant,
            };
            tensor = self.node(Op::Conv1d(conv), vec![tensor], result);
        }
        Some(tensor)
    }

    /// Changes the layer that writes `tensor` so that it writes `x * factor + shift` per channel, then the clamp: if it is an
    /// f32 layer with weights and without a clamp, and `readers`, who read the tensor, are one. Whether it did.
    pub fn fold_affine(
        &mut self,
        tensor: TensorId,
        readers: usize,
        factors: &[f32],
        shifts: &[f32],
        activation: Activation,
    ) -> bool {
        let mut nodes = self.graph.nodes.iter_mut();
        let last = nodes.find(|n| n.output == tensor).filter(|_| readers == 1);
        let (weights, own) = match last.map(|n| &mut n.op) {
            Some(Op::Conv1d(c)) => (&mut c.weights, &mut c.activation),
            Some(Op::Conv2d(c)) => (&mut c.weights, &mut c.activation),
            Some(Op::Dense(d)) => (&mut d.weights, &mut d.activation),
            _ => return false,
        };
        let Weights::F32 { weights, bias } = weights else {
            return false;
        };
        let fits = !factors.is_empty() && bias.len().is_multiple_of(factors.len());
        if *own != Activation::None || !fits {
            return false;
        }
        *own = activation;
        let each = (weights.len() / bias.len().max(1)).max(1);
        let pairs = factors.iter().zip(shifts).cycle();
        for ((row, b), (f, s)) in weights.chunks_mut(each).zip(bias).zip(pairs) {
            row.iter_mut().for_each(|w| *w *= f);
            *b = *b * f + s;
        }
        true
    }

    /// The network that ends in `output`, checked.
    pub fn finish(mut self, output: TensorId) -> Result<Graph, Error> {
        self.graph.output = output;
        remove_unused(&mut self.graph);
        self.graph.validate()?;
        Ok(self.graph)
    }
}

/// Returns `graph` without the conversion of its f32 input to int8, and without that of its int8 output to f32: a front end,
/// which makes int8 of samples, and whoever reads the scores do without.
pub fn without_conversions(mut graph: Graph) -> Graph {
    let reads = |graph: &Graph, id: TensorId| {
        let nodes = graph.nodes.iter().enumerate();
        let readers = nodes.filter(|(_, n)| n.inputs.contains(&id));
        readers.map(|(i, _)| i).collect::<Vec<_>>()
    };
    if let [first] = reads(&graph, graph.input).as_slice()
        && graph
            .nodes
            .get(*first)
            .is_some_and(|n| n.op == Op::Quantize)
    {
        graph.input = graph.nodes.remove(*first).output;
    }
    let last = graph.nodes.iter().find(|n| n.output == graph.output);
    if let Some(last) = last.filter(|n| n.op == Op::Dequantize) {
        graph.output = last.inputs.first().copied().unwrap_or(graph.output);
    }
    remove_unused(&mut graph);
    graph
}

/// Drops nodes whose result nobody reads, and all tensors that no node touches.
fn remove_unused(graph: &mut Graph) {
    let mut used = HashSet::from([graph.input, graph.output]);
    let mut kept = Vec::new();
    for node in graph.nodes.drain(..).rev() {
        if used.contains(&node.output) {
            used.extend(node.inputs.iter().copied());
            kept.push(node);
        }
    }
    kept.reverse();
    graph.nodes = kept;
    let mut new_ids = vec![0; graph.tensors.len()];
    let mut tensors = Vec::new();
    for (id, tensor) in graph.tensors.drain(..).enumerate() {
        if let (true, Some(slot)) = (used.contains(&id), new_ids.get_mut(id)) {
            *slot = tensors.len();
            tensors.push(tensor);
        }
    }
    graph.tensors = tensors;
    let new = |id: TensorId| new_ids.get(id).copied().unwrap_or(id);
    for node in &mut graph.nodes {
        node.output = new(node.output);
        for input in &mut node.inputs {
            *input = new(*input);
        }
    }
    (graph.input, graph.output) = (new(graph.input), new(graph.output));
}
