//! Structured pruning: whole channels leave the network, and the rest trains on.
//!
//! Channels are ranked by the L1 norm of their weights (Li et al. 2017, arXiv 1608.08710), by the scale of their batch
//! norm (Liu et al. 2017, arXiv 1708.06519), or by the first-order change of the loss without them (Molchanov et al.
//! 2017, arXiv 1611.06440), on windows of training users. They leave four at a time, those first that matter least
//! for what they cost. The network that is left has fewer channels and no masks.

use crate::{Artifact, Change, Context, Error, Kind, Options, Technique};
use mote_model::blob::int8_bytes;
use mote_model::{Graph, Op};
use mote_train::{Cost, PruneConfig, prune};

/// See the [module's description](self).
pub struct PruneChannels;

impl Technique for PruneChannels {
    fn name(&self) -> &'static str {
        "prune-channels"
    }

    fn kind(&self) -> Kind {
        Kind::Model
    }

    fn summary(&self) -> &'static str {
        "whole channels that matter least leave the network, and the rest trains on"
    }

    fn options(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("share", "share of the cost that goes (default 0.5)"),
            (
                "of",
                "the cost: mac (default), parameters, or bytes of the int8 model",
            ),
            (
                "bytes",
                "what the int8 model may take, instead of a share of a cost",
            ),
            (
                "criterion",
                "what makes a channel matter: taylor (default), l1 or bn",
            ),
            ("steps", "rounds of pruning and fine-tuning (default 1)"),
            (
                "epochs",
                "epochs of fine-tuning per round (default 20); 0 is none",
            ),
            (
                "rate",
                "highest learning rate of fine-tuning (default 0.004)",
            ),
        ]
    }

    fn apply(
        &self,
        artifact: &mut Artifact,
        options: &Options,
        context: &Context,
    ) -> Result<Change, Error> {
        let default = PruneConfig::default();
        let config = PruneConfig {
            share: options.get("share", default.share)?,
            of: options.get("of", default.of)?,
            bytes: options.find("bytes")?,
            criterion: options.get("criterion", default.criterion)?,
            steps: options.get("steps", default.steps)?,
            epochs: options.get("epochs", default.epochs)?,
            learning_rate: options.get("rate", default.learning_rate)?,
        };
        let training = context.training(self)?;
        let before = artifact.to_train_on(&training, self)?;
        let pruned = training.run(self, |hooks| {
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
                self.name(),
                config.criterion,
                config.steps,
                config.epochs
            )
            .to_lowercase(),
            lines: describe(&before.graph, &pruned.graph)?,
        };
        artifact.graph = pruned.graph.clone();
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
