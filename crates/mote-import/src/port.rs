//! What a model file says about its input and output, beyond the network.

use mote_model::Graph;

/// A network as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The network.
    pub graph: Graph,
    /// Its input in the file.
    pub input: Port,
    /// Its output in the file.
    pub output: Port,
}

/// An input or output of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Type of its elements.
    pub element: Element,
    /// Its dimensions, with a batch of one.
    pub dims: Vec<usize>,
    /// For each element of the graph's tensor, its place in the file's, row by row.
    pub order: Vec<usize>,
}

/// Type of an input's or output's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// 32-bit float.
    F32,
    /// int8.
    I8,
    /// uint8: the network's int8, 128 higher.
    U8,
}

impl Port {
    /// Brings `values` of the file's order into the graph's; bytes become signed.
    pub fn to_graph(&self, values: &[f32]) -> Vec<f32> {
        let lower = self.lower();
        let ordered = self.order.iter();
        ordered
            .map(|&i| values.get(i).copied().unwrap_or_default() - lower)
            .collect()
    }

    /// Brings `values` of the graph's order into the file's; the reverse of [`Port::to_graph`].
    pub fn to_file(&self, values: &[f32]) -> Vec<f32> {
        let lower = self.lower();
        let mut placed = vec![0.0; values.len()];
        for (&i, value) in self.order.iter().zip(values) {
            if let Some(slot) = placed.get_mut(i) {
                *slot = value + lower;
            }
        }
        placed
    }

    /// What the file's bytes are higher by.
    fn lower(&self) -> f32 {
        match self.element {
            Element::U8 => 128.0,
            Element::F32 | Element::I8 => 0.0,
        }
    }
}
