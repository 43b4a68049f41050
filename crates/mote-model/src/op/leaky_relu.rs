//! Leaky ReLU.

use super::{Activation, Grids, Operator, Overlap, Site, Streaming, output_grid, zero_point};
use crate::{Error, Shape};
use mote::describe::Encoded;
use mote::kernels::leaky_relu::LeakyReluI8;
use mote::op::leaky_relu as engine;
use mote::quant::Multiplier;
use serde::{Deserialize, Serialize};

/// Largest factor between the grids of input and output: with it, sums stay far within 32 bits.
const LARGEST_FACTOR: f32 = 65536.0;

/// `x` where it is positive, else `alpha * x`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LeakyRelu {
    /// Slope below zero; not negative in int8.
    pub alpha: f32,
}

impl LeakyRelu {
    /// Returns the int8 factors of values from zero up and below zero, computed in f32 as TensorFlow Lite does.
    fn factors(self, input: f32, output: f32) -> [f32; 2] {
        [input / output, input * self.alpha / output]
    }
}

impl Operator for LeakyRelu {
    fn name(&self) -> &'static str {
        "leaky_relu"
    }

    fn grids(&self) -> Grids {
        Grids::Free
    }

    fn check(&self, site: &Site<'_>) -> Result<(), Error> {
        if !self.alpha.is_finite() {
            let what = format!("{}; expected a number", self.alpha);
            return Err(site.error("alpha", what));
        }
        let (Some(input), Some(output)) = (site.input.quant, site.output.quant) else {
            return Ok(());
        };
        if self.alpha < 0.0 {
            let what = format!(
                "{}; in int8 it is not negative: keep the layer in f32",
                self.alpha
            );
            return Err(site.error("alpha", what));
        }
        let factors = self.factors(input.scale, output.scale);
        match factors.into_iter().find(|&factor| factor > LARGEST_FACTOR) {
            Some(factor) => {
                let what = format!(
                    "the output's scale is {factor} times finer than the values it holds; calibrate again"
                );
                Err(site.error("quantization", what))
            }
            None => Ok(()),
        }
    }

    fn overlap(&self, _: Shape, _: Shape) -> Overlap {
        Overlap::InPlace
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::PerStep
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        let (Some(input), Some(output)) = (site.input.quant, site.output.quant) else {
            return Ok(Encoded::of::<engine::F32>(&self.alpha));
        };
        let factors = self.factors(input.scale, output.scale);
        let [identity, alpha] = factors.map(|real| Multiplier::from_real(real.into()));
        Ok(Encoded::of::<engine::I8>(&LeakyReluI8 {
            input_zero: zero_point(site.input),
            identity,
            alpha,
            output: output_grid(output, Activation::None),
        }))
    }
}
