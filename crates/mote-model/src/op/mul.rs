//! Products of two tensors, and of a tensor and constants; sums with constants.

use super::{
    Activation, Grids, Operator, Overlap, Site, Streaming, output_grid, scale, zero_point,
};
use crate::{Error, Quant, Shape};
use mote::describe::Encoded;
use mote::kernels::add::HEADROOM;
use mote::kernels::mul::{MulI8, ScaleI8, ShiftI8};
use mote::op::mul as engine;
use mote::quant::Multiplier;
use serde::{Deserialize, Serialize};

/// The product of two tensors, with its clamp. A second one of a single step counts for all steps.
pub(super) struct Mul(pub Activation);

impl Operator for Mul {
    fn name(&self) -> &'static str {
        "mul"
    }

    fn inputs(&self) -> usize {
        2
    }

    fn grids(&self) -> Grids {
        Grids::Free
    }

    fn check(&self, site: &Site<'_>) -> Result<(), Error> {
        let (first, second) = (site.input.shape, site.second.shape);
        match second == first || second == Shape::new(1, first.channels) {
            true => Ok(()),
            false => Err(site.error("inputs", "shapes differ")),
        }
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::PerStep
    }

    /// The factor is a quotient of f32 numbers, as in `mul.cc` of TensorFlow Lite.
    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        let Some(quant) = site.output.quant else {
            return Ok(Encoded::of::<engine::F32>(&self.0.clamp()));
        };
        let factor = scale(site.input) * scale(site.second) / quant.scale;
        Ok(Encoded::of::<engine::I8>(&MulI8 {
            zeros: [zero_point(site.input), zero_point(site.second)],
            factor: Multiplier::from_real(factor.into()),
            output: output_grid(quant, self.0),
        }))
    }
}

/// What is done with constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Constant {
    /// Multiplied.
    Mul,
    /// Added.
    Add,
    /// Subtracted.
    Sub,
}

/// A tensor and one int8 constant per channel, then a clamp. In f32 that is a depthwise convolution of one tap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WithConstants {
    /// What is computed.
    pub kind: Constant,
    /// A value per channel.
    pub values: Vec<i8>,
    /// Their grid.
    pub quant: Quant,
    /// Clamp.
    pub activation: Activation,
}

impl Operator for WithConstants {
    fn name(&self) -> &'static str {
        match self.kind {
            Constant::Mul => "scale_channels",
            Constant::Add | Constant::Sub => "shift_channels",
        }
    }

    fn grids(&self) -> Grids {
        Grids::Free
    }

    fn check(&self, site: &Site<'_>) -> Result<(), Error> {
        if site.input.quant.is_none() {
            return Err(site.error("values", "are int8 between f32 tensors"));
        }
        if !(self.quant.scale.is_finite() && self.quant.scale > 0.0) {
            let what = format!("{}; expected a positive number", self.quant.scale);
            return Err(site.error("scale", what));
        }
        let (found, expected) = (self.values.len(), site.input.shape.channels);
        match found == expected {
            true => Ok(()),
            false => Err(site.error("values", format!("{found} for {expected} channels"))),
        }
    }

    fn overlap(&self, _: Shape, _: Shape) -> Overlap {
        Overlap::InPlace
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::PerStep
    }

    /// The arithmetic of TensorFlow Lite's `mul.cc`, `add.cc` and `sub.cc`.
    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        let quant = site.output.quant.unwrap_or(self.quant);
        let output = output_grid(quant, self.activation);
        let input_zero = zero_point(site.input);
        let values = self.values.iter();
        let values = values.map(|&v| i32::from(v) - i32::from(self.quant.zero_point));
        if self.kind == Constant::Mul {
            let factor = scale(site.input) * self.quant.scale / quant.scale;
            let constants: Vec<u32> = values.map(|v| v as u32).collect();
            return Ok(Encoded::of::<engine::ScaleI8>(&ScaleI8 {
                input_zero,
                factor: Multiplier::from_real(factor.into()),
                output,
                constants: &constants,
            }));
        }
        let [a, b, sum] = [scale(site.input), self.quant.scale, quant.scale].map(f64::from);
        let twice = 2.0 * a.max(b);
        let own = Multiplier::from_real(b / twice);
        let sign = if self.kind == Constant::Sub { -1 } else { 1 };
        let constants: Vec<u32> = values
            .map(|v| (sign * own.apply(v << HEADROOM)) as u32)
            .collect();
        Ok(Encoded::of::<engine::ShiftI8>(&ShiftI8 {
            input_zero,
            input: Multiplier::from_real(a / twice),
            factor: Multiplier::from_real(twice / (f64::from(1u32 << HEADROOM) * sum)),
            output,
            constants: &constants,
        }))
    }
}
