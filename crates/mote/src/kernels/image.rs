//! Geometry of windows that slide along two axes: `[row][column][channel]`.

use super::expect_len;
use crate::Error;
use core::cell::Cell;

/// A window along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// Input positions.
    pub input: usize,
    /// Output positions.
    pub output: usize,
    /// Taps.
    pub kernel: usize,
    /// Input positions between two output positions.
    pub stride: usize,
    /// Input positions between two taps.
    pub dilation: usize,
    /// Positions before the input.
    pub padding: usize,
}

/// The taps of a window that lie in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taps {
    /// The first one.
    pub first: usize,
    /// The input position it reads.
    pub at: usize,
    /// How many there are.
    pub count: usize,
}

impl Axis {
    /// Clips the window at output position `output` to the input.
    pub(super) fn taps(&self, output: usize) -> Taps {
        let (mut first, mut at) = (0, output * self.stride);
        while at < self.padding && first < self.kernel {
            first += 1;
            at += self.dilation;
        }
        // A window wholly in the padding has no taps; where it would start does not matter then.
        let at = at.saturating_sub(self.padding);
        let (mut count, mut end) = (0, at);
        while first + count < self.kernel && end < self.input {
            count += 1;
            end += self.dilation;
        }
        Taps { first, at, count }
    }
}

/// Geometry of a layer over two axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Along the first axis.
    pub rows: Axis,
    /// Along the second axis.
    pub columns: Axis,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
}

impl Shape {
    /// Elements of the input.
    pub const fn in_len(&self) -> usize {
        self.rows.input * self.columns.input * self.in_channels
    }

    /// Elements of the output.
    pub const fn out_len(&self) -> usize {
        self.rows.output * self.columns.output * self.out_channels
    }

    /// Taps of a window.
    pub const fn taps(&self) -> usize {
        self.rows.kernel * self.columns.kernel
    }

    /// Refuses buffers of other lengths.
    pub(super) fn check<T>(&self, input: &[Cell<T>], output: &[Cell<T>]) -> Result<(), Error> {
        expect_len(input, self.in_len())?;
        expect_len(output, self.out_len())
    }

    /// Calls `each` with the taps of every window, row by row, and the elements of its output.
    #[inline(always)]
    pub(super) fn windows<T>(
        &self,
        output: &[Cell<T>],
        mut each: impl FnMut([Taps; 2], &[Cell<T>]),
    ) {
        let mut outputs = output;
        for row in 0..self.rows.output {
            let rows = self.rows.taps(row);
            for column in 0..self.columns.output {
                let Some((y, more)) = outputs.split_at_checked(self.out_channels) else {
                    return;
                };
                each([rows, self.columns.taps(column)], y);
                outputs = more;
            }
        }
    }

    /// Calls `each` with the number of every tap of a window that lies in the input, and the channels it reads.
    #[inline(always)]
    pub(super) fn each_tap<'a, T>(
        &self,
        [rows, columns]: [Taps; 2],
        input: &'a [Cell<T>],
        mut each: impl FnMut(usize, &'a [Cell<T>]),
    ) {
        for row in 0..rows.count {
            let at = (rows.at + row * self.rows.dilation) * self.columns.input;
            let tap = (rows.first + row) * self.columns.kernel + columns.first;
            for column in 0..columns.count {
                let at = (at + columns.at + column * self.columns.dilation) * self.in_channels;
                let x = input.get(at..).and_then(|x| x.get(..self.in_channels));
                each(tap + column, x.unwrap_or(&[]));
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Shapes with every kind of padding, stride and dilation.
    pub fn shapes() -> impl Strategy<Value = Shape> {
        let axis = (
            1usize..7,
            1usize..4,
            1usize..3,
            1usize..3,
            0usize..3,
            0usize..3,
        );
        let axis = axis.prop_filter_map(
            "fits",
            |(input, kernel, stride, dilation, before, after)| {
                let span = (kernel - 1) * dilation + 1;
                let output = (input + before + after).checked_sub(span)? / stride + 1;
                (before < span && after < span).then_some(Axis {
                    input,
                    output,
                    kernel,
                    stride,
                    dilation,
                    padding: before,
                })
            },
        );
        (axis.clone(), axis, 1usize..7, 1usize..7).prop_map(
            |(rows, columns, in_channels, out_channels)| Shape {
                rows,
                columns,
                in_channels,
                out_channels,
            },
        )
    }

    proptest! {
        #[test]
        fn taps_are_those_inside_the_input(shape in shapes()) {
            let axis = shape.rows;
            for output in 0..axis.output {
                let inside: Vec<(usize, usize)> = (0..axis.kernel)
                    .filter_map(|tap| {
                        let at = (output * axis.stride + tap * axis.dilation).checked_sub(axis.padding)?;
                        (at < axis.input).then_some((tap, at))
                    })
                    .collect();
                let taps = axis.taps(output);
                prop_assert_eq!(taps.count, inside.len());
                if let Some(&(first, at)) = inside.first() {
                    prop_assert_eq!((taps.first, taps.at), (first, at));
                }
            }
        }
    }

    use std::vec::Vec;
}
