//! Evaluation of a pipeline on the test users of every fold, by the engine.

use super::Experiment;
use crate::pipeline::Pipeline;
use anyhow::{Context as _, Result};
use mote_data::{Fold, Windows};
use mote_model::Graph;
use mote_report::{FoldPredictions, ModelSize, Run};
use mote_techniques::{Artifact, Change, Context, host};
use mote_train::Trained;
use std::time::Instant;

/// Single inferences timed for the host latency.
const TIMED: usize = 200;

/// What a pipeline does in one fold.
pub struct Outcome {
    /// Predicted class per test window.
    pub predicted: Vec<usize>,
    /// Median time of one inference, in microseconds.
    pub latency_us: Option<f64>,
    /// Size of the model.
    pub size: ModelSize,
    /// What the techniques changed.
    pub changes: Vec<Change>,
}

/// Applies a pipeline's techniques to the network trained in one fold.
pub fn artifact(
    experiment: &Experiment,
    pipeline: &Pipeline,
    fold: &Fold,
    trained: &Trained,
) -> Result<(Artifact, Vec<Change>)> {
    let mut artifact = Artifact::baseline(trained.graph.clone());
    let context = Context {
        windows: &experiment.loaded.windows,
        train: &fold.train,
        seed: experiment.seed,
    };
    let changes = pipeline
        .techniques
        .iter()
        .map(|step| mote_techniques::apply(step, &mut artifact, &context))
        .collect::<Result<_, _>>()
        .with_context(|| format!("pipeline `{}`, fold {}", pipeline.name, fold.name))?;
    Ok((artifact, changes))
}

/// Evaluates a neural pipeline in every fold.
pub fn networks(
    experiment: &Experiment,
    pipeline: &Pipeline,
    trained: &[Trained],
) -> Result<Vec<Outcome>> {
    let windows = &experiment.loaded.windows;
    experiment.each_fold(|index, fold| {
        let trained = trained
            .get(index)
            .context("a fold without a trained network")?;
        let (artifact, changes) = artifact(experiment, pipeline, fold, trained)?;
        let (predicted, latency, bytes) = predict(&artifact.graph, windows, &fold.test)?;
        Ok(Outcome {
            predicted,
            latency_us: latency,
            size: ModelSize {
                parameters: Some(artifact.graph.parameters() as u64),
                macs: Some(artifact.graph.macs() as u64),
                bytes: Some(bytes as u64),
            },
            changes,
        })
    })
}

/// Class of each window by the engine, median time of one inference in microseconds, and model bytes.
pub fn predict(
    graph: &Graph,
    windows: &Windows,
    indices: &[usize],
) -> Result<(Vec<usize>, Option<f64>, usize)> {
    let compiled = host::compile(graph)?;
    let mut engine = host::Host::new(&compiled)?;
    let mut predicted = Vec::with_capacity(indices.len());
    let mut times = Vec::with_capacity(TIMED);
    for &n in indices {
        let start = Instant::now();
        predicted.push(engine.classify(windows.window(n))?);
        if times.len() < TIMED {
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok((
        predicted,
        times.get(times.len() / 2).copied(),
        compiled.bytes(),
    ))
}

/// The row of a pipeline from its outcomes in all folds.
pub fn row(experiment: &Experiment, pipeline: &Pipeline, outcomes: &[Outcome]) -> Result<Run> {
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
        .zip(outcomes)
        .map(|((fold, (y_true, users)), outcome)| FoldPredictions {
            name: &fold.name,
            y_true,
            y_pred: &outcome.predicted,
            users,
        })
        .collect();
    let (metrics, fold_results) = mote_report::evaluate(&windows.labels, &folds)?;
    let split = experiment.split.to_string();
    let mut run = Run::new(&pipeline.name, &experiment.task.name, &split, metrics);
    run.fold_results = fold_results;
    run.techniques.clone_from(&pipeline.techniques);
    run.leaks = experiment.split.leaks();
    if let Some(first) = outcomes.first() {
        run.model = first.size;
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
