//! The objective of quantization-aware training: the cross-entropy of a network that is rounded.

use super::rounding::{RoundedPass, Rounding};
use crate::Error;
use crate::cross_entropy::dropout_mask;
use crate::network::{Network, Snapshot};
use crate::objective::{Batch, Loss, Objective};
use crate::training_set::TrainingSet;
use rand::rngs::SmallRng;
use sha2::{Digest, Sha256};

/// Windows on which activations are observed before an epoch.
const OBSERVED: usize = 256;

/// The cross-entropy of logits as int8 will compute them, with norms at their running statistics.
pub(super) struct RoundedCrossEntropy {
    pub rounding: Rounding,
    /// Probability of dropping a feature.
    pub dropout: f32,
}

impl Objective for RoundedCrossEntropy {
    fn digest(&self, hash: &mut Sha256) {
        hash.update(b"rounded cross-entropy");
        hash.update([self.rounding.bits]);
    }

    fn before_epoch(
        &mut self,
        data: &TrainingSet<'_>,
        network: &Network,
        current: &Snapshot,
    ) -> Result<(), Error> {
        let x = data.plain(&data.sample(OBSERVED));
        self.rounding.observe(network, current, x)
    }

    fn loss(&self, batch: &Batch<'_>, rng: &mut SmallRng) -> Result<Loss, Error> {
        let Batch {
            data,
            positions,
            network,
            current,
            parameters,
        } = *batch;
        let mut examples = data.examples(positions, network, rng);
        let x = examples.take_samples();
        let shape = [positions.len() * network.steps(), network.features()];
        let mut pass = RoundedPass {
            rounding: &self.rounding,
            running: &current.running,
            dropout: dropout_mask(self.dropout, shape, rng),
            observed: None,
        };
        let logits = network.forward(x, parameters, &mut pass)?;
        Ok(Loss {
            value: examples.loss(logits, network, parameters, data.config)?,
            statistics: Vec::new(),
        })
    }
}
