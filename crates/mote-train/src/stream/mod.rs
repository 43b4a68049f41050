//! Training on continuous streams: what a wearer does, one activity after another, with a decision at every step.
//!
//! Streams are spliced from the recordings of one user at a time ([`splice`]), and the loss looks at every step. Two
//! losses are there: [`filtered`] learns a filter over the network's decisions together with the network, [`pooled`]
//! averages the logits since the last change of activity.

mod config;
mod filtered;
mod pooled;
mod splice;

pub use config::{StreamLoss, StreamTraining};
pub(crate) use filtered::Learnt;
pub(crate) use splice::Streams;

use crate::Error;
use crate::network::Network;
use crate::ops::to_host;
use burn_core::tensor::{Tensor, TensorData};

/// Spliced streams of one batch.
pub(crate) struct StreamBatch {
    /// Normalised samples, `[n][time][channels]`.
    pub x: Vec<f32>,
    /// Class that is right at each step of the network, `[n][steps]`.
    pub classes: Vec<usize>,
    /// Steps since the last change of activity, `[n][steps]`; a stream begins with none.
    pub since: Vec<usize>,
    /// Steps per stream.
    pub steps: usize,
    /// Steps per second.
    pub rate: f64,
}

/// A loss on the host with its gradient, for a batch of streams.
struct Gradient {
    /// Mean over steps.
    loss: f32,
    /// Per logit, `[n][steps][classes]`.
    logits: Vec<f32>,
    /// Per parameter of the filter, when the loss has one.
    filter: Option<filtered::FilterGradient>,
}

impl StreamBatch {
    /// Returns the loss of `logits`, `[n * steps, classes]`, as `settings` define it. The parameters of the network's
    /// filter, if it has one, are among `parameters`.
    ///
    /// The recursion over steps is computed on the host with a gradient by hand: as tensors it would be some thousand
    /// operations on a few numbers each.
    pub fn loss(
        &self,
        logits: Tensor<2>,
        network: &Network,
        parameters: &[Tensor<1>],
        settings: &StreamTraining,
        smoothing: f32,
    ) -> Result<Tensor<1>, Error> {
        let values = to_host(logits.clone().inner())?;
        let Some(filter) = network.filter else {
            let g = pooled::loss(self, &values, network.classes, settings, smoothing);
            return Ok(linear(logits, g.logits, g.loss));
        };
        let theta = to_host(parameters[filter.transitions].clone().inner())?;
        let weight = to_host(parameters[filter.weight].clone().inner())?;
        let learnt = filtered::Learnt::new(&theta, &weight, network.classes);
        let g = filtered::loss(self, &values, &learnt, smoothing);
        let by_filter = g.filter.expect("this loss has a filter");
        Ok(linear(logits, g.logits, g.loss)
            + linear(
                parameters[filter.transitions].clone(),
                by_filter.transitions,
                0.0,
            )
            + linear(parameters[filter.weight].clone(), by_filter.weight, 0.0))
    }
}

/// Returns a tensor of the value `value` whose gradient with respect to `x` is `gradient`.
fn linear<const D: usize>(x: Tensor<D>, gradient: Vec<f32>, value: f32) -> Tensor<1> {
    let gradient = TensorData::new(gradient, x.dims());
    let gradient = Tensor::<D>::from_data(gradient, &x.device());
    let product = (x * gradient).sum();
    // What the product itself is worth is taken away again, as a constant.
    let constant = product.clone().detach();
    product - constant + value
}
