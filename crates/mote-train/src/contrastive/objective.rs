//! The objective of pretraining: similar projections of two views of one window.

use super::loss::{nt_xent, positives};
use crate::Error;
use crate::forward::TrainPass;
use crate::network::Network;
use crate::objective::{Batch, Loss, Objective};
use crate::params::{ParamId, Params, Role};
use crate::training_set::TrainingSet;
use burn_core::tensor::activation::relu;
use burn_core::tensor::{Tensor, TensorData};
use rand::rngs::SmallRng;
use sha2::{Digest, Sha256};

/// Widths of the projection head in arXiv 2011.11542, as multiples of its encoder's 96 features.
const WIDTHS: [f64; 3] = [256.0 / 96.0, 128.0 / 96.0, 50.0 / 96.0];

/// Dense layers behind the encoder, of which nothing is kept after pretraining.
pub(super) struct Projection(Vec<Dense>);

/// A dense layer of the projection.
struct Dense {
    /// `[inputs][outputs]`.
    weights: ParamId,
    bias: ParamId,
    inputs: usize,
    outputs: usize,
}

impl Projection {
    /// Lays out the projection of `network`. Returns it and the parameters of both, those of the network first.
    pub fn behind(network: &Network) -> (Self, Params) {
        let mut params = network.params.clone();
        let features = network.features();
        let mut inputs = features;
        let mut layers = Vec::new();
        for width in WIDTHS {
            let outputs = (features as f64 * width).round().max(2.0) as usize;
            layers.push(Dense {
                weights: params.weights(inputs * outputs, inputs),
                bias: params.push(outputs, Role::Shift),
                inputs,
                outputs,
            });
            inputs = outputs;
        }
        (Self(layers), params)
    }

    /// Projects pooled features, `[n, features]`.
    fn project(&self, mut z: Tensor<2>, parameters: &[Tensor<1>]) -> Tensor<2> {
        for (i, layer) in self.0.iter().enumerate() {
            if i > 0 {
                z = relu(z);
            }
            let weights = parameters[layer.weights].clone();
            let bias = parameters[layer.bias].clone();
            let weights = weights.reshape([layer.inputs, layer.outputs]);
            z = z.matmul(weights) + bias.reshape([1, layer.outputs]);
        }
        z
    }
}

/// Makes projections of two views of one window similar, and those of windows of one class when it is supervised.
pub(super) struct Similarity {
    pub projection: Projection,
    pub temperature: f32,
    pub supervised: bool,
}

impl Objective for Similarity {
    fn digest(&self, hash: &mut Sha256) {
        hash.update(b"contrastive");
        hash.update(self.temperature.to_le_bytes());
        hash.update([u8::from(self.supervised)]);
    }

    fn order(&self, data: &TrainingSet<'_>, rng: &mut SmallRng) -> Vec<usize> {
        data.whole_order(rng)
    }

    fn loss(&self, batch: &Batch<'_>, rng: &mut SmallRng) -> Result<Loss, Error> {
        let Batch {
            data,
            positions,
            network,
            parameters,
            ..
        } = *batch;
        let mut views = data.augmented(positions, rng);
        views.extend(data.augmented(positions, rng));
        let mut pass = TrainPass::default();
        let features = network.pooled(views, parameters, &mut pass)?;
        let projected = self.projection.project(features, parameters);
        let known = |&position| data.class(position).filter(|_| self.supervised);
        let classes: Vec<Option<usize>> = positions.iter().map(known).collect();
        let count = 2 * positions.len();
        let positives = TensorData::new(positives(&classes), [count, count]);
        let positives = Tensor::from_data(positives, &projected.device());
        Ok(Loss {
            value: nt_xent(projected, positives, self.temperature),
            statistics: pass.statistics,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_model::{Cnn, Shape};

    #[test]
    fn the_projection_scales_with_the_encoder_and_lies_behind_the_network() {
        let network = Network::new(&Cnn::default(), Shape::new(100, 3), 5).unwrap();
        let (projection, params) = Projection::behind(&network);
        let widths: Vec<usize> = projection.0.iter().map(|p| p.outputs).collect();
        assert_eq!(widths, [171, 85, 33]);
        let all: Vec<_> = params.iter().collect();
        let own: Vec<_> = network.params.iter().collect();
        assert_eq!(
            all[projection.0[0].weights].range.start,
            network.params.len()
        );
        assert_eq!(all[..own.len()], own);
        let mut end = 0;
        for param in all {
            assert_eq!(param.range.start, end);
            end = param.range.end;
        }
    }
}
