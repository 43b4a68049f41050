//! How a generated pipeline holds and runs its network.
//!
//! System-level techniques change one property each, by the methods of [`Runtime`]:
//!
//! | technique | method | what changes |
//! |---|---|---|
//! | `static-pruning` | [`Runtime::pruned`] | operators: used; weights in RAM stay in flash |
//! | `flatten` | [`Runtime::compiled`] | back end: compiled |
//! | `lazy` | [`Runtime::lazy`] | initialization: lazy |
//! | `arena` | [`Runtime::planned`] | arena: planned; boxed layers give way to the interpreter |
//! | `paged` | [`Runtime::paged`] | weights: paged |
//!
//! (`stream` is none of them: it is written into the network, see [`crate::stream`].)

use crate::{Error, Graph, Plan, Strategy, plan};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What runs the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// One boxed object per layer, on a heap, as a straight port of a Python program has them.
    Boxed,
    /// The engine's interpreter over the model format.
    Interpreter,
    /// Generated code: one function per layer, in which every shape is a constant.
    Compiled,
}

/// Where weights lie while the pipeline runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightMemory {
    /// Copied to RAM when the pipeline is loaded.
    InRam,
    /// Read where they are in the image.
    InFlash,
    /// Outside the image, in a storage that the application supplies. Each page is read into RAM and checked before
    /// it is used.
    Paged {
        /// Bytes of RAM that pages pass through, at most.
        window: usize,
    },
}

/// How tensors share memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArenaLayout {
    /// Each tensor has memory of its own for the whole run.
    PerTensor,
    /// Tensors share one arena, planned by their lifetimes.
    Planned,
}

/// When the pipeline is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// When the application calls `init`.
    Eager,
    /// When a run first needs it.
    Lazy,
}

/// What the image contains beyond the network itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operators {
    /// Every operator is registered, and the class names are in the image, as in a program for any model. (Compiled
    /// code has no registry: there only the class names count.)
    All,
    /// The operators in use, and no class names.
    Used,
}

/// How a generated pipeline holds and runs its network. Some combinations cannot be: see [`Runtime::check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// What runs the layers.
    pub backend: Backend,
    /// Where weights lie.
    pub weights: WeightMemory,
    /// How tensors share memory.
    pub arena: ArenaLayout,
    /// When the pipeline is loaded.
    pub init: Init,
    /// What the image contains beyond the network.
    pub operators: Operators,
}

impl Runtime {
    /// No technique: boxed layers on a heap, weights copied to RAM, every operator registered.
    pub const BASELINE: Self = Self {
        backend: Backend::Boxed,
        weights: WeightMemory::InRam,
        arena: ArenaLayout::PerTensor,
        init: Init::Eager,
        operators: Operators::All,
    };

    /// The engine's interpreter over a model in flash and a planned arena.
    pub const INTERPRETER: Self = Self::BASELINE.pruned().planned();

    /// Compiled code over constants in flash and a planned arena.
    pub const COMPILED: Self = Self::INTERPRETER.compiled();

    /// Returns this runtime with only what the result depends on: operators in use, no class names, and weights that
    /// stay in flash instead of RAM.
    #[must_use]
    pub const fn pruned(self) -> Self {
        Self {
            operators: Operators::Used,
            weights: match self.weights {
                WeightMemory::InRam => WeightMemory::InFlash,
                other => other,
            },
            ..self
        }
    }

    /// Returns this runtime with compiled code.
    #[must_use]
    pub const fn compiled(self) -> Self {
        Self {
            backend: Backend::Compiled,
            ..self
        }
    }

    /// Returns this runtime, loaded when a run first needs it.
    #[must_use]
    pub const fn lazy(self) -> Self {
        Self {
            init: Init::Lazy,
            ..self
        }
    }

    /// Returns this runtime with one planned arena. Boxed layers, each of which allocates its output, give way to the
    /// interpreter.
    #[must_use]
    pub const fn planned(self) -> Self {
        Self {
            arena: ArenaLayout::Planned,
            backend: match self.backend {
                Backend::Boxed => Backend::Interpreter,
                other => other,
            },
            ..self
        }
    }

    /// Returns this runtime with weights outside the image that pass through `window` bytes of RAM.
    #[must_use]
    pub const fn paged(self, window: usize) -> Self {
        Self {
            weights: WeightMemory::Paged { window },
            ..self
        }
    }

