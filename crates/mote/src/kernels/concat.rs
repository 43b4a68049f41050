//! Two tensors side by side, row by row.

use super::expect_len;
use crate::Error;
use crate::quant::{Multiplier, Output};
use core::cell::Cell;

/// Geometry: each of `rows` is `left` elements of the first tensor and `right` of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Rows: time steps when channels are joined, one when steps are.
    pub rows: usize,
    /// Elements of a row of the first tensor.
    pub left: usize,
    /// Elements of a row of the second tensor.
    pub right: usize,
}

impl Shape {
    /// Writes both tensors into `output`, each element through the function of its tensor.
    #[inline(always)]
    fn run<T: Copy>(
        &self,
        [a, b]: [&[Cell<T>]; 2],
        output: &[Cell<T>],
        map: [impl Fn(T) -> T; 2],
    ) -> Result<(), Error> {
        expect_len(a, self.rows * self.left)?;
        expect_len(b, self.rows * self.right)?;
        expect_len(output, self.rows * (self.left + self.right))?;
        let [first, second] = map;
        let (mut a, mut b, mut outputs) = (a.iter(), b.iter(), output.iter());
        for _ in 0..self.rows {
            for _ in 0..self.left {
                if let (Some(x), Some(y)) = (a.next(), outputs.next()) {
                    y.set(first(x.get()));
                }
            }
            for _ in 0..self.right {
                if let (Some(x), Some(y)) = (b.next(), outputs.next()) {
                    y.set(second(x.get()));
                }
            }
        }
        Ok(())
    }

    /// Joins f32 tensors.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn run_f32(&self, inputs: [&[Cell<f32>]; 2], output: &[Cell<f32>]) -> Result<(), Error> {
        self.run(inputs, output, [|x| x, |x| x])
    }
}

/// Joins int8 tensors, each with a change of grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConcatI8 {
    /// Geometry.
    pub shape: Shape,
    /// Zero points of the inputs.
    pub zeros: [i8; 2],
    /// Scale of each input divided by the output's.
    pub factors: [Multiplier; 2],
    /// Grid of the output.
    pub output: Output,
}

impl ConcatI8 {
    /// Computes `output`.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn run(&self, inputs: [&[Cell<i8>]; 2], output: &[Cell<i8>]) -> Result<(), Error> {
        let ([a, b], [first, second]) = (self.zeros, self.factors);
        let map = |zero: i8, factor: Multiplier| {
            move |x: i8| {
                let x = i32::from(x) - i32::from(zero);
                self.output.store(factor.apply(x))
            }
        };
        self.shape
            .run(inputs, output, [map(a, first), map(b, second)])
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;

    #[test]
    fn rows_are_joined_and_brought_to_one_grid() {
        let shape = Shape {
            rows: 2,
            left: 1,
            right: 2,
        };
        let (mut a, mut b, mut y) = ([10, -128], [1, 2, 3, 127], [0; 6]);
        let concat = ConcatI8 {
            shape,
            zeros: [0, 1],
            factors: [Multiplier::from_real(1.0), Multiplier::from_real(0.5)],
            output: Output {
                zero_point: 0,
                low: -128,
                high: 127,
            },
        };
        concat
            .run([cells(&mut a), cells(&mut b)], cells(&mut y))
            .unwrap();
        assert_eq!(y, [10, 0, 1, -128, 1, 63]);
        let (mut a, mut b, mut y) = ([1.0, 2.0], [3.0, 4.0, 5.0, 6.0], [0.0; 6]);
        shape
            .run_f32([cells(&mut a), cells(&mut b)], cells(&mut y))
            .unwrap();
        assert_eq!(y, [1.0, 3.0, 4.0, 2.0, 5.0, 6.0]);
    }
}
