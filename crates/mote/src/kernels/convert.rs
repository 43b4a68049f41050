//! Between f32 and int8 tensors.

use super::expect_len;
use crate::Error;
use core::cell::Cell;

/// The affine grid `real = scale * (q - zero_point)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Step.
    pub scale: f32,
    /// The integer that stands for zero.
    pub zero_point: i8,
}

impl Grid {
    /// The nearest integer, half away from zero, saturated. NaN gives the zero point.
    #[cfg(feature = "libm")]
    pub fn quantize(self, x: f32) -> i8 {
        let q = libm::roundf(x / self.scale);
        // A float cast saturates; the sum is clamped again.
        (q as i32)
            .saturating_add(i32::from(self.zero_point))
            .clamp(-128, 127) as i8
    }

    /// The real number `q` stands for.
    pub fn dequantize(self, q: i8) -> f32 {
        self.scale * (i32::from(q) - i32::from(self.zero_point)) as f32
    }
}

/// Quantizes `input` into `output`.
///
/// # Errors
/// When the lengths differ.
#[cfg(feature = "libm")]
pub fn quantize(grid: Grid, input: &[Cell<f32>], output: &[Cell<i8>]) -> Result<(), Error> {
    expect_len(output, input.len())?;
    for (x, y) in input.iter().zip(output) {
        y.set(grid.quantize(x.get()));
    }
    Ok(())
}

/// Dequantizes `input` into `output`.
///
/// # Errors
/// When the lengths differ.
pub fn dequantize(grid: Grid, input: &[Cell<i8>], output: &[Cell<f32>]) -> Result<(), Error> {
    expect_len(output, input.len())?;
    for (x, y) in input.iter().zip(output) {
        y.set(grid.dequantize(x.get()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;

    #[test]
    fn rounds_half_away_from_zero_and_saturates() {
        let grid = Grid {
            scale: 0.5,
            zero_point: 1,
        };
        let mut x = [0.25f32, -0.25, 0.2, 1e9, -1e9, f32::NAN];
        let mut q = [0i8; 6];
        quantize(grid, cells(&mut x), cells(&mut q)).unwrap();
        assert_eq!(q, [2, 0, 1, 127, -128, 1]);
        let mut back = [0.0f32; 6];
        dequantize(grid, cells(&mut q), cells(&mut back)).unwrap();
        assert_eq!(back, [0.5, -0.5, 0.0, 63.0, -64.5, 0.0]);
        let too_long = cells(&mut x);
        assert_eq!(
            quantize(grid, too_long, &cells(&mut q)[..2]),
            Err(Error::BufferLength)
        );
    }
}
