//! Finds the pipeline that fits a board and a budget.
//!
//! - [`Candidate`]: one candidate, as one word on a command line; [`Space`]: what there is to choose from; [`presets`]:
//!   candidates that need no search.
//! - [`Limits`], [`Objective`], [`Goal`]: what a user allows and wants, and which trials are worth having.
//! - [`network`](network::network) and [`Calibration`]: what a candidate will take on a device, without training or
//!   building anything. Model and arena are exact; cycles, code and stack come from coefficients that were fitted to
//!   measured networks.
//! - [`Search`]: proposes candidates and spends the time on those that deserve it. It does not train: it is given a
//!   [`Trial`].
//! - [`Record`], [`Store`], [`export`]: what was found, kept so that nothing is lost, and trials that run elsewhere.
#![allow(
    clippy::expect_used,
    reason = "a host crate: an invariant that does not hold is a bug, and says so"
)]

pub mod calibration;
mod candidate;
pub mod cost;
mod error;
pub mod export;
mod front;
pub mod limits;
pub mod network;
mod presets;
mod record;
mod search;
mod space;
mod store;

pub use calibration::Calibration;
pub use candidate::Candidate;
pub use cost::Prediction;
pub use error::Error;
pub use front::Goal;
pub use limits::{Figures, Limit, Limits, Objective};
pub use presets::{Preset, preset, presets};
pub use record::{Damage, Fidelity, Record};
pub use search::{NearMiss, Outcome, Search, Settings, Status, Trial};
pub use space::Space;
pub use store::{CutOff, Records, Store, collect};
