//! The same data, segmented into windows of several lengths.

use crate::error::Result;
use crate::experiment::Experiment;
use crate::observer::Observer;
use crate::settings::ComparisonSettings;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Opens one [`Experiment`] per window length and number of folds, each once.
#[derive(Debug)]
pub struct WindowCache {
    settings: ComparisonSettings,
    observer: Observer,
    /// By bits of the window length in seconds, and number of folds.
    open: Mutex<HashMap<(u32, usize), Arc<Experiment>>>,
}

impl WindowCache {
    /// Returns a cache over the data of `settings`; nothing is read yet.
    pub fn new(settings: ComparisonSettings, observer: Observer) -> Self {
        Self {
            settings,
            observer,
            open: Mutex::default(),
        }
    }

    /// Returns the experiment with windows of `seconds`, or of the length in the settings, with all folds.
    ///
    /// # Errors
    /// As [`Experiment::open`].
    pub fn get(&self, seconds: Option<f32>) -> Result<Arc<Experiment>> {
        self.first_folds(seconds, usize::MAX)
    }

    /// Returns the same as [`WindowCache::get`] with the first `folds` folds only.
    ///
    /// # Errors
    /// As [`Experiment::open`].
    pub fn first_folds(&self, seconds: Option<f32>, folds: usize) -> Result<Arc<Experiment>> {
        let data = self.settings.data.with_window(seconds);
        let window = data.window.seconds.to_bits();
        // Held while data is read, so that two threads do not read the same.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all = match open.get(&(window, usize::MAX)) {
            Some(experiment) => Arc::clone(experiment),
            None => {
                let opened = Arc::new(Experiment::open(
                    &data,
                    &self.settings.split,
                    self.settings.out.clone(),
                    self.settings.threads(),
                    &self.observer,
                )?);
                open.insert((window, usize::MAX), Arc::clone(&opened));
                opened
            }
        };
        if folds >= all.folds.len() {
            return Ok(all);
        }
        let fewer = open.entry((window, folds)).or_insert_with(|| {
            let first = all.folds.iter().take(folds).cloned();
            Arc::new(all.with_folds(first.collect()))
        });
        Ok(Arc::clone(fewer))
    }
}
