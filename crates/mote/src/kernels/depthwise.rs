//! Depthwise 1-D convolution: each channel has a kernel of its own.

use super::conv1d::Shape;
use super::conv1d_i8::clamp;
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

/// An int8 depthwise convolution that never reads past its input: one without padding. It takes less stack and, where
/// there is assembly and channels come in whole blocks, a fraction of the code.
#[derive(Debug, Clone, Copy)]
pub struct ValidDepthwiseI8<'a> {
    /// Taps.
    pub kernel: usize,
    /// Output steps.
    pub steps: usize,
    /// Channels.
    pub row: usize,
    /// Elements from one tap to the next.
    pub tap: usize,
    /// Elements from the first tap of one output step to that of the next.
    pub step: usize,
    /// Grid and clamp of the output.
    pub output: Output,
    /// A [`Channel`] per channel, rounded up to four.
    pub channels: &'a [[u32; 2]],
    /// Four channels per word, `[channels / 4][kernel]`.
    pub weights: &'a [u32],
}

impl<'a> DepthwiseI8<'a> {
    /// Returns the convolution as one that never reads past its input, if it is.
    pub fn valid(&self) -> Option<ValidDepthwiseI8<'a>> {
        let shape = &self.shape;
        let span = shape.kernel.checked_sub(1)?.checked_mul(shape.dilation)? + 1;
        let reach = shape.out_time.checked_sub(1)?.checked_mul(shape.stride)?;
        let inside = shape.padding == 0 && reach.checked_add(span)? <= shape.in_time;
        inside.then_some(ValidDepthwiseI8 {
            kernel: shape.kernel,
            steps: shape.out_time,
            row: shape.in_channels,
            tap: shape.dilation * shape.in_channels,
            step: shape.stride * shape.in_channels,
            output: self.output,
            channels: self.channels,
            weights: self.weights,
        })
    }
}

impl ValidDepthwiseI8<'_> {
    /// Whether all channels are in whole blocks of four: [`ValidDepthwiseI8::run_blocks`] does.
    pub const fn is_whole(&self) -> bool {
        self.row.is_multiple_of(BLOCK)
    }

    /// Convolves the first elements of `input` into `output`.
    ///
    /// # Errors
    /// When a buffer is too short.
    pub fn run(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        let reach = self.steps.saturating_sub(1).saturating_mul(self.step);
        let field = self.kernel.saturating_sub(1).saturating_mul(self.tap);
        part(input, reach.saturating_add(field), self.row)?;
        self.steps(input, output, |x, y| {
            let columns = Columns {
                weights: self.weights,
                taps: [0, self.kernel, 0],
                x,
                row: self.tap,
                outside: 0,
                channels: self.channels,
                output: self.output,
            };
            let done = simd::depthwise(&columns, y);
            for block in done / BLOCK..self.row.div_ceil(BLOCK) {
                block_of_four(&columns, block, y);
            }
            Ok(())
        })
    }

    /// As [`ValidDepthwiseI8::run`], where [`ValidDepthwiseI8::is_whole`].
    ///
    /// # Errors
    /// When a buffer is too short, or channels are left over.
    #[inline(never)]
    pub fn run_blocks(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        #[cfg(not(mote_dsp))]
        return self.run(input, output);
        #[cfg(mote_dsp)]
        self.steps(input, output, |x, y| simd::depthwise_inside(self, x, y))
    }

    /// Calls `row` with what each output step reads and with where it goes.
    #[inline(always)]
    fn steps(
        &self,
        input: &[Cell<i8>],
        output: &[Cell<i8>],
        row: impl Fn(&[Cell<i8>], &[Cell<i8>]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (mut x, mut y) = (input, output);
        for _ in 0..self.steps {
            let (now, behind) = y.split_at_checked(self.row).ok_or(Error::BufferLength)?;
            row(x, now)?;
            if self.output.clamps() {
                clamp(self.output, now);
            }
            x = x.get(self.step..).unwrap_or(&[]);
            y = behind;
        }
        Ok(())
    }
}

/// Computes one output step from a field whose taps lie in `x` one behind the other, `channels.len()` elements each.
pub(super) fn of_field(
    weights: &[u32],
    kernel: usize,
    x: &[Cell<i8>],
    channels: &[[u32; 2]],
    grid: Output,
    y: &[Cell<i8>],
) {
    let columns = Columns {
        weights,
        taps: [0, kernel, 0],
        x,
        row: y.len(),
        outside: 0,
        channels,
        output: grid,
    };
    let done = simd::depthwise(&columns, y);
    if grid.clamps() {
        for y in y.iter().take(done) {
            y.set(grid.clamp(y.get()));
        }
    }
    for block in done / BLOCK..y.len().div_ceil(BLOCK) {
        block_of_four(&columns, block, y);
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

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn without_padding_it_is_the_same(
            kernel in 1..7usize, stride in 1..4usize, dilation in 1..3usize, channels in 1..10usize,
            steps in 1..6usize, rest in 0..3usize, relu: bool, seed: u64,
        ) {
            let span = (kernel - 1) * dilation + 1;
            let rest = rest.min(stride - 1);
            let shape = Shape {
                in_time: (steps - 1) * stride + span + rest,
                in_channels: channels,
                out_time: steps,
                out_channels: channels,
                kernel,
                stride,
                dilation,
                padding: 0,
                group_inputs: 1,
                group_outputs: 1,
            };
            let mut random = seed;
            let mut byte = || {
                random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (random >> 40) as i8
            };
            let blocks = channels.div_ceil(BLOCK);
            let words: Vec<[u32; 2]> = (0..BLOCK * blocks)
                .map(|_| [(u32::from(byte() as u8) << 8) | 4, 1 << 30 | u32::from(byte() as u8) << 16])
                .collect();
            let weights: Vec<u32> = (0..blocks * kernel)
                .map(|_| u32::from_le_bytes([0; 4].map(|_: u8| byte() as u8)))
                .collect();
            let conv = DepthwiseI8 {
                shape,
                input_zero: 3,
                output: Output { zero_point: -5, low: if relu { -5 } else { -128 }, high: 127 },
                channels: &words,
                weights: &weights,
            };
            let mut input: Vec<i8> = (0..shape.in_time * channels).map(|_| byte()).collect();
            let [mut expected, mut found, mut blocks] = [0; 3].map(|_| vec![0i8; steps * channels]);
            conv.run(cells(&mut input), cells(&mut expected)).unwrap();
            let valid = conv.valid().unwrap();
            valid.run(cells(&mut input), cells(&mut found)).unwrap();
            prop_assert_eq!(&found, &expected);
            if valid.is_whole() {
                valid.run_blocks(cells(&mut input), cells(&mut blocks)).unwrap();
                prop_assert_eq!(&blocks, &expected);
            }
            let short = input.len() - channels * (rest + 1);
            let result = valid.run(cells(&mut input[..short]), cells(&mut found));
            prop_assert_eq!(result, Err(Error::BufferLength));
            let padded = DepthwiseI8 { shape: Shape { padding: 1, ..shape }, ..conv };
            prop_assert!(padded.valid().is_none());
        }
    }
}