    /// Returns the sixteen runtimes that [pruning](Runtime::pruned), [compiling](Runtime::compiled),
    /// [lazy loading](Runtime::lazy) and a [planned arena](Runtime::planned), each applied or not, make of the
    /// baseline.
    pub fn combinations() -> impl Iterator<Item = Self> {
        (0..16u8).map(|bits| {
            let mut runtime = Self::BASELINE;
            for (bit, apply) in [Self::pruned, Self::compiled, Self::lazy, Self::planned]
                .into_iter()
                .enumerate()
            {
                if bits >> bit & 1 == 1 {
                    runtime = apply(runtime);
                }
            }
            runtime
        })
    }

    /// Refuses combinations that cannot be generated.
    ///
    /// # Errors
    /// [`Error::Network`] that says what does not go together and what to do: boxed layers with a planned arena, and
    /// paged weights without compiled code.
    pub fn check(self) -> Result<(), Error> {
        let why = match (self.backend, self.weights, self.arena) {
            (Backend::Boxed, _, ArenaLayout::Planned) => {
                "boxed layers allocate their outputs, so that a planned arena would not be used; interpret or \
                 compile the network"
            }
            (Backend::Boxed | Backend::Interpreter, WeightMemory::Paged { .. }, _) => {
                "only compiled code pages its weights; name `flatten` before `paged`"
            }
            _ => return Ok(()),
        };
        Err(Error::network("runtime", why))
    }

    /// Returns how the planner lays out the tensors.
    pub const fn strategy(self) -> Strategy {
        match (self.arena, self.weights) {
            (ArenaLayout::PerTensor, _) => Strategy::KeepAll,
            // A convolution whose weights come in pages reads its input once per page.
            (ArenaLayout::Planned, WeightMemory::Paged { .. }) => Strategy::InPlace,
            (ArenaLayout::Planned, _) => Strategy::Overlap,
        }
    }

    /// Plans where the tensors of `graph` lie.
    ///
    /// # Errors
    /// As [`Runtime::check`] and [`plan`].
    pub fn plan(self, graph: &Graph) -> Result<Plan, Error> {
        self.check()?;
        plan(graph, self.strategy())
    }

    /// Returns whether the pipeline allocates.
    pub const fn has_heap(self) -> bool {
        matches!(self.backend, Backend::Boxed)
    }
}

impl fmt::Display for Runtime {
    /// Writes the properties in the order of the fields, as in `compiled/in-flash/planned/eager/used`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.backend {
            Backend::Boxed => "boxed",
            Backend::Interpreter => "interpreter",
            Backend::Compiled => "compiled",
        })?;
        match self.weights {
            WeightMemory::InRam => f.write_str("/in-ram")?,
            WeightMemory::InFlash => f.write_str("/in-flash")?,
            WeightMemory::Paged { window } => write!(f, "/paged-{window}")?,
        }
        f.write_str(match self.arena {
            ArenaLayout::PerTensor => "/per-tensor",
            ArenaLayout::Planned => "/planned",
        })?;
        f.write_str(match self.init {
            Init::Eager => "/eager",
            Init::Lazy => "/lazy",
        })?;
        f.write_str(match self.operators {
            Operators::All => "/all",
            Operators::Used => "/used",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn four_techniques_make_sixteen_runtimes_in_any_order() {
        let all: HashSet<Runtime> = Runtime::combinations().collect();
        assert_eq!(all.len(), 16);
        assert!(all.iter().all(|runtime| runtime.check().is_ok()));
        assert_eq!(
            Runtime::COMPILED,
            Runtime::BASELINE.planned().compiled().pruned()
        );
        let paged = Runtime::COMPILED.paged(256);
        assert_eq!(paged.pruned(), paged);
        assert_eq!(paged.to_string(), "compiled/paged-256/planned/eager/used");
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_a_sentence() {
        let boxed = Runtime {
            backend: Backend::Boxed,
            ..Runtime::INTERPRETER
        };
        let error = boxed.check().unwrap_err().to_string();
        assert!(error.contains("planned arena"), "{error}");
        for runtime in [Runtime::BASELINE, Runtime::INTERPRETER] {
            let paged = runtime.paged(1024);
            let graph = Graph::new("net", crate::Shape::new(4, 1));
            let error = paged.plan(&graph).unwrap_err().to_string();
            assert!(error.contains("`flatten`"), "{error}");
            assert!(paged.compiled().check().is_ok());
        }
    }
}
