//! Functions of each element by itself.

use super::{Grids, Operator, OutputGrid, Overlap, Site, Streaming};
use crate::{Error, Quant, Shape};
use mote::describe::Encoded;
use mote::kernels::lookup::WORDS;
use mote::op::{function as engine, lookup};
use mote::quant::Multiplier;
use serde::{Deserialize, Serialize};

/// A function of each element. In int8 it is a table, computed here as TensorFlow Lite computes its results.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Function {
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// Natural logarithm.
    Log,
    /// `x * min(max(x / 6 + 1 / 2, 0), 1)`.
    HardSwish,
    /// `min(max(slope * x + shift, 0), 1)`.
    HardSigmoid {
        /// Factor of `x`.
        slope: f32,
        /// What is added to it.
        shift: f32,
    },
}

/// Slope and shift of the hard sigmoid in a HardSwish.
const HARD_SWISH: [f32; 2] = [1.0 / 6.0, 0.5];

impl Function {
    /// The real result.
    fn of(self, x: f32) -> f32 {
        match self {
            Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Function::Tanh => x.tanh(),
            Function::Log => x.ln(),
            Function::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Function::HardSigmoid { slope, shift } => (slope * x + shift).clamp(0.0, 1.0),
        }
    }

    /// The int8 results of -128 to 127.
    fn table(self, input: Quant, output: Quant) -> [i8; 4 * WORDS] {
        let hard = HardSwishI8::new(input, output);
        core::array::from_fn(|i| {
            let x = i as i32 - 128 - i32::from(input.zero_point);
            if self == Function::HardSwish {
                return hard.of(x);
            }
            // `LUTPopulate` of TensorFlow Lite.
            let real = self.of(x as f32 * input.scale);
            let steps = (real * (1.0 / output.scale)).round();
            (steps + f32::from(output.zero_point)).clamp(-128.0, 127.0) as i8
        })
    }
}

impl Operator for Function {
    fn name(&self) -> &'static str {
        match self {
            Function::Sigmoid => "sigmoid",
            Function::Tanh => "tanh",
            Function::Log => "log",
            Function::HardSwish => "hard_swish",
            Function::HardSigmoid { .. } => "hard_sigmoid",
        }
    }

    fn grids(&self) -> Grids {
        Grids::Free
    }

    fn output_grid(&self) -> OutputGrid {
        let fixed = |scale, zero_point| OutputGrid::Fixed(Quant { scale, zero_point });
        match self {
            Function::Sigmoid | Function::HardSigmoid { .. } => fixed(1.0 / 256.0, -128),
            Function::Tanh => fixed(1.0 / 128.0, 0),
            Function::Log | Function::HardSwish => OutputGrid::Own,
        }
    }

    fn overlap(&self, _: Shape, _: Shape) -> Overlap {
        Overlap::InPlace
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::PerStep
    }

    fn check(&self, site: &Site<'_>) -> Result<(), Error> {
        match self {
            Function::HardSigmoid { slope, shift } if !(slope.is_finite() && shift.is_finite()) => {
                Err(site.error("slope", "and shift are no finite numbers"))
            }
            _ => Ok(()),
        }
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        if let (Some(input), Some(output)) = (site.input.quant, site.output.quant) {
            let table = self.table(input, output);
            let mut words = [0; WORDS];
            for (word, bytes) in words.iter_mut().zip(table.as_chunks::<4>().0) {
                *word = u32::from_le_bytes(bytes.map(|b| b as u8));
            }
            return Ok(Encoded::of::<lookup::I8>(&&words));
        }
        Ok(match *self {
            Function::Sigmoid => Encoded::of::<engine::SigmoidF32>(&()),
            Function::Tanh => Encoded::of::<engine::TanhF32>(&()),
            Function::Log => Encoded::of::<engine::LogF32>(&()),
            Function::HardSwish => Encoded::of::<engine::HardSwishF32>(&HARD_SWISH),
            Function::HardSigmoid { slope, shift } => {
                Encoded::of::<engine::HardSigmoidF32>(&[slope, shift])
            }
        })
    }
}

/// The 16-bit arithmetic of TensorFlow Lite's int8 HardSwish.
struct HardSwishI8 {
    output: [i32; 2],
    reluish: [i32; 2],
    zero_point: i32,
}

impl HardSwishI8 {
    fn new(input: Quant, output: Quant) -> Self {
        let fine = input.scale * (1.0 / 128.0);
        let short = |real: f32| {
            let Multiplier { value, exponent } = Multiplier::from_real(real.into());
            let value = match value >= i32::MAX - (1 << 15) {
                true => i32::from(i16::MAX),
                false => (value + (1 << 15)) >> 16,
            };
            [value, exponent]
        };
        Self {
            output: short(fine / output.scale),
            reluish: short(fine / (3.0 / 32768.0)),
            zero_point: output.zero_point.into(),
        }
    }

    /// The result of an input less its zero point.
    fn of(&self, x: i32) -> i8 {
        let saturate = |x: i32| x.clamp(i16::MIN.into(), i16::MAX.into());
        let high = |a: i32, b: i32| {
            let product = a * b;
            let nudge = if product >= 0 { 1 << 14 } else { 1 - (1 << 14) };
            saturate((product + nudge) / (1 << 15))
        };
        let divide = |x: i32, by: i32| mote::quant::rounding_shift(x, by.max(0) as u32);
        let fine = x * (1 << 7);
        let [factor, exponent] = self.output;
        let scaled = high(fine, factor);
        let [reluish_factor, reluish] = self.reluish;
        let mut gate = fine;
        if reluish > 0 {
            gate = saturate(gate.saturating_mul(1 << (reluish - 1).min(15)));
        }
        gate = high(gate, reluish_factor);
        if reluish > 0 {
            gate = saturate(gate * 2);
        }
        if reluish < 0 {
            gate = divide(gate, -reluish);
        }
        gate = (gate + (1 << 15)) >> 1;
        let product = gate * scaled / (1 << 15);
        let y = divide(product, -exponent) + self.zero_point;
        y.clamp(-128, 127) as i8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_within_a_step_of_the_real_values() {
        let input = Quant {
            scale: 0.05,
            zero_point: 7,
        };
        for (function, scale, zero_point) in [
            (Function::Sigmoid, 1.0 / 256.0, -128),
            (Function::Tanh, 1.0 / 128.0, 0),
            (Function::HardSwish, 0.03, -115),
            (
                Function::HardSigmoid {
                    slope: 0.2,
                    shift: 0.5,
                },
                1.0 / 256.0,
                -128,
            ),
        ] {
            let output = Quant { scale, zero_point };
            let table = function.table(input, output);
            for (i, y) in table.iter().enumerate() {
                let x = (i as f32 - 128.0 - 7.0) * 0.05;
                let expected = output.nearest(function.of(x));
                let found = (f32::from(*y) - f32::from(zero_point)) * scale;
                assert!((found - expected).abs() <= 1.01 * scale, "{function:?} {x}");
            }
        }
    }
}
