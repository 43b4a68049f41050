//! Contrastive pretraining: the encoder learns from windows without labels, before a head learns from labels.
//!
//! SimCLR (Chen et al. 2020, arXiv 2002.05709) as Tang et al. 2020 (arXiv 2011.11542) brought it to activity
//! recognition: the encoder learns to give two augmented views of one window similar features, and views of other
//! windows different ones. With labels, all windows of one class are to have similar features (Khosla et al. 2020,
//! arXiv 2004.11362).

mod loss;
mod objective;

use crate::config::{Augmentation, TrainConfig, TrainOn};
use crate::history::Epoch;
use crate::job::{Hooks, Job};
use crate::run::Run;
use crate::train::train_on;
use crate::trained::Trained;
use crate::{Error, frontend};
use mote_data::Windows;
use objective::{Projection, Similarity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Learning rate of fine-tuning, as a share of that of the layer before.
const FINE: f64 = 0.125;

/// How an encoder is pretrained.
#[derive(Debug, Clone, PartialEq)]
pub struct ContrastiveConfig {
    /// Passes over the training windows.
    pub epochs: usize,
    /// Windows per step; each is seen in two views.
    pub batch: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Divides cosine similarities: the lower it is, the more the nearest of the other windows count.
    pub temperature: f32,
    /// How views differ.
    pub augmentation: Augmentation,
    /// Pulls labelled windows of one class together too.
    pub supervised: bool,
}

impl Default for ContrastiveConfig {
    fn default() -> Self {
        Self {
            epochs: 100,
            batch: 256,
            learning_rate: 4e-3,
            temperature: 0.1,
            augmentation: Augmentation::default(),
            supervised: false,
        }
    }
}

/// What learns from labels, after pretraining.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// The dense layer alone; the encoder stays as it was pretrained.
    #[default]
    Linear,
    /// The dense layer, and then everything at an eighth of the learning rate: with a random layer behind it, the
    /// encoder would forget more than it learns (Kumar et al. 2022, arXiv 2202.10054).
    FineTune,
}

/// A pretrained encoder; its head is still random.
#[derive(Debug, Clone, PartialEq)]
pub struct Pretrained(Trained);

/// Pretrains the encoder of `config.network` on all training windows of `job`, and on the windows of `others`, which are
/// other data sets. Users of `job` who are not in training are left out of `others` too, in case they wore both sensors.
/// Labels are used only when pretraining is supervised: the share `config.labels` of them. The result repeats, and a
/// stopped run resumes below `hooks.checkpoint`.
///
/// # Errors
/// [`Error::Config`] for settings that make no sense, [`Error::Data`] for others of another shape, and those of
/// [`train()`](crate::train()).
pub fn pretrain(
    job: Job<'_>,
    config: &TrainConfig,
    contrastive: &ContrastiveConfig,
    others: &[&Windows],
    hooks: Hooks<'_>,
) -> Result<Pretrained, Error> {
    let settings = TrainConfig {
        epochs: contrastive.epochs,
        batch: contrastive.batch,
        learning_rate: contrastive.learning_rate,
        augmentation: contrastive.augmentation.clone(),
        // Without supervision one pretraining serves all shares of labels.
        labels: if contrastive.supervised {
            config.labels
        } else {
            1.0
        },
        patience: None,
        // Two views of a window are compared, whatever the labels are learnt from afterwards.
        train: TrainOn::Windows,
        ..config.clone()
    };
    if !(contrastive.temperature.is_finite() && contrastive.temperature > 0.0) {
        return Err(Error::config("temperature", "must be positive"));
    }
    let mut run = Run::new(job, &settings)?;
    run.data.add_unlabelled(&counts_of(others, &job)?);
    run.data.watch_nothing();
    let network = &run.network;
    let network_only = network.params.len();
    let head = network.head_weights..network.head_bias + 1;
    let (projection, params) = Projection::behind(network);
    let start = run.start_of(&params);
    let similarity = Similarity {
        projection,
        temperature: contrastive.temperature,
        supervised: contrastive.supervised,
    };
    run.minimise(similarity, &params, head);
    let mut trained = train_on(run, start, hooks)?;
    trained.snapshot.values.truncate(network_only);
    Ok(Pretrained(trained))
}

/// Returns the sensor counts of the windows of `others`, without those of users of `job` who are not in training.
fn counts_of(others: &[&Windows], job: &Job<'_>) -> Result<Vec<f32>, Error> {
    let all = job.windows;
    let trained_on: BTreeSet<u32> = job.train.iter().map(|&n| all.users[n]).collect();
    let everyone: BTreeSet<u32> = all.users.iter().copied().collect();
    let kept_out = &everyone - &trained_on;
    let mut counts = Vec::new();
    for other in others {
        if (other.time, other.channels) != (all.time, all.channels) {
            return Err(Error::Data(format!(
                "windows to pretrain on have {} steps of {} values, those of the task {} of {}",
                other.time, other.channels, all.time, all.channels
            )));
        }
        let allowed = |&n: &usize| !kept_out.contains(&other.users[n]);
        let indices: Vec<usize> = (0..other.len()).filter(allowed).collect();
        counts.extend(frontend::gather(other, &indices)?);
    }
    Ok(counts)
}

impl Pretrained {
    /// Returns one entry per epoch; the loss is that of finding the other view of a window among all views.
    pub fn history(&self) -> &[Epoch] {
        &self.0.history
    }

    /// Trains on the share `config.labels` of the labels. `job` and the network of `config` are those of [`pretrain`].
    ///
    /// # Errors
    /// Those of [`train()`](crate::train()).
    pub fn tune(
        &self,
        job: Job<'_>,
        config: &TrainConfig,
        head: Head,
        hooks: Hooks<'_>,
    ) -> Result<Trained, Error> {
        let mut run = Run::new(job, config)?;
        run.train_head_only();
        let start = run.network.adopt(self.0.snapshot.clone());
        let linear = train_on(run, start, hooks)?;
        if head == Head::Linear {
            return Ok(linear);
        }
        let gentle = TrainConfig {
            learning_rate: config.learning_rate * FINE,
            ..config.clone()
        };
        train_on(Run::new(job, &gentle)?, linear.snapshot, hooks)
    }
}

/// Trains as [`train()`](crate::train()) does, with a checkpoint beside those of pretraining: what
/// [`Pretrained::tune`] is compared with.
///
/// # Errors
/// Those of [`train()`](crate::train()).
pub fn scratch(job: Job<'_>, config: &TrainConfig, hooks: Hooks<'_>) -> Result<Trained, Error> {
    let run = Run::new(job, config)?;
    let start = run.start();
    train_on(run, start, hooks)
}
