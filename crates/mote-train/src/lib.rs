//! Training of activity recognition networks for Mote.
//!
//! [`train()`] trains one 1-D CNN on one fold, [`train_folds`] all folds side by side. The result is a
//! [`mote_model::Graph`] with batch norms folded in, ready for the engine. [`classical`] has the baselines:
//! random forest and LDA on hand-made window [`features`].
//!
//! From the bottom: `ops` are differentiable operators on time-major tensors, `network` puts them together over
//! one flat vector of parameters, `run` does an epoch with `optimiser` and augmentation, `train` loops, watches,
//! and keeps the state in `checkpoint`, `export` folds and transposes. [`prune()`] takes whole channels out of a
//! trained network and trains on, [`qat()`] trains on with weights and activations rounded as int8 will round them.

mod augment;
mod checkpoint;
pub mod classical;
mod config;
mod contrastive;
mod distill;
mod error;
mod export;
pub mod features;
mod folds;
pub mod frontend;
mod infer;
mod labels;
pub mod metrics;
mod network;
mod ops;
mod optimiser;
pub mod pca;
mod prune;
mod qat;
mod run;
mod train;

pub use config::{Augmentation, Block, CnnConfig, LabelsOf, Nonlinearity, Padding, TrainConfig};
pub use contrastive::{
    ContrastiveConfig, Head, Labelled, Pretrained, label_efficiency, pretrain, scratch,
};
pub use distill::{DistillConfig, Distilled, distill};
pub use error::Error;
pub use folds::train_folds;
pub use labels::labelled;
pub use prune::{Cost, Criterion, PruneConfig, prune};
pub use qat::{QatConfig, QuantReady, qat};
pub use train::{Epoch, Hooks, Job, Progress, Trained, Validation, train};
