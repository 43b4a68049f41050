//! Classical models on window features: random forest and LDA.

use super::Experiment;
use super::evaluate::{Outcome, row as row_of};
use crate::pipeline::Pipeline;
use crate::ui::Ui;
use anyhow::{Context, Result, ensure};
use mote_report::{ModelSize, Run};
use mote_techniques::Change;
use mote_train::classical::{Classical, Spec};
use mote_train::features;

/// The classical model of this name, if it is one: `lda`, `random-forest:pca=20` and so on.
pub fn kind(model: &str) -> Option<Spec> {
    model.parse().ok()
}

/// Fits the pipeline's model in every fold and evaluates it.
pub fn row(experiment: &Experiment, pipeline: &Pipeline, ui: &Ui) -> Result<Run> {
    let spec = kind(&pipeline.model).context("not a classical model")?;
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
        let model = Classical::fit_spec(
            spec,
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
            changes: model.reduction().map(reduction).into_iter().collect(),
            hop: windows.hop,
            early: None,
        })
    });
    bar.finish_and_clear();
    let mut run = row_of(experiment, pipeline, &outcomes?)?;
    run.notes
        .push("bytes: numbers of the fitted model; the host's library evaluates it".into());
    Ok(run)
}

/// What principal components leave of the features.
fn reduction((components, variance): (usize, f64)) -> Change {
    Change {
        technique: "pca of features".to_owned(),
        lines: vec![format!(
            "{components} components hold {:.1} % of the variance",
            variance * 100.0
        )],
    }
}
