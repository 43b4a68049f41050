//! Lazy loading: nothing is initialised, copied or computed before it is needed, and maybe never.
//!
//! The image checks its model and loads its layers when a run first reaches them. And the network gets an early
//! exit: a linear classifier on the pooled features of an inner layer, which ends the decision when its best
//! score leads by a margin. Layer and margin are chosen on training users: the classifier is fitted on three
//! quarters of them and the margin set on the rest, so that it saves most while no more accuracy is lost than
//! allowed. In a stream every layer moves on with every sample, and nothing is left for an exit to skip: there
//! the technique only defers loading. After BranchyNet (Teerapittayanon et al. 2016, arXiv 1709.01686), and the
//! "functionality and data supplied only when needed" of Katsaragakis et al. (J. Systems Architecture 142, 2023).

mod exit;
mod head;

use crate::{Artifact, Change, Context, Error, Kind, Options, Technique};
use exit::Chosen;
use mote_model::Init;

/// See the [module's description](self).
pub struct Lazy;

/// Share of all decisions that may become wrong, on training users.
const LOSS: f64 = 0.005;

impl Technique for Lazy {
    fn name(&self) -> &'static str {
        "lazy"
    }

    fn kind(&self) -> Kind {
        Kind::System
    }

    fn summary(&self) -> &'static str {
        "nothing is loaded or computed before it is needed; easy windows are decided by an early exit"
    }

    fn options(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "exit",
                "the layer behind which a decision may end, `auto` (default) or `none`",
            ),
            (
                "loss",
                "share of decisions on training users that the exit may spoil (default 0.005)",
            ),
            ("windows", "training windows looked at (default 3000)"),
        ]
    }

    fn apply(
        &self,
        artifact: &mut Artifact,
        options: &Options,
        context: &Context,
    ) -> Result<Change, Error> {
        self.once(artifact.runtime.init == Init::Lazy)?;
        let layer = options.get("exit", "auto".to_owned())?;
        let loss = options.get("loss", LOSS)?;
        let windows: usize = options.get("windows", 3000)?;
        if !(0.0..1.0).contains(&loss) {
            return Err(options.error("loss", format!("{loss} is not a share from 0 to below 1")));
        }
        artifact.runtime = artifact.runtime.lazy();
        let mut lines =
            vec!["the model is checked and loaded when a run first needs it".to_owned()];
        if artifact.stream.is_some() {
            lines.push(
                "no early exit: in a stream every layer moves on with every sample".to_owned(),
            );
        } else if layer != "none" {
            let total = artifact.graph.macs();
            match exit::choose(&artifact.graph, &layer, loss, windows, context)? {
                Some(chosen) => {
                    lines.push(describe(&chosen, total));
                    artifact.graph = chosen.graph;
                }
                None => lines.push(format!(
                    "no early exit: none saves work at a loss of {loss} on training users"
                )),
            }
        }
        Ok(Change {
            technique: self.name().to_owned(),
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
