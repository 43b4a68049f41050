//! A clamp on its own. Behind a convolution it is part of the convolution.

use super::{Clamp, expect_len};
use crate::Error;
use crate::quant::{Multiplier, Output};
use core::cell::Cell;

/// Clamps `input` into `output`.
///
/// # Errors
/// When the lengths differ.
pub fn run_f32(clamp: Clamp, input: &[Cell<f32>], output: &[Cell<f32>]) -> Result<(), Error> {
    expect_len(output, input.len())?;
    for (x, y) in input.iter().zip(output) {
        y.set(clamp.apply(x.get()));
    }
    Ok(())
}

/// Changes the grid of int8 values, then clamps.
#[derive(Debug, Clone, Copy)]
pub struct ActivationI8 {
    /// The input's zero point.
    pub input_zero: i8,
    /// Scale of the input divided by scale of the output.
    pub factor: Multiplier,
    /// Grid and clamp of the output.
    pub output: Output,
}

impl ActivationI8 {
    /// Computes `output` from `input`.
    ///
    /// # Errors
    /// When the lengths differ.
    pub fn run(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        expect_len(output, input.len())?;
        for (x, y) in input.iter().zip(output) {
            let x = i32::from(x.get()) - i32::from(self.input_zero);
            y.set(self.output.store(self.factor.apply(x)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;

    #[test]
    fn clamps_f32_in_place() {
        let mut x = [-1.0f32, 0.5, 7.0, f32::NAN];
        let x = cells(&mut x);
        run_f32(
            Clamp {
                low: 0.0,
                high: 6.0,
            },
            x,
            x,
        )
        .unwrap();
        assert_eq!(
            x.iter()
                .map(Cell::get)
                .take(3)
                .collect::<std::vec::Vec<_>>(),
            [0.0, 0.5, 6.0]
        );
        assert!(x[3].get().is_nan());
        assert_eq!(run_f32(Clamp::NONE, x, &x[1..]), Err(Error::BufferLength));
    }

    #[test]
    fn requantizes_int8() {
        // Input scale 0.1, zero point 3; output scale 0.2, zero point -128, ReLU.
        let layer = ActivationI8 {
            input_zero: 3,
            factor: Multiplier::from_real(0.5),
            output: Output {
                zero_point: -128,
                low: -128,
                high: 127,
            },
        };
        let (mut x, mut y) = ([3i8, 5, 6, -128, 127], [0i8; 5]);
        layer.run(cells(&mut x), cells(&mut y)).unwrap();
        assert_eq!(y, [-128, -127, -126, -128, -66]);
    }
}
