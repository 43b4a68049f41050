//! The forward pass as int8 will compute it, in floats with a gradient.

use crate::Error;
use crate::forward::{LayerTensors, Pass, clamp};
use crate::network::{Network, NormedConv, Snapshot};
use crate::ops::{self, Clamp, Statistics, UNBOUNDED, to_host};
use burn_core::tensor::{Device, Tensor, TensorData};
use mote_model::Quant;

/// Share of the values of an activation that may lie outside its grid, on each side.
const OUTSIDE: f64 = 1e-4;

/// Bits of the weights, and grids of the activations.
#[derive(Debug, Clone)]
pub(super) struct Rounding {
    /// Of the weights of every convolution but the first and the depthwise ones; those and the head have 8, because
    /// they hold few weights and lose most (Krishnamoorthi 2018, arXiv 1806.08342).
    pub bits: u8,
    /// Of the input, of each layer's output, and of the logits. The pool stays on the grid of its input.
    pub grids: Vec<Quant>,
}

impl Rounding {
    /// Returns the bits of the weights of layer `index`.
    pub fn bits_of(&self, index: usize, layer: &NormedConv) -> u8 {
        if index == 0 || layer.conv.depthwise {
            8
        } else {
            self.bits
        }
    }

    /// Sets the grids to the range of each activation on the normalised windows `x`, without its outermost values.
    pub fn observe(
        &mut self,
        network: &Network,
        snapshot: &Snapshot,
        x: Vec<f32>,
    ) -> Result<(), Error> {
        let parameters = network.params.tensors(&snapshot.values, &Device::flex());
        let mut pass = RoundedPass {
            rounding: self,
            running: &snapshot.running,
            dropout: None,
            observed: Some(Vec::new()),
        };
        network.forward(x, &parameters, &mut pass)?;
        let observed = pass.observed.expect("the pass observes");
        self.grids = observed.into_iter().map(grid).collect();
        Ok(())
    }

    /// Returns the grid of activation `index`: the input is 0, layer `i` is `i + 1`.
    fn grid(&self, index: usize) -> Result<Quant, Error> {
        self.grids.get(index).copied().ok_or(Error::Backend {
            place: "fake quantization",
            what: format!("no grid for activation {index}"),
        })
    }
}

/// Rounds weights with norms folded in at their running statistics, and activations; or observes activations instead
/// of rounding them.
pub(super) struct RoundedPass<'a> {
    pub rounding: &'a Rounding,
    pub running: &'a [Statistics],
    /// Multiplies features, `[n, features]`.
    pub dropout: Option<Tensor<2>>,
    /// Where activations are noted, in the order of the grids, when they are not rounded.
    pub observed: Option<Vec<Vec<f32>>>,
}

impl RoundedPass<'_> {
    /// Returns `clamp(rows + bias)` of activation `index`.
    fn activation(
        &mut self,
        index: usize,
        rows: Tensor<2>,
        bias: Tensor<1>,
        clamp: Clamp,
    ) -> Result<Tensor<2>, Error> {
        match &mut self.observed {
            None => ops::fake_quantize(rows, bias, clamp, self.rounding.grid(index)?),
            Some(observed) => {
                let bias = to_host(bias)?;
                let rows = ops::scale_shift(rows, &vec![1.0; bias.len()], &bias, clamp)?;
                observed.push(to_host(rows.clone())?);
                Ok(rows)
            }
        }
    }
}

