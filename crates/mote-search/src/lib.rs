//! Finds the pipeline that fits a board and a budget.
//!
//! - [`Candidate`] is one candidate, written as one word on a command line. [`Space`] has the choices of which candidates
//!   are made, [`presets`] are candidates that need no search.
//! - [`Limits`], [`Objective`] and [`Goal`] say what a user allows and wants, and which of two trials is better.
//! - [`network`](network::network) and [`Calibration`] predict what a candidate takes on a device, without training or
//!   building anything. Model and arena are exact; cycles, code and stack come from coefficients that were fitted to
//!   measured networks.
//! - [`Search`] proposes candidates and spends the time on the better ones. It does not train: whoever uses it brings a
//!   [`Trial`].
//! - [`Record`] and [`Store`] keep the results on disk, and [`export`] writes trials that run elsewhere.
#![allow(
    clippy::expect_used,
    reason = "a host crate: an invariant that does not hold is a bug, and says so"
)]

pub mod calibration;
mod candidate;
mod error;
pub mod export;
mod front;
mod least_squares;
pub mod limits;
pub mod network;
mod prediction;
mod presets;
mod record;
mod search;
mod space;
mod store;
mod work;

pub use calibration::Calibration;
pub use candidate::{Candidate, Train};
pub use error::Error;
pub use front::Goal;
pub use limits::{Figures, Limit, Limits, Objective, Quality};
pub use prediction::Prediction;
pub use presets::{Preset, preset, presets};
pub use record::{Damage, Fidelity, OnStream, Record};
pub use search::{NearMiss, Outcome, Search, Settings, Status, Trial};
pub use space::Space;
pub use store::{CutOff, Records, Store, collect};
pub use work::{LayerKind, Work};
