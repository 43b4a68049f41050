//! The network as int8 will compute it, in floats with a gradient.

use crate::Error;
use crate::checkpoint::Snapshot;
use crate::infer;
use crate::network::{Layer, Network, host, parameter};
use crate::ops::{self, Statistics};
use burn::tensor::{Device, Tensor, TensorData};
use mote_model::Quant;

/// Share of the values of an activation that may lie outside its grid, on each side.
const OUTSIDE: f64 = 1e-4;

/// What is rounded to what.
#[derive(Debug, Clone)]
pub(crate) struct FakeQuant {
    /// Of the weights of every convolution but the first and the depthwise ones; those and the head have 8, because
    /// they hold few weights and lose most (Krishnamoorthi 2018, arXiv 1806.08342).
    pub bits: u8,
    /// Of the input, of each layer's output, and of the logits. The pool stays on the grid of its input.
    pub grids: Vec<Quant>,
}

/// What a pass does with activations.
enum Activations<'a> {
    /// Rounds them.
    Round(&'a [Quant]),
    /// Notes them, and leaves them as they are.
    Observe(&'a mut Vec<Vec<f32>>),
}

impl FakeQuant {
    /// Bits of the weights of layer `index`.
    pub fn bits_of(&self, index: usize, layer: &Layer) -> u8 {
        if index == 0 || layer.depthwise {
            8
        } else {
            self.bits
        }
    }

    /// Logits, `[n, classes]`, of the normalised windows `x`, with norms at their `running` statistics. Features are
    /// multiplied by the dropout mask if there is one.
    pub fn forward(
        &self,
        network: &Network,
        x: Vec<f32>,
        parameters: &[Tensor<1>],
        running: &[Statistics],
        dropout: Option<&Tensor<2>>,
    ) -> Result<Tensor<2>, Error> {
        let activations = Activations::Round(&self.grids);
        self.pass(network, x, parameters, running, dropout, activations)
    }

    /// Sets the grids to what activations hold on the normalised windows `x`, but for the outermost few.
    pub fn observe(
        &mut self,
        network: &Network,
        snapshot: &Snapshot,
        x: Vec<f32>,
    ) -> Result<(), Error> {
        let leaves = infer::leaves(&network.slots, &snapshot.values, &Device::flex());
        let mut seen = Vec::new();
        let activations = Activations::Observe(&mut seen);
        self.pass(network, x, &leaves, &snapshot.running, None, activations)?;
        self.grids = seen.into_iter().map(grid).collect();
        Ok(())
    }

    fn pass(
        &self,
        network: &Network,
        mut x: Vec<f32>,
        parameters: &[Tensor<1>],
        running: &[Statistics],
        dropout: Option<&Tensor<2>>,
        mut activations: Activations<'_>,
    ) -> Result<Tensor<2>, Error> {
        let device = parameters
            .first()
            .map_or_else(Device::flex, |leaf| leaf.device());
        let n = x.len() / network.input.len().max(1);
        activations.input(&mut x)?;
        let shape = infer::input_shape(network, n);
        let mut x = Tensor::<3>::from_data(TensorData::new(x, shape), &device);
        for (i, (layer, statistics)) in network.layers.iter().zip(running).enumerate() {
            let (weights, bias) = folded(layer, parameters, statistics)?;
            let weights = fake_quantized(weights, self.bits_of(i, layer))?;
            let time = layer.slide.time_out;
            let rows = if layer.depthwise {
                ops::depthwise(x, weights, layer.slide)?.reshape([n * time, layer.channels_out])
            } else {
                ops::unfold(x, layer.slide)?.matmul(weights)
            };
            let rows = activations.layer(i, rows, bias, layer.norm.clamp)?;
            x = rows.reshape([n, time, layer.channels_out]);
        }
        let features = network.features();
        let last = network.layers.len();
        let zeros = Tensor::zeros([features], &device);
        let unbounded = (f32::NEG_INFINITY, f32::INFINITY);
        let mut pooled = x.mean_dim(1).reshape([n, features]);
        if let Activations::Round(grids) = &activations {
            pooled = ops::snap(pooled, zeros, unbounded, grid_of(grids, last)?)?;
        }
        if let Some(mask) = dropout {
            pooled = pooled * mask.clone();
        }
        let weights = parameter(parameters, network.head_weights)?;
        let weights = fake_quantized(weights.reshape([features, network.classes]), 8)?;
        let bias = parameter(parameters, network.head_bias)?;
        activations.layer(last, pooled.matmul(weights), bias, unbounded)
    }
}

impl Activations<'_> {
    fn input(&mut self, x: &mut [f32]) -> Result<(), Error> {
        match self {
            Activations::Observe(seen) => seen.push(x.to_vec()),
            Activations::Round(grids) => {
                let grid = grid_of(grids, 0)?;
                x.iter_mut().for_each(|x| *x = grid.nearest(*x));
            }
        }
        Ok(())
    }

    /// `clamp(rows + bias)` of layer `index`.
    fn layer(
        &mut self,
        index: usize,
        rows: Tensor<2>,
        bias: Tensor<1>,
        clamp: (f32, f32),
    ) -> Result<Tensor<2>, Error> {
        match self {
            Activations::Round(grids) => ops::snap(rows, bias, clamp, grid_of(grids, index + 1)?),
            Activations::Observe(seen) => {
                let bias = host(bias)?;
                let rows = ops::scale_shift(rows, &vec![1.0; bias.len()], &bias, clamp)?;
                seen.push(host(rows.clone())?);
                Ok(rows)
            }
        }
    }
}

