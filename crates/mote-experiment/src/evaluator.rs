//! Applies techniques and evaluates the result by the engine; what was computed once is not computed again.

use crate::error::{Place as _, Result};
use crate::evaluate::{Outcome, Predicted, early, predict, without_exits};
use crate::experiment::Experiment;
use crate::network::TrainedNetwork;
use crate::observer::Observer;
use crate::pipeline::Pipeline;
use crate::plan;
use crate::stream::{self, Decider, FoldStreams, NetworkDecider, StreamSettings};
use mote_model::Graph;
use mote_report::ModelSize;
use mote_techniques::{Artifact, Change, Context};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// A network with techniques applied to it.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The network and how it runs.
    pub artifact: Artifact,
    /// What each technique changed.
    pub changes: Vec<Change>,
}

/// The windows and the fold that something was computed for: steps per window, and number of the fold.
type FoldKey = (usize, usize);

/// Keeps artifacts and predictions of one comparison, whose pipelines often begin alike or differ only in how they run.
#[derive(Debug, Default)]
pub struct Evaluator {
    /// By fold, model and techniques.
    artifacts: Mutex<HashMap<(FoldKey, String), Arc<Applied>>>,
    /// By fold, samples between decisions and a digest of the network.
    streams: Mutex<HashMap<(FoldKey, usize, u64), Arc<FoldStreams>>>,
    /// By fold and a digest of the network.
    predictions: Mutex<HashMap<(FoldKey, u64), Arc<Predicted>>>,
}

impl Evaluator {
    /// Applies a pipeline's techniques to the network trained in fold `index`.
    ///
    /// # Errors
    /// Names the pipeline and the fold; the technique says why it cannot be applied.
    pub fn apply(
        &self,
        experiment: &Experiment,
        pipeline: &Pipeline,
        network: &TrainedNetwork,
        index: usize,
    ) -> Result<Arc<Applied>> {
        let fold = &experiment.folds[index];
        let context = Context {
            windows: experiment.windows(),
            train: &fold.train,
            seed: experiment.seed,
            training: Some(network.training(experiment, index, fold)),
        };
        let fold_key = (experiment.windows().time, index);
        let known = || {
            let artifacts = self.artifacts.lock();
            artifacts.unwrap_or_else(PoisonError::into_inner)
        };
        let mut at = Arc::new(Applied {
            artifact: Artifact::baseline(network.folds[index].graph.clone()),
            changes: Vec::new(),
        });
        let mut name = pipeline.model.clone();
        for step in &pipeline.techniques {
            name += &format!(" {step}");
            let key = (fold_key, name.clone());
            if let Some(found) = known().get(&key) {
                at = Arc::clone(found);
                continue;
            }
            let mut next = Applied::clone(&at);
            let change = step
                .apply(&mut next.artifact, &context)
                .place(|| format!("pipeline `{}`, fold {}", pipeline.name, fold.name))?;
            next.changes.push(change);
            at = Arc::new(next);
            known().insert(key, Arc::clone(&at));
        }
        Ok(at)
    }

    /// Applies and evaluates a pipeline in every fold.
    pub(crate) fn outcomes(
        &self,
        experiment: &Experiment,
        pipeline: &Pipeline,
        network: &TrainedNetwork,
    ) -> Result<Vec<Outcome>> {
        experiment.each_fold(|index, fold| {
            let applied = self.apply(experiment, pipeline, network, index)?;
            let artifact = &applied.artifact;
            let deployed = artifact.network()?;
            let predicted = self.predict(experiment, index, &deployed)?;
            let early = if deployed.has_exits() {
                let full = self.predict(experiment, index, &without_exits(&deployed))?;
                Some(early(experiment.windows(), &fold.test, &predicted, &full))
            } else {
                None
            };
            Ok(Outcome {
                predicted: predicted.classes.clone(),
                scores: predicted.scores.clone(),
                latency_us: predicted.latency_us,
                size: ModelSize {
                    parameters: Some(artifact.graph.parameters() as u64),
                    macs: Some(artifact.graph.macs() as u64),
                    bytes: Some(predicted.bytes as u64),
                },
                changes: applied.changes.clone(),
                hop: plan::hop(experiment, pipeline.candidate.as_ref(), artifact),
                early,
            })
        })
    }

    /// Runs a pipeline on the streams of the test users of every fold.
    pub(crate) fn streams(
        &self,
        experiment: &Experiment,
        pipeline: &Pipeline,
        network: &TrainedNetwork,
        settings: StreamSettings,
        observer: &Observer,
    ) -> Result<Vec<Arc<FoldStreams>>> {
        experiment.each_fold(|index, fold| {
            let applied = self.apply(experiment, pipeline, network, index)?;
            let deployed = applied.artifact.network()?;
            let hop = plan::hop(experiment, pipeline.candidate.as_ref(), &applied.artifact);
            let key = ((experiment.windows().time, index), hop, digest(&deployed)?);
            let known = || {
                let streams = self.streams.lock();
                streams.unwrap_or_else(PoisonError::into_inner)
            };
            if let Some(found) = known().get(&key) {
                return Ok(Arc::clone(found));
            }
            let network = NetworkDecider::new(&deployed, hop)?;
            let decider = Decider::Network(&network);
            let streams = stream::run_fold(experiment, fold, settings, &decider, observer)?;
            let streams = Arc::new(streams);
            known().insert(key, Arc::clone(&streams));
            Ok(streams)
        })
    }

    /// Returns what the engine predicts for the test windows of fold `index`.
    fn predict(
        &self,
        experiment: &Experiment,
        index: usize,
        network: &Graph,
    ) -> Result<Arc<Predicted>> {
        let key = ((experiment.windows().time, index), digest(network)?);
        let known = || {
            let predictions = self.predictions.lock();
            predictions.unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(found) = known().get(&key) {
            return Ok(Arc::clone(found));
        }
        let test = &experiment.folds[index].test;
        let predicted = Arc::new(predict(network, experiment.windows(), test)?);
        known().insert(key, Arc::clone(&predicted));
        Ok(predicted)
    }
}

/// Returns a number that tells networks apart.
fn digest(network: &Graph) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    serde_json::to_vec(network)?.hash(&mut hasher);
    Ok(hasher.finish())
}
