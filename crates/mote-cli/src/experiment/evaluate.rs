//! Evaluation of a pipeline on the test users of every fold, by the engine.

use super::network::Network;
use super::{Experiment, plan};
use crate::pipeline::Pipeline;
use anyhow::{Context as _, Result};
use mote_data::{Fold, Windows};
use mote_model::session::{self, Scores, Session};
use mote_model::{Graph, Op};
use mote_report::{EarlyExit, FoldPredictions, FoldResult, Metrics, ModelSize, Run};
use mote_techniques::{Artifact, Change, Context};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Single inferences timed for the host latency.
const TIMED: usize = 200;

/// What a pipeline does in one fold.
pub struct Outcome {
    /// Predicted class per test window.
    pub predicted: Vec<usize>,
    /// One score per class and test window, `[window][class]`, all on one scale; the largest is the predicted class.
    pub scores: Vec<f32>,
    /// Median time of one inference, in microseconds.
    pub latency_us: Option<f64>,
    /// Size of the model.
    pub size: ModelSize,
    /// What the techniques changed.
    pub changes: Vec<Change>,
    /// Samples from one decision to the next on the device.
    pub hop: usize,
    /// How many decisions an early exit ended, and how many more or fewer were right without it.
    pub early: Option<(usize, i64)>,
}

/// Predictions of networks, by fold and by a digest of the network.
pub type Cache = Mutex<HashMap<(usize, u64), Arc<Predicted>>>;

/// What a network makes of test windows.
pub struct Predicted {
    /// Class per window.
    pub classes: Vec<usize>,
    /// Scores, `[window][class]`, in the units of the network's output.
    pub scores: Vec<f32>,
    /// Whether an early exit decided, per window.
    pub early: Vec<bool>,
    /// Median time of one decision, in microseconds.
    pub latency_us: Option<f64>,
    /// Bytes of the model.
    pub bytes: usize,
}

/// Artifacts by fold, model and techniques: pipelines that begin alike share what their beginnings gave.
pub type Artifacts = Mutex<HashMap<(usize, String), Arc<(Artifact, Vec<Change>)>>>;

/// Applies a pipeline's techniques to the network trained in fold `index`.
pub fn artifact(
    experiment: &Experiment,
    pipeline: &Pipeline,
    index: usize,
    fold: &Fold,
    network: &Network,
) -> Result<Arc<(Artifact, Vec<Change>)>> {
    let windows = &experiment.loaded.windows;
    let trained = network
        .folds
        .get(index)
        .context("a fold without a trained network")?;
    let context = Context {
        windows,
        train: &fold.train,
        seed: experiment.seed,
        training: network.training(experiment, index, fold),
    };
    let known = || {
        let known = experiment.artifacts.lock();
        known.unwrap_or_else(PoisonError::into_inner)
    };
    let baseline = Artifact::baseline(trained.graph.clone());
    let mut at = Arc::new((baseline, Vec::new()));
    for count in 1..=pipeline.techniques.len() {
        let steps = pipeline.techniques.get(..count).unwrap_or_default();
        let key = (index, format!("{} {}", pipeline.model, steps.join(" ")));
        if let Some(found) = known().get(&key) {
            at = Arc::clone(found);
            continue;
        }
        let (mut artifact, mut changes) = (*at).clone();
        if let Some(step) = steps.last() {
            let change = mote_techniques::apply(step, &mut artifact, &context);
            changes.push(
                change
                    .map_err(stopped)
                    .with_context(|| format!("pipeline `{}`, fold {}", pipeline.name, fold.name))?,
            );
        }
        at = Arc::new((artifact, changes));
        known().insert(key, Arc::clone(&at));
    }
    Ok(at)
}

/// A training that was stopped ends the program as one between techniques does.
fn stopped(error: mote_techniques::Error) -> anyhow::Error {
    match error {
        mote_techniques::Error::Train(mote_train::Error::Stopped { .. }) => super::Stopped.into(),
        other => other.into(),
    }
}

/// Evaluates a neural pipeline in every fold.
pub fn networks(
    experiment: &Experiment,
    pipeline: &Pipeline,
    network: &Network,
) -> Result<Vec<Outcome>> {
    let windows = &experiment.loaded.windows;
    experiment.each_fold(|index, fold| {
        let applied = artifact(experiment, pipeline, index, fold, network)?;
        let (artifact, changes) = &*applied;
        let deployed = artifact.network()?;
        let predicted = cached(experiment, index, &deployed, &fold.test)?;
        let early = if deployed.has_exits() {
            let full = cached(experiment, index, &without_exits(&deployed), &fold.test)?;
            Some(early(windows, &fold.test, &predicted, &full))
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
            changes: changes.clone(),
            hop: plan::hop(experiment, pipeline.spec.as_ref(), artifact),
            early,
        })
    })
}

/// [`predict`], or what it gave before for the same network and fold.
fn cached(
    experiment: &Experiment,
    fold: usize,
    network: &Graph,
    test: &[usize],
) -> Result<Arc<Predicted>> {
    let mut hasher = DefaultHasher::new();
    serde_json::to_vec(network)?.hash(&mut hasher);
    let key = (fold, hasher.finish());
    let cache = || {
        let cache = experiment.predictions.lock();
        cache.unwrap_or_else(PoisonError::into_inner)
    };
    if let Some(known) = cache().get(&key) {
        return Ok(Arc::clone(known));
    }
    let predicted = Arc::new(predict(network, &experiment.loaded.windows, test)?);
    cache().insert(key, Arc::clone(&predicted));
    Ok(predicted)
}

