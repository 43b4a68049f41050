//! Softmax over all elements.

use super::{Grids, Operator, Overlap, Site, Streaming};
use crate::{Error, Quant, Shape};
use mote::describe::Encoded;
use mote::kernels::softmax::SoftmaxI8;
use mote::op::softmax as engine;

/// Scale and zero point the int8 softmax always writes.
pub const SOFTMAX_QUANT: Quant = Quant {
    scale: 1.0 / 256.0,
    zero_point: -128,
};

/// The softmax.
pub(super) struct Softmax;

impl Operator for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn grids(&self) -> Grids {
        Grids::Fixed(SOFTMAX_QUANT)
    }

    fn overlap(&self, _: Shape, _: Shape) -> Overlap {
        Overlap::InPlace
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::WholeWindow(
            "it takes all steps of the window at once; put it behind the global pool",
        )
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        Ok(match site.input.quant {
            Some(quant) => Encoded::of::<engine::I8>(&SoftmaxI8::new(quant.scale)),
            None => Encoded::of::<engine::F32>(&()),
        })
    }
}
