//! Between f32 and int8.

use super::{Grids, Operator, Site, Streaming, scale, zero_point};
use crate::{Error, Shape, Tensor};
use mote::describe::Encoded;
use mote::kernels::convert::Grid;
use mote::op::convert as engine;

/// f32 to int8.
pub(super) struct Quantize;

impl Operator for Quantize {
    fn name(&self) -> &'static str {
        "quantize"
    }

    fn grids(&self) -> Grids {
        Grids::Quantizes
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::PerStep
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        Ok(Encoded::of::<engine::Quantize>(&grid(site.output)))
    }
}

/// int8 to f32.
pub(super) struct Dequantize;

impl Operator for Dequantize {
    fn name(&self) -> &'static str {
        "dequantize"
    }

    fn grids(&self) -> Grids {
        Grids::Dequantizes
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::PerStep
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        Ok(Encoded::of::<engine::Dequantize>(&grid(site.input)))
    }
}

/// The grid of an int8 tensor.
fn grid(tensor: &Tensor) -> Grid {
    Grid {
        scale: scale(tensor),
        zero_point: zero_point(tensor),
    }
}
