//! Memory-optimisation techniques: one file each, behind one trait and one registry.
//!
//! A pipeline is a model and an ordered list of [`Step`]s. Each step is a [`Technique`] with its options: it takes an
//! [`Artifact`] (the network and how it runs), changes one property of it, and says what it changed. To add a
//! technique, copy the file of another one and add a line to the registry in `step.rs`.
#![allow(
    clippy::expect_used,
    reason = "on the host an invariant says why it holds"
)]

mod arena;
mod artifact;
mod contrastive;
mod error;
mod filter;
mod flatten;
mod int8;
mod lazy;
mod options;
mod paged;
mod pca;
mod prune_channels;
mod qat;
mod static_pruning;
mod step;
mod streaming;
mod technique;

pub use arena::Arena;
pub use artifact::{Artifact, Context, Others, Stream, Training};
pub use contrastive::{Contrastive, Views};
pub use error::Error;
pub use filter::Filter;
pub use flatten::Flatten;
pub use int8::{Calibration, Int8};
pub use lazy::{ExitLayer, Lazy};
pub use options::{Bound, OptionInfo, Range, TechniqueInfo, Values, read};
pub use paged::Paged;
pub use pca::{Pca, PcaHead};
pub use prune_channels::PruneChannels;
pub use qat::Qat;
pub use static_pruning::StaticPruning;
pub use step::{Step, registry};
pub use streaming::Streaming;
pub use technique::{Change, Kind, Technique};

pub use mote_train::{Cost, Criterion, Head, LabelsOf};
