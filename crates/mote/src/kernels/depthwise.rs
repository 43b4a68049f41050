//! Depthwise 1-D convolution: each channel has a kernel of its own.

use super::conv1d::Shape;
use super::{Clamp, expect_len, part};
use crate::Error;
use crate::format::MAX_TAPS;
use crate::quant::{Channel, Output, Rounding};
use crate::simd::{self, Columns};
use core::cell::Cell;

/// Channels that are computed together in int8; a word of weights holds as many.
pub const BLOCK: usize = 4;

/// Clips the window of `kernel` taps at output step `t` to the input: first tap, first input step, taps.
fn clip(shape: &Shape, t: usize) -> (usize, usize, usize) {
    let (mut tap, mut step) = (0, t * shape.stride);
    while step < shape.padding && tap < shape.kernel {
        tap += 1;
        step += shape.dilation;
    }
    // A window wholly in the padding has no taps; where it would start does not matter then.
    let first = step.saturating_sub(shape.padding);
    let (mut taps, mut step) = (0, first);
    while tap + taps < shape.kernel && step < shape.in_time {
        taps += 1;
        step += shape.dilation;
    }
    (tap, first, taps)
}

/// Refuses buffers that do not have the steps of `shape` in rows of `row` channels, and a `first` channel from which the
/// shape's channels would reach beyond a row.
fn check<T>(
    shape: &Shape,
    input: &[Cell<T>],
    output: &[Cell<T>],
    first: usize,
    row: usize,
) -> Result<(), Error> {
    expect_len(input, shape.in_time * row)?;
    expect_len(output, shape.out_time * row)?;
    if shape.in_channels != shape.out_channels {
        return Err(Error::Corrupt);
    }
    if first.saturating_add(shape.in_channels) > row {
        return Err(Error::BufferLength);
    }
    Ok(())
}

/// An f32 depthwise convolution.
#[derive(Debug, Clone, Copy)]
pub struct Depthwise<'a> {
    /// Geometry, with as many output as input channels.
    pub shape: Shape,
    /// Clamp.
    pub clamp: Clamp,
    /// Biases (as bits), then weights, `[kernel][channels]`.
    pub parameters: &'a [u32],
}

impl Depthwise<'_> {
    /// Words of parameters that a depthwise convolution of `shape` has.
    pub const fn parameter_words(shape: &Shape) -> usize {
        shape.in_channels * (1 + shape.kernel)
    }

    /// Convolves `input` (`in_time x channels`) into `output` (`out_time x channels`).
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn run(&self, input: &[Cell<f32>], output: &[Cell<f32>]) -> Result<(), Error> {
        self.run_tile(input, output, 0, self.shape.in_channels)
    }

    /// As [`Depthwise::run`], over the channels from `first` on of an `input` and `output` of `row` channels: for
    /// convolutions computed a few channels at a time. The two may not overlap.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says, or the channels do not lie in the row.
    pub fn run_tile(
        &self,
        input: &[Cell<f32>],
        output: &[Cell<f32>],
        first: usize,
        row: usize,
    ) -> Result<(), Error> {
        let shape = &self.shape;
        check(shape, input, output, first, row)?;
        let channels = shape.in_channels;
        let (bias, weights) = part(self.parameters, 0, Self::parameter_words(shape))?
            .split_at_checked(channels)
            .ok_or(Error::Corrupt)?;
        for t in 0..shape.out_time {
            let (tap, step, taps) = clip(shape, t);
            let weights = weights.get(tap * channels..).unwrap_or(&[]);
            let x = input.get(step * row + first..).unwrap_or(&[]);
            let y = output.get(t * row + first..).unwrap_or(&[]);
            for (channel, (&bias, y)) in bias.iter().zip(y).enumerate() {
                let mut acc = f32::from_bits(bias);
                let mut w = weights.get(channel..).unwrap_or(&[]);
                let mut x = x.get(channel..).unwrap_or(&[]);
                for _ in 0..taps {
                    if let (Some(&w), Some(x)) = (w.first(), x.first()) {
                        acc += f32::from_bits(w) * x.get();
                    }
                    w = w.get(channels..).unwrap_or(&[]);
                    x = x.get(shape.dilation * row..).unwrap_or(&[]);
                }
                y.set(self.clamp.apply(acc));
            }
        }
        Ok(())
    }
}

