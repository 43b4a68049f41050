//! The forward pass. There is one; a [`Pass`] says what happens at the points where training, inference, pruning and
//! quantization differ.

use crate::Error;
use crate::network::{Network, NormedConv};
use crate::ops::{self, Clamp, Statistics, UNBOUNDED};
use burn_core::tensor::{Tensor, TensorData};
use mote_model::Activation;

/// Parameters of one layer on their way through a pass.
pub(crate) struct LayerTensors {
    /// `[fan in, out]`.
    pub weights: Tensor<2>,
    /// `[out]`.
    pub gamma: Tensor<1>,
    /// `[out]`.
    pub beta: Tensor<1>,
}

/// What a forward pass does beside convolving and pooling. `n` windows go through together.
pub(crate) trait Pass {
    /// Changes the normalised windows, `[n][time][channels]`, before the first layer.
    fn input(&mut self, x: Vec<f32>) -> Result<Vec<f32>, Error> {
        Ok(x)
    }

    /// Changes the parameters of layer `index` before it convolves.
    fn parameters(
        &mut self,
        index: usize,
        layer: &NormedConv,
        tensors: LayerTensors,
    ) -> Result<LayerTensors, Error> {
        let _ = (index, layer);
        Ok(tensors)
    }

    /// Normalises and clamps what the convolution of layer `index` gave, `[n * time, channels]`.
    fn normalise(
        &mut self,
        index: usize,
        layer: &NormedConv,
        rows: Tensor<2>,
        tensors: LayerTensors,
    ) -> Result<Tensor<2>, Error>;

    /// Changes the output of layer `index`, `[n, time, channels]`.
    fn output(&mut self, index: usize, x: Tensor<3>) -> Result<Tensor<3>, Error> {
        let _ = index;
        Ok(x)
    }

    /// Changes the features, `[n, features]` when they are pooled and `[n * steps, features]` when not, before the dense
    /// layer.
    fn features(&mut self, features: Tensor<2>) -> Result<Tensor<2>, Error> {
        Ok(features)
    }

    /// Returns the logits of `features` by the dense layer: `weights` are `[features, classes]`.
    fn head(
        &mut self,
        features: Tensor<2>,
        weights: Tensor<2>,
        bias: Tensor<1>,
    ) -> Result<Tensor<2>, Error> {
        let classes = bias.dims()[0];
        Ok(features.matmul(weights) + bias.reshape([1, classes]))
    }
}

/// Norms use the batch, whose statistics are collected; features are multiplied by a dropout mask.
#[derive(Default)]
pub(crate) struct TrainPass {
    /// Per layer, once the pass is done.
    pub statistics: Vec<Statistics>,
    /// `[n, features]`.
    pub dropout: Option<Tensor<2>>,
}

impl Pass for TrainPass {
    fn normalise(
        &mut self,
        _: usize,
        layer: &NormedConv,
        rows: Tensor<2>,
        tensors: LayerTensors,
    ) -> Result<Tensor<2>, Error> {
        let LayerTensors { gamma, beta, .. } = tensors;
        let (rows, batch) = ops::batch_norm(rows, gamma, beta, clamp(layer.conv.activation))?;
        self.statistics.push(batch);
        Ok(rows)
    }

    fn features(&mut self, features: Tensor<2>) -> Result<Tensor<2>, Error> {
        Ok(match &self.dropout {
            Some(mask) => features.mul(mask.clone()),
            None => features,
        })
    }
}

/// Norms use running statistics. Nothing has a gradient.
pub(crate) struct InferPass<'a> {
    /// Per layer.
    pub running: &'a [Statistics],
}

impl Pass for InferPass<'_> {
    fn normalise(
        &mut self,
        index: usize,
        layer: &NormedConv,
        rows: Tensor<2>,
        tensors: LayerTensors,
    ) -> Result<Tensor<2>, Error> {
        let gamma = ops::to_host(tensors.gamma)?;
        let beta = ops::to_host(tensors.beta)?;
        let (scale, shift) = self.running[index].affine(&gamma, &beta);
        ops::scale_shift(rows, &scale, &shift, clamp(layer.conv.activation))
    }
}

/// Returns the bounds of `activation`.
pub(crate) fn clamp(activation: Activation) -> Clamp {
    match activation {
        Activation::None => UNBOUNDED,
        Activation::Relu => (0.0, f32::INFINITY),
        Activation::Relu6 => (0.0, 6.0),
    }
}

impl Network {
    /// Returns the logits, `[n, classes]`, of normalised windows, `[n][time][channels]`; those of a network with a head
    /// per step are `[n * steps, classes]`. `parameters` holds one tensor per parameter; their device is that of the
    /// pass.
    pub fn forward(
        &self,
        x: Vec<f32>,
        parameters: &[Tensor<1>],
        pass: &mut impl Pass,
    ) -> Result<Tensor<2>, Error> {
        let features = self.pooled(x, parameters, pass)?;
        self.classify(features, parameters, pass)
    }

    /// Returns the pooled features, `[n, features]`, of normalised windows, `[n][time][channels]`; those of a network
    /// with a head per step are not pooled, `[n * steps, features]`.
    pub fn pooled(
        &self,
        x: Vec<f32>,
        parameters: &[Tensor<1>],
        pass: &mut impl Pass,
    ) -> Result<Tensor<2>, Error> {
        let n = x.len() / self.input.len();
        let shape = [n, self.input.time, self.input.channels];
        let device = parameters[self.head_bias].device();
        let x = TensorData::new(pass.input(x)?, shape);
        let mut x = Tensor::<3>::from_data(x, &device);
        for (index, layer) in self.layers.iter().enumerate() {
            let (conv, geometry) = (&layer.conv, layer.conv.geometry);
            let channels = conv.out_channels;
            let weights = parameters[layer.weights].clone();
            let tensors = LayerTensors {
                weights: weights.reshape([conv.fan_in(), channels]),
                gamma: parameters[layer.gamma].clone(),
                beta: parameters[layer.beta].clone(),
            };
            let tensors = pass.parameters(index, layer, tensors)?;
            let weights = tensors.weights.clone();
            let rows = if conv.depthwise {
                let x = ops::depthwise(x, weights, geometry)?;
                x.reshape([n * geometry.time_out, channels])
            } else if geometry.is_pointwise() {
                x.reshape([n * geometry.time_out, conv.in_channels])
                    .matmul(weights)
            } else {
                ops::unfold(x, geometry)?.matmul(weights)
            };
            let rows = pass.normalise(index, layer, rows, tensors)?;
            x = pass.output(index, rows.reshape([n, geometry.time_out, channels]))?;
        }
        Ok(match self.per_step {
            true => x.reshape([n * self.steps(), self.features()]),
            false => x.mean_dim(1).reshape([n, self.features()]),
        })
    }

    /// Returns the logits, `[n, classes]`, of pooled features, `[n, features]`.
    pub fn classify(
        &self,
        features: Tensor<2>,
        parameters: &[Tensor<1>],
        pass: &mut impl Pass,
    ) -> Result<Tensor<2>, Error> {
        let features = pass.features(features)?;
        let weights = parameters[self.head_weights].clone();
        let weights = weights.reshape([self.features(), self.classes]);
        pass.head(features, weights, parameters[self.head_bias].clone())
    }
}
