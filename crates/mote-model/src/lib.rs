//! Host-side network description, model format, memory planner and code generator.

pub mod blob;
pub mod cnn;
pub mod codegen;
mod error;
pub mod graph;
pub mod import;
pub mod plan;
pub mod sensor;
pub mod shapes;
pub mod stream;
mod validate;

pub use blob::to_blob;
pub use cnn::{Block, Cnn, ConvGeometry, ConvLayer, Nonlinearity, Padding};
pub use error::Error;
pub use graph::{
    Activation, Conv1d, Dense, Exit, Frontend, Graph, History, Node, Op, Pool, PoolKind, Quant,
    SENSOR_G_PER_COUNT, Shape, Tensor, TensorId, Weights, WindowPool,
};
pub use plan::{Plan, Strategy, plan};
