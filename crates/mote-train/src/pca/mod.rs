//! Principal component analysis, and networks that begin with it.

pub(crate) mod analysis;
mod network;

pub use analysis::{Keep, Pca};
pub use network::{PcaConfig, PcaHead, Reduced, reduce};
