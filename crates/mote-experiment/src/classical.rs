//! Classical models on window features: random forest and LDA.

use crate::error::{Error, Result};
use crate::evaluate::Outcome;
use crate::experiment::Experiment;
use crate::observer::{Event, Observer, Training};
use crate::pipeline::Pipeline;
use crate::stream::{self, Decider, FoldStreams, StreamSettings};
use mote_data::Fold;
use mote_report::ModelSize;
use mote_techniques::Change;
use mote_train::classical::{Classical, Spec};
use mote_train::features;

/// Returns the classical model of this name, if it is one: `lda`, `random-forest:pca=20` and so on.
pub fn kind(model: &str) -> Option<Spec> {
    model.parse().ok()
}

/// What the bytes of these models are.
pub(crate) const NOTE: &str = "bytes: numbers of the fitted model; the host's library evaluates it";

/// Fits the pipeline's model in every fold and evaluates it, on streams too when `stream` says how.
pub(crate) fn outcomes(
    experiment: &Experiment,
    pipeline: &Pipeline,
    spec: Spec,
    stream: Option<StreamSettings>,
    observer: &Observer,
) -> Result<(Vec<Outcome>, Vec<FoldStreams>)> {
    if !pipeline.techniques.is_empty() {
        return Err(Error::Invalid(format!(
            "pipeline `{}`: techniques change networks, and `{}` is not a network: remove them",
            pipeline.name, pipeline.model
        )));
    }
    let table = features::table(experiment.windows())?;
    let training = Training::next();
    observer.tell(Event::FittingStarted {
        training,
        pipeline: &pipeline.name,
        folds: experiment.folds.len(),
    });
    let outcomes = experiment.each_fold(|_, fold| {
        let outcome = outcome(experiment, spec, &table, fold, stream, observer)?;
        observer.tell(Event::FoldFitted { training });
        Ok(outcome)
    });
    observer.tell(Event::FittingEnded { training });
    let (outcomes, streams): (Vec<_>, Vec<_>) = outcomes?.into_iter().unzip();
    Ok((outcomes, streams.into_iter().flatten().collect()))
}

fn outcome(
    experiment: &Experiment,
    spec: Spec,
    table: &features::Table,
    fold: &Fold,
    stream: Option<StreamSettings>,
    observer: &Observer,
) -> Result<(Outcome, Option<FoldStreams>)> {
    let windows = experiment.windows();
    let classes = windows.labels.len();
    // There is nothing to stop early, so the validation users help to fit.
    let learn: Vec<usize> = fold.train.iter().chain(&fold.validation).copied().collect();
    let model = Classical::fit_spec(spec, table, &learn, &windows.y, classes, experiment.seed)?;
    let predicted = model.predict(table, &fold.test)?;
    let decider = Decider::Classical {
        model: &model,
        like: windows,
        hop: windows.hop,
    };
    let streams = stream
        .map(|settings| stream::run_fold(experiment, fold, settings, &decider, observer))
        .transpose()?;
    let outcome = Outcome {
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
    };
    Ok((outcome, streams))
}

/// Says what principal components leave of the features.
fn reduction((components, variance): (usize, f64)) -> Change {
    Change {
        technique: "pca of features".to_owned(),
        lines: vec![format!(
            "{components} components hold {:.1} % of the variance",
            variance * 100.0
        )],
    }
}