impl Pass for RoundedPass<'_> {
    fn input(&mut self, mut x: Vec<f32>) -> Result<Vec<f32>, Error> {
        match &mut self.observed {
            Some(observed) => observed.push(x.clone()),
            None => {
                let grid = self.rounding.grid(0)?;
                x.iter_mut().for_each(|x| *x = grid.nearest(*x));
            }
        }
        Ok(x)
    }

    fn parameters(
        &mut self,
        index: usize,
        layer: &NormedConv,
        tensors: LayerTensors,
    ) -> Result<LayerTensors, Error> {
        let folded = folded(tensors, &self.running[index]);
        let bits = self.rounding.bits_of(index, layer);
        Ok(LayerTensors {
            weights: rounded(folded.weights, bits)?,
            ..folded
        })
    }

    fn normalise(
        &mut self,
        index: usize,
        layer: &NormedConv,
        rows: Tensor<2>,
        tensors: LayerTensors,
    ) -> Result<Tensor<2>, Error> {
        self.activation(index + 1, rows, tensors.beta, clamp(layer.conv.activation))
    }

    fn features(&mut self, mut features: Tensor<2>) -> Result<Tensor<2>, Error> {
        if self.observed.is_none() {
            let zeros = Tensor::zeros([features.dims()[1]], &features.device());
            let last = self.rounding.grid(self.running.len())?;
            features = ops::fake_quantize(features, zeros, UNBOUNDED, last)?;
        }
        Ok(match &self.dropout {
            Some(mask) => features * mask.clone(),
            None => features,
        })
    }

    fn head(
        &mut self,
        features: Tensor<2>,
        weights: Tensor<2>,
        bias: Tensor<1>,
    ) -> Result<Tensor<2>, Error> {
        let rows = features.matmul(rounded(weights, 8)?);
        self.activation(self.running.len() + 1, rows, bias, UNBOUNDED)
    }
}

/// Returns the grid over `values` and zero, without the outermost of them.
fn grid(mut values: Vec<f32>) -> Quant {
    let outside = (values.len() as f64 * OUTSIDE) as usize;
    let last = values.len() - 1;
    let mut at = |index: usize| *values.select_nth_unstable_by(index, f32::total_cmp).1;
    let (low, high) = (at(outside), at(last - outside));
    Quant::over(low.min(0.0), high.max(0.0))
}

/// Folds the norm into the weights: `beta` becomes the bias, and `gamma` has no part in what follows.
fn folded(tensors: LayerTensors, statistics: &Statistics) -> LayerTensors {
    let LayerTensors {
        weights,
        gamma,
        beta,
    } = tensors;
    let constant = |v: Vec<f32>| {
        let shape = [v.len()];
        Tensor::<1>::from_data(TensorData::new(v, shape), &gamma.device())
    };
    let channels = statistics.mean.len();
    let ones = vec![1.0; channels];
    let (inverse_std, _) = statistics.affine(&ones, &ones);
    let scale = gamma.clone() * constant(inverse_std);
    let bias = beta - scale.clone() * constant(statistics.mean.clone());
    LayerTensors {
        weights: weights * scale.reshape([1, channels]),
        gamma,
        beta: bias,
    }
}

/// Returns `weights`, `[fan in, out]`, rounded to signed integers of `bits` with one scale per column; the gradient
/// passes.
fn rounded(weights: Tensor<2>, bits: u8) -> Result<Tensor<2>, Error> {
    let shape = weights.dims();
    let mut values = to_host(weights.clone())?;
    let exact = values.clone();
    let columns = shape[1];
    for column in 0..columns {
        let positions = (column..exact.len()).step_by(columns);
        let rounded = symmetric(positions.clone().map(|i| exact[i]), bits);
        for (i, rounded) in positions.zip(rounded) {
            values[i] = rounded - exact[i];
        }
    }
    let moved = Tensor::from_data(TensorData::new(values, shape), &weights.device());
    Ok(weights + moved)
}

/// Returns the weights of one channel, rounded to integers of `bits` whose scale the largest of them sets.
pub(super) fn symmetric(
    channel: impl Iterator<Item = f32> + Clone,
    bits: u8,
) -> impl Iterator<Item = f32> {
    let levels = f32::from((1i16 << (bits - 1)) - 1);
    let largest = channel.clone().fold(0.0f32, |m, w| m.max(w.abs()));
    let scale = (largest / levels).max(1e-12);
    channel.map(move |w| (w / scale).round().clamp(-levels, levels) * scale)
}
