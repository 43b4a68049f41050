//! Training of activity recognition networks for Mote.
//!
//! [`train()`] trains one 1-D CNN on one fold. The result is a [`mote_model::Graph`] with batch norms folded in, ready
//! for the engine. [`prune()`] takes whole channels out of a trained network and trains on, [`qat()`] trains on with
//! weights and activations rounded as int8 will round them, [`pretrain()`] learns from windows without labels first.
//! [`classical`] has the baselines: random forest and LDA on hand-made window [`features`].
//!
//! From the bottom: `ops` are differentiable operators on time-major tensors, and `network` lays layers out over one
//! flat vector of parameters. `forward` is the one forward pass; what differs between training, inference, pruning and
//! quantization is a `Pass`. An `Objective` makes a loss of a batch (`cross_entropy`, and those of `contrastive` and
//! `qat`), `optimizer` makes the next state of the loss, `run` does an epoch, and `train` loops over epochs and keeps the
//! state in `checkpoint`. `export` makes the graph.

#![allow(
    clippy::expect_used,
    reason = "on the host a broken invariant ends the program and says which it was"
)]

mod augment;
mod checkpoint;
pub mod classical;
mod config;
mod contrastive;
mod cross_entropy;
mod error;
mod examples;
mod export;
pub mod features;
mod forward;
pub mod frontend;
mod history;
mod infer;
mod job;
mod labels;
mod network;
mod objective;
mod ops;
mod optimizer;
mod params;
pub mod pca;
mod prune;
mod qat;
mod run;
mod state;
mod stream;
mod train;
mod trained;
mod training_set;

pub use config::{Augmentation, LabelsOf, TrainConfig, TrainOn};
pub use contrastive::{ContrastiveConfig, Head, Pretrained, pretrain, scratch};
pub use error::Error;
pub use history::{Epoch, Validation};
pub use job::{Hooks, Job, Progress};
pub use labels::labelled;
pub use prune::{Cost, Criterion, PruneConfig, prune};
pub use qat::{QatConfig, QuantReady, qat};
pub use stream::{StreamLoss, StreamTraining};
pub use train::train;
pub use trained::Trained;
