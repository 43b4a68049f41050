//! The loop over epochs, from a random start or from a network trained before.

use crate::Error;
use crate::checkpoint;
use crate::config::TrainConfig;
use crate::job::{Hooks, Job};
use crate::network::Snapshot;
use crate::run::Run;
use crate::state::State;
use crate::trained::Trained;

/// Trains a network. The same job, settings and seed give the same weights on the same machine, however
/// often the run is stopped and resumed and however many folds run beside it.
///
/// # Errors
/// [`Error::Config`] and [`Error::Data`] before training starts, [`Error::Stopped`] when `hooks.stop` was
/// set, [`Error::Diverged`] when the loss is no longer a number, and errors of the checkpoint file.
pub fn train(job: Job<'_>, config: &TrainConfig, hooks: Hooks<'_>) -> Result<Trained, Error> {
    config.validate()?;
    let run = Run::new(job, config)?;
    let (digest, start) = (run.digest(), run.start());
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
    complete(run, digest, start, hooks)
}

/// Trains the remaining epochs of a run, from its checkpoint if there is one, else from `start`.
fn complete(
    mut run: Run<'_>,
    digest: [u8; 32],
    start: Snapshot,
    hooks: Hooks<'_>,
) -> Result<Trained, Error> {
    let (fold, config) = (run.fold, run.config);
    let resumed = match hooks.checkpoint {
        Some(directory) => checkpoint::load(directory, digest)?,
        None => None,
    };
    let mut state = resumed.unwrap_or_else(|| State::new(start));
    for epoch in &state.history {
        hooks.each(|p| p.epoch(fold, epoch));
    }
    while state.history.len() < config.epochs && !run.out_of_patience(&state) {
        run.epoch(&mut state, &hooks)?;
        let epoch = state.history.last().expect("an epoch has just ended");
        hooks.each(|p| p.epoch(fold, epoch));
        if let Some(directory) = hooks.checkpoint {
            checkpoint::save(directory, digest, &state)?;
        }
    }
    hooks.each(|p| p.finished(fold));
    run.finish(state)
}
