//! What flows through a pipeline, and what a technique may look at.

use mote_data::Windows;
use mote_model::{Graph, codegen::Flavour};

/// A network and how it runs.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// The network.
    pub graph: Graph,
    /// How its layers are called on the device.
    pub flavour: Flavour,
}

impl Artifact {
    /// The network as it was trained, run as a straight port of a Python program would: layers boxed on a heap, a
    /// buffer per tensor, constants copied to RAM.
    pub fn baseline(graph: Graph) -> Self {
        Self {
            graph,
            flavour: Flavour::Boxed,
        }
    }
}

/// The training side of one fold: all a technique may learn from. Test users are not in it.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// All windows of the task; only those indexed below may be read.
    pub windows: &'a Windows,
    /// Windows of the training users.
    pub train: &'a [usize],
    /// Seed of every choice made at random.
    pub seed: u64,
}
