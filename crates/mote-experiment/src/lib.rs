//! Comparisons of pipelines by a function call: windows, training, techniques, the engine, emulated boards.
#![allow(
    clippy::expect_used,
    reason = "a host crate: an invariant that does not hold is a bug, and says so"
)]

mod classical;
pub mod deployment;
mod device;
mod error;
pub mod evaluate;
mod evaluator;
mod experiment;
mod experiment_file;
mod firmware;
pub mod fit;
mod import;
mod leave_one_out;
pub mod network;
mod observer;
mod other_tasks;
mod pipeline;
mod plan;
mod runner;
mod settings;
mod smooth;
mod trials;
mod versions;
mod window_cache;

pub use classical::kind as classical_model;
pub use device::boards;
pub use error::{Error, Result};
pub use evaluator::{Applied, Evaluator};
pub use experiment::Experiment;
pub use experiment_file::{built_in, built_in_experiment, select};
pub use firmware::{Firmware, Measured};
pub use import::{Import, ImportSettings, Imported, ImportedLayer};
pub use leave_one_out::{LeaveOneOut, WithoutTechnique};
pub use network::TrainedNetwork;
pub use observer::{Event, Observer, Training};
pub use pipeline::Pipeline;
pub use runner::{ComparisonRunner, Fidelity, PipelineResult, TrainedPipeline};
pub use settings::{ComparisonSettings, DataSettings, SplitSettings, WINDOW_S};
pub use trials::{Repeat, TrialContext, TrialSettings, Trials};
pub use versions::versions;
pub use window_cache::WindowCache;
