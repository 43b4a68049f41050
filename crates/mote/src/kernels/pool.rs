//! Max and average pooling over time, per channel.

use super::expect_len;
use super::overlap::Walk;
use crate::Error;
use core::cell::Cell;

/// Geometry of a pooling layer. Steps outside the input do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Input steps.
    pub in_time: usize,
    /// Channels.
    pub channels: usize,
    /// Output steps.
    pub out_time: usize,
    /// Steps of one window.
    pub kernel: usize,
    /// Steps between windows.
    pub stride: usize,
    /// Steps before the input.
    pub padding: usize,
}

impl Shape {
    /// How the kernels of this module go through input and output.
    pub const fn walk(&self) -> Walk {
        Walk {
            in_row: self.channels,
            out_row: self.channels,
            out_time: self.out_time,
            stride: self.stride,
            padding: self.padding,
            ahead: 0,
        }
    }

    /// Calls `reduce` with the elements of every window (one channel, oldest first) and their number, and
    /// writes its result.
    fn run<T: Copy>(
        &self,
        input: &[Cell<T>],
        output: &[Cell<T>],
        empty: T,
        mut reduce: impl FnMut(Column<'_, T>) -> Option<T>,
    ) -> Result<(), Error> {
        expect_len(input, self.in_time * self.channels)?;
        expect_len(output, self.out_time * self.channels)?;
        let mut outputs = output.iter();
        for t in 0..self.out_time {
            let end = (t * self.stride + self.kernel)
                .saturating_sub(self.padding)
                .min(self.in_time);
            let first = (t * self.stride).saturating_sub(self.padding).min(end);
            for channel in 0..self.channels {
                let elements = input.get(first * self.channels + channel..).unwrap_or(&[]);
                let column = Column {
                    elements,
                    step: self.channels,
                    left: end - first,
                };
                if let Some(y) = outputs.next() {
                    y.set(reduce(column).unwrap_or(empty));
                }
            }
        }
        Ok(())
    }

    /// Largest element of each window.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn max_f32(&self, input: &[Cell<f32>], output: &[Cell<f32>]) -> Result<(), Error> {
        self.run(input, output, 0.0, |column| column.reduce(larger))
    }

    /// Largest element of each window.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn max_i8(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        self.run(input, output, 0, |column| column.reduce(larger))
    }

    /// Mean of each window.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn average_f32(&self, input: &[Cell<f32>], output: &[Cell<f32>]) -> Result<(), Error> {
        self.run(input, output, 0.0, |column| {
            let count = column.left;
            Some(column.fold(0.0, |sum, x| sum + x) / count as f32)
        })
    }

    /// What `mean` makes of the sum of each window.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    #[inline(always)]
    pub(super) fn sums_i8(
        &self,
        input: &[Cell<i8>],
        output: &[Cell<i8>],
        mean: impl Fn(i32) -> i8,
    ) -> Result<(), Error> {
        self.run(input, output, 0, |column| {
            Some(mean(column.fold(0, |sum, x| sum + i32::from(x))))
        })
    }

    /// Mean of each window, half away from zero.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn average_i8(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        self.run(input, output, 0, |column| {
            let count = column.left;
            let sum = column.fold(0, |sum, x| sum + i32::from(x));
            mean(sum, count as u32)
        })
    }
}

/// The larger one; `a` when they cannot be compared.
#[inline(always)]
pub(super) fn larger<T: PartialOrd>(a: T, b: T) -> T {
    if b > a { b } else { a }
}

/// `sum / count`, half away from zero. `None` for no elements.
pub(super) fn mean(sum: i32, count: u32) -> Option<i8> {
    let magnitude = (sum.unsigned_abs() + count / 2).checked_div(count)? as i32;
    Some(if sum < 0 { -magnitude } else { magnitude } as i8)
}

/// `left` elements of one channel.
struct Column<'a, T> {
    elements: &'a [Cell<T>],
    step: usize,
    left: usize,
}

impl<T: Copy> Iterator for Column<'_, T> {
    type Item = T;

    #[inline(always)]
    fn next(&mut self) -> Option<T> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let x = self.elements.first()?.get();
        self.elements = self.elements.get(self.step..).unwrap_or(&[]);
        Some(x)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn padding_does_not_count() {
        let shape = Shape {
            in_time: 3,
            channels: 1,
            out_time: 2,
            kernel: 3,
            stride: 2,
            padding: 1,
        };
        let (mut x, mut y) = ([-3i8, -4, -8], [0i8; 2]);
        shape.average_i8(cells(&mut x), cells(&mut y)).unwrap();
        assert_eq!(y, [-4, -6]); // -3.5 and -6, half away from zero
        shape.max_i8(cells(&mut x), cells(&mut y)).unwrap();
        assert_eq!(y, [-3, -4]);
    }

    proptest! {
        #[test]
        fn equals_a_plain_loop(
            in_time in 1usize..20, channels in 1usize..6, kernel in 1usize..8, stride in 1usize..4,
            padding in 0usize..4, seed: u64,
        ) {
            let padding = padding.min(kernel - 1);
            prop_assume!(in_time + 2 * padding >= kernel);
            let out_time = (in_time + 2 * padding - kernel) / stride + 1;
            let shape = Shape { in_time, channels, out_time, kernel, stride, padding };
            let mut state = seed;
            let mut x: Vec<i8> = (0..in_time * channels).map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 56) as i8
            }).collect();
            let mut xf: Vec<f32> = x.iter().map(|&x| f32::from(x)).collect();
            let (mut max, mut mean) = (vec![0; out_time * channels], vec![0; out_time * channels]);
            let (mut max_f, mut mean_f) = (vec![0.0; max.len()], vec![0.0; max.len()]);
            shape.max_i8(cells(&mut x), cells(&mut max)).unwrap();
            shape.average_i8(cells(&mut x), cells(&mut mean)).unwrap();
            shape.max_f32(cells(&mut xf), cells(&mut max_f)).unwrap();
            shape.average_f32(cells(&mut xf), cells(&mut mean_f)).unwrap();
            for t in 0..out_time {
                for c in 0..channels {
                    let window: Vec<i32> = (0..kernel)
                        .map(|k| (t * stride + k) as isize - padding as isize)
                        .filter(|&s| s >= 0 && (s as usize) < in_time)
                        .map(|s| i32::from(x[s as usize * channels + c]))
                        .collect();
                    let sum: i32 = window.iter().sum();
                    let exact = f64::from(sum) / window.len() as f64;
                    let i = t * channels + c;
                    prop_assert_eq!(i32::from(max[i]), *window.iter().max().unwrap());
                    prop_assert_eq!(f64::from(mean[i]), exact.round());
                    prop_assert_eq!(max_f[i], f32::from(max[i]));
                    prop_assert!((f64::from(mean_f[i]) - exact).abs() < 1e-4);
                }
            }
        }
    }
}
