//! Structured pruning: whole channels are removed, and the rest of the network is trained on.
//!
//! Channels are ranked by the L1 norm of their weights (Li et al. 2017, arXiv 1608.08710), by the scale of their batch
//! norm (Liu et al. 2017, arXiv 1708.06519), or by the first-order change of the loss without them (Molchanov et al.
//! 2017, arXiv 1611.06440), on windows of training users. They are removed four at a time, beginning with those that
//! matter least for their cost. The result has fewer channels and no masks.

use crate::artifact::{Artifact, Context};
use crate::error::Error;
use crate::technique::{Change, Kind, Technique};
use mote_model::blob::int8_bytes;
use mote_model::{Graph, Op};
use mote_train::{Cost, Criterion, PruneConfig, prune};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whole channels that matter least leave the network, and the rest trains on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PruneChannels {
    /// Share of the cost that is removed.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub share: f64,
    /// The cost: multiply-accumulates, parameters, or bytes of the int8 model.
    pub of: Cost,
    /// Bytes that the int8 model may take, instead of a share of a cost.
    #[schemars(range(min = 1))]
    pub bytes: Option<usize>,
    /// How channels are ranked.
    pub criterion: Criterion,
    /// Rounds of pruning and fine-tuning.
    #[schemars(range(min = 1))]
    pub steps: usize,
    /// Epochs of fine-tuning per round; 0 is none.
    pub epochs: usize,
    /// Highest learning rate of fine-tuning.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub rate: f64,
}

impl Default for PruneChannels {
    fn default() -> Self {
        let default = PruneConfig::default();
        Self {
            share: default.share,
            of: default.of,
            bytes: default.bytes,
            criterion: default.criterion,
            steps: default.steps,
            epochs: default.epochs,
            rate: default.learning_rate,
        }
    }
}

impl Technique for PruneChannels {
    const NAME: &'static str = "prune-channels";
    const KIND: Kind = Kind::Model;

    fn check(&self) -> Result<(), Error> {
        let default = Self::default();
        if self.bytes.is_some() && (self.share, self.of) != (default.share, default.of) {
            let what = "give `share` and `of`, or `bytes`, not both";
            return Err(Self::wrong_option("bytes", what));
        }
        Ok(())
    }

    fn apply(&self, artifact: &mut Artifact, context: &Context) -> Result<Change, Error> {
        let config = PruneConfig {
            share: self.share,
            of: self.of,
            bytes: self.bytes,
            criterion: self.criterion,
            steps: self.steps,
            epochs: self.epochs,
            learning_rate: self.rate,
        };
        let training = context.training(Self::NAME)?;
        let before = artifact.to_train_on(&training, Self::NAME)?;
        let pruned = training.run(Self::NAME, |hooks| {
            prune(before, training.job, training.config, &config, hooks)
        })?;
        let cost = match config.of {
            Cost::Mac => "MAC",
            Cost::Parameters => "parameters",
            Cost::Bytes => "bytes",
        };
        let goal = match config.bytes {
            Some(bytes) => format!("to {bytes} bytes as int8"),
            None => format!("{:.0} % of {cost}", config.share * 100.0),
        };
        let change = Change {
            technique: format!(
                "{} ({goal} by {:?}, {} x {} epochs)",
                Self::NAME,
                config.criterion,
                config.steps,
                config.epochs
            )
            .to_lowercase(),
            lines: describe(&before.graph, &pruned.graph)?,
        };
        artifact.graph = pruned.graph.clone();
        artifact.learnt_filter.clone_from(&pruned.filter);
        artifact.trained = Some(pruned);
        Ok(change)
    }
}

fn describe(before: &Graph, after: &Graph) -> Result<Vec<String>, Error> {
    let fewer = |name: &str, a: usize, b: usize| {
        let share = 100.0 * (1.0 - b as f64 / a.max(1) as f64);
        format!("{name} {a} -> {b} ({share:.0} % fewer)")
    };
    let mut lines = vec![
        fewer("MAC", before.macs(), after.macs()),
        fewer("parameters", before.parameters(), after.parameters()),
        fewer("bytes as int8", int8_bytes(before)?, int8_bytes(after)?),
    ];
    let nodes = before.nodes.iter().zip(&after.nodes);
    lines.extend(nodes.filter_map(|(a, b)| match (&a.op, &b.op) {
        (Op::Conv1d(a_conv), Op::Conv1d(b_conv)) => Some(format!(
            "`{}` has {} channels of {}",
            a.name, b_conv.out_channels, a_conv.out_channels
        )),
        _ => None,
    }));
    Ok(lines)
}
