//! Quantization-aware training: a trained network trains on while its weights and activations are rounded.
//!
//! Every pass computes what int8 will compute (Jacob et al. 2018, arXiv 1712.05877): weights with norms folded in are
//! rounded per output channel, activations per tensor, and gradients pass through the rounding. Norms keep their
//! running statistics, so that the folded weights change by training alone; the grids of activations are observed anew
//! before each epoch. The result has only weights that the integers can hold, so quantization afterwards changes none
//! of them.

mod objective;
mod rounding;

use crate::Error;
use crate::config::TrainConfig;
use crate::history::Epoch;
use crate::job::{Hooks, Job};
use crate::network::{Network, Snapshot};
use crate::ops::to_host;
use crate::run::Run;
use crate::train::train_on;
use crate::trained::{Trained, normalised};
use burn_core::tensor::Device;
use mote_data::Windows;
use mote_model::{Filter, Graph, Op, Quant, Weights};
use objective::RoundedCrossEntropy;
use rounding::{RoundedPass, Rounding, symmetric};

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
    /// The filter over decisions that was learnt with the network, if one was.
    pub filter: Option<Filter>,
    network: Network,
    snapshot: Snapshot,
    rounding: Rounding,
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
    let rounding = Rounding {
        bits: qat.bits,
        grids: Vec::new(),
    };
    let mut trained = trained.clone();
    trained.history.clear();
    if qat.epochs > 0 {
        let config = TrainConfig {
            network: trained.network.cnn.clone(),
            epochs: qat.epochs,
            learning_rate: qat.learning_rate,
            ..config.clone()
        };
        let mut run = Run::new(job, &config)?;
        let objective = RoundedCrossEntropy {
            rounding: rounding.clone(),
            dropout: config.dropout,
        };
        let params = run.network.params.clone();
        run.minimise(objective, &params, 0..0);
        trained = train_on(run, trained.snapshot, hooks)?;
    }
    let Trained {
        mut graph,
        history,
        filter,
        network,
        snapshot,
        ..
    } = trained;
    let (mut total, mut few_bits) = (0, 0);
    let mut layers = network.layers.iter().enumerate();
    for node in &mut graph.nodes {
        let (weights, bits) = match &mut node.op {
            Op::Conv1d(conv) => {
                let (index, layer) = layers.next().expect("every convolution is a layer");
                (&mut conv.weights, rounding.bits_of(index, layer))
            }
            Op::Dense(dense) => (&mut dense.weights, 8),
            _ => continue,
        };
        let Weights::F32 { weights, bias } = weights else {
            unreachable!("training exports f32");
        };
        total += weights.len();
        few_bits += if bits < 8 { weights.len() } else { 0 };
        let per_channel = weights.len() / bias.len();
        for channel in weights.chunks_mut(per_channel) {
            let rounded: Vec<f32> = symmetric(channel.iter().copied(), bits).collect();
            channel.copy_from_slice(&rounded);
        }
    }
    Ok(QuantReady {
        graph,
        history,
        weights: total,
        few_bits,
        filter,
        network,
        snapshot,
        rounding,
    })
}

impl QuantReady {
    /// Returns the logits of the windows `indices`, `[n][classes]`, as training computes them with activations on `grids`:
    /// those of the input, of each convolution's output, and of the logits. For checking the engine against.
    ///
    /// # Errors
    /// [`Error::Data`] when a window does not exist or is not finite, [`Error::Backend`] when grids are missing.
    pub fn logits(
        &self,
        grids: &[Quant],
        windows: &Windows,
        indices: &[usize],
    ) -> Result<Vec<f32>, Error> {
        let x = normalised(&self.graph, windows, indices)?;
        let rounding = Rounding {
            grids: grids.to_vec(),
            ..self.rounding
        };
        let mut pass = RoundedPass {
            rounding: &rounding,
            running: &self.snapshot.running,
            dropout: None,
            observed: None,
        };
        let values = &self.snapshot.values;
        let parameters = self.network.params.tensors(values, &Device::flex());
        to_host(self.network.forward(x, &parameters, &mut pass)?)
    }
}

#[cfg(test)]
mod tests;
