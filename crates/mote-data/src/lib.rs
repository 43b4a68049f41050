//! Activity data sets: recordings, windows and splits.
//!
//! A [`Source`] reads one data set and hands over [`Recording`]s one at a time (one user, one activity, one
//! sensor), and counts every record it cannot use in an [`IngestReport`]. [`load`] resamples them by timestamp to a
//! uniform grid and cuts [`Windows`] that never cross a user, an activity or a gap. [`folds`] divides the
//! windows so that no user is on two sides, unless a split that leaks is asked for by name.
//!
//! Acceleration is in m/s^2, with gravity, everywhere.
//!
//! ```
//! use mote_data::{SplitKind, WindowSpec, folds, load, task};
//!
//! // Real tasks need the folder with the data in place of `None`.
//! let loaded = load(&task("synthetic/6")?, None, &WindowSpec::default())?;
//! assert!(loaded.synthetic && loaded.windows.time == 60);
//!
//! let fold = &folds(&loaded.windows, &"group:4".parse::<SplitKind>()?, 1)?[0];
//! assert!(fold.test_users.iter().all(|user| !fold.train_users.contains(user)));
//! # Ok::<(), mote_data::Error>(())
//! ```
//!
//! To add a data set, write one file in `src/sources/` and a line in `sources()` and `tasks()`.

#![allow(
    clippy::expect_used,
    reason = "invariants of the crate itself; what files hold is never expected to be anything"
)]

mod curl;
mod describe;
mod described;
mod error;
mod fetch;
mod files;
mod findings;
mod ingest_report;
mod load;
pub mod numpy;
mod recording;
mod records;
mod resample;
mod segmentation;
mod signals;
mod sources;
mod splice;
mod split;
mod stretch;
mod summary;
mod synth;
mod task;
mod windows;

pub use describe::{Guess, Hints, describe};
pub use described::{ChannelInfo, Described, Quantity};
pub use error::Error;
pub use fetch::{Fetched, Progress, dataset, datasets, fetch};
pub use files::Files;
pub use findings::{Finding, FindingKind};
pub use ingest_report::{IngestReport, Reason, Rejection, Skipped};
pub use load::{Loaded, load, locate};
pub use recording::{Recording, Sensor, Sink};
pub use segmentation::WindowSpec;
pub use signals::{Signal, Signals, signals};
pub use sources::{
    Dataset, Device, Layout, MotionSense, Npz, Source, Synthetic, Wisdm2019, WisdmFeatures,
    WisdmV1, sources,
};
pub use splice::{Bouts, SequenceSpec, Spliced, sequence};
pub use split::{Fold, SplitKind, folds};
pub use stretch::Stretch;
pub use summary::{ActivitySummary, Listed, Summary, check, list, summary};
pub use synth::{SynthSpec, synthesize, write_synthetic};
pub use task::{Task, published, task, tasks};
pub use windows::Windows;

/// Standard acceleration of free fall, m/s^2 per g.
pub const STANDARD_GRAVITY: f32 = 9.80665;
