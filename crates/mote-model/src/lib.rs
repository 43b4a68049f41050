//! Host-side network description, model format, memory planner and code generator.

mod error;
pub mod graph;
pub mod import;
pub mod plan;
mod validate;

pub use error::Error;
pub use graph::{
    Activation, Conv1d, Dense, Frontend, Graph, Node, Op, Pool, PoolKind, Quant,
    SENSOR_G_PER_COUNT, Shape, Tensor, TensorId, Weights,
};
pub use plan::{Plan, Strategy, plan};
