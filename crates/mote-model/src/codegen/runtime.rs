//! How a generated pipeline holds and runs its network.

use crate::{Error, Graph, Plan, Strategy, plan};
use serde::{Deserialize, Serialize};

/// One switch per system-level technique; all off is the baseline. (Streaming is no switch: it is written into
/// the network, see [`crate::stream`].)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Runtime {
    /// Only what the result depends on: the operators in use, and constants that stay in flash. Otherwise every
    /// operator is registered, labels are included and the weights are copied to RAM.
    pub pruned: bool,
    /// One function per layer, called in turn, with every shape a constant, instead of an interpreter.
    pub flat: bool,
    /// Nothing is checked, copied or allocated before it is first needed.
    pub lazy: bool,
    /// Tensors share one arena, planned by their lifetimes. Otherwise each has a buffer of its own for the whole
    /// run: on a heap when the network is interpreted.
    pub planned: bool,
}

impl Runtime {
    /// Everything off: boxed layers on a heap.
    pub const BASELINE: Self = Self {
        pruned: false,
        flat: false,
        lazy: false,
        planned: false,
    };

    /// The engine's interpreter over a model in flash and a planned arena.
    pub const INTERPRETER: Self = Self {
        pruned: true,
        planned: true,
        ..Self::BASELINE
    };

    /// Generated code over constants in flash and a planned arena.
    pub const FLAT: Self = Self {
        flat: true,
        ..Self::INTERPRETER
    };

    /// All sixteen combinations.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..16u8).map(|bits| Self {
            pruned: bits & 1 != 0,
            flat: bits & 2 != 0,
            lazy: bits & 4 != 0,
            planned: bits & 8 != 0,
        })
    }

    /// How tensors share memory.
    pub const fn strategy(self) -> Strategy {
        if self.planned {
            Strategy::Overlap
        } else {
            Strategy::KeepAll
        }
    }

    /// Where the tensors of `graph` lie.
    ///
    /// # Errors
    /// As [`plan`].
    pub fn plan(self, graph: &Graph) -> Result<Plan, Error> {
        plan(graph, self.strategy())
    }

    /// Whether the pipeline allocates.
    pub const fn has_heap(self) -> bool {
        !self.flat && !self.planned
    }
}
