//! The last steps of a stream in front of the new ones.

use super::{Grids, Operator, Site, Streaming, window_pool::IN_A_STREAM};
use crate::{Error, Shape};
use mote::describe::Encoded;
use mote::op::history as engine;
use serde::{Deserialize, Serialize};

/// The last steps of a stream in front of the new ones: what a windowed operator needs to go on from run to run.
/// The output is [state](crate::Graph::state).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Steps of earlier runs.
    pub keep: usize,
}

impl Operator for History {
    fn name(&self) -> &'static str {
        "history"
    }

    fn output_shape(&self, _: &str, input: Shape) -> Result<Shape, Error> {
        Ok(Shape::new(
            input.time.saturating_add(self.keep),
            input.channels,
        ))
    }

    fn grids(&self) -> Grids {
        Grids::Same
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::Never(IN_A_STREAM)
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        Ok(match site.input.quant {
            Some(_) => Encoded::of::<engine::I8>(&()),
            None => Encoded::of::<engine::F32>(&()),
        })
    }
}
