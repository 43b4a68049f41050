//! Convolution over two axes, in one group. The field of each output is copied, and then convolved as one step of a
//! [1-D convolution](super::conv1d_i8).

use super::conv1d;
use super::conv1d_i8::{Group, ValidConv1dI8};
use super::image::Shape;
use super::{Clamp, cells, part};
use crate::Error;
use crate::format::MAX_RUN;
use crate::quant::{Output, Rounding};
use core::cell::Cell;

/// An int8 convolution.
#[derive(Debug, Clone, Copy)]
pub struct Conv2dI8<'a> {
    /// Geometry; a field has at most [`MAX_RUN`] elements.
    pub shape: Shape,
    /// The input's zero point: what taps outside the input read.
    pub input_zero: i8,
    /// Grid and clamp of the output.
    pub output: Output,
    /// As those of [`Conv1dI8`](super::conv1d_i8::Conv1dI8) over a field.
    pub channels: &'a [[u32; 2]],
    /// As those of [`Conv1dI8`](super::conv1d_i8::Conv1dI8) over a field.
    pub weights: &'a [Group],
}

/// Elements of a field.
const fn field(shape: &Shape) -> usize {
    shape.taps() * shape.in_channels
}

impl Conv2dI8<'_> {
    /// Words of channels and of weights, in pairs, that a layer of `shape` has.
    pub const fn parameter_pairs(shape: &Shape) -> [usize; 2] {
        let pairs = shape.out_channels.div_ceil(2);
        [2 * pairs, pairs * field(shape).div_ceil(4)]
    }

    /// Convolves `input` into `output`.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says, or a field is too long.
    pub fn run(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        let shape = &self.shape;
        shape.check(input, output)?;
        let taps = field(shape);
        let groups = taps.div_ceil(4);
        if taps > MAX_RUN {
            return Err(Error::Corrupt);
        }
        let conv = ValidConv1dI8 {
            groups,
            step: 4 * groups,
            steps: 1,
            outputs: shape.out_channels,
            row: shape.out_channels,
            output: self.output,
            rounding: Rounding::Twice,
            channels: self.channels,
            weights: self.weights,
        };
        let mut copy = [0i8; MAX_RUN];
        let copy = part(cells(&mut copy), 0, 4 * groups)?;
        let mut result = Ok(());
        shape.windows(output, |window, y| {
            let [rows, columns] = window;
            if rows.count * columns.count != shape.taps() {
                for x in copy {
                    x.set(self.input_zero);
                }
            }
            shape.each_tap(window, input, |tap, x| {
                let copy = copy.get(tap * shape.in_channels..).unwrap_or(&[]);
                for (copy, x) in copy.iter().zip(x) {
                    copy.set(x.get());
                }
            });
            if result.is_ok() {
                result = conv.run(copy, y);
            }
        });
        result
    }
}

/// An f32 convolution.
#[derive(Debug, Clone, Copy)]
pub struct Conv2d<'a> {
    /// Geometry.
    pub shape: Shape,
    /// Clamp.
    pub clamp: Clamp,
    /// Biases (as bits), then weights `[tap][input channel][output channel]`.
    pub parameters: &'a [u32],
}

impl Conv2d<'_> {
    /// Words of parameters that a layer of `shape` has.
    pub const fn parameter_words(shape: &Shape) -> usize {
        (1 + field(shape)) * shape.out_channels
    }

    /// Convolves `input` into `output`.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says, or there are too few parameters.
    pub fn run(&self, input: &[Cell<f32>], output: &[Cell<f32>]) -> Result<(), Error> {
        let shape = &self.shape;
        shape.check(input, output)?;
        let out = shape.out_channels;
        let biases = part(self.parameters, 0, out)?;
        let weights = part(self.parameters, out, field(shape) * out)?;
        shape.windows(output, |window, y| {
            for (bias, y) in biases.iter().zip(y) {
                y.set(f32::from_bits(*bias));
            }
            shape.each_tap(window, input, |tap, x| {
                let first = tap * shape.in_channels * out;
                let rows = weights.get(first..).unwrap_or(&[]);
                for (row, x) in rows.chunks_exact(out.max(1)).zip(x) {
                    let x = x.get();
                    for (weight, y) in row.iter().zip(y) {
                        y.set(y.get() + f32::from_bits(*weight) * x);
                    }
                }
            });
            for y in y {
                y.set(self.clamp.apply(y.get()));
            }
        });
        Ok(())
    }
}

/// The 1-D convolution that a field goes through: a dense layer over it.
pub const fn over_field(shape: &Shape) -> conv1d::Shape {
    conv1d::Shape::dense(field(shape), shape.out_channels)
}
