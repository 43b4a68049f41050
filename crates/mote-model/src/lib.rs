//! Host-side network description, model format, memory planner, and how a network is held and run;
//! [`Session`] runs it on this computer.

#![allow(
    clippy::expect_used,
    reason = "a host crate: an invariant that does not hold is a bug, and says so"
)]

pub mod blob;
pub mod cnn;
mod error;
pub mod graph;
pub mod op;
pub mod plan;
mod runtime;
pub mod sensor;
pub mod session;
pub mod shapes;
mod source;
pub mod stream;
mod validate;

pub use blob::to_blob;
pub use cnn::{Block, Cnn, ConvGeometry, ConvLayer, Nonlinearity, Padding};
pub use error::Error;
pub use graph::{Frontend, Graph, Node, Quant, SENSOR_G_PER_COUNT, Shape, Tensor, TensorId};
pub use op::*;
pub use plan::{Plan, Strategy, plan};
pub use runtime::{ArenaLayout, Backend, Init, Operators, Runtime, WeightMemory};
pub use session::Session;
pub use source::{FirmwareFeature, LayerFunction, PipelinePort, PipelineSource, PortType};
pub use validate::MAX_ELEMENTS;
