//! One comparison, from windows to figures: trains each network once per fold, applies every pipeline's
//! techniques, evaluates with the engine, measures on devices.

pub mod classical;
pub mod device;
pub mod evaluate;
pub mod network;
pub mod plan;
pub mod pool;
pub mod prepared;
pub mod rows;
pub mod smooth;
pub mod trials;

use crate::args::{DataArgs, SplitArgs};
use crate::ui::Ui;
use anyhow::{Context, Result};
use mote_data::{Fold, Loaded, SplitKind, Task, Windows};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The user stopped the run; what was finished is kept.
#[derive(Debug, thiserror::Error)]
#[error("stopped; the same command goes on from here")]
pub struct Stopped;

/// The data of a comparison and how it is divided.
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
    /// What networks made of test windows: pipelines that differ only in how they run share it.
    pub predictions: evaluate::Cache,
    /// What techniques made of networks.
    pub artifacts: evaluate::Artifacts,
    /// How windows are cut, and windows of other tasks that techniques asked for.
    others: OtherTasks,
}

/// Windows of other tasks, read when they are first asked for.
struct OtherTasks {
    data: DataArgs,
    read: Arc<Mutex<HashMap<String, Arc<Windows>>>>,
}

impl mote_techniques::Others for Experiment {
    fn windows(&self, task: &str) -> Result<Arc<Windows>, String> {
        // Held while data is read, so that two folds do not read the same.
        let read = self.others.read.lock();
        let mut read = read.unwrap_or_else(PoisonError::into_inner);
        if let Some(windows) = read.get(task) {
            return Ok(Arc::clone(windows));
        }
        let data = &self.others.data;
        let named = mote_data::task(task).map_err(|e| e.to_string())?;
        let loaded = mote_data::load(&named, data.data.as_deref(), &data.spec());
        let windows = Arc::new(loaded.map_err(|e| e.to_string())?.windows);
        read.insert(task.to_owned(), Arc::clone(&windows));
        Ok(windows)
    }
}

impl Experiment {
    /// Loads the data and divides it.
    pub fn open(
        data: &DataArgs,
        split: &SplitArgs,
        out: PathBuf,
        threads: usize,
        ui: &Ui,
    ) -> Result<Self> {
        let task = mote_data::task(&data.task)?;
        let kind = split.kind()?;
        ui.info(format_args!("reading {} ...", task.name));
        let loaded = mote_data::load(&task, data.data.as_deref(), &data.spec())?;
        let windows = &loaded.windows;
        if loaded.synthetic {
            ui.warn("SYNTHETIC recordings: the figures say nothing about people");
        }
        let folds = mote_data::folds(windows, &kind, split.seed)
            .with_context(|| format!("task {}", task.name))?;
        if kind.leaks() {
            ui.warn(format_args!(
                "split `{kind}` puts the same user on both sides: accuracy comes out too high (a leak, asked for by name)"
            ));
        }
        ui.info(format_args!(
            "{}: {} windows, {} records rejected; {} folds ({kind})",
            loaded.source,
            windows.len(),
            loaded.ingest.rejected(),
            folds.len()
        ));
        Ok(Self {
            task,
            loaded: Arc::new(loaded),
            split: kind,
            folds,
            seed: split.seed,
            out,
            threads,
            predictions: evaluate::Cache::default(),
            artifacts: evaluate::Artifacts::default(),
            others: OtherTasks {
                data: data.clone(),
                read: Arc::default(),
            },
        })
    }

    /// The same data with the first `count` folds only.
    pub fn with_folds(&self, count: usize) -> Self {
        Self {
            task: self.task.clone(),
            loaded: Arc::clone(&self.loaded),
            split: self.split.clone(),
            folds: self.folds.iter().take(count).cloned().collect(),
            seed: self.seed,
            out: self.out.clone(),
            threads: self.threads,
            predictions: evaluate::Cache::default(),
            artifacts: evaluate::Artifacts::default(),
            others: OtherTasks {
                data: self.others.data.clone(),
                read: Arc::clone(&self.others.read),
            },
        }
    }

    /// `steps` samples in seconds; `None` for tables of features, which have no time.
    pub fn seconds(&self, steps: usize) -> Option<f64> {
        let windows = &self.loaded.windows;
        (windows.time > 1).then(|| steps as f64 / f64::from(windows.rate_hz))
    }

    /// Works on the folds, up to `threads` at a time, in order of their numbers.
    pub fn each_fold<T: Send>(
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
}
