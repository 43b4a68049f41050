//! Mean over all steps, per channel, onto another grid; `QuantizedMeanOrSum` of TensorFlow Lite.
//!
//! Unlike an average pool it rounds around the zero point. In f32 both are the same.

use super::{pool, window_pool};
use crate::Error;
use crate::quant::{Multiplier, Output};
use core::cell::Cell;

/// How the sum over the steps becomes the mean on the output's grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rescale {
    /// Steps times the input's zero point.
    pub zeros: i32,
    /// Scale of the input, divided by steps and by scale of the output.
    pub factor: Multiplier,
    /// Grid of the output.
    pub output: Output,
}

impl Rescale {
    /// Returns the factor of a mean over `steps`, where `ratio` is the scale of the input divided by the output's. It is
    /// not normalised again after the division, as TensorFlow Lite does not either.
    pub const fn factor(ratio: f64, steps: u32) -> Multiplier {
        let whole = Multiplier::from_real(ratio);
        let steps = if steps == 0 { 1 } else { steps };
        let mut shift = 31 - steps.leading_zeros() as i32;
        if shift > 31 + whole.exponent {
            shift = 31 + whole.exponent;
        }
        Multiplier {
            value: (((whole.value as i64) << shift) / steps as i64) as i32,
            exponent: whole.exponent - shift,
        }
    }

    /// Returns the mean of the steps whose sum is `sum`.
    pub fn apply(&self, sum: i32) -> i8 {
        self.output
            .store(self.factor.apply(sum.wrapping_sub(self.zeros)))
    }
}

/// The mean of each window.
#[derive(Debug, Clone, Copy)]
pub struct MeanI8 {
    /// Geometry; it has no padding.
    pub shape: pool::Shape,
    /// From sums to means.
    pub rescale: Rescale,
}

impl MeanI8 {
    /// Computes `output`.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn run(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        self.shape
            .sums_i8(input, output, |sum| self.rescale.apply(sum))
    }
}

/// The mean of each window of a stream.
#[derive(Debug, Clone, Copy)]
pub struct WindowMeanI8 {
    /// Geometry.
    pub shape: window_pool::Shape,
    /// From sums to means.
    pub rescale: Rescale,
}

impl WindowMeanI8 {
    /// Takes the steps in `input` and says whether `output` now holds the means of a window.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn run(
        &self,
        input: &[Cell<i8>],
        state: &[Cell<i8>],
        output: &[Cell<i8>],
    ) -> Result<bool, Error> {
        let mean = |sum| self.rescale.apply(sum);
        self.shape.sums_i8(input, state, output, mean)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_factor_is_not_normalised_after_the_division() {
        let whole = Multiplier::from_real(0.75);
        let third = Rescale::factor(0.75, 3);
        assert_eq!(third.exponent, whole.exponent - 1);
        assert_eq!(i64::from(third.value), (i64::from(whole.value) << 1) / 3);
        assert_eq!(Rescale::factor(0.75, 1), whole);
    }

    proptest! {
        #[test]
        fn is_within_one_step_of_the_real_mean(
            x in proptest::collection::vec(any::<i8>(), 1..70), zeros: [i8; 2], ratio in 0.2f64..3.0,
        ) {
            let steps = x.len();
            let mean = MeanI8 {
                shape: pool::Shape { in_time: steps, channels: 1, out_time: 1, kernel: steps, stride: 1, padding: 0 },
                rescale: Rescale {
                    zeros: i32::from(zeros[0]) * steps as i32,
                    factor: Rescale::factor(ratio, steps as u32),
                    output: Output { zero_point: zeros[1], low: -128, high: 127 },
                },
            };
            let sum: f64 = x.iter().map(|&x| f64::from(x) - f64::from(zeros[0])).sum();
            let expected = (sum / steps as f64 * ratio + f64::from(zeros[1])).clamp(-128.0, 127.0);
            let (mut input, mut output) = (x, [0]);
            mean.run(cells(&mut input), cells(&mut output)).unwrap();
            prop_assert!((f64::from(output[0]) - expected).abs() <= 0.76, "{} {expected}", output[0]);
        }
    }
}
