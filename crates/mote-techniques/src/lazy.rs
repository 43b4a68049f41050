//! Lazy loading: nothing is initialised, copied or computed before it is needed.
//!
//! The image checks its model and loads its layers when a run first reaches them. The network gets an early exit: a
//! linear classifier on the pooled features of an inner layer, which ends the decision when its best score leads by a
//! margin. Layer and margin are chosen on training users. The classifier is fitted on three quarters of them, and the
//! margin is set on the rest, so that it saves most work while no more accuracy is lost than allowed.
//!
//! In a stream every layer processes every sample, so an exit would save nothing: there the technique only defers
//! loading. After BranchyNet (Teerapittayanon et al. 2016, arXiv 1709.01686), and the "functionality and data supplied
//! only when needed" of Katsaragakis et al. (J. Systems Architecture 142, 2023).

mod exit;
mod head;

use crate::artifact::{Artifact, Context};
use crate::error::Error;
use crate::technique::{Change, Kind, Technique};
use exit::Chosen;
pub use exit::ExitLayer;
use mote_model::Init;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Nothing is loaded or computed before it is needed; easy windows are decided by an early exit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lazy {
    /// Layer behind which a decision may end, `auto` for the layer that saves most, or `none`.
    pub exit: ExitLayer,
    /// Share of the decisions on training users that the exit may make wrong.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub loss: f64,
    /// Training windows that are used.
    #[schemars(range(min = 1))]
    pub windows: usize,
}

impl Default for Lazy {
    fn default() -> Self {
        Self {
            exit: ExitLayer::Auto,
            loss: 0.005,
            windows: 3000,
        }
    }
}

impl Technique for Lazy {
    const NAME: &'static str = exit::NAME;
    const KIND: Kind = Kind::System;

    fn apply(&self, artifact: &mut Artifact, context: &Context) -> Result<Change, Error> {
        Self::only_once(artifact.runtime.init == Init::Lazy)?;
        artifact.runtime = artifact.runtime.lazy();
        let mut lines =
            vec!["the model is checked and loaded when a run first needs it".to_owned()];
        if artifact.stream.is_some() {
            lines.push(
                "no early exit: in a stream every layer moves on with every sample".to_owned(),
            );
        } else if self.exit != ExitLayer::None {
            let total = artifact.graph.macs();
            match exit::choose(
                &artifact.graph,
                &self.exit,
                self.loss,
                self.windows,
                context,
            )? {
                Some(chosen) => {
                    lines.push(describe(&chosen, total));
                    artifact.graph = chosen.graph;
                }
                None => lines.push(format!(
                    "no early exit: none saves work at a loss of {} on training users",
                    self.loss
                )),
            }
        }
        Ok(Change {
            technique: Self::NAME.to_owned(),
            lines,
        })
    }
}

fn describe(chosen: &Chosen, total: usize) -> String {
    format!(
        "behind `{}` an exit decides {:.0} % of the windows of training users it was not fitted on, with {} of {total} MAC, and spoils {:.2} % of all decisions",
        chosen.layer,
        chosen.share * 100.0,
        chosen.macs,
        chosen.loss * 100.0
    )
}
