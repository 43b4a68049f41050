//! Training of networks: one network per fold, kept in checkpoints.

use crate::error::{Error, Place as _, Result};
use crate::experiment::Experiment;
use crate::observer::{Event, Observer, Training};
use mote_data::Fold;
use mote_model::Cnn;
use mote_train::{Epoch, Hooks, Job, Progress, TrainConfig, Trained};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Returns the training settings of the network a pipeline names: a preset, or a TOML file of [`TrainConfig`].
///
/// # Errors
/// [`Error::Invalid`] with the models there are, or what is wrong with the file.
pub fn config(model: &str, epochs: Option<usize>, seed: u64) -> Result<TrainConfig> {
    let mut config = if model.ends_with(".toml") {
        let text = std::fs::read_to_string(model)
            .map_err(Error::io("read", Path::new(model)))
            .place(|| "network file".to_owned())?;
        toml::from_str(&text).place(|| format!("the network file `{model}` is not valid"))?
    } else if let Some(network) = Cnn::preset(model) {
        TrainConfig {
            network,
            ..TrainConfig::default()
        }
    } else {
        return Err(Error::Invalid(format!(
            "there is no model `{model}`; there are: {}, random-forest, lda, or a network file (*.toml)",
            Cnn::PRESETS.join(", ")
        )));
    };
    config.seed = seed;
    if let Some(epochs) = epochs {
        config.epochs = epochs;
    }
    Ok(config)
}

/// A network, trained on every fold.
#[derive(Debug)]
pub struct TrainedNetwork {
    /// Its settings.
    pub config: TrainConfig,
    /// What training made of them, fold by fold.
    pub folds: Vec<Trained>,
    /// Where the checkpoints of each fold lie.
    pub folders: Vec<PathBuf>,
    /// Seconds that training took; less when checkpoints were found.
    pub seconds: f64,
    /// Ends trainings.
    stop: Arc<AtomicBool>,
}

impl TrainedNetwork {
    /// Trains `model` on every fold; folds that are done already are read back.
    ///
    /// # Errors
    /// [`Error::Stopped`]; otherwise names the model and the fold.
    pub fn train(
        experiment: &Experiment,
        model: &str,
        config: &TrainConfig,
        observer: &Observer,
    ) -> Result<Self> {
        let start = Instant::now();
        let training = Training::next();
        observer.tell(Event::TrainingStarted {
            training,
            model,
            folds: experiment.folds.len(),
            epochs: config.epochs,
        });
        let watch = Watch { training, observer };
        let stop = observer.stop();
        let trained = experiment.each_fold(|index, fold| {
            let hooks = Hooks {
                stop: Some(&stop),
                progress: Some(&watch),
                checkpoint: Some(&folder(experiment, model, config, index)),
            };
            mote_train::train(job(experiment, index, fold), config, hooks)
                .place(|| format!("training `{model}`, fold {}", fold.name))
        });
        observer.tell(Event::TrainingEnded { training });
        Ok(Self {
            config: config.clone(),
            folds: trained?,
            folders: (0..experiment.folds.len())
                .map(|index| folder(experiment, model, config, index))
                .collect(),
            seconds: start.elapsed().as_secs_f64(),
            stop,
        })
    }

    /// Returns what techniques need that train on in fold `index`.
    pub(crate) fn training<'a>(
        &'a self,
        experiment: &'a Experiment,
        index: usize,
        fold: &'a Fold,
    ) -> mote_techniques::Training<'a> {
        mote_techniques::Training {
            trained: &self.folds[index],
            config: &self.config,
            job: job(experiment, index, fold),
            stop: Some(&self.stop),
            directory: Some(&self.folders[index]),
            others: Some(&*experiment.others),
        }
    }
}

fn job<'a>(experiment: &'a Experiment, index: usize, fold: &'a Fold) -> Job<'a> {
    Job {
        windows: experiment.windows(),
        stretches: &experiment.loaded.stretches,
        train: &fold.train,
        validation: &fold.validation,
        fold: index,
    }
}

/// Returns where a fold's checkpoint lies: one folder per data, window, split and training settings, so that
/// comparisons with other settings can share the output folder.
fn folder(experiment: &Experiment, model: &str, config: &TrainConfig, index: usize) -> PathBuf {
    let windows = experiment.windows();
    // Recordings that changed, or are read in another way, have another digest, and never meet an old checkpoint.
    let data: String = experiment.loaded.digest.chars().take(8).collect();
    let setting = format!(
        "{}-{data}-{}x{}-{}-{}-{}Hz-{}",
        experiment.task.name,
        windows.time,
        windows.channels,
        windows.hop,
        experiment.split,
        windows.rate_hz,
        experiment.seed
    );
    let name = |text: &str| -> String {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '.';
        text.chars()
            .map(|c| if allowed(c) { c } else { '-' })
            .collect()
    };
    experiment
        .out
        .join("folds")
        .join(name(&setting))
        .join(format!("{}-{}", name(model), short_digest(config)))
        .join(format!("{index:02}"))
}

/// Returns eight hexadecimal digits that tell settings of training apart. The checkpoint itself has the whole digest.
fn short_digest(config: &TrainConfig) -> String {
    let settings = serde_json::to_vec(config).expect("settings are plain values");
    let digest = Sha256::digest(settings);
    digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Tells the observer of every epoch.
struct Watch<'a> {
    training: Training,
    observer: &'a Observer,
}

impl Progress for Watch<'_> {
    fn epoch(&self, fold: usize, epoch: &Epoch) {
        self.observer.tell(Event::EpochDone {
            training: self.training,
            fold,
            epoch,
        });
    }
}
