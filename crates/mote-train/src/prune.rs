//! Structured pruning: whole channels are removed from a trained network, and the rest is trained on.
//!
//! Pruning removes output channels of blocks. A [`Criterion`] scores every channel, and scores are brought to one scale
//! per block. Channels leave in groups of four; the group with the lowest score for its cost leaves first. The result
//! is a smaller network of the same kind; nothing is masked.

mod cost;
mod criteria;
mod shrink;

pub use cost::Cost;
pub use criteria::Criterion;

use crate::Error;
use crate::config::TrainConfig;
use crate::job::{Hooks, Job};
use crate::network::Network;
use crate::run::Run;
use crate::state::State;
use crate::train::train_on;
use crate::trained::Trained;
use crate::training_set::TrainingSet;
use shrink::{resized, shrink};

/// Channels that leave a block together, and the fewest that stay: int8 kernels compute four channels at a time, so a
/// single one would cost nearly as much as four.
const GROUP: usize = 4;

/// How much is pruned, by what, and how the rest trains on.
#[derive(Debug, Clone, PartialEq)]
pub struct PruneConfig {
    /// Share of the cost that goes.
    pub share: f64,
    /// The cost.
    pub of: Cost,
    /// Bytes that the model may take once it is int8; then `share` and `of` do not count.
    pub bytes: Option<usize>,
    /// What makes a channel matter.
    pub criterion: Criterion,
    /// Rounds of pruning and fine-tuning. Each removes an equal part of the cost.
    pub steps: usize,
    /// Epochs of fine-tuning per round; none when 0.
    pub epochs: usize,
    /// Highest learning rate of fine-tuning.
    pub learning_rate: f64,
}

impl Default for PruneConfig {
    fn default() -> Self {
        Self {
            share: 0.5,
            of: Cost::Mac,
            bytes: None,
            criterion: Criterion::Taylor,
            steps: 1,
            epochs: 20,
            learning_rate: 4e-3,
        }
    }
}

impl PruneConfig {
    fn validate(&self) -> Result<(), Error> {
        if self.bytes.is_none() && !(self.share > 0.0 && self.share < 1.0) {
            return Err(Error::config(
                "share",
                format!("{} is not between 0 and 1", self.share),
            ));
        }
        if self.steps == 0 {
            return Err(Error::config("steps", "prune in at least one round"));
        }
        Ok(())
    }
}

/// Takes whole channels out of `trained` until `prune.share` of its cost is gone, or it fits `prune.bytes`, and trains
/// the rest on with the other settings of `config`. `job` and `config` are those that `trained` came from;
/// `config.network` is not used. The result repeats, and a stopped run resumes below `hooks.checkpoint`.
///
/// # Errors
/// [`Error::Config`] for settings that make no sense or a target that leaves a block without channels,
/// [`Error::Data`] when the windows do not fit the network, and errors of [`train()`](crate::train()).
pub fn prune(
    trained: &Trained,
    job: Job<'_>,
    config: &TrainConfig,
    prune: &PruneConfig,
    hooks: Hooks<'_>,
) -> Result<Trained, Error> {
    prune.validate()?;
    let of = match prune.bytes {
        Some(_) => Cost::Bytes,
        None => prune.of,
    };
    let whole = of.of(&trained.network)?;
    let goes = match prune.bytes {
        Some(bytes) => whole.saturating_sub(bytes) as f64,
        None => whole as f64 * prune.share,
    };
    let mut trained = trained.clone();
    if goes == 0.0 {
        return Ok(trained);
    }
    for step in 1..=prune.steps {
        let limit = whole as f64 - goes * step as f64 / prune.steps as f64;
        trained = round(&trained, (of, limit as usize), job, config, prune, hooks)?;
    }
    Ok(trained)
}

/// Prunes once: scores channels, shrinks the network to a cost of at most `limit`, and trains on.
fn round(
    trained: &Trained,
    (of, limit): (Cost, usize),
    job: Job<'_>,
    config: &TrainConfig,
    prune: &PruneConfig,
    hooks: Hooks<'_>,
) -> Result<Trained, Error> {
    let config = |network: &Network| TrainConfig {
        network: network.cnn.clone(),
        epochs: prune.epochs.max(1),
        learning_rate: prune.learning_rate,
        ..config.clone()
    };
    let before = config(&trained.network);
    let scores = criteria::scores(
        prune.criterion,
        &trained.network,
        &trained.snapshot,
        &TrainingSet::new(job, &before)?,
    )?;
    let kept = choose(&trained.network, &scores, of, limit)?;
    let (network, snapshot) = shrink(&trained.network, &trained.snapshot, &kept)?;
    let after = config(&network);
    let run = Run::new(job, &after)?;
    if prune.epochs == 0 {
        return run.finish(State::new(snapshot));
    }
    train_on(run, snapshot, hooks)
}

/// Returns the channels of each block to keep, ascending, so that the cost is `limit` or less. `scores` has one list
/// per block.
fn choose(
    network: &Network,
    scores: &[Vec<f32>],
    of: Cost,
    limit: usize,
) -> Result<Vec<Vec<usize>>, Error> {
    let mut order: Vec<Vec<usize>> = Vec::new();
    for scores in scores {
        let mut channels: Vec<usize> = (0..scores.len()).collect();
        channels.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        order.push(channels);
    }
    let mut widths: Vec<usize> = order.iter().map(Vec::len).collect();
    let mut now = of.of(network)?;
    while now > limit {
        let mut best: Option<(f64, usize, usize, usize)> = None;
        for (block, &width) in widths.iter().enumerate() {
            let group = if width % GROUP == 0 {
                GROUP
            } else {
                width % GROUP
            };
            let left = width - group;
            if left < GROUP {
                continue;
            }
            // As a share of the scores that are left in the block, so that its last channels weigh more.
            let sum = |channels: &[usize]| -> f64 {
                channels.iter().map(|&c| f64::from(scores[block][c])).sum()
            };
            let lost = sum(&order[block][left..width]) / sum(&order[block][..width]).max(1e-12);
            let mut widths = widths.clone();
            widths[block] = left;
            let then = of.of(&resized(network, &widths)?)?;
            let price = lost / (now - then) as f64;
            if best.is_none_or(|(least, ..)| price < least) {
                best = Some((price, block, left, then));
            }
        }
        let Some((_, block, left, then)) = best else {
            let (field, unit) = match of {
                Cost::Mac => ("share", "multiply-accumulates"),
                Cost::Parameters => ("share", "parameters"),
                Cost::Bytes => ("bytes", "bytes as int8"),
            };
            return Err(Error::config(
                field,
                format!(
                    "every block is down to {GROUP} channels or fewer, and {now} {unit} are left where {limit} should \
                     be: take less away"
                ),
            ));
        };
        widths[block] = left;
        now = then;
    }
    for (channels, &width) in order.iter_mut().zip(&widths) {
        channels.truncate(width);
        channels.sort_unstable();
    }
    Ok(order)
}

#[cfg(test)]
mod tests;
