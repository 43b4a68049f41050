//! Training of networks: one set of folds per network, kept in checkpoints, shown as progress bars.

use super::{Experiment, Stopped};
use crate::ui::Ui;
use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use mote_data::Fold;
use mote_techniques::Training;
use mote_train::{CnnConfig, Epoch, Hooks, Job, Progress, TrainConfig, Trained};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The training settings of the network a pipeline names: a preset, or a TOML file of [`TrainConfig`].
pub fn config(model: &str, epochs: Option<usize>, seed: u64) -> Result<TrainConfig> {
    let mut config = if model.ends_with(".toml") {
        let text = std::fs::read_to_string(model)
            .with_context(|| format!("cannot read the network file `{model}`"))?;
        toml::from_str(&text).with_context(|| format!("the network file `{model}` is not valid"))?
    } else if let Some(network) = CnnConfig::preset(model) {
        TrainConfig {
            network,
            ..TrainConfig::default()
        }
    } else {
        bail!(
            "there is no model `{model}`; there are: {}, random-forest, lda, or a network file (*.toml)",
            CnnConfig::PRESETS.join(", ")
        );
    };
    config.seed = seed;
    if let Some(epochs) = epochs {
        config.epochs = epochs;
    }
    Ok(config)
}

/// A network of every fold.
pub struct Network {
    /// Its settings.
    pub config: TrainConfig,
    /// What training made of them, fold by fold.
    pub folds: Vec<Trained>,
    /// Where the checkpoints of each fold lie.
    pub folders: Vec<PathBuf>,
    /// Ends trainings.
    pub stop: Arc<AtomicBool>,
}

impl Network {
    /// What techniques need that train on in fold `index`.
    pub fn training<'a>(
        &'a self,
        experiment: &'a Experiment,
        index: usize,
        fold: &'a Fold,
    ) -> Option<Training<'a>> {
        Some(Training {
            trained: self.folds.get(index)?,
            config: &self.config,
            job: Job {
                windows: &experiment.loaded.windows,
                train: &fold.train,
                validation: &fold.validation,
                fold: index,
            },
            stop: Some(&self.stop),
            directory: self.folders.get(index).map(PathBuf::as_path),
            others: Some(experiment),
        })
    }
}

/// Trains `model` on every fold; folds that are done already are read back.
pub fn train(
    experiment: &Experiment,
    model: &str,
    config: &TrainConfig,
    ui: &Ui,
) -> Result<Network> {
    let steps = (experiment.folds.len() * config.epochs) as u64;
    let bar = ui.bar(steps, model);
    let watch = Watch { bar: &bar };
    let stop = ui.stop();
    let trained = experiment.each_fold(|index, fold| {
        let checkpoint = folder(experiment, model, index);
        let job = Job {
            windows: &experiment.loaded.windows,
            train: &fold.train,
            validation: &fold.validation,
            fold: index,
        };
        let hooks = Hooks {
            stop: Some(&stop),
            progress: Some(&watch),
            checkpoint: Some(&checkpoint),
        };
        match mote_train::train(job, config, hooks) {
            Ok(trained) => Ok(trained),
            Err(mote_train::Error::Stopped { .. }) => Err(Stopped.into()),
            Err(e) => Err(e).with_context(|| format!("training `{model}`, fold {}", fold.name)),
        }
    });
    bar.finish_and_clear();
    Ok(Network {
        config: config.clone(),
        folds: trained?,
        folders: (0..experiment.folds.len())
            .map(|index| folder(experiment, model, index))
            .collect(),
        stop,
    })
}

/// Where a fold's checkpoint lies: one folder per data, window and split, so that comparisons with other
/// settings can share the output folder.
fn folder(experiment: &Experiment, model: &str, index: usize) -> PathBuf {
    let windows = &experiment.loaded.windows;
    let setting = format!(
        "{}-{}x{}-{}-{}",
        experiment.task.name, windows.time, windows.channels, experiment.split, experiment.seed
    );
    let name = |text: &str| -> String {
        text.chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '.' {
                    c
                } else {
                    '-'
                }
            })
            .collect()
    };
    experiment
        .out
        .join("folds")
        .join(name(&setting))
        .join(name(model))
        .join(format!("{index:02}"))
}

/// Turns epochs into steps of one bar.
struct Watch<'a> {
    bar: &'a ProgressBar,
}

impl Progress for Watch<'_> {
    fn epoch(&self, fold: usize, epoch: &Epoch) {
        self.bar.inc(1);
        if let Some(v) = epoch.validation {
            self.bar.set_message(format!(
                "fold {}: epoch {}, validation m-F1 {:.3}",
                fold + 1,
                epoch.epoch + 1,
                v.macro_f1
            ));
        }
    }
}
