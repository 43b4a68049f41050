//! The data of a comparison, and how it is divided into folds.

use crate::error::{Place as _, Result};
use crate::observer::{Event, Observer};
use crate::other_tasks::OtherTasks;
use crate::settings::{DataSettings, SplitSettings};
use mote_data::{ChannelInfo, Fold, Loaded, SplitKind, Task, Windows};
use mote_report::{ChannelUnit, Data};
use std::path::PathBuf;
use std::sync::Arc;

fn channel_unit(channel: &ChannelInfo) -> ChannelUnit {
    ChannelUnit {
        name: channel.name.clone(),
        quantity: channel.quantity.text().to_owned(),
        unit: channel.quantity.unit().to_owned(),
    }
}

/// Windows and their folds.
#[derive(Debug)]
pub struct Experiment {
    /// What is recognised.
    pub task: Task,
    /// The windows and where they come from.
    pub loaded: Arc<Loaded>,
    /// How users are divided.
    pub split: SplitKind,
    /// The divisions.
    pub folds: Vec<Fold>,
    /// Seed of everything random.
    pub seed: u64,
    /// Where checkpoints, images and results go.
    pub out: PathBuf,
    /// Folds worked on at a time.
    pub threads: usize,
    /// Windows of other tasks, for techniques that learn from them.
    pub(crate) others: Arc<OtherTasks>,
}

impl Experiment {
    /// Loads the data and divides it. Checkpoints, images and results go into `out`, and up to `threads` folds are
    /// worked on at a time.
    ///
    /// # Errors
    /// When there is no such task, its data cannot be read, or its users cannot be divided so.
    pub fn open(
        data: &DataSettings,
        split: &SplitSettings,
        out: PathBuf,
        threads: usize,
        observer: &Observer,
    ) -> Result<Self> {
        let task = mote_data::task(&data.task)?;
        observer.tell(Event::Reading { task: &task.name });
        let loaded = mote_data::load(&task, data.folder.as_deref(), &data.window)?;
        loaded.ingest.require_sound(&task.name, data.max_bad)?;
        let folds = mote_data::folds(&loaded.windows, &split.kind, split.seed)
            .place(|| format!("task {}", task.name))?;
        observer.tell(Event::DataRead {
            source: &loaded.source,
            windows: loaded.windows.len(),
            ingest: &loaded.ingest,
            folds: folds.len(),
            split: &split.kind,
            synthetic: loaded.synthetic,
        });
        Ok(Self {
            task,
            loaded: Arc::new(loaded),
            split: split.kind.clone(),
            folds,
            seed: split.seed,
            out,
            threads,
            others: Arc::new(OtherTasks::new(data.clone())),
        })
    }

    /// Returns the windows.
    pub fn windows(&self) -> &Windows {
        &self.loaded.windows
    }

    /// Returns the same data with other folds.
    pub fn with_folds(&self, folds: Vec<Fold>) -> Self {
        Self {
            task: self.task.clone(),
            loaded: Arc::clone(&self.loaded),
            split: self.split.clone(),
            folds,
            seed: self.seed,
            out: self.out.clone(),
            threads: self.threads,
            others: Arc::clone(&self.others),
        }
    }

    /// Returns the same data with one fold, in which all users train and nobody is tested.
    ///
    /// # Errors
    /// As [`mote_data::folds`].
    pub fn with_all_users(&self) -> Result<Self> {
        let folds = mote_data::folds(self.windows(), &SplitKind::AllUsers, self.seed)?;
        Ok(Self {
            split: SplitKind::AllUsers,
            ..self.with_folds(folds)
        })
    }

    /// Returns fold `number`, counted from 1.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) with the folds there are.
    pub fn fold(&self, number: usize) -> Result<&Fold> {
        let fold = number.checked_sub(1).and_then(|i| self.folds.get(i));
        fold.ok_or_else(|| {
            crate::Error::Invalid(format!(
                "--fold {number}: there are folds 1 to {}",
                self.folds.len()
            ))
        })
    }

    /// Returns the duration of `steps` samples in seconds; `None` for tables of features, which have no time.
    pub fn seconds(&self, steps: usize) -> Option<f64> {
        let windows = self.windows();
        (windows.time > 1).then(|| steps as f64 / f64::from(windows.rate_hz))
    }

    /// Returns class and user of each window of `indices`.
    pub(crate) fn truth(&self, indices: &[usize]) -> (Vec<usize>, Vec<u32>) {
        let windows = self.windows();
        indices
            .iter()
            .map(|&n| (windows.y[n], windows.users[n]))
            .unzip()
    }

    /// Works on the folds, up to [`Experiment::threads`] at a time, in order of their numbers.
    pub(crate) fn each_fold<T: Send>(
        &self,
        work: impl Fn(usize, &Fold) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        use rayon::prelude::*;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads.max(1))
            .build()?;
        pool.install(|| {
            // One job at a time per thread, taken in order, so that an interrupted run leaves whole folds.
            self.folds
                .par_iter()
                .enumerate()
                .with_max_len(1)
                .map(|(i, fold)| work(i, fold))
                .collect()
        })
    }

    /// Describes the data for the report.
    pub fn describe(&self) -> Data {
        let loaded = &self.loaded;
        let windows = &loaded.windows;
        let mut users = windows.users.clone();
        users.sort_unstable();
        users.dedup();
        Data {
            digest: loaded.digest.clone(),
            synthetic: loaded.synthetic,
            source: loaded.source.clone(),
            windows: windows.len(),
            users: users.len(),
            channels: windows.channels,
            channel_units: self
                .task
                .source
                .channels()
                .iter()
                .map(channel_unit)
                .collect(),
            rate_hz: (windows.time > 1).then(|| f64::from(windows.rate_hz)),
            window_s: self.seconds(windows.time),
            hop_s: self.seconds(windows.hop),
            labels: windows.labels.clone(),
            records: Some(loaded.ingest.accepted + loaded.ingest.rejected()),
            rejected: loaded
                .ingest
                .rejected
                .iter()
                .map(|(r, &n)| (r.text().to_owned(), n))
                .collect(),
        }
    }
}
