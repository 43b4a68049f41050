//! The interface of a loss: what a run minimises.

use crate::Error;
use crate::network::{Network, Snapshot};
use crate::ops::Statistics;
use crate::training_set::TrainingSet;
use burn_core::tensor::Tensor;
use rand::rngs::SmallRng;
use sha2::Sha256;

/// Turns batches of windows into a loss. One run has one objective.
pub(crate) trait Objective {
    /// Feeds its settings to `hash`, its name first.
    fn digest(&self, hash: &mut Sha256);

    /// Looks at the network before an epoch.
    fn before_epoch(
        &mut self,
        data: &TrainingSet<'_>,
        network: &Network,
        current: &Snapshot,
    ) -> Result<(), Error> {
        let _ = (data, network, current);
        Ok(())
    }

    /// Draws the order of an epoch: positions in `data`.
    fn order(&self, data: &TrainingSet<'_>, rng: &mut SmallRng) -> Vec<usize> {
        data.labelled_order(rng)
    }

    /// Returns the loss of one batch. Random numbers come from `rng`, so that a run repeats.
    fn loss(&self, batch: &Batch<'_>, rng: &mut SmallRng) -> Result<Loss, Error>;
}

/// One batch, and the network it goes through.
pub(crate) struct Batch<'a> {
    /// All windows of the run.
    pub data: &'a TrainingSet<'a>,
    /// The windows of the batch, as positions in `data`.
    pub positions: &'a [usize],
    pub network: &'a Network,
    /// The network as it is before the step.
    pub current: &'a Snapshot,
    /// Its parameters as tensors with a gradient, and those the objective added.
    pub parameters: &'a [Tensor<1>],
}

/// The loss of one batch.
pub(crate) struct Loss {
    /// One value.
    pub value: Tensor<1>,
    /// What the norms saw, per layer; empty when their running statistics stay as they are.
    pub statistics: Vec<Statistics>,
}
