//! Structured pruning: whole channels leave a trained network, and what is left trains on.
//!
//! What is pruned are the outputs of blocks. A channel is scored by a [`Criterion`], scores are brought to one scale
//! per block, and channels leave in groups of four, those first that matter least for what they cost. The result is
//! a smaller network of the same kind; nothing is masked.

mod criteria;
mod shrink;

pub use criteria::Criterion;

use crate::Error;
use crate::checkpoint::State;
use crate::config::{CnnConfig, TrainConfig};
use crate::network::Network;
use crate::run::Run;
use crate::train::{Hooks, Job, Trained, train_on};
use std::str::FromStr;

/// Channels leave a block in groups of so many, and at least so many stay: int8 kernels compute four channels at a
/// time, so a lone one would cost nearly what four do.
const GROUP: usize = 4;

/// What a share is a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Multiply-accumulates per inference.
    Mac,
    /// Weights and biases of the network with norms folded in.
    Parameters,
}

impl FromStr for Cost {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "mac" => Ok(Self::Mac),
            "parameters" => Ok(Self::Parameters),
            _ => Err(Error::config("of", "the costs are mac and parameters")),
        }
    }
}

/// How much is pruned, by what, and how the rest trains on.
#[derive(Debug, Clone, PartialEq)]
pub struct PruneConfig {
    /// Share of the cost that goes.
    pub share: f64,
    /// The cost.
    pub of: Cost,
    /// What makes a channel matter.
    pub criterion: Criterion,
    /// Rounds of pruning and fine-tuning, each of which takes an equal part of the share.
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
            criterion: Criterion::Taylor,
            steps: 1,
            epochs: 20,
            learning_rate: 4e-3,
        }
    }
}

impl PruneConfig {
    fn validate(&self) -> Result<(), Error> {
        if !(self.share > 0.0 && self.share < 1.0) {
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

/// Takes whole channels out of `trained` until `prune.share` of its cost is gone, and trains the rest on with the
/// other settings of `config`. `job` and `config` are those that `trained` came from; `config.network` is not looked
/// at. The result repeats, and a stopped run resumes below `hooks.checkpoint`.
///
/// # Errors
/// [`Error::Config`] for settings that make no sense or a share that leaves a block without channels,
/// [`Error::Data`] when the windows do not fit the network, and errors of [`train()`](crate::train()).
pub fn prune(
    trained: &Trained,
    job: Job<'_>,
    config: &TrainConfig,
    prune: &PruneConfig,
    hooks: Hooks<'_>,
) -> Result<Trained, Error> {
    prune.validate()?;
    let whole = cost(&trained.network, prune.of);
    let mut trained = trained.clone();
    for step in 1..=prune.steps {
        let left = 1.0 - prune.share * step as f64 / prune.steps as f64;
        let limit = (whole as f64 * left) as usize;
        trained = round(&trained, limit, job, config, prune, hooks)?;
    }
    Ok(trained)
}

/// One round: scores, shrinks to at most `limit`, trains on.
fn round(
    trained: &Trained,
    limit: usize,
    job: Job<'_>,
    config: &TrainConfig,
    prune: &PruneConfig,
    hooks: Hooks<'_>,
) -> Result<Trained, Error> {
    let config = |network: &Network| TrainConfig {
        network: network.config.clone(),
        epochs: prune.epochs.max(1),
        learning_rate: prune.learning_rate,
        ..config.clone()
    };
    let before = config(&trained.network);
    let scores = criteria::scores(
        prune.criterion,
        &trained.network,
        &trained.snapshot,
        &Run::new(job, &before)?,
    )?;
    let kept = choose(&trained.network, &scores, prune.of, limit)?;
    let (network, snapshot) = shrink::shrink(&trained.network, &trained.snapshot, &kept)?;
    let after = config(&network);
    let run = Run::new(job, &after)?;
    if prune.epochs == 0 {
        return run.finish(State::new(snapshot));
    }
    train_on(run, snapshot, hooks)
}

/// Multiply-accumulates or parameters of `network`, as [`mote_model::Graph`] counts them.
fn cost(network: &Network, of: Cost) -> usize {
    let layers = network.layers.iter().map(|l| {
        let fan_in = l.slide.kernel * if l.depthwise { 1 } else { l.channels_in };
        l.channels_out
            * match of {
                Cost::Mac => l.slide.time_out * fan_in,
                Cost::Parameters => fan_in + 1,
            }
    });
    let head = match of {
        Cost::Mac => network.features() * network.classes,
        Cost::Parameters => (network.features() + 1) * network.classes,
    };
    layers.sum::<usize>() + head
}

/// `network` with blocks of other widths.
fn resized(network: &Network, widths: &[usize]) -> Result<Network, Error> {
    let mut config: CnnConfig = network.config.clone();
    for (block, &width) in config.blocks.iter_mut().zip(widths) {
        block.channels = width;
    }
    Network::new(&config, network.input, network.classes)
}

/// The channels of each block to keep, ascending, so that the cost is `limit` or less. `scores` has one list per
/// block.
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
    let mut now = cost(network, of);
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
            // What goes, as a share of all that is left of the block: the last channels are dear.
            let sum = |channels: &[usize]| -> f64 {
                channels.iter().map(|&c| f64::from(scores[block][c])).sum()
            };
            let lost = sum(&order[block][left..width]) / sum(&order[block][..width]).max(1e-12);
            let mut widths = widths.clone();
            widths[block] = left;
            let then = cost(&resized(network, &widths)?, of);
            let price = lost / (now - then) as f64;
            if best.is_none_or(|(least, ..)| price < least) {
                best = Some((price, block, left, then));
            }
        }
        let Some((_, block, left, then)) = best else {
            return Err(Error::config(
                "share",
                format!(
                    "every block is down to {GROUP} channels or fewer, and {now} of the cost is left where {limit} \
                     should be: take less"
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
