//! What figures mean, for every crate that compares them: [`Confusion`] and the scores that follow from it, and Pareto
//! dominance ([`dominates`], [`pareto_front`]).
//!
//! Training, the search and the report judge by the same functions, so a figure of the search is the figure of the report.
//! The index of the largest score is `mote::kernels::argmax`, which the device runs too.

mod calibration;
mod confusion;
mod pareto;
mod stream;

pub use calibration::Calibration;
pub use confusion::{ClassScores, Confusion, Scores};
pub use pareto::{dominates, pareto_front};
pub use stream::{Changes, Decisions, SegmentErrors};
