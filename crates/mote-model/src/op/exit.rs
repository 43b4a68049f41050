//! Early exit.

use super::{Grids, Operator, Overlap, Site, Streaming};
use crate::{Error, Shape};
use mote::describe::Encoded;
use mote::op::exit as engine;
use serde::{Deserialize, Serialize};

/// Where a run may end: when the largest score leads every other by `margin`, the scores become the network's
/// output and nothing behind is computed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Exit {
    /// In units of the scores; infinite never ends a run.
    pub margin: f32,
}

impl Operator for Exit {
    fn name(&self) -> &'static str {
        "exit"
    }

    fn grids(&self) -> Grids {
        Grids::Same
    }

    fn overlap(&self, _: Shape, _: Shape) -> Overlap {
        Overlap::InPlace
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::Never(
            "there is nothing to skip in a stream, where every layer moves on with every sample; remove it",
        )
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        Ok(match site.input.quant {
            Some(quant) => {
                let steps = (self.margin / quant.scale).round() as i32;
                Encoded::of::<engine::I8>(&steps)
            }
            None => Encoded::of::<engine::F32>(&self.margin),
        })
    }
}
