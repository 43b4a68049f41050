//! How a generated pipeline holds and runs its network.

use crate::{Error, Graph, Plan, Strategy, plan};
use serde::{Deserialize, Serialize};

/// One switch per system-level technique, and paging; all off is the baseline. (Streaming is no switch: it is
/// written into the network, see [`crate::stream`].)
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
    /// Weights lie outside the image, in a storage that the application supplies, and pass through a window in RAM of
    /// so many bytes: page by page, each checked. Flat code only. It says nothing about the rest, so it is none of
    /// the sixteen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paged: Option<usize>,
    /// The window of paged weights is two halves: a page comes into one, if the storage can do that, while another is
    /// computed with. It says nothing where nothing is paged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub halved: bool,
}

impl Runtime {
    /// Everything off: boxed layers on a heap.
    pub const BASELINE: Self = Self {
        pruned: false,
        flat: false,
        lazy: false,
        planned: false,
        paged: None,
        halved: false,
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

    /// All sixteen combinations of the four switches, nothing paged.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..16u8).map(|bits| Self {
            pruned: bits & 1 != 0,
            flat: bits & 2 != 0,
            lazy: bits & 4 != 0,
            planned: bits & 8 != 0,
            ..Self::BASELINE
        })
    }

    /// How tensors share memory.
    pub const fn strategy(self) -> Strategy {
        match (self.planned, self.paged) {
            (false, _) => Strategy::KeepAll,
            (true, None) => Strategy::Overlap,
            // A convolution in tiles goes through its input several times.
            (true, Some(_)) => Strategy::InPlace,
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
