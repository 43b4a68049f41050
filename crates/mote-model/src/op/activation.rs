//! A clamp on its own. Behind a convolution it is part of the convolution.

use super::{
    Grids, Operator, OutputGrid, Overlap, Site, Streaming, output_grid, scale, zero_point,
};
use crate::{Error, Shape};
use mote::describe::Encoded;
use mote::format::{ACTIVATION_NONE, ACTIVATION_RELU, ACTIVATION_RELU6};
use mote::kernels::Clamp;
use mote::kernels::activation::ActivationI8;
use mote::op::activation as engine;
use mote::quant::Multiplier;
use serde::{Deserialize, Serialize};

/// Clamp applied to a layer's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// No clamp.
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
}

impl Activation {
    /// Returns the clamp of f32 outputs.
    pub(crate) const fn clamp(self) -> Clamp {
        Clamp::of(match self {
            Activation::None => ACTIVATION_NONE,
            Activation::Relu => ACTIVATION_RELU,
            Activation::Relu6 => ACTIVATION_RELU6,
        })
    }
}

impl Operator for Activation {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn grids(&self) -> Grids {
        Grids::Free
    }

    fn output_grid(&self) -> OutputGrid {
        OutputGrid::Input
    }

    fn overlap(&self, _: Shape, _: Shape) -> Overlap {
        Overlap::InPlace
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::PerStep
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        let Some(quant) = site.output.quant else {
            return Ok(Encoded::of::<engine::F32>(&self.clamp()));
        };
        let factor = f64::from(scale(site.input)) / f64::from(quant.scale);
        Ok(Encoded::of::<engine::I8>(&ActivationI8 {
            input_zero: zero_point(site.input),
            factor: Multiplier::from_real(factor),
            output: output_grid(quant, *self),
        }))
    }
}
