//! Structured pruning: whole channels leave a trained network, and what is left trains on.
//!
//! What is pruned are the outputs of blocks. A channel is scored by a [`Criterion`], scores are brought to one scale
//! per block, and channels leave in groups of four, those first that matter least for what they cost. The result is
//! a smaller network of the same kind; nothing is masked.

mod criteria;
mod shrink;

pub use criteria::Criterion;

use crate::checkpoint::State;
use crate::config::{CnnConfig, TrainConfig};
use crate::network::Network;
use crate::run::Run;
use crate::train::{Hooks, Job, Trained, train_on};
use crate::{Error, export};
use mote_model::Frontend;
use mote_model::blob::int8_bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Channels leave a block in groups of so many, and at least so many stay: int8 kernels compute four channels at a
/// time, so a lone one would cost nearly what four do.
const GROUP: usize = 4;

/// What a share is a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cost {
    /// Multiply-accumulates per inference.
    Mac,
    /// Weights and biases of the network with norms folded in.
    Parameters,
    /// Bytes of the model once `int8` has quantized it.
    Bytes,
}

impl FromStr for Cost {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "mac" => Ok(Self::Mac),
            "parameters" => Ok(Self::Parameters),
            "bytes" => Ok(Self::Bytes),
            _ => Err(Error::config(
                "of",
                "the costs are mac, parameters and bytes",
            )),
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
    /// Bytes that the model may take once it is int8; then `share` and `of` do not count.
    pub bytes: Option<usize>,
    /// What makes a channel matter.
    pub criterion: Criterion,
    /// Rounds of pruning and fine-tuning, each of which takes an equal part of what is to go.
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
/// the rest on with the other settings of `config`. `job` and `config` are those that `trained` came from; `config.network` is not looked
/// at. The result repeats, and a stopped run resumes below `hooks.checkpoint`.
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
    let whole = cost(&trained.network, of)?;
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

/// One round: scores, shrinks to a cost of at most `limit`, trains on.
fn round(
    trained: &Trained,
    (of, limit): (Cost, usize),
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
    let kept = choose(&trained.network, &scores, of, limit)?;
    let (network, snapshot) = shrink::shrink(&trained.network, &trained.snapshot, &kept)?;
    let after = config(&network);
    let run = Run::new(job, &after)?;
    if prune.epochs == 0 {
        return run.finish(State::new(snapshot));
    }
    train_on(run, snapshot, hooks)
}

/// What `network` costs, as [`mote_model`] counts it.
fn cost(network: &Network, of: Cost) -> Result<usize, Error> {
    match of {
        Cost::Mac => Ok(counted(network, |time, fan_in| time * fan_in)),
        Cost::Parameters => Ok(counted(network, |_, fan_in| fan_in + 1)),
        Cost::Bytes => bytes(network),
    }
}

/// The sum over all output channels of what each counts, given its time steps and what it sums up per step.
fn counted(network: &Network, per_channel: impl Fn(usize, usize) -> usize) -> usize {
    let layers = network.layers.iter().map(|l| {
        let fan_in = l.slide.kernel * if l.depthwise { 1 } else { l.channels_in };
        l.channels_out * per_channel(l.slide.time_out, fan_in)
    });
    layers.sum::<usize>() + network.classes * per_channel(1, network.features())
}

/// Bytes of the int8 model of `network`.
fn bytes(network: &Network) -> Result<usize, Error> {
    let mut graph = export::graph(
        "cnn",
        network,
        network.config.nonlinearity.activation(),
        &vec![0.0; network.len()],
        &network.initial_statistics(),
    )?;
    let channels = network.input.channels;
    graph.frontend = Some(Frontend {
        offset: vec![0; channels],
        scale: vec![1.0; channels],
    });
    Ok(int8_bytes(&graph)?)
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
    let mut now = cost(network, of)?;
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
            let then = cost(&resized(network, &widths)?, of)?;
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
