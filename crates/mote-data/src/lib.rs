//! Activity data sets: recordings, windows and splits.
//!
//! A [`Source`] reads one data set and hands over [`Recording`]s one at a time (one user, one activity, one
//! sensor), entering every record it cannot use in an [`Account`]. [`load`] resamples them by timestamp to a
//! uniform grid and cuts [`Windows`] that never cross a user, an activity or a gap. [`folds`] divides the
//! windows so that no user is on two sides, unless a split that leaks is asked for by name, and
//! [`Normalizer`] is fitted on training windows only.
//!
//! Acceleration is in m/s^2, with gravity, everywhere.
//!
//! ```
//! use mote_data::{Normalizer, SplitKind, WindowSpec, folds, load, task};
//!
//! // Real tasks need the folder with the data in place of `None`.
//! let loaded = load(&task("synthetic/6")?, None, &WindowSpec::default())?;
//! assert!(loaded.synthetic && loaded.windows.time == 60);
//!
//! let fold = &folds(&loaded.windows, &"group:4".parse::<SplitKind>()?, 1)?[0];
//! let normalizer = Normalizer::fit(&loaded.windows, &fold.train);
//! assert!(normalizer.std.iter().all(|s| *s > 1.0));
//! # Ok::<(), mote_data::Error>(())
//! ```
//!
//! To add a data set, write one file in `src/sources/` and a line in `sources()` and `tasks()`.

mod account;
mod cut;
mod error;
mod fetch;
mod files;
mod load;
mod normalizer;
mod recording;
mod records;
mod resample;
mod sources;
mod split;
mod summary;
mod synth;
mod task;
mod windows;

pub use account::{Account, Reason, Rejection};
pub use cut::WindowSpec;
pub use error::Error;
pub use fetch::{Fetched, Progress, dataset, datasets, fetch};
pub use files::Files;
pub use load::{Loaded, load, locate};
pub use normalizer::Normalizer;
pub use recording::{Recording, Sensor, Sink};
pub use sources::{
    Csv, Dataset, Device, Layout, MotionSense, Npz, Source, Synthetic, Wisdm2019, WisdmFeatures,
    WisdmV1, sources,
};
pub use split::{Fold, SplitKind, folds};
pub use summary::{ActivitySummary, Listed, Summary, check, list, summary};
pub use synth::{SynthSpec, synthesize, write_synthetic};
pub use task::{Task, task, tasks};
pub use windows::Windows;

/// Standard acceleration of free fall, m/s^2 per g.
pub const STANDARD_GRAVITY: f32 = 9.80665;
