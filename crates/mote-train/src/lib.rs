//! Training of activity recognition networks for Mote.

mod augment;
mod checkpoint;
pub mod classical;
mod config;
mod error;
mod export;
pub mod features;
mod folds;
pub mod frontend;
pub mod metrics;
mod network;
mod ops;
mod train;

pub use config::{Augmentation, Block, CnnConfig, Nonlinearity, TrainConfig};
pub use error::Error;
pub use folds::train_folds;
pub use train::{Epoch, Hooks, Job, Progress, Trained, Validation, train};
