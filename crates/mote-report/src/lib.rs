//! Results of a comparison: the schema of `results.json`, accuracy figures from predictions, the terminal
//! table, and the self-contained HTML report.
//!
//! ```
//! use mote_report::{Data, FoldPredictions, Results, Run, evaluate};
//!
//! let labels = ["walk".to_owned(), "sit".to_owned()];
//! let fold = FoldPredictions { name: "0", y_true: &[0, 0, 1], y_pred: &[0, 1, 1], users: &[7, 7, 7] };
//! let (metrics, fold_results) = evaluate(&labels, &[fold])?;
//! assert!((metrics.accuracy.mean - 2.0 / 3.0).abs() < 1e-12);
//!
//! let mut results = Results::new("wisdm-2019-watch/5", Data::default());
//! results.runs.push(Run { fold_results, ..Run::new("cnn", &results.task, "group:10", metrics) });
//! println!("{}", mote_report::render_table(&results, &mote_report::TableOptions::default()));
//! # Ok::<(), mote_report::Error>(())
//! ```

#![allow(
    clippy::expect_used,
    reason = "on the host, an invariant is an `expect` that says why it holds"
)]

mod ablation;
mod claims;
mod error;
mod figures;
mod format;
mod html;
mod markdown;
mod metrics;
mod plots;
mod reasons;
mod schema;
mod store;
mod table;
mod tables;
mod terminal;
mod view;
mod waiting;

pub use error::{Error, Result};
pub use html::render_html;
pub use markdown::{render_figures, render_headline, render_streams};
pub use metrics::{FoldPredictions, evaluate};
pub use mote_metrics::{ClassScores, Confusion, Scores};
pub use plots::recording::{Recorded, recordings};
pub use schema::{
    BoutFigures, ChannelUnit, Data, Delay, DeviceFigures, EarlyExit, Epoch, Estimate, FoldResult,
    Host, LayerCost, MeasurementStatus, Method, Metrics, ModelSize, Quantiles, Results, Run,
    SCHEMA, Smoothed, StreamFigures, Strip, UserQuantiles, UserScores, WindowFigures, WindowLoss,
};
pub use store::{Paths, read, write_report};
pub use terminal::{TableOptions, render_table};
pub use waiting::waiting;
