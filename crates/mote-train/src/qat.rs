//! Quantization-aware training: a trained network trains on while its weights and activations are rounded.
//!
//! Every pass computes what int8 will compute (Jacob et al. 2018, arXiv 1712.05877): weights with norms folded in are
//! rounded per output channel, activations per tensor, and gradients pass through the rounding. Norms keep the
//! statistics of training, so that what is folded stands still; the grids of activations are observed anew before each
//! epoch. The network that comes out has only weights that the integers can hold, so quantization afterwards changes
//! none of them.

mod forward;

pub(crate) use forward::FakeQuant;

use crate::checkpoint::Snapshot;
use crate::config::TrainConfig;
use crate::network::{Network, host};
use crate::run::{Run, gather};
use crate::train::{Epoch, Hooks, Job, Trained, train_on};
use crate::{Error, frontend, infer};
use burn::tensor::Device;
use mote_data::Windows;
use mote_model::{Graph, Op, Quant, Weights};

/// How a network is trained for quantization.
#[derive(Debug, Clone, PartialEq)]
pub struct QatConfig {
    /// Bits of the weights: 8, or less for every convolution but the first and the depthwise ones.
    pub bits: u8,
    /// Epochs of training; 0 rounds the weights and trains nothing.
    pub epochs: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
}

impl Default for QatConfig {
    fn default() -> Self {
        Self {
            bits: 8,
            epochs: 5,
            learning_rate: 5e-4,
        }
    }
}

/// A network trained for quantization.
#[derive(Debug, Clone)]
pub struct QuantReady {
    /// The f32 network; its weights are multiples of what integers of the chosen bits hold.
    pub graph: Graph,
    /// One entry per epoch.
    pub history: Vec<Epoch>,
    /// Weights, without biases.
    pub weights: usize,
    /// How many of them have fewer than 8 bits.
    pub few_bits: usize,
    network: Network,
    snapshot: Snapshot,
    fake: FakeQuant,
}

/// Trains `trained` on with rounded weights and activations and the other settings of `config`, which are those that
/// it came from, as is `job`. The result repeats, and a stopped run resumes below `hooks.checkpoint`.
///
/// # Errors
/// [`Error::Config`] for settings that make no sense, [`Error::Data`] when the windows do not fit the network, and
/// errors of [`train()`](crate::train()).
pub fn qat(
    trained: &Trained,
    job: Job<'_>,
    config: &TrainConfig,
    qat: &QatConfig,
    hooks: Hooks<'_>,
) -> Result<QuantReady, Error> {
    if !(2..=8).contains(&qat.bits) {
        return Err(Error::config(
            "bits",
            format!("{} is not in 2..=8", qat.bits),
        ));
    }
    let fake = FakeQuant {
        bits: qat.bits,
        grids: Vec::new(),
    };
    let mut trained = trained.clone();
    trained.history.clear();
    if qat.epochs > 0 {
        let config = TrainConfig {
            network: trained.network.config.clone(),
            epochs: qat.epochs,
            learning_rate: qat.learning_rate,
            ..config.clone()
        };
        let mut run = Run::new(job, &config)?;
        run.round(fake.clone());
        trained = train_on(run, trained.snapshot, hooks)?;
    }
    let Trained {
        mut graph,
        history,
        network,
        snapshot,
        ..
    } = trained;
    let (mut total, mut few_bits) = (0, 0);
    let mut layers = network.layers.iter().enumerate();
    for node in &mut graph.nodes {
        let (weights, bits) = match &mut node.op {
            Op::Conv1d(conv) => {
                let bits = layers.next().map_or(8, |(i, l)| fake.bits_of(i, l));
                (&mut conv.weights, bits)
            }
            Op::Dense(dense) => (&mut dense.weights, 8),
            _ => continue,
        };
        if let Weights::F32 { weights, bias } = weights {
            total += weights.len();
            few_bits += if bits < 8 { weights.len() } else { 0 };
            let per_channel = weights.len() / bias.len().max(1);
            for channel in weights.chunks_mut(per_channel.max(1)) {
                let rounded: Vec<f32> = forward::symmetric(channel.iter().copied(), bits).collect();
                channel.copy_from_slice(&rounded);
            }
        }
    }
    Ok(QuantReady {
        graph,
        history,
        weights: total,
        few_bits,
        network,
        snapshot,
        fake,
    })
}

impl QuantReady {
    /// Logits of the windows `indices`, `[n][classes]`, as training computes them with activations on `grids`: of the
    /// input, of each convolution's output, and of the logits. For checking the engine against.
    ///
    /// # Errors
    /// [`Error::Data`] when a window does not exist or is not finite, [`Error::Backend`] when grids are missing.
    pub fn logits(
        &self,
        grids: &[Quant],
        windows: &Windows,
        indices: &[usize],
    ) -> Result<Vec<f32>, Error> {
        let mut x = gather(windows, indices)?;
        if let Some(frontend) = &self.graph.frontend {
            frontend::normalise(frontend, &mut x);
        }
        let fake = FakeQuant {
            grids: grids.to_vec(),
            ..self.fake
        };
        let leaves = infer::leaves(&self.network.slots, &self.snapshot.values, &Device::flex());
        host(fake.forward(&self.network, x, &leaves, &self.snapshot.running, None)?)
    }
}

#[cfg(test)]
mod tests;