fn grid_of(grids: &[Quant], index: usize) -> Result<Quant, Error> {
    grids.get(index).copied().ok_or(Error::Backend {
        place: "fake quantization",
        what: format!("no grid for activation {index}"),
    })
}

/// The grid over `values` and zero, without the outermost of them.
fn grid(mut values: Vec<f32>) -> Quant {
    let outside = (values.len() as f64 * OUTSIDE) as usize;
    let last = values.len().saturating_sub(1);
    let mut at = |index: usize| {
        if values.is_empty() {
            0.0
        } else {
            *values.select_nth_unstable_by(index, f32::total_cmp).1
        }
    };
    let (low, high) = (at(outside), at(last - outside));
    Quant::over(low.min(0.0), high.max(0.0))
}

/// Weights, `[fan in, out]`, and biases of a layer with its norm folded in.
fn folded(
    layer: &Layer,
    parameters: &[Tensor<1>],
    statistics: &Statistics,
) -> Result<(Tensor<2>, Tensor<1>), Error> {
    let weights = parameter(parameters, layer.weights)?;
    let gamma = parameter(parameters, layer.norm.gamma)?;
    let beta = parameter(parameters, layer.norm.beta)?;
    let constant = |v: Vec<f32>| {
        let shape = [v.len()];
        Tensor::<1>::from_data(TensorData::new(v, shape), &gamma.device())
    };
    let ones = vec![1.0; layer.channels_out];
    let (inverse_std, _) = statistics.affine(&ones, &ones);
    let scale = gamma.clone() * constant(inverse_std);
    let bias = beta - scale.clone() * constant(statistics.mean.clone());
    let fan_in = layer.slide.kernel
        * if layer.depthwise {
            1
        } else {
            layer.channels_in
        };
    let weights = weights.reshape([fan_in, layer.channels_out]);
    Ok((weights * scale.reshape([1, layer.channels_out]), bias))
}

/// `weights`, `[fan in, out]`, rounded to signed integers of `bits` with one scale per column; the gradient passes.
fn fake_quantized(weights: Tensor<2>, bits: u8) -> Result<Tensor<2>, Error> {
    let shape = weights.dims();
    let mut values = host(weights.clone())?;
    let exact = values.clone();
    let columns = shape[1];
    for column in 0..columns {
        let positions = (column..exact.len()).step_by(columns.max(1));
        let rounded = symmetric(positions.clone().map(|i| exact[i]), bits);
        for (i, rounded) in positions.zip(rounded) {
            values[i] = rounded - exact[i];
        }
    }
    let moved = Tensor::from_data(TensorData::new(values, shape), &weights.device());
    Ok(weights + moved)
}

/// One channel's weights, rounded to integers of `bits` whose scale the largest of them sets.
pub(super) fn symmetric(
    channel: impl Iterator<Item = f32> + Clone,
    bits: u8,
) -> impl Iterator<Item = f32> {
    let levels = f32::from((1i16 << (bits - 1)) - 1);
    let largest = channel.clone().fold(0.0f32, |m, w| m.max(w.abs()));
    let scale = (largest / levels).max(1e-12);
    channel.map(move |w| (w / scale).round().clamp(-levels, levels) * scale)
}
