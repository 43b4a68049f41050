//! The examples of one batch, and what is expected of the network on them.

use crate::Error;
use crate::config::TrainConfig;
use crate::cross_entropy::cross_entropy;
use crate::network::Network;
use crate::stream::StreamBatch;
use burn_core::tensor::Tensor;

/// What one batch shows.
pub(crate) enum Examples {
    /// Windows of one activity each.
    Windows {
        /// Normalised, `[n][time][channels]`.
        x: Vec<f32>,
        /// Smoothed one-hot rows, `[n][classes]`.
        targets: Vec<f32>,
    },
    /// Spliced streams.
    Streams(StreamBatch),
}

impl Examples {
    /// Takes the samples out, `[n][time][channels]`.
    pub fn take_samples(&mut self) -> Vec<f32> {
        std::mem::take(match self {
            Self::Windows { x, .. } => x,
            Self::Streams(batch) => &mut batch.x,
        })
    }

    /// Returns the loss of `logits`: one row per window, or per step of a stream.
    pub fn loss(
        self,
        logits: Tensor<2>,
        network: &Network,
        parameters: &[Tensor<1>],
        config: &TrainConfig,
    ) -> Result<Tensor<1>, Error> {
        match self {
            Self::Windows { targets, .. } => Ok(cross_entropy(logits, targets)),
            Self::Streams(batch) => {
                let (settings, smoothing) = (&config.stream, config.label_smoothing);
                batch.loss(logits, network, parameters, settings, smoothing)
            }
        }
    }
}
