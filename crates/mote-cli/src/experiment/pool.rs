//! The same data, cut into windows of several lengths.

use super::Experiment;
use crate::args::{DataArgs, SplitArgs};
use crate::ui::Ui;
use anyhow::Result;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Opens one experiment per window length and number of folds, each once.
pub struct Pool<'a> {
    data: DataArgs,
    split: SplitArgs,
    out: PathBuf,
    threads: usize,
    ui: &'a Ui,
    /// By bits of the window length in seconds, and number of folds.
    open: Mutex<HashMap<(u32, usize), Arc<Experiment>>>,
}

impl<'a> Pool<'a> {
    /// The data of `data`, whatever its window length; nothing is read yet.
    pub fn new(data: DataArgs, split: SplitArgs, out: PathBuf, threads: usize, ui: &'a Ui) -> Self {
        Self {
            data,
            split,
            out,
            threads,
            ui,
            open: Mutex::default(),
        }
    }

    /// The experiment with windows of `seconds`, or of the length that was asked for on the command line.
    pub fn get(&self, seconds: Option<f32>) -> Result<Arc<Experiment>> {
        self.first_folds(seconds, usize::MAX)
    }

    /// As [`Pool::get`], with the first `folds` folds only.
    pub fn first_folds(&self, seconds: Option<f32>, folds: usize) -> Result<Arc<Experiment>> {
        let data = self.data.with_window(seconds);
        let window = data.window;
        // Held while data is read, so that two threads do not read the same.
        let open = self.open.lock();
        let mut open = open.unwrap_or_else(PoisonError::into_inner);
        let whole = (window.to_bits(), usize::MAX);
        let all = match open.get(&whole) {
            Some(experiment) => Arc::clone(experiment),
            None => {
                let opened =
                    Experiment::open(&data, &self.split, self.out.clone(), self.threads, self.ui)?;
                let opened = Arc::new(opened);
                open.insert(whole, Arc::clone(&opened));
                opened
            }
        };
        if folds >= all.folds.len() {
            return Ok(all);
        }
        let fewer = open.entry((window.to_bits(), folds));
        Ok(Arc::clone(
            fewer.or_insert_with(|| Arc::new(all.with_folds(folds))),
        ))
    }
}
