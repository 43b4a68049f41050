//! Quantization-aware training: the network trains on while weights and activations are rounded as int8 rounds them.
//!
//! The result is an f32 network whose weights the integers can represent and that works with rounded activations; the
//! technique `int8`, which follows, quantizes it. With `bits` below 8, all convolutions but the first and the depthwise
//! ones get weights of so many bits, for kernels that unpack them. Jacob et al. 2018, arXiv 1712.05877;
//! straight-through gradients, Bengio et al. 2013, arXiv 1308.3432.

use crate::artifact::{Artifact, Context};
use crate::error::Error;
use crate::technique::{Change, Kind, Technique};
use mote_train::{QatConfig, qat};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The network trains on with weights and activations rounded, so that `int8` after it loses less.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Qat {
    /// Bits of weights; fewer than 8 for all convolutions but the first and the depthwise ones.
    #[schemars(range(min = 2, max = 8))]
    pub bits: u8,
    /// Epochs of training; 0 only rounds the weights.
    pub epochs: usize,
    /// Highest learning rate.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub rate: f64,
}

impl Default for Qat {
    fn default() -> Self {
        let QatConfig {
            bits,
            epochs,
            learning_rate: rate,
        } = QatConfig::default();
        Self { bits, epochs, rate }
    }
}

impl Technique for Qat {
    const NAME: &'static str = "qat";
    const KIND: Kind = Kind::Model;

    fn apply(&self, artifact: &mut Artifact, context: &Context) -> Result<Change, Error> {
        let config = QatConfig {
            bits: self.bits,
            epochs: self.epochs,
            learning_rate: self.rate,
        };
        let training = context.training(Self::NAME)?;
        let trained = artifact.to_train_on(&training, Self::NAME)?;
        let ready = training.run(Self::NAME, |hooks| {
            qat(trained, training.job, training.config, &config, hooks)
        })?;
        let Self { bits, epochs, .. } = self;
        let mut lines = vec![format!(
            "trained on for {epochs} epochs with rounded weights and activations"
        )];
        if *bits < 8 {
            lines.push(format!(
                "{} weights of {} have {bits} bits",
                ready.few_bits, ready.weights
            ));
        }
        artifact.graph = ready.graph;
        artifact.learnt_filter = ready.filter;
        Ok(Change {
            technique: format!("{} ({bits} bits, {epochs} epochs)", Self::NAME),
            lines,
        })
    }
}
