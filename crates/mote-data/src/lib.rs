//! Activity data sets: recordings, windows and splits.

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
