//! Values that only change their places: copies, swapped axes.

use super::expect_len;
use crate::Error;
use core::cell::Cell;
use core::ptr;

/// Copies `input` to `output`, which may be `input`: then there is nothing to do.
///
/// # Errors
/// When the lengths differ.
pub fn copy<T: Copy>(input: &[Cell<T>], output: &[Cell<T>]) -> Result<(), Error> {
    expect_len(output, input.len())?;
    if !ptr::eq(input.as_ptr(), output.as_ptr()) {
        for (x, y) in input.iter().zip(output) {
            y.set(x.get());
        }
    }
    Ok(())
}

/// Swaps the first two axes of `[rows][columns][len]`.
///
/// # Errors
/// When a buffer does not have as many elements.
pub fn transpose<T: Copy>(
    [rows, columns, len]: [usize; 3],
    input: &[Cell<T>],
    output: &[Cell<T>],
) -> Result<(), Error> {
    expect_len(input, rows * columns * len)?;
    expect_len(output, rows * columns * len)?;
    let mut outputs = output.iter();
    for column in 0..columns {
        for row in 0..rows {
            let first = (row * columns + column) * len;
            for x in input.iter().skip(first).take(len) {
                if let Some(y) = outputs.next() {
                    y.set(x.get());
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;

    #[test]
    fn axes_are_swapped_and_swapped_back() {
        let mut x = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        let (mut y, mut z) = ([0; 12], [0; 12]);
        transpose([3, 2, 2], cells(&mut x), cells(&mut y)).unwrap();
        assert_eq!(y, [1, 2, 5, 6, 9, 10, 3, 4, 7, 8, 11, 12]);
        transpose([2, 3, 2], cells(&mut y), cells(&mut z)).unwrap();
        assert_eq!(z, x);
        copy(cells(&mut x), cells(&mut y)).unwrap();
        assert_eq!(x, y);
        assert_eq!(
            copy(cells(&mut x), &cells(&mut y)[1..]),
            Err(Error::BufferLength)
        );
        assert_eq!(
            transpose([3, 2, 1], cells(&mut x), cells(&mut y)),
            Err(Error::BufferLength)
        );
    }
}
