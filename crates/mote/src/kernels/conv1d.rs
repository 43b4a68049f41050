//! 1-D convolution over time: geometry, and the f32 kernel. The int8 kernel is in [`conv1d_i8`](super::conv1d_i8).

use super::overlap::{TOGETHER, Walk};
use super::{Clamp, expect_len, part};
use crate::Error;
use crate::format::ReceptiveField;
use core::cell::Cell;

/// Geometry of a convolution. A dense layer is one with a kernel as long as its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Input steps.
    pub in_time: usize,
    /// Input channels.
    pub in_channels: usize,
    /// Output steps. Whatever a tap reads before or behind the input is zero.
    pub out_time: usize,
    /// Output channels.
    pub out_channels: usize,
    /// Taps.
    pub kernel: usize,
    /// Input steps between two output steps.
    pub stride: usize,
    /// Input steps between two taps.
    pub dilation: usize,
    /// Zeros before the input.
    pub padding: usize,
    /// Input channels that one output channel sees: all of them, or those of its group.
    pub group_inputs: usize,
    /// Output channels of one group.
    pub group_outputs: usize,
}

impl Shape {
    /// A dense layer of `outputs` over `inputs` elements.
    pub const fn dense(inputs: usize, outputs: usize) -> Self {
        Self {
            in_time: 1,
            in_channels: inputs,
            out_time: 1,
            out_channels: outputs,
            kernel: 1,
            stride: 1,
            dilation: 1,
            padding: 0,
            group_inputs: inputs,
            group_outputs: outputs,
        }
    }

    /// How a convolution goes through input and output; `None` when it has several groups, whose input and output
    /// may not overlap. Depthwise convolutions are channel-wise, whatever their groups.
    pub fn walk(&self, depthwise: bool) -> Option<Walk> {
        (depthwise || self.group_inputs == self.in_channels).then_some(Walk {
            in_row: self.in_channels,
            out_row: self.out_channels,
            out_time: self.out_time,
            stride: self.stride,
            padding: self.padding,
            ahead: if depthwise { 0 } else { TOGETHER },
        })
    }

    /// How one receptive field lies in the input.
    pub const fn rows(&self) -> ReceptiveField {
        ReceptiveField::new(
            self.kernel,
            self.in_channels,
            self.group_inputs,
            self.dilation,
        )
    }

    /// Number of groups; 0 when the group sizes do not divide the channels alike.
    pub(crate) fn groups(&self) -> usize {
        let (mut inputs, mut outputs, mut groups) = (0, 0, 0);
        if self.group_inputs == 0 || self.group_outputs == 0 {
            return 0;
        }
        while inputs < self.in_channels {
            inputs += self.group_inputs;
            outputs += self.group_outputs;
            groups += 1;
        }
        if inputs == self.in_channels && outputs == self.out_channels {
            groups
        } else {
            0
        }
    }
}

/// Output channels that are computed together; weights are stored in blocks of as many.
pub const BLOCK: usize = 4;

type Acc = [f32; BLOCK];

/// A convolution with f32 weights.
#[derive(Debug, Clone, Copy)]
pub struct Conv1d<'a> {
    /// Geometry.
    pub shape: Shape,
    /// Clamp.
    pub clamp: Clamp,
    /// Biases (as bits), then weights, in blocks of four output channels; see [`format`](crate::format).
    pub parameters: &'a [u32],
}

impl Conv1d<'_> {
    /// Words of parameters that a convolution of `shape` has.
    pub fn parameter_words(shape: &Shape) -> usize {
        let blocks = shape.groups() * shape.group_outputs.div_ceil(BLOCK);
        blocks * BLOCK * (1 + shape.kernel * shape.group_inputs)
    }

    /// Convolves `input` (`in_time x in_channels`) into `output` (`out_time x out_channels`).
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn run(&self, input: &[Cell<f32>], output: &[Cell<f32>]) -> Result<(), Error> {
        self.run_tile(input, output, 0, self.shape.out_channels)
    }

    /// As [`Conv1d::run`], into the channels from `first` on of an `output` of `row` channels: for convolutions
    /// computed a few output channels at a time, which go through the input once each. The two may not overlap.
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
        expect_len(input, shape.in_time * shape.in_channels)?;
        expect_len(output, shape.out_time * row)?;
        if first.saturating_add(shape.out_channels) > row {
            return Err(Error::BufferLength);
        }
        if shape.groups() == 0 {
            return Err(Error::Corrupt);
        }
        let rows = shape.rows();
        let blocks = shape.group_outputs.div_ceil(BLOCK);
        let parameters = part(self.parameters, 0, Self::parameter_words(shape))?;
        let (mut biases, mut weights) = parameters
            .as_chunks::<BLOCK>()
            .0
            .split_at_checked(shape.groups() * blocks)
            .ok_or(Error::Corrupt)?;
        for group in 0..shape.groups() {
            let (bias, more) = biases.split_at_checked(blocks).ok_or(Error::Corrupt)?;
            biases = more;
            let own = blocks * rows.count * rows.len;
            let (taps, more) = weights.split_at_checked(own).ok_or(Error::Corrupt)?;
            weights = more;
            Group {
                conv: self,
                rows,
                row,
                biases: bias,
                weights: taps,
            }
            .run(
                input,
                group * shape.group_inputs,
                output,
                first + group * shape.group_outputs,
            );
        }
        Ok(())
    }
}

