//! Code-hierarchy flattening.
//!
//! The layer interpreter looks up an operator per layer and reads its shape from the model. It is replaced by generated
//! Rust code: one function per layer, called in turn. Every shape is a constant, so the compiler specialises the
//! kernels, and convolution, bias, requantization and activation are one pass. Outputs stay bit for bit the same. The
//! idea is the code hierarchy reduction of Katsaragakis et al. (ISCAS 2020), there for Python modules.

use crate::artifact::{Artifact, Context};
use crate::error::Error;
use crate::technique::{Change, Kind, Technique};
use mote_model::Backend;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Generated straight-line code with constant shapes instead of a layer interpreter.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Flatten {}

impl Technique for Flatten {
    const NAME: &'static str = "flatten";
    const KIND: Kind = Kind::System;

    fn apply(&self, artifact: &mut Artifact, _: &Context) -> Result<Change, Error> {
        Self::only_once(artifact.runtime.backend == Backend::Compiled)?;
        if artifact.graph.converts() {
            return Err(Self::impossible(
                "the network converts between f32 and int8, and compiled code is all of one type",
            ));
        }
        artifact.runtime = artifact.runtime.compiled();
        Ok(Change {
            technique: Self::NAME.to_owned(),
            lines: vec![format!(
                "{} layers become functions of their own with constant shapes",
                artifact.network()?.nodes.len()
            )],
        })
    }
}
