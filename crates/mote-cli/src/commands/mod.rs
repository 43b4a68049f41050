//! One file per command.

pub mod compare;
pub mod data;
pub mod device;
pub mod eval;
pub mod export;
pub mod footprint;
pub mod report;
pub mod techniques;
pub mod train;
