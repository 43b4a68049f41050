//! Training of one network: what goes in, what comes out, and the loop over epochs.

use crate::checkpoint::{self, Snapshot, State};
use crate::config::{CnnConfig, TrainConfig};
use crate::network::Network;
use crate::run::{Run, gather};
use crate::{Error, frontend, infer};
use mote_data::Windows;
use mote_model::Graph;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is trained on what.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// All windows of the task.
    pub windows: &'a Windows,
    /// Windows to train on.
    pub train: &'a [usize],
    /// Windows to watch the training with; may be empty.
    pub validation: &'a [usize],
    /// Which fold this is: part of the seed, and reported to [`Progress`].
    pub fold: usize,
}

/// Ways to watch and steer a training run.
#[derive(Clone, Copy, Default)]
pub struct Hooks<'a> {
    /// Training ends at the next batch when this becomes true.
    pub stop: Option<&'a AtomicBool>,
    /// Is told about batches and epochs.
    pub progress: Option<&'a dyn Progress>,
    /// Directory of this run's checkpoint, written after every epoch and resumed from.
    pub checkpoint: Option<&'a Path>,
}

/// Is told how training goes, from the thread that trains.
pub trait Progress: Sync {
    /// One batch of `batches` was done in `epoch` of `epochs` (all but `batch` zero-based).
    fn batch(&self, fold: usize, epoch: usize, epochs: usize, batch: usize, batches: usize) {
        let _ = (fold, epoch, epochs, batch, batches);
    }

    /// An epoch ended, or was found in a checkpoint.
    fn epoch(&self, fold: usize, epoch: &Epoch) {
        let _ = (fold, epoch);
    }

    /// The fold is done.
    fn finished(&self, fold: usize) {
        let _ = fold;
    }
}

/// Figures of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Zero-based number.
    pub epoch: usize,
    /// Mean training loss, with augmentation, smoothing and class weights.
    pub loss: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Validation figures, when there are validation windows.
    pub validation: Option<Validation>,
}

/// How well the network does on the validation windows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Mean cross-entropy, unweighted and unsmoothed.
    pub loss: f64,
    /// Share of right predictions.
    pub accuracy: f64,
    /// Macro-averaged F1.
    pub macro_f1: f64,
}

/// A trained network.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The deployable f32 network; its output is logits.
    pub graph: Graph,
    /// One entry per epoch.
    pub history: Vec<Epoch>,
    /// The epoch whose weights were kept.
    pub best_epoch: usize,
    pub(crate) network: Network,
    pub(crate) snapshot: Snapshot,
}

impl PartialEq for Trained {
    fn eq(&self, other: &Self) -> bool {
        self.graph == other.graph
            && self.history == other.history
            && self.best_epoch == other.best_epoch
    }
}

impl Trained {
    /// What the network was laid out from.
    pub fn network(&self) -> &CnnConfig {
        &self.network.config
    }

    /// Logits of the windows `indices`, `[n][classes]`, by the tensor library's forward pass with batch norms
    /// unfolded. For checking the engine against, and for quick looks while tuning: reported figures come
    /// from the engine.
    ///
    /// # Errors
    /// [`Error::Data`] when a window does not exist, is not finite or has another shape.
    pub fn logits(&self, windows: &Windows, indices: &[usize]) -> Result<Vec<f32>, Error> {
        let input = self.network.input;
        if (windows.time, windows.channels) != (input.time, input.channels) {
            return Err(Error::Data(format!(
                "the windows are {}x{}, but the network takes {}x{}",
                windows.time, windows.channels, input.time, input.channels
            )));
        }
        let mut x = gather(windows, indices)?;
        if let Some(frontend) = &self.graph.frontend {
            frontend::normalise(frontend, &mut x);
        }
        infer::logits(&self.network, &self.snapshot, &x)
    }
}

/// Trains a network. The same job, settings and seed give the same weights on the same machine, however
/// often the run is stopped and resumed and however many folds run beside it.
///
/// # Errors
/// [`Error::Config`] and [`Error::Data`] before training starts, [`Error::Stopped`] when `hooks.stop` was
/// set, [`Error::Diverged`] when the loss is no longer a number, and errors of the checkpoint file.
pub fn train(job: Job<'_>, config: &TrainConfig, hooks: Hooks<'_>) -> Result<Trained, Error> {
    config.validate()?;
    let run = Run::new(job, config)?;
    let digest = run.digest();
    let start = run.start();
    complete(run, digest, start, hooks)
}

/// Trains `run` from `start`, the state of a network like its own trained before. The checkpoint lies in a
/// subdirectory named after all that it depends on, so that runs from different starts do not meet.
pub(crate) fn train_on(run: Run<'_>, start: Snapshot, hooks: Hooks<'_>) -> Result<Trained, Error> {
    run.config.validate()?;
    let digest = run.digest_from(&start);
    let name: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    let checkpoint = hooks.checkpoint.map(|directory| directory.join(name));
    let hooks = Hooks {
        checkpoint: checkpoint.as_deref(),
        ..hooks
    };
    complete(run, digest, State::new(start), hooks)
}

/// Trains what is left of a run, from its checkpoint if there is one, else from `start`.
fn complete(
    mut run: Run<'_>,
    digest: [u8; 32],
    start: State,
    hooks: Hooks<'_>,
) -> Result<Trained, Error> {
    let (fold, config) = (run.fold, run.config);
    let mut state = match hooks.checkpoint {
        Some(directory) => checkpoint::load(directory, digest)?,
        None => None,
    }
    .unwrap_or(start);
    for epoch in &state.history {
        hooks.each(|p| p.epoch(fold, epoch));
    }
    while state.history.len() < config.epochs && !run.out_of_patience(&state) {
        run.epoch(&mut state, &hooks)?;
        if let Some(epoch) = state.history.last() {
            hooks.each(|p| p.epoch(fold, epoch));
        }
        if let Some(directory) = hooks.checkpoint {
            checkpoint::save(directory, digest, &state)?;
        }
    }
    hooks.each(|p| p.finished(fold));
    run.finish(state)
}

impl Hooks<'_> {
    pub(crate) fn each(&self, tell: impl Fn(&dyn Progress)) {
        if let Some(progress) = self.progress {
            tell(progress);
        }
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.is_some_and(|s| s.load(Ordering::Relaxed))
    }
}
