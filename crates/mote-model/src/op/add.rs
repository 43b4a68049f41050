//! Element-wise sum of two tensors of one shape, then a clamp.

use super::{
    Activation, Grids, Operator, Overlap, Site, Streaming, output_grid, scale, zero_point,
};
use crate::{Error, Shape};
use mote::describe::Encoded;
use mote::kernels::add::{AddI8, HEADROOM};
use mote::op::add as engine;
use mote::quant::Multiplier;

/// The sum, with its clamp.
pub(super) struct Add(pub Activation);

impl Operator for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn inputs(&self) -> usize {
        2
    }

    fn grids(&self) -> Grids {
        Grids::Free
    }

    fn check(&self, site: &Site<'_>) -> Result<(), Error> {
        if site.second.shape == site.input.shape {
            Ok(())
        } else {
            Err(site.error("inputs", "shapes differ"))
        }
    }

    fn overlap(&self, _: Shape, _: Shape) -> Overlap {
        Overlap::InPlace
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::PerStep
    }

    /// The int8 arithmetic is that of TensorFlow Lite's `add.cc`.
    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        let Some(quant) = site.output.quant else {
            return Ok(Encoded::of::<engine::F32>(&self.0.clamp()));
        };
        let [a, b, sum] = [site.input, site.second, site.output].map(|t| f64::from(scale(t)));
        let twice = 2.0 * a.max(b);
        Ok(Encoded::of::<engine::I8>(&AddI8 {
            zeros: [zero_point(site.input), zero_point(site.second)],
            factors: [a / twice, b / twice].map(Multiplier::from_real),
            factor: Multiplier::from_real(twice / (f64::from(1u32 << HEADROOM) * sum)),
            output: output_grid(quant, self.0),
        }))
    }
}
