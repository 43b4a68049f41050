//! Max and average pooling over two axes, per channel. Positions outside the input do not count.

use super::image::Shape;
use super::pool::{larger, mean};
use crate::Error;
use core::cell::Cell;

/// Calls `reduce` with the elements of every window, one channel at a time, and writes its result.
#[inline(always)]
fn run<T: Copy, A>(
    shape: &Shape,
    input: &[Cell<T>],
    output: &[Cell<T>],
    empty: impl Fn() -> A,
    add: impl Fn(A, T) -> A,
    finish: impl Fn(A) -> T,
) -> Result<(), Error> {
    shape.check(input, output)?;
    if shape.in_channels != shape.out_channels {
        return Err(Error::Corrupt);
    }
    shape.windows(output, |taps, y| {
        for (channel, y) in y.iter().enumerate() {
            let mut sum = Some(empty());
            shape.each_tap(taps, input, |_, x| {
                if let (Some(x), Some(old)) = (x.get(channel), sum.take()) {
                    sum = Some(add(old, x.get()));
                }
            });
            if let Some(sum) = sum {
                y.set(finish(sum));
            }
        }
    });
    Ok(())
}

/// Largest element of each window.
///
/// # Errors
/// When a buffer does not have the length the shape says.
pub fn max_i8(shape: &Shape, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
    run(shape, input, output, || i8::MIN, larger, |max| max)
}

/// Largest element of each window.
///
/// # Errors
/// When a buffer does not have the length the shape says.
pub fn max_f32(shape: &Shape, input: &[Cell<f32>], output: &[Cell<f32>]) -> Result<(), Error> {
    run(
        shape,
        input,
        output,
        || f32::NEG_INFINITY,
        larger,
        |max| max,
    )
}

/// Mean of each window, half away from zero.
///
/// # Errors
/// When a buffer does not have the length the shape says.
pub fn average_i8(shape: &Shape, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
    let add = |(sum, count): (i32, u32), x: i8| (sum + i32::from(x), count + 1);
    let finish = |(sum, count)| mean(sum, count).unwrap_or(0);
    run(shape, input, output, || (0, 0), add, finish)
}

/// Mean of each window.
///
/// # Errors
/// When a buffer does not have the length the shape says.
pub fn average_f32(shape: &Shape, input: &[Cell<f32>], output: &[Cell<f32>]) -> Result<(), Error> {
    let add = |(sum, count): (f32, u32), x: f32| (sum + x, count + 1);
    let finish = |(sum, count): (f32, u32)| if count == 0 { 0.0 } else { sum / count as f32 };
    run(shape, input, output, || (0.0, 0), add, finish)
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::super::image::Axis;
    use super::*;

    #[test]
    fn windows_are_clipped_on_both_axes() {
        // 3 x 3, windows of 2 x 2 with one row and column of padding before.
        let axis = Axis {
            input: 3,
            output: 2,
            kernel: 2,
            stride: 2,
            dilation: 1,
            padding: 1,
        };
        let shape = Shape {
            rows: axis,
            columns: axis,
            in_channels: 1,
            out_channels: 1,
        };
        let mut x = [1i8, -2, 3, 4, 5, -6, -7, 8, -10];
        let mut y = [0i8; 4];
        max_i8(&shape, cells(&mut x), cells(&mut y)).unwrap();
        assert_eq!(y, [1, 3, 4, 8]);
        average_i8(&shape, cells(&mut x), cells(&mut y)).unwrap();
        assert_eq!(y, [1, 1, -2, -1]);
        let (mut x, mut y) = (x.map(f32::from), [0.0; 4]);
        max_f32(&shape, cells(&mut x), cells(&mut y)).unwrap();
        assert_eq!(y, [1.0, 3.0, 4.0, 8.0]);
        average_f32(&shape, cells(&mut x), cells(&mut y)).unwrap();
        assert_eq!(y, [1.0, 0.5, -1.5, -0.75]);
    }
}
