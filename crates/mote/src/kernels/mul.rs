//! Element-wise product of two tensors, or of a tensor and one value per channel; and of a tensor and constants.

use super::{Clamp, expect_len};
use crate::Error;
use crate::quant::{Multiplier, Output};
use core::cell::Cell;

/// Calls `each` with each element of `a`, the one of `b` it goes with, and where the result goes: `b` is repeated.
#[inline(always)]
fn pairs<A, B, Y>(
    a: &[Cell<A>],
    b: &[B],
    output: &[Cell<Y>],
    mut each: impl FnMut(&Cell<A>, &B, &Cell<Y>),
) -> Result<(), Error> {
    expect_len(output, a.len())?;
    let (mut rest, mut outputs) = (a, output);
    while !rest.is_empty() {
        let (Some((x, more)), Some((y, left))) = (
            rest.split_at_checked(b.len()),
            outputs.split_at_checked(b.len()),
        ) else {
            return Err(Error::BufferLength);
        };
        if b.is_empty() {
            return Err(Error::BufferLength);
        }
        for ((x, b), y) in x.iter().zip(b).zip(y) {
            each(x, b, y);
        }
        (rest, outputs) = (more, left);
    }
    Ok(())
}

/// Multiplies `a` and `b`, which is repeated if it is shorter, and clamps.
///
/// # Errors
/// When the lengths do not go together.
pub fn run_f32(
    clamp: Clamp,
    a: &[Cell<f32>],
    b: &[Cell<f32>],
    output: &[Cell<f32>],
) -> Result<(), Error> {
    pairs(a, b, output, |a, b, y| {
        y.set(clamp.apply(a.get() * b.get()))
    })
}

/// The int8 product; `Mul` of TensorFlow Lite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MulI8 {
    /// Zero points of the inputs.
    pub zeros: [i8; 2],
    /// Product of the inputs' scales divided by the output's.
    pub factor: Multiplier,
    /// Grid of the output.
    pub output: Output,
}

impl MulI8 {
    /// Multiplies `a` and `b`, which is repeated if it is shorter.
    ///
    /// # Errors
    /// When the lengths do not go together.
    pub fn run(&self, a: &[Cell<i8>], b: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        let [zero_a, zero_b] = self.zeros.map(i32::from);
        pairs(a, b, output, |a, b, y| {
            let product = (i32::from(a.get()) - zero_a) * (i32::from(b.get()) - zero_b);
            y.set(self.output.store(self.factor.apply(product)));
        })
    }
}

/// Each channel times a constant, int8; `Mul` of TensorFlow Lite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScaleI8<'a> {
    /// Zero point of the input.
    pub input_zero: i8,
    /// Product of the scales of input and constants divided by the output's.
    pub factor: Multiplier,
    /// Grid of the output.
    pub output: Output,
    /// A constant per channel, less its zero point, as `i32`.
    pub constants: &'a [u32],
}

impl ScaleI8<'_> {
    /// Computes `output`, which may be `input`.
    ///
    /// # Errors
    /// When the lengths do not go together.
    pub fn run(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        let zero = i32::from(self.input_zero);
        pairs(input, self.constants, output, |x, &constant, y| {
            let product = (i32::from(x.get()) - zero).wrapping_mul(constant as i32);
            y.set(self.output.store(self.factor.apply(product)));
        })
    }
}

/// Each channel plus a constant, int8; `Add` and `Sub` of TensorFlow Lite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShiftI8<'a> {
    /// Zero point of the input.
    pub input_zero: i8,
    /// Scale of the input divided by twice the larger scale.
    pub input: Multiplier,
    /// Back from there to the output's grid.
    pub factor: Multiplier,
    /// Grid of the output.
    pub output: Output,
    /// A constant per channel, as [`Add`](super::add) has brought it to the scale of the sum, as `i32`.
    pub constants: &'a [u32],
}

impl ShiftI8<'_> {
    /// Computes `output`, which may be `input`.
    ///
    /// # Errors
    /// When the lengths do not go together.
    pub fn run(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        let zero = i32::from(self.input_zero);
        pairs(input, self.constants, output, |x, &constant, y| {
            let x = (i32::from(x.get()) - zero) << super::add::HEADROOM;
            let sum = self.input.apply(x).wrapping_add(constant as i32);
            y.set(self.output.store(self.factor.apply(sum)));
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;

    const GRID: Output = Output {
        zero_point: 1,
        low: -128,
        high: 127,
    };

    #[test]
    fn the_shorter_tensor_is_repeated() {
        let (mut a, mut b, mut y) = ([1.0, 2.0, 3.0, 4.0], [2.0, -1.0], [0.0; 4]);
        run_f32(Clamp::NONE, cells(&mut a), cells(&mut b), cells(&mut y)).unwrap();
        assert_eq!(y, [2.0, -2.0, 6.0, -4.0]);
        let (a, b) = (cells(&mut a), cells(&mut b));
        let uneven = run_f32(Clamp::NONE, &a[..3], b, &cells(&mut y)[..3]);
        assert_eq!(uneven, Err(Error::BufferLength));
        let empty = run_f32(Clamp::NONE, a, &b[..0], cells(&mut y));
        assert_eq!(empty, Err(Error::BufferLength));
    }

    #[test]
    fn int8_products_and_sums_are_rescaled() {
        let (mut a, mut b, mut y) = ([12i8, -8, 2, 127], [5i8, 1], [0i8; 4]);
        let mul = MulI8 {
            zeros: [2, 1],
            factor: Multiplier::from_real(0.25),
            output: GRID,
        };
        mul.run(cells(&mut a), cells(&mut b), cells(&mut y))
            .unwrap();
        assert_eq!(y, [11, 1, 1, 1]);
        let constants = [4, (-3i32) as u32];
        let scale = ScaleI8 {
            input_zero: 2,
            factor: Multiplier::from_real(0.25),
            output: GRID,
            constants: &constants,
        };
        scale.run(cells(&mut a), cells(&mut y)).unwrap();
        assert_eq!(y, [11, 9, 1, -93]);
        let one = 1 << super::super::add::HEADROOM;
        let constants = [3 * one, -one].map(|c: i32| c as u32);
        let shift = ShiftI8 {
            input_zero: 2,
            input: Multiplier::from_real(0.5),
            factor: Multiplier::from_real(1.0 / f64::from(one)),
            output: GRID,
            constants: &constants,
        };
        shift.run(cells(&mut a), cells(&mut y)).unwrap();
        assert_eq!(y, [9, -5, 4, 63]);
    }
}
