//! One file per command.

pub mod check;
pub mod compare;
pub mod data;
pub mod device;
pub mod eval;
pub mod explain;
pub mod export;
pub mod fit;
pub mod footprint;
pub mod import;
pub mod predict;
pub mod report;
pub mod run;
pub mod techniques;
pub mod train;
pub mod trial;
