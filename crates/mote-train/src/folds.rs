//! Folds in parallel.

use crate::train::{Hooks, Job, Trained, train};
use crate::{Error, TrainConfig};
use mote_data::{Fold, Windows};
use rayon::prelude::*;

/// Trains one network per fold, on up to `threads` threads (0 takes one per core). Each fold trains on one
/// thread, from a seed of its own, so the result does not depend on the number of threads.
///
/// Checkpoints lie in `fold-1`, `fold-2`, ... below `hooks.checkpoint`.
///
/// # Errors
/// As [`train()`]; the first fold's error ends the rest.
pub fn train_folds(
    windows: &Windows,
    folds: &[Fold],
    config: &TrainConfig,
    threads: usize,
    hooks: Hooks<'_>,
) -> Result<Vec<Trained>, Error> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Error::Threads(e.to_string()))?;
    pool.install(|| {
        folds
            .par_iter()
            .enumerate()
            .with_max_len(1)
            .map(|(i, fold)| {
                let directory = hooks
                    .checkpoint
                    .map(|directory| directory.join(format!("fold-{}", i + 1)));
                let job = Job {
                    windows,
                    train: &fold.train,
                    validation: &fold.validation,
                    fold: i,
                };
                let hooks = Hooks {
                    checkpoint: directory.as_deref(),
                    ..hooks
                };
                train(job, config, hooks)
            })
            .collect()
    })
}
