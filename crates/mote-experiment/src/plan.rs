//! What a pipeline asks for: its network and how long that is trained, its window, the time between two decisions.

use crate::error::{Place as _, Result};
use crate::experiment::Experiment;
use crate::network;
use crate::pipeline::Pipeline;
use mote_search::{Candidate, Train};
use mote_techniques::Artifact;
use mote_train::{Augmentation, StreamLoss, StreamTraining, TrainConfig, TrainOn};

/// Fills in model and techniques, and returns them with the settings that the network is trained with. `epochs` replaces
/// the network's or candidate's own, and fine-tuning is shortened in proportion.
pub(crate) fn plan(
    experiment: &Experiment,
    pipeline: &Pipeline,
    epochs: Option<usize>,
) -> Result<(Pipeline, TrainConfig)> {
    let mut pipeline = pipeline.clone();
    let Some(spec) = &pipeline.candidate else {
        let config = network::config(&pipeline.model, epochs, experiment.seed)
            .place(|| format!("pipeline `{}`", pipeline.name))?;
        return Ok((pipeline, config));
    };
    let epochs = epochs.unwrap_or(spec.epochs);
    let config = config(spec, epochs, experiment);
    let rate_hz = f64::from(experiment.windows().rate_hz);
    pipeline.model = match spec.train {
        Train::Windows => format!("{}-{epochs}", spec.network()),
        Train::Stream => format!("{}-stream-{epochs}", spec.network()),
        Train::PooledStream => format!("{}-pooled-stream-{epochs}", spec.network()),
    };
    // A pipeline that leaves one of its candidate's techniques out names the others.
    if pipeline.techniques.is_empty() {
        pipeline.techniques = spec.techniques(rate_hz, epochs);
    }
    Ok((pipeline, config))
}

/// Returns the window length in seconds that a pipeline brings itself, at `rate_hz`.
pub(crate) fn window_s(pipeline: &Pipeline, rate_hz: f32) -> Option<f32> {
    let candidate = pipeline.candidate.as_ref();
    candidate.map(|c| c.window_s(f64::from(rate_hz)) as f32)
}

/// Returns the samples from one decision to the next on the device; `spec` is the candidate that `artifact` was made
/// from.
pub(crate) fn hop(experiment: &Experiment, spec: Option<&Candidate>, artifact: &Artifact) -> usize {
    let windows = experiment.windows();
    match (artifact.stream, spec) {
        (Some(stream), _) => stream.hop,
        (None, Some(spec)) => spec.hop_samples(f64::from(windows.rate_hz)),
        (None, None) => windows.hop,
    }
}

/// Probability that an axis is mirrored in training, for axes that some wearers have the other way round.
const MIRROR: f32 = 0.1;

/// Streams per step of training.
const STREAMS: usize = 32;

/// Returns the training settings of a candidate. Classes are not weighted: a candidate is judged on whole recordings,
/// and weighting rare classes up costs more m-F1 on the others than it gives.
fn config(spec: &Candidate, epochs: usize, experiment: &Experiment) -> TrainConfig {
    let axes = experiment.task.source.mirrored_axes();
    let (train, loss) = match spec.train {
        Train::Windows => (TrainOn::Windows, StreamLoss::default()),
        Train::Stream => (TrainOn::Stream, StreamLoss::Filtered),
        Train::PooledStream => (TrainOn::Stream, StreamLoss::Pooled),
    };
    let default = TrainConfig::default();
    TrainConfig {
        network: spec.cnn.clone(),
        train,
        stream: StreamTraining {
            loss,
            ..StreamTraining::default()
        },
        // A stream has as many examples as ten windows, and neighbours are much alike.
        batch: match train {
            TrainOn::Windows => default.batch,
            TrainOn::Stream => STREAMS,
        },
        epochs,
        seed: experiment.seed,
        class_weights: false,
        augmentation: Augmentation {
            mirror: axes.map(|mirrored| if mirrored { MIRROR } else { 0.0 }),
            ..Augmentation::default()
        },
        ..default
    }
}
