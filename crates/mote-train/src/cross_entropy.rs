//! Learning from labels: the cross-entropy of the logits, of windows or at every step of a stream.

use crate::forward::TrainPass;
use crate::objective::{Batch, Loss, Objective};
use crate::{Error, infer};
use burn_core::tensor::activation::log_softmax;
use burn_core::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand::rngs::SmallRng;
use sha2::{Digest, Sha256};

/// The smoothed, class-weighted cross-entropy, with dropout before the dense layer.
pub(crate) struct CrossEntropy {
    /// Probability of dropping a feature.
    pub dropout: f32,
    /// Layers and their norms stay as they are, and the dense layer alone learns.
    pub head_only: bool,
}

impl Objective for CrossEntropy {
    fn digest(&self, hash: &mut Sha256) {
        // Dropout is one of the settings of training.
        hash.update(b"cross-entropy");
        hash.update([u8::from(self.head_only)]);
    }

    fn loss(&self, batch: &Batch<'_>, rng: &mut SmallRng) -> Result<Loss, Error> {
        let Batch {
            data,
            positions,
            network,
            current,
            parameters,
        } = *batch;
        let device = Device::flex().autodiff();
        let mut examples = data.examples(positions, network, rng);
        let x = examples.take_samples();
        let shape = [positions.len() * network.steps(), network.features()];
        let mut pass = TrainPass {
            dropout: dropout_mask(self.dropout, shape, rng),
            ..TrainPass::default()
        };
        let logits = if self.head_only {
            let features = TensorData::new(infer::features(network, current, x)?, shape);
            let features = Tensor::from_data(features, &device);
            network.classify(features, parameters, &mut pass)?
        } else {
            network.forward(x, parameters, &mut pass)?
        };
        Ok(Loss {
            value: examples.loss(logits, network, parameters, data.config)?,
            statistics: pass.statistics,
        })
    }
}

/// Returns the cross-entropy of `logits`, `[n, classes]`, with the rows of `targets`, `[n][classes]`, summed over rows.
pub(crate) fn cross_entropy(logits: Tensor<2>, targets: Vec<f32>) -> Tensor<1> {
    let targets = TensorData::new(targets, logits.dims());
    let targets = Tensor::<2>::from_data(targets, &logits.device());
    (log_softmax(logits, 1) * targets).sum().neg()
}

/// Draws a mask that is 0 with `probability`, else as large as keeps the mean at 1; none when nothing is dropped.
pub(crate) fn dropout_mask(
    probability: f32,
    shape: [usize; 2],
    rng: &mut SmallRng,
) -> Option<Tensor<2>> {
    if probability <= 0.0 {
        return None;
    }
    let [n, features] = shape;
    let draw = |_| {
        if rng.random::<f32>() < probability {
            0.0
        } else {
            (1.0 - probability).recip()
        }
    };
    let mask: Vec<f32> = (0..n * features).map(draw).collect();
    let device = Device::flex().autodiff();
    Some(Tensor::from_data(TensorData::new(mask, shape), &device))
}
