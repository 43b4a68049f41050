//! What happens while an experiment runs, as values; whoever runs it decides what to show.

use mote_data::{IngestReport, SplitKind};
use mote_report::Run;
use mote_search::{Candidate, CutOff, Limits, Record, Status};
use mote_train::Epoch;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One thing that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The recordings of a task are being read.
    Reading {
        /// The task.
        task: &'a str,
    },
    /// The recordings are read, segmented and divided.
    DataRead {
        /// Where they come from.
        source: &'a str,
        /// Windows.
        windows: usize,
        /// What became of every record, and what the owner of the data should know.
        ingest: &'a IngestReport,
        /// Folds.
        folds: usize,
        /// How users are divided.
        split: &'a SplitKind,
        /// The recordings were generated; figures say nothing about people.
        synthetic: bool,
    },
    /// A table of features has no time, so networks among the default pipelines are left out.
    NetworksLeftOut {
        /// The task.
        task: &'a str,
    },
    /// A pipeline cannot be on this data. The comparison goes on without it.
    RowImpossible {
        /// The pipeline.
        pipeline: &'a str,
        /// Why, and what to do.
        why: &'a str,
    },
    /// A network is being trained on every fold.
    TrainingStarted {
        /// The training, as later events name it.
        training: Training,
        /// The network.
        model: &'a str,
        /// Folds.
        folds: usize,
        /// Epochs of each fold.
        epochs: usize,
    },
    /// A network is about to be trained on all users. The events of its training follow, with one fold.
    TrainingFinal {
        /// The pipeline.
        pipeline: &'a str,
        /// Users it is trained on.
        users: usize,
        /// Epochs it is trained for.
        epochs: usize,
        /// Why so many.
        epochs_from: &'a str,
    },
    /// An epoch of one fold ended. Epochs that a checkpoint holds already are told, too.
    EpochDone {
        /// The training.
        training: Training,
        /// The fold, counted from 0.
        fold: usize,
        /// Its losses and scores.
        epoch: &'a Epoch,
    },
    /// A training ended, with or without success.
    TrainingEnded {
        /// The training.
        training: Training,
    },
    /// A classical model is being fitted on every fold.
    FittingStarted {
        /// The fitting, as later events name it.
        training: Training,
        /// The pipeline.
        pipeline: &'a str,
        /// Folds.
        folds: usize,
    },
    /// A classical model is fitted on one fold.
    FoldFitted {
        /// The fitting.
        training: Training,
    },
    /// A fitting ended, with or without success.
    FittingEnded {
        /// The fitting.
        training: Training,
    },
    /// The engine is about to classify the test windows.
    Evaluating {
        /// The pipeline.
        pipeline: &'a str,
    },
    /// A pipeline is evaluated; its device figures follow.
    Evaluated {
        /// What was found so far.
        run: &'a Run,
    },
    /// Firmware is being built and run for a board.
    Building {
        /// The pipeline.
        pipeline: &'a str,
        /// The board.
        board: &'a str,
    },
    /// Firmware was built, run, and gave the host's outputs.
    Measured {
        /// The pipeline.
        pipeline: &'a str,
        /// The board.
        board: &'a str,
        /// What built it.
        toolchain: &'a str,
        /// What ran it.
        emulator: &'a str,
    },
    /// Firmware could not be built or run, or gave other outputs.
    MeasurementFailed {
        /// The pipeline.
        pipeline: &'a str,
        /// The board.
        board: &'a str,
        /// Why.
        why: &'a str,
    },
    /// A candidate of a search was trained and evaluated.
    TrialDone {
        /// What was found.
        record: &'a Record,
    },
    /// A candidate of a search cannot be.
    TrialFailed {
        /// The candidate.
        spec: &'a Candidate,
        /// Why.
        why: &'a str,
    },
    /// The last record of a file was cut off, as by a loss of power, and is left out.
    RecordCutOff {
        /// Which.
        cut_off: &'a CutOff,
    },
    /// Records that trials left elsewhere were merged.
    RecordsCollected {
        /// How many.
        count: usize,
    },
    /// Trials of the same settings are known already.
    TrialsKnown {
        /// How many.
        count: usize,
    },
    /// A search begins.
    SearchStarted {
        /// What candidates must keep.
        limits: &'a Limits,
    },
    /// A search came to the end of a generation.
    SearchProgress {
        /// Where it stands.
        status: &'a Status<'a>,
    },
}

/// Tells trainings and fittings apart that run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Training(u64);

impl Training {
    pub(crate) fn next() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self(COUNT.fetch_add(1, Ordering::Relaxed))
    }
}

type Tell = dyn Fn(Event<'_>) + Send + Sync;

/// Is told what happens, and says when to stop. Clones share both.
#[derive(Clone)]
pub struct Observer {
    tell: Arc<Tell>,
    stop: Arc<AtomicBool>,
}

impl Observer {
    /// Returns an observer that calls `tell`, from any thread, and stops when `stop` becomes true.
    pub fn new(tell: impl Fn(Event<'_>) + Send + Sync + 'static, stop: Arc<AtomicBool>) -> Self {
        Self {
            tell: Arc::new(tell),
            stop,
        }
    }

    /// Returns an observer that shows nothing and never stops.
    pub fn silent() -> Self {
        Self::new(|_| {}, Arc::default())
    }

    pub(crate) fn tell(&self, event: Event<'_>) {
        (self.tell)(event);
    }

    pub(crate) fn stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer")
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}
