//! The windows of a training run, and ways to watch and stop it.

use crate::history::Epoch;
use mote_data::{Stretch, Windows};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// The windows of one training run.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// All windows of the task.
    pub windows: &'a Windows,
    /// The recordings that the windows were cut from, for training on streams; may be empty otherwise.
    pub stretches: &'a [Stretch],
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
    /// Tells that one batch of `batches` was done in `epoch` of `epochs` (all but `batch` zero-based).
    fn batch(&self, fold: usize, epoch: usize, epochs: usize, batch: usize, batches: usize) {
        let _ = (fold, epoch, epochs, batch, batches);
    }

    /// Tells that an epoch ended, or was found in a checkpoint.
    fn epoch(&self, fold: usize, epoch: &Epoch) {
        let _ = (fold, epoch);
    }

    /// Tells that the fold is done.
    fn finished(&self, fold: usize) {
        let _ = fold;
    }
}

impl Hooks<'_> {
    /// Calls `tell` with the progress listener, if there is one.
    pub(crate) fn each(&self, tell: impl Fn(&dyn Progress)) {
        if let Some(progress) = self.progress {
            tell(progress);
        }
    }

    /// Returns whether training was asked to stop.
    pub(crate) fn stopped(&self) -> bool {
        self.stop.is_some_and(|s| s.load(Ordering::Relaxed))
    }
}
