//! Comparisons of pipelines by a function call: windows, training, techniques, the engine, emulated boards.
//!
//! A [`Pipeline`] is a model and a list of techniques. [`ComparisonSettings`] say on which data, with which split and on
//! which boards. A [`ComparisonRunner`] makes a row of every pipeline, and trains what several of them share once:
//!
//! ```
//! use mote_experiment::{
//!     ComparisonRunner, ComparisonSettings, DataSettings, Event, Observer, Pipeline,
//! };
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicUsize, Ordering};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let out = tempfile::tempdir()?;
//! let mut settings = ComparisonSettings::new(DataSettings::new("synthetic/6"), out.path());
//! settings.data.window.overlap = 0.0;
//! settings.split.kind = "group:2".parse()?;
//! settings.epochs = Some(1);
//! // settings.boards = vec!["stm32l4r5".to_owned()]; would build firmware and run it.
//!
//! // What happens meanwhile are events. This observer counts epochs; a terminal draws bars.
//! let epochs = Arc::new(AtomicUsize::new(0));
//! let count = Arc::clone(&epochs);
//! let observer = Observer::new(
//!     move |event| {
//!         if let Event::EpochDone { .. } = event {
//!             count.fetch_add(1, Ordering::Relaxed);
//!         }
//!     },
//!     Arc::default(),
//! );
//!
//! let runner = ComparisonRunner::new(settings, observer)?;
//! let results = runner.compare(&[
//!     Pipeline::new("float", "cnn", &[])?,
//!     Pipeline::new("int8", "cnn", &["int8:calibration=mse"])?,
//! ])?;
//!
//! // Both rows come from the same networks: one epoch in each of two folds.
//! assert_eq!(epochs.load(Ordering::Relaxed), 2);
//! let (float, int8) = (&results.runs[0], &results.runs[1]);
//! assert!(int8.model.bytes < float.model.bytes);
//! assert!(int8.metrics.accuracy.mean > 1.0 / 6.0);
//! // Results hold the settings, so that the comparison can be repeated and explained.
//! assert_eq!(ComparisonSettings::recorded(&results)?.epochs, Some(1));
//! assert!(out.path().join("results.json").is_file());
//! # Ok(())
//! # }
//! ```
//!
//! | module or type | job |
//! |---|---|
//! | [`ComparisonSettings`], [`DataSettings`], [`SplitSettings`] | what is asked for, as data |
//! | [`Pipeline`], [`select`], [`built_in_experiment`] | rows, and the files and names they come from |
//! | [`Experiment`], [`WindowCache`] | windows and folds, by window length |
//! | [`TrainedNetwork`], [`Evaluator`], [`Firmware`] | train; apply and evaluate; build and measure |
//! | [`ComparisonRunner`] | these steps in order, and what rows share |
//! | [`LeaveOneOut`], [`neighbours`] | what each technique of a recorded row is worth, and what other rows do better |
//! | [`fit`], [`Trials`] | a search for the pipeline that fits a board |
//! | [`Import`] | a model of another tool, on boards |
//! | [`run_model`], [`run_on_board`] | a model on inputs of the user, compared with what is expected |
//! | [`predict`] | what a deployed network makes of new recordings |
//! | [`Budget`] | what a model may take on a board |
//! | [`Finalist`] | the network that is deployed, trained on all users |
//! | [`deployment`] | what an export reads |
//! | [`Event`], [`Observer`] | progress, and the stop flag |
#![allow(
    clippy::expect_used,
    reason = "a host crate: an invariant that does not hold is a bug, and says so"
)]

mod arrays;
mod budget;
mod classical;
pub mod deployment;
mod device;
mod error;
pub mod evaluate;
mod evaluator;
mod experiment;
mod experiment_file;
mod final_model;
mod firmware;
pub mod fit;
mod import;
mod leave_one_out;
mod neighbours;
pub mod network;
mod observer;
mod other_tasks;
mod pipeline;
mod plan;
mod predict;
mod random;
mod run;
mod runner;
mod settings;
mod smooth;
mod stream;
mod trained;
mod trials;
mod versions;
mod window_cache;
mod window_loss;

pub use arrays::Rows;
pub use budget::{Budget, Line as BudgetLine};
pub use classical::kind as classical_model;
pub use device::boards;
pub use error::{Error, Result};
pub use evaluator::{Applied, Evaluator};
pub use experiment::Experiment;
pub use experiment_file::{built_in, built_in_experiment, select};
pub use final_model::Finalist;
pub use firmware::{Firmware, Measured};
pub use import::{Import, ImportSettings, Imported, ImportedLayer};
pub use leave_one_out::{LeaveOneOut, WithoutTechnique};
pub use neighbours::{Cost, neighbours};
pub use network::TrainedNetwork;
pub use observer::{Event, Observer, Training};
pub use pipeline::Pipeline;
pub use predict::{Decided, Predicted, Prediction, predict};
pub use run::{Difference, Outputs, on_board as run_on_board, random_on_board, run as run_model};
pub use runner::{ComparisonRunner, Extent, PipelineResult};
pub use settings::{ComparisonSettings, DataSettings, MAX_BAD, SplitSettings, WINDOW_S};
pub use stream::StreamSettings;
pub use trained::TrainedPipeline;
pub use trials::{Repeat, TrialContext, TrialSettings, Trials};
pub use versions::versions;
pub use window_cache::WindowCache;