/// `acc + weights * x`, written out because a loop is one when compiling for size.
#[inline(always)]
fn add([a, b, c, d]: Acc, weights: &[u32; BLOCK], x: f32) -> Acc {
    let [p, q, r, s] = weights.map(f32::from_bits);
    [a + p * x, b + q * x, c + r * x, d + s * x]
}

/// One group of a convolution.
struct Group<'a> {
    conv: &'a Conv1d<'a>,
    rows: ReceptiveField,
    /// Elements of one output step.
    row: usize,
    biases: &'a [[u32; BLOCK]],
    weights: &'a [[u32; BLOCK]],
}

impl Group<'_> {
    /// Step by step, and all channels of a step, so that the output may follow the input: see
    /// [`overlap`](super::overlap).
    fn run(
        &self,
        input: &[Cell<f32>],
        first_input: usize,
        output: &[Cell<f32>],
        first_output: usize,
    ) {
        let shape = &self.conv.shape;
        let step = (shape.stride * shape.in_channels) as isize;
        let span = self.rows.step * (self.rows.count - 1) + self.rows.len;
        let inside = |start: isize| usize::try_from(start).is_ok_and(|s| s + span <= input.len());
        let mut start = first_input as isize - (shape.padding * shape.in_channels) as isize;
        let mut t = 0;
        while t < shape.out_time {
            let next = start + step;
            let two = t + TOGETHER <= shape.out_time && inside(start) && inside(next);
            let y = output.get(t * self.row + first_output..).unwrap_or(&[]);
            let mut left = shape.group_outputs;
            let (mut y0, mut y1) = (y, y.get(self.row..).unwrap_or(&[]));
            for block in self.blocks() {
                let channels = left.min(BLOCK);
                if two {
                    let [a, b] = block.two(input, start as usize, next as usize);
                    block.store(a, y0, channels);
                    block.store(b, y1, channels);
                    y1 = y1.get(channels..).unwrap_or(&[]);
                } else {
                    block.store(block.one(input, start), y0, channels);
                }
                y0 = y0.get(channels..).unwrap_or(&[]);
                left -= channels;
            }
            t += if two { TOGETHER } else { 1 };
            start = if two { next + step } else { next };
        }
    }

    /// Its blocks of output channels.
    #[inline(always)]
    fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        let taps = self.rows.count * self.rows.len;
        self.biases
            .iter()
            .zip(self.weights.chunks(taps.max(1)))
            .map(|(bias, weights)| Block {
                clamp: self.conv.clamp,
                rows: self.rows,
                bias: bias.map(f32::from_bits),
                weights,
            })
    }
}

/// Up to four output channels of a convolution.
struct Block<'a> {
    clamp: Clamp,
    rows: ReceptiveField,
    bias: Acc,
    weights: &'a [[u32; BLOCK]],
}

impl Block<'_> {
    fn store(&self, acc: Acc, y: &[Cell<f32>], channels: usize) {
        for (y, acc) in y.iter().zip(acc).take(channels) {
            y.set(self.clamp.apply(acc));
        }
    }

    /// Two output steps whose fields lie inside the input.
    #[inline(always)]
    fn two(&self, input: &[Cell<f32>], first: usize, second: usize) -> [Acc; 2] {
        let (mut a, mut b) = (self.bias, self.bias);
        let mut weights = self.weights;
        for row in 0..self.rows.count {
            let Some((taps, more)) = weights.split_at_checked(self.rows.len) else {
                break;
            };
            weights = more;
            let offset = row * self.rows.step;
            let x0 = input.get(first + offset..).unwrap_or(&[]);
            let x1 = input.get(second + offset..).unwrap_or(&[]);
            for ((w, x0), x1) in taps.iter().zip(x0).zip(x1) {
                a = add(a, w, x0.get());
                b = add(b, w, x1.get());
            }
        }
        [a, b]
    }

    /// One output step; taps outside the input count as zero.
    fn one(&self, input: &[Cell<f32>], start: isize) -> Acc {
        let mut acc = self.bias;
        let mut weights = self.weights;
        for row in 0..self.rows.count {
            let Some((taps, more)) = weights.split_at_checked(self.rows.len) else {
                break;
            };
            weights = more;
            let start = start + (row * self.rows.step) as isize;
            let skip = usize::try_from(-start).unwrap_or(0);
            let x = input.get(start.max(0) as usize..).unwrap_or(&[]);
            for (w, x) in taps.get(skip..).unwrap_or(&[]).iter().zip(x) {
                acc = add(acc, w, x.get());
            }
        }
        acc
    }
}
