//! Classical models on window features: random forest and LDA.

use super::Experiment;
use super::evaluate::{Outcome, row as row_of};
use crate::pipeline::Pipeline;
use crate::ui::Ui;
use anyhow::{Context, Result, ensure};
use mote_report::{ModelSize, Run};
use mote_train::classical::{Classical, Kind};
use mote_train::features;

/// The classical model of this name, if it is one.
pub fn kind(model: &str) -> Option<Kind> {
    match model {
        "random-forest" => Some(Kind::RandomForest),
        "lda" => Some(Kind::Lda),
        _ => None,
    }
}

/// Fits the pipeline's model in every fold and evaluates it.
pub fn row(experiment: &Experiment, pipeline: &Pipeline, ui: &Ui) -> Result<Run> {
    let kind = kind(&pipeline.model).context("not a classical model")?;
    ensure!(
        pipeline.techniques.is_empty(),
        "pipeline `{}`: techniques change networks; `{}` is none",
        pipeline.name,
        pipeline.model
    );
    let windows = &experiment.loaded.windows;
    let table = features::table(windows)?;
    let bar = ui.bar(experiment.folds.len() as u64, &pipeline.name);
    let outcomes = experiment.each_fold(|_, fold| {
        // There is nothing to stop early, so the validation users help to fit.
        let learn: Vec<usize> = fold.train.iter().chain(&fold.validation).copied().collect();
        let model = Classical::fit(
            kind,
            &table,
            &learn,
            &windows.y,
            windows.labels.len(),
            experiment.seed,
        )?;
        bar.inc(1);
        Ok(Outcome {
            predicted: model.predict(&table, &fold.test)?,
            latency_us: None,
            size: ModelSize {
                parameters: Some(model.parameters() as u64),
                macs: None,
                bytes: Some(model.bytes() as u64),
            },
            changes: Vec::new(),
            early: None,
        })
    });
    bar.finish_and_clear();
    let mut run = row_of(experiment, pipeline, &outcomes?)?;
    run.notes
        .push("bytes: numbers of the fitted model; the host's library evaluates it".into());
    Ok(run)
}
