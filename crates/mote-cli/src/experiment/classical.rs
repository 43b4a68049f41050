//! Classical models on window features: random forest and LDA.

use super::Experiment;
use super::evaluate::Outcome;
use crate::pipeline::Pipeline;
use crate::ui::Ui;
use anyhow::{Context, Result, ensure};
use mote_report::ModelSize;
use mote_techniques::Change;
use mote_train::classical::{Classical, Spec};
use mote_train::features;

/// The classical model of this name, if it is one: `lda`, `random-forest:pca=20` and so on.
pub fn kind(model: &str) -> Option<Spec> {
    model.parse().ok()
}

/// What the bytes of these models are.
pub const NOTE: &str = "bytes: numbers of the fitted model; the host's library evaluates it";

/// Fits the pipeline's model in every fold and evaluates it.
pub fn outcomes(experiment: &Experiment, pipeline: &Pipeline, ui: &Ui) -> Result<Vec<Outcome>> {
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
        let predicted = model.predict(&table, &fold.test)?;
        let classes = windows.labels.len();
        Ok(Outcome {
            // These models give no scores: each decision is a vote.
            scores: predicted
                .iter()
                .flat_map(|&p| (0..classes).map(move |c| f32::from(u8::from(c == p))))
                .collect(),
            predicted,
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
    outcomes
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
