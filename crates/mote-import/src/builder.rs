//! The network an importer writes.

use mote_model::{Error, Graph, Node, Op, Shape, Tensor, TensorId};
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

    /// The network that ends in `output`, checked.
    pub fn finish(mut self, output: TensorId) -> Result<Graph, Error> {
        self.graph.output = output;
        remove_unused(&mut self.graph);
        self.graph.validate()?;
        Ok(self.graph)
    }
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
