//! Quantization-aware training: the network trains on while weights and activations are rounded as int8 rounds them.
//!
//! Quantization itself stays `int8`, which comes after: what this hands on is an f32 network whose weights the
//! integers can hold, and which has learnt to live with rounded activations. With `bits` below 8, all convolutions but
//! the first and the depthwise ones get weights of so many bits, for kernels that unpack them. Jacob et al. 2018, arXiv
//! 1712.05877; straight-through gradients, Bengio et al. 2013, arXiv 1308.3432.

use crate::{Artifact, Change, Context, Error, Kind, Options, Technique};
use mote_train::{QatConfig, qat};

/// See the [module's description](self).
pub struct Qat;

impl Technique for Qat {
    fn name(&self) -> &'static str {
        "qat"
    }

    fn kind(&self) -> Kind {
        Kind::Model
    }

    fn summary(&self) -> &'static str {
        "the network trains on with weights and activations rounded, so that `int8` after it loses less"
    }

    fn options(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "bits",
                "of weights: 8 (default), or 2 to 7 for all convolutions but the first and the depthwise ones",
            ),
            (
                "epochs",
                "epochs of training (default 5); 0 only rounds the weights",
            ),
            ("rate", "highest learning rate (default 0.0005)"),
        ]
    }

    fn apply(
        &self,
        artifact: &mut Artifact,
        options: &Options,
        context: &Context,
    ) -> Result<Change, Error> {
        let default = QatConfig::default();
        let config = QatConfig {
            bits: options.get("bits", default.bits)?,
            epochs: options.get("epochs", default.epochs)?,
            learning_rate: options.get("rate", default.learning_rate)?,
        };
        let training = context.training(self)?;
        let trained = artifact.to_train_on(&training, self)?;
        let ready = training.run(self, |hooks| {
            qat(trained, training.job, training.config, &config, hooks)
        })?;
        let QatConfig { bits, epochs, .. } = config;
        let mut lines = vec![format!(
            "trained on for {epochs} epochs with rounded weights and activations"
        )];
        if bits < 8 {
            lines.push(format!(
                "{} weights of {} have {bits} bits",
                ready.few_bits, ready.weights
            ));
        }
        artifact.graph = ready.graph;
        Ok(Change {
            technique: format!("{} ({bits} bits, {epochs} epochs)", self.name()),
            lines,
        })
    }
}
