//! Code-hierarchy flattening.
//!
//! The layer interpreter, which looks up an operator per layer and reads its shape from the model, becomes
//! generated straight-line Rust: one function per layer, called in turn, every shape a constant, so that the
//! compiler specialises the kernels; convolution, bias, requantization and activation are one pass. Outputs stay
//! bit for bit the same. The idea is Katsaragakis et al.'s code hierarchy reduction (ISCAS 2020), taken from
//! Python modules to machine code.

use crate::{Artifact, Change, Context, Error, Kind, Options, Technique};
use mote_model::Backend;

/// See the [module's description](self).
pub struct Flatten;

impl Technique for Flatten {
    fn name(&self) -> &'static str {
        "flatten"
    }

    fn kind(&self) -> Kind {
        Kind::System
    }

    fn summary(&self) -> &'static str {
        "generated straight-line code with constant shapes instead of a layer interpreter"
    }

    fn apply(&self, artifact: &mut Artifact, _: &Options, _: &Context) -> Result<Change, Error> {
        self.once(artifact.runtime.backend == Backend::Compiled)?;
        if artifact.graph.converts() {
            return Err(Error::Impossible {
                technique: self.name(),
                why: "the network converts between f32 and int8, and compiled code is all of one type"
                    .into(),
            });
        }
        artifact.runtime = artifact.runtime.compiled();
        Ok(Change {
            technique: self.name().to_owned(),
            lines: vec![format!(
                "{} layers become functions of their own with constant shapes",
                artifact.network()?.nodes.len()
            )],
        })
    }
}
