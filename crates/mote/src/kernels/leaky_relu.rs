//! Leaky ReLU: `x` where it is positive, else `alpha * x`.

use super::expect_len;
use crate::Error;
use crate::quant::{Multiplier, Output};
use core::cell::Cell;

/// Computes `output`, which may be `input`, with a slope of `alpha` below zero.
///
/// # Errors
/// When the lengths differ.
pub fn run_f32(alpha: f32, input: &[Cell<f32>], output: &[Cell<f32>]) -> Result<(), Error> {
    expect_len(output, input.len())?;
    for (x, y) in input.iter().zip(output) {
        let x = x.get();
        y.set(if x > 0.0 { x } else { alpha * x });
    }
    Ok(())
}

/// An int8 leaky ReLU; `QuantizeLeakyRelu` of TensorFlow Lite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeakyReluI8 {
    /// The input's zero point.
    pub input_zero: i8,
    /// Factor of values from zero up: scale of the input divided by scale of the output.
    pub identity: Multiplier,
    /// Factor of values below zero: `alpha` times that.
    pub alpha: Multiplier,
    /// Grid of the output.
    pub output: Output,
}

impl LeakyReluI8 {
    /// Computes `output`, which may be `input`.
    ///
    /// # Errors
    /// When the lengths differ.
    pub fn run(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        expect_len(output, input.len())?;
        for (x, y) in input.iter().zip(output) {
            let x = i32::from(x.get()) - i32::from(self.input_zero);
            let factor = if x >= 0 { self.identity } else { self.alpha };
            y.set(self.output.store(factor.apply(x)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn f32_keeps_what_is_positive_and_runs_in_place() {
        let mut x = [2.0, -2.0, 0.0];
        let x = cells(&mut x);
        run_f32(0.25, x, x).unwrap();
        assert_eq!([x[0].get(), x[1].get(), x[2].get()], [2.0, -0.5, 0.0]);
        assert_eq!(run_f32(0.25, x, &x[1..]), Err(Error::BufferLength));
    }

    proptest! {
        #[test]
        fn int8_is_within_one_step_of_the_real_value(
            x: i8, zeros: [i8; 2], scale in 0.01f64..1.0, ratio in 0.1f64..4.0, alpha in 0f64..2.0,
        ) {
            let layer = LeakyReluI8 {
                input_zero: zeros[0],
                identity: Multiplier::from_real(ratio),
                alpha: Multiplier::from_real(ratio * alpha),
                output: Output { zero_point: zeros[1], low: -128, high: 127 },
            };
            let (mut input, mut output) = ([x], [0]);
            layer.run(cells(&mut input), cells(&mut output)).unwrap();
            let real = scale * (f64::from(x) - f64::from(zeros[0]));
            let leaky = if real > 0.0 { real } else { alpha * real };
            let expected = (leaky * ratio / scale + f64::from(zeros[1])).clamp(-128.0, 127.0);
            // It rounds twice, first to a half or finer.
            prop_assert!((f64::from(output[0]) - expected).abs() <= 0.76, "{} {expected}", output[0]);
        }
    }
}