/// The network whose exits never end a run.
fn without_exits(network: &Graph) -> Graph {
    let mut full = network.clone();
    for node in &mut full.nodes {
        if let Op::Exit(exit) = &mut node.op {
            exit.margin = f32::INFINITY;
        }
    }
    full
}

/// How many decisions ended early, and how many right ones that cost.
fn early(windows: &Windows, test: &[usize], some: &Predicted, full: &Predicted) -> (usize, i64) {
    let right = |p: &Predicted| -> i64 {
        let pairs = p.classes.iter().zip(test);
        pairs
            .map(|(c, &n)| i64::from(windows.y.get(n) == Some(c)))
            .sum()
    };
    let stopped = some.early.iter().filter(|&&e| e).count();
    (stopped, right(full) - right(some))
}

/// What the engine makes of each window.
pub fn predict(network: &Graph, windows: &Windows, indices: &[usize]) -> Result<Predicted> {
    let compiled = session::compile(network)?;
    let mut engine = Session::new(&compiled)?;
    let mut classes = Vec::with_capacity(indices.len());
    let mut scores = Vec::with_capacity(indices.len() * windows.labels.len());
    let mut early = Vec::with_capacity(indices.len());
    let mut times = Vec::with_capacity(TIMED);
    for &n in indices {
        let start = Instant::now();
        let decision = engine.classify(windows.window(n))?;
        if times.len() < TIMED {
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        classes.push(decision.class());
        match &decision.scores {
            Scores::F32(values) => scores.extend_from_slice(values),
            Scores::I8(values) => scores.extend(values.iter().map(|&v| f32::from(v))),
        }
        early.push(decision.early);
    }
    times.sort_by(f64::total_cmp);
    Ok(Predicted {
        classes,
        scores,
        early,
        latency_us: times.get(times.len() / 2).copied(),
        bytes: compiled.bytes(),
    })
}

/// The figures of predictions for the test windows of all folds.
pub fn metrics(
    experiment: &Experiment,
    predicted: &[&[usize]],
) -> Result<(Metrics, Vec<FoldResult>)> {
    let windows = &experiment.loaded.windows;
    let pick = |indices: &[usize]| -> (Vec<usize>, Vec<u32>) {
        indices
            .iter()
            .filter_map(|&n| Some((*windows.y.get(n)?, *windows.users.get(n)?)))
            .unzip()
    };
    let truth: Vec<_> = experiment.folds.iter().map(|f| pick(&f.test)).collect();
    let folds: Vec<FoldPredictions<'_>> = experiment
        .folds
        .iter()
        .zip(&truth)
        .zip(predicted)
        .map(|((fold, (y_true, users)), y_pred)| FoldPredictions {
            name: &fold.name,
            y_true,
            y_pred,
            users,
        })
        .collect();
    Ok(mote_report::evaluate(&windows.labels, &folds)?)
}

/// The row of a pipeline from its outcomes in all folds.
pub fn row(experiment: &Experiment, pipeline: &Pipeline, outcomes: &[Outcome]) -> Result<Run> {
    let windows = &experiment.loaded.windows;
    let predicted: Vec<&[usize]> = outcomes.iter().map(|o| o.predicted.as_slice()).collect();
    let (metrics, fold_results) = metrics(experiment, &predicted)?;
    let split = experiment.split.to_string();
    let mut run = Run::new(&pipeline.name, &experiment.task.name, &split, metrics);
    run.fold_results = fold_results;
    run.folds = experiment.folds.len();
    run.techniques.clone_from(&pipeline.techniques);
    run.spec = pipeline.spec.as_ref().map(ToString::to_string);
    run.leaks = experiment.split.leaks();
    run.baseline.clone_from(&pipeline.baseline);
    run.early = early_exit(outcomes);
    if let Some(first) = outcomes.first() {
        run.model = first.size;
        run.window_s = experiment.seconds(windows.time);
        run.hop_s = experiment.seconds(first.hop);
        run.notes = first
            .changes
            .iter()
            .flat_map(|c| {
                c.lines
                    .iter()
                    .map(move |line| format!("{}: {line}", c.technique))
            })
            .collect();
    }
    let mut latencies: Vec<f64> = outcomes.iter().filter_map(|o| o.latency_us).collect();
    latencies.sort_by(f64::total_cmp);
    run.host.latency_us = latencies.get(latencies.len() / 2).copied();
    Ok(run)
}

/// Share and cost of early exits over all folds.
fn early_exit(outcomes: &[Outcome]) -> Option<EarlyExit> {
    let windows: usize = outcomes.iter().map(|o| o.predicted.len()).sum();
    if windows == 0 || outcomes.iter().all(|o| o.early.is_none()) {
        return None;
    }
    let ends = outcomes.iter().filter_map(|o| o.early);
    let (stopped, lost) = ends.fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
    Some(EarlyExit {
        share: stopped as f64 / windows as f64,
        loss: lost as f64 / windows as f64,
    })
}
