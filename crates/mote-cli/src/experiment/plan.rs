//! What a pipeline asks for: the network and how long it is trained, the window, the time between two decisions.

use super::{Experiment, network};
use crate::pipeline::Pipeline;
use anyhow::{Context, Result};
use mote_search::Spec;
use mote_techniques::Artifact;
use mote_train::{Augmentation, Block, CnnConfig, Nonlinearity, Padding, TrainConfig};

/// The pipeline with model and techniques filled in, and the settings its network is trained with; `epochs` replaces
/// the network's or candidate's own, and fine-tuning is shortened in proportion.
pub fn plan(
    experiment: &Experiment,
    pipeline: &Pipeline,
    epochs: Option<usize>,
) -> Result<(Pipeline, TrainConfig)> {
    let mut pipeline = pipeline.clone();
    let Some(spec) = &pipeline.spec else {
        let config = network::config(&pipeline.model, epochs, experiment.seed)
            .with_context(|| format!("pipeline `{}`", pipeline.name))?;
        return Ok((pipeline, config));
    };
    let epochs = epochs.unwrap_or(spec.epochs);
    let config = config(spec, epochs, experiment);
    let rate_hz = f64::from(experiment.loaded.windows.rate_hz);
    pipeline.model = format!("{}-{epochs}", spec.network());
    // Techniques are there already where some were left out on purpose.
    if pipeline.techniques.is_empty() {
        pipeline.techniques = spec.techniques(rate_hz, epochs);
    }
    Ok((pipeline, config))
}

/// Window length in seconds that a pipeline brings itself.
pub fn window_s(pipeline: &Pipeline) -> Option<f32> {
    pipeline.spec.as_ref().map(|s| s.window_s() as f32)
}

/// Samples from one decision to the next on the device; `spec` is the candidate that `artifact` was made from.
pub fn hop(experiment: &Experiment, spec: Option<&Spec>, artifact: &Artifact) -> usize {
    let windows = &experiment.loaded.windows;
    match (artifact.stream, spec) {
        (Some(stream), _) => stream.hop,
        (None, Some(spec)) => spec.hop_samples(f64::from(windows.rate_hz)),
        (None, None) => windows.hop,
    }
}

/// Probability that an axis is mirrored in training, where it may as well point the other way.
const MIRROR: f32 = 0.1;

/// The training settings of a candidate. Classes count as often as they are met: what a search looks for is judged on
/// whole recordings, and weighing rare classes up costs more m-F1 on others than it gives.
fn config(spec: &Spec, epochs: usize, experiment: &Experiment) -> TrainConfig {
    let block = |b: &mote_search::Block| Block {
        channels: b.channels,
        kernel: b.kernel,
        stride: b.stride,
        separable: b.separable,
        dilation: 1,
    };
    let axes = experiment.task.source.mirrored_axes();
    TrainConfig {
        network: CnnConfig {
            blocks: spec.blocks.iter().map(block).collect(),
            nonlinearity: Nonlinearity::Relu,
            padding: match spec.same_padding {
                true => Padding::Same,
                false => Padding::Valid,
            },
        },
        epochs,
        seed: experiment.seed,
        class_weights: false,
        augmentation: Augmentation {
            mirror: axes.map(|mirrored| if mirrored { MIRROR } else { 0.0 }),
            ..Augmentation::default()
        },
        ..TrainConfig::default()
    }
}
