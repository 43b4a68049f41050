//! A pipeline whose network is trained.

use crate::evaluator::Applied;
use crate::experiment::Experiment;
use crate::network::TrainedNetwork;
use crate::pipeline::Pipeline;
use crate::plan;
use std::sync::Arc;

/// A pipeline whose network is trained; its techniques are not applied yet.
#[derive(Debug, Clone)]
pub struct TrainedPipeline {
    /// Its data.
    pub experiment: Arc<Experiment>,
    /// The pipeline with all its techniques.
    pub pipeline: Pipeline,
    /// Its networks.
    pub network: Arc<TrainedNetwork>,
}

impl TrainedPipeline {
    /// Returns the samples from one decision to the next on the device.
    pub(crate) fn hop(&self, applied: &Applied) -> usize {
        let candidate = self.pipeline.candidate.as_ref();
        plan::hop(&self.experiment, candidate, &applied.artifact)
    }
}
