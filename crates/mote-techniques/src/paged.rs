//! Dynamic loading: weights live outside the image and are paged through a small window in RAM.
//!
//! The image has the place and the CRC-32 of each page. Before a layer runs, its weights are read from the storage (a
//! serial flash chip, for example) into the window and checked. A layer that is too large for the window is computed a
//! few output channels at a time. Outputs stay bit for bit the same. A damaged or missing page is an error, never a
//! wrong answer. After the dynamic loading of Katsaragakis et al. (ISCAS 2020), there for Python modules.

use crate::artifact::{Artifact, Context};
use crate::error::Error;
use crate::technique::{Change, Kind, Technique};
use mote_codegen::paging;
use mote_model::{Backend, WeightMemory};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Weights outside the image, loaded page by page into a small window and checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Paged {
    /// Bytes of RAM through which weights are paged, at most.
    #[schemars(range(min = 1))]
    pub window: usize,
}

impl Default for Paged {
    fn default() -> Self {
        Self { window: 1024 }
    }
}

impl Technique for Paged {
    const NAME: &'static str = "paged";
    const KIND: Kind = Kind::Model;

    fn apply(&self, artifact: &mut Artifact, _: &Context) -> Result<Change, Error> {
        let runtime = artifact.runtime;
        Self::only_once(matches!(runtime.weights, WeightMemory::Paged { .. }))?;
        if runtime.backend != Backend::Compiled {
            return Err(Self::impossible(
                "only compiled code pages its weights; name `flatten` before it",
            ));
        }
        artifact.runtime = runtime.paged(self.window);
        let network = artifact.network()?;
        let lines = paging(&network, artifact.runtime)?
            .map(|p| {
                format!(
                    "{} bytes of weights move to an external storage, and come back in {} pages through {} bytes of RAM",
                    p.bytes, p.pages, p.window
                )
            })
            .into_iter()
            .collect();
        Ok(Change {
            technique: Self::NAME.to_owned(),
            lines,
        })
    }
}