/// An int8 depthwise convolution.
#[derive(Debug, Clone, Copy)]
pub struct DepthwiseI8<'a> {
    /// Geometry, with as many output as input channels.
    pub shape: Shape,
    /// The input's zero point: what taps outside the input read.
    pub input_zero: i8,
    /// Grid and clamp of the output.
    pub output: Output,
    /// A [`Channel`] per channel, rounded up to four.
    pub channels: &'a [[u32; 2]],
    /// Four channels per word, `[channels / 4][kernel]`.
    pub weights: &'a [u32],
}

impl<'a> DepthwiseI8<'a> {
    /// A convolution of `shape` from its parameters in the model: channels, then weights.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there are too few parameters or taps too many for 32-bit sums.
    pub fn new(
        shape: Shape,
        input_zero: i8,
        output: Output,
        parameters: &'a [u32],
    ) -> Result<Self, Error> {
        let blocks = shape.in_channels.div_ceil(BLOCK);
        if shape.groups() != shape.in_channels
            || shape.group_outputs != 1
            || shape.kernel > MAX_TAPS
        {
            return Err(Error::Corrupt);
        }
        let (channels, weights) = parameters
            .split_at_checked(2 * BLOCK * blocks)
            .ok_or(Error::Corrupt)?;
        let channels = channels.as_chunks::<2>().0;
        let weights = part(weights, 0, blocks * shape.kernel)?;
        Ok(Self {
            shape,
            input_zero,
            output,
            channels,
            weights,
        })
    }

    /// Checks the values of the parameters: every shift is in range.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub(crate) fn validate(&self) -> Result<(), Error> {
        if self
            .channels
            .iter()
            .all(|&c| Channel::from_words(c).is_valid())
        {
            Ok(())
        } else {
            Err(Error::Corrupt)
        }
    }

    /// Convolves `input` (`in_time x channels`) into `output` (`out_time x channels`).
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn run(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        self.run_tile(input, output, 0, self.shape.in_channels)
    }

    /// As [`DepthwiseI8::run`], over the channels from `first` on of an `input` and `output` of `row` channels: for
    /// convolutions computed a few channels at a time. The two may not overlap.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says, or the channels do not lie in the row.
    pub fn run_tile(
        &self,
        input: &[Cell<i8>],
        output: &[Cell<i8>],
        first: usize,
        row: usize,
    ) -> Result<(), Error> {
        let shape = &self.shape;
        check(shape, input, output, first, row)?;
        let (channels, kernel) = (shape.in_channels, shape.kernel);
        for t in 0..shape.out_time {
            let (before, step, inside) = clip(shape, t);
            let columns = Columns {
                weights: self.weights,
                taps: [before, inside, kernel - before - inside],
                x: input.get(step * row + first..).unwrap_or(&[]),
                row: shape.dilation * row,
                outside: u32::from(self.input_zero as u8) * 0x0101_0101,
                channels: self.channels,
                output: self.output,
            };
            let y = part(output, t * row + first, channels)?;
            let done = simd::depthwise(&columns, y);
            if self.output.clamps() {
                for y in y.iter().take(done) {
                    y.set(self.output.clamp(y.get()));
                }
            }
            for block in done / BLOCK..channels.div_ceil(BLOCK) {
                block_of_four(&columns, block, y);
            }
        }
        Ok(())
    }
}

/// Four channels of one step, fewer at the end.
#[inline(never)] // mostly unused where there is assembly
fn block_of_four(columns: &Columns<'_>, block: usize, y: &[Cell<i8>]) {
    let [before, inside, behind] = columns.taps;
    let kernel = before + inside + behind;
    let mut sums = [0i32; BLOCK];
    let weights = columns.weights.get(block * kernel..).unwrap_or(&[]);
    let mut x = columns.x.get(block * BLOCK..).unwrap_or(&[]);
    for (tap, w) in weights.iter().take(kernel).enumerate() {
        let mut taps = columns.outside.to_le_bytes();
        if (before..before + inside).contains(&tap) {
            for (tap, x) in taps.iter_mut().zip(x) {
                *tap = x.get() as u8;
            }
            x = x.get(columns.row..).unwrap_or(&[]);
        }
        for ((sum, w), x) in sums.iter_mut().zip(w.to_le_bytes()).zip(taps) {
            *sum += i32::from(w as i8) * i32::from(x as i8);
        }
    }
    let channels = columns.channels.iter().zip(y).skip(block * BLOCK);
    for ((&channel, y), sum) in channels.zip(sums) {
        let channel = Channel::from_words(channel);
        y.set(columns.output.finish(sum, channel, Rounding::Twice));
    }
}
