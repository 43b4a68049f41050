//! Evaluation on test users, by the engine: predictions, metrics, and the row of the report.

use crate::error::Result;
use crate::experiment::Experiment;
use crate::observer::Observer;
use crate::pipeline::Pipeline;
use crate::stream::{self, Decider, NetworkDecider, StreamSettings};
use mote_data::{Fold, Windows};
use mote_model::session::{self, Scores, Session};
use mote_model::{Graph, Op};
use mote_report::{EarlyExit, FoldPredictions, FoldResult, Metrics, ModelSize, Run, StreamFigures};
use mote_techniques::{Change, Step};
use std::time::Instant;

/// Single inferences timed for the host latency.
const TIMED: usize = 200;

/// What a pipeline does in one fold.
#[derive(Debug)]
pub(crate) struct Outcome {
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

/// What the engine predicts for test windows.
#[derive(Debug)]
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

/// Returns the network with exits that never end a run.
pub(crate) fn without_exits(network: &Graph) -> Graph {
    let mut full = network.clone();
    for node in &mut full.nodes {
        if let Op::Exit(exit) = &mut node.op {
            exit.margin = f32::INFINITY;
        }
    }
    full
}

/// Counts the decisions that ended early, and the right ones that this cost.
pub(crate) fn early(
    windows: &Windows,
    test: &[usize],
    some: &Predicted,
    full: &Predicted,
) -> (usize, i64) {
    let right = |p: &Predicted| -> i64 {
        let pairs = p.classes.iter().zip(test);
        pairs.map(|(c, &n)| i64::from(windows.y[n] == *c)).sum()
    };
    let stopped = some.early.iter().filter(|&&e| e).count();
    (stopped, right(full) - right(some))
}

/// Classifies the windows `indices` by the engine, and times the first 200 decisions.
///
/// # Errors
/// When the engine refuses the network, or windows have another shape.
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

/// Returns the figures of `predicted`, a class for each test window, for each of `folds`.
///
/// # Errors
/// When there is no test window.
pub fn metrics(
    experiment: &Experiment,
    folds: &[Fold],
    predicted: &[&[usize]],
) -> Result<(Metrics, Vec<FoldResult>)> {
    let truth: Vec<_> = folds.iter().map(|f| experiment.truth(&f.test)).collect();
    let predictions: Vec<FoldPredictions<'_>> = folds
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
    Ok(mote_report::evaluate(
        &experiment.windows().labels,
        &predictions,
    )?)
}

/// Runs `network` on the continuous streams of the test users of `fold`, with a decision per hop of the windows where it
/// is no stream itself; or says why there are no streams.
///
/// # Errors
/// When the engine refuses the network.
pub fn streams(
    experiment: &Experiment,
    fold: &Fold,
    network: &Graph,
    settings: StreamSettings,
) -> Result<Result<StreamFigures, &'static str>> {
    if let Some(why) = stream::impossible(experiment) {
        return Ok(Err(why));
    }
    let hop = experiment.windows().hop;
    let network = NetworkDecider::new(network, hop)?;
    let decider = Decider::Network(&network);
    let observer = Observer::silent();
    let counts = stream::run_fold(experiment, fold, settings, &decider, &observer)?;
    Ok(Ok(stream::figures(experiment, settings, &[counts])))
}

/// Returns the row of a pipeline from its outcomes in all folds.
pub(crate) fn row(
    experiment: &Experiment,
    pipeline: &Pipeline,
    outcomes: &[Outcome],
) -> Result<Run> {
    let windows = experiment.windows();
    let predicted: Vec<&[usize]> = outcomes.iter().map(|o| o.predicted.as_slice()).collect();
    let (metrics, fold_results) = metrics(experiment, &experiment.folds, &predicted)?;
    let split = experiment.split.to_string();
    let mut run = Run::new(&pipeline.name, &experiment.task.name, &split, metrics);
    run.fold_results = fold_results;
    run.folds = experiment.folds.len();
    run.techniques = pipeline.techniques.iter().map(Step::to_string).collect();
    run.pipeline_spec = Some(serde_json::to_value(pipeline)?);
    run.spec = pipeline.candidate.as_ref().map(ToString::to_string);
    run.leaks = experiment.split.leaks();
    run.baseline.clone_from(&pipeline.baseline);
    run.early = early_exit(outcomes);
    if let Some(first) = outcomes.first() {
        run.model = first.size;
        run.window_s = experiment.seconds(windows.time);
        run.hop_s = experiment.seconds(first.hop);
        run.notes = notes(&first.changes);
    }
    let mut latencies: Vec<f64> = outcomes.iter().filter_map(|o| o.latency_us).collect();
    latencies.sort_by(f64::total_cmp);
    run.host.latency_us = latencies.get(latencies.len() / 2).copied();
    Ok(run)
}

/// Returns what techniques changed, a line each.
pub(crate) fn notes(changes: &[Change]) -> Vec<String> {
    let of = |c: &Change| {
        let lines = c.lines.iter();
        let lines = lines.map(|line| format!("{}: {line}", c.technique));
        lines.collect::<Vec<_>>()
    };
    changes.iter().flat_map(of).collect()
}

/// Returns share and cost of early exits over all folds.
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
