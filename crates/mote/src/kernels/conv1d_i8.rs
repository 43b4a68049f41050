//! 1-D convolution over time, int8.
//!
//! Two output channels and two output steps are computed together: each load then serves two products. The two
//! channels come packed in 16-bit numbers `256 * b + a`; see [`format`](crate::format). Nothing is copied: a
//! receptive field of time-major input is contiguous and read where it lies.

use super::conv1d::Shape;
use super::{expect_len, part};
use crate::Error;
use crate::format::{MAX_ROW, MAX_TAPS, Rows};
use crate::quant::{Channel, Output, Rounding};
use crate::simd::{self, PairSums, Pairs};
use core::cell::Cell;

/// Four taps of two packed output channels: taps 0 and 2, then taps 1 and 3.
pub type Group = [u32; 2];

/// A convolution with int8 weights.
#[derive(Debug, Clone, Copy)]
pub struct Conv1dI8<'a> {
    /// Geometry.
    pub shape: Shape,
    /// The input's zero point: what taps outside the input read.
    pub input_zero: i8,
    /// Grid and clamp of the output.
    pub output: Output,
    /// Of the output.
    pub rounding: Rounding,
    /// A [`Channel`] per output channel, an even number per group.
    pub channels: &'a [[u32; 2]],
    /// Per group and pair of output channels the taps of one receptive field.
    pub weights: &'a [Group],
}

impl<'a> Conv1dI8<'a> {
    /// A convolution of `shape` from its parameters in the model: channels, then weights.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the groups do not fit the channels, there are too few parameters, or a field is
    /// too long for 32-bit sums.
    pub fn new(
        shape: Shape,
        input_zero: i8,
        output: Output,
        rounding: Rounding,
        parameters: &'a [u32],
    ) -> Result<Self, Error> {
        let rows = shape.rows().split();
        let field = rows.count.saturating_mul(rows.row_groups());
        let pairs = shape.groups() * shape.group_outputs.div_ceil(2);
        if pairs == 0 || rows.len > MAX_ROW || field > MAX_TAPS / 4 {
            return Err(Error::Corrupt);
        }
        let (channels, weights) = parameters
            .as_chunks::<2>()
            .0
            .split_at_checked(2 * pairs)
            .ok_or(Error::Corrupt)?;
        Ok(Self {
            shape,
            input_zero,
            output,
            rounding,
            channels,
            weights: part(weights, 0, pairs.saturating_mul(field))?,
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

    /// Convolves `input` (`in_time x in_channels`) into `output` (`out_time x out_channels`).
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    #[inline(never)]
    pub fn run(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        let shape = &self.shape;
        expect_len(input, shape.in_time * shape.in_channels)?;
        expect_len(output, shape.out_time * shape.out_channels)?;
        let pairs = shape.group_outputs.div_ceil(2);
        let rows = shape.rows().split();
        let field = rows.count * rows.row_groups();
        let (mut weights, mut channels) = (self.weights, self.channels);
        let (mut first_input, mut first_output) = (0, 0);
        while first_output < shape.out_channels {
            let group = Fields {
                conv: self,
                rows,
                weights: part(weights, 0, pairs * field)?,
                channels: part(channels, 0, pairs * 2)?.as_chunks().0,
            };
            group.run(input, first_input, output, first_output);
            weights = weights.get(pairs * field..).unwrap_or(&[]);
            channels = channels.get(pairs * 2..).unwrap_or(&[]);
            first_input += shape.group_inputs;
            first_output += shape.group_outputs;
        }
        Ok(())
    }
}

/// One group of a convolution.
struct Fields<'a> {
    conv: &'a Conv1dI8<'a>,
    rows: Rows,
    weights: &'a [Group],
    channels: &'a [[[u32; 2]; 2]],
}

impl Fields<'_> {
    fn run(
        &self,
        input: &[Cell<i8>],
        first_input: usize,
        output: &[Cell<i8>],
        first_output: usize,
    ) {
        let shape = &self.conv.shape;
        let step = (shape.stride * shape.in_channels) as isize;
        let span = self.rows.span_i8();
        let inside = |start: isize| {
            let start = usize::try_from(start).ok()?;
            input.get(start..).filter(|x| x.len() >= span)
        };
        // Fields in several runs are rare, and so are dense layers of many steps.
        let by_two = self.rows.count == 1 && self.conv.rounding == Rounding::Twice;
        let mut start = first_input as isize - (shape.padding * shape.in_channels) as isize;
        let mut t = 0;
        while t < shape.out_time {
            let next = start + step;
            let y0 = part(
                output,
                t * shape.out_channels + first_output,
                shape.group_outputs,
            );
            let y1 = part(
                output,
                (t + 1) * shape.out_channels + first_output,
                shape.group_outputs,
            );
            match (inside(start), inside(next), y1) {
                (Some(x0), Some(x1), Ok(y1)) if by_two => {
                    self.two(x0, x1, y0.unwrap_or(&[]), y1);
                    t += 2;
                    start = next + step;
                }
                _ => {
                    self.one(input, start, y0.unwrap_or(&[]));
                    t += 1;
                    start = next;
                }
            }
        }
    }

    /// Two output steps whose fields are one run each and lie inside the input.
    #[inline(never)]
    fn two(&self, x0: &[Cell<i8>], x1: &[Cell<i8>], y0: &[Cell<i8>], y1: &[Cell<i8>]) {
        let output = self.conv.output;
        let pairs = Pairs {
            taps: self.weights,
            groups: self.rows.row_groups(),
            channels: self.channels.as_flattened(),
            outputs: self.conv.shape.group_outputs,
            zero: i32::from(output.zero_point),
        };
        simd::two_steps(&pairs, [x0, x1], [y0, y1]);
        if output.clamps() {
            for y in y0.iter().chain(y1) {
                y.set(output.clamp(y.get()));
            }
        }
    }

    #[inline(always)]
    fn finish(&self, sum: i32, channel: Channel) -> i8 {
        self.conv.output.finish(sum, channel, self.conv.rounding)
    }

    /// One output step; taps outside the input read the zero point.
    #[inline(never)] // apart, each has registers enough and a small frame
    fn one(&self, input: &[Cell<i8>], start: isize, y: &[Cell<i8>]) {
        let mut weights = self.weights;
        let mut y = y.iter().take(self.conv.shape.group_outputs);
        for channels in self.channels {
            let mut sums = [0; 2];
            let mut start = start;
            for _ in 0..self.rows.count {
                let Some((taps, more)) = weights.split_at_checked(self.rows.row_groups()) else {
                    return;
                };
                weights = more;
                let row = self.edge(taps, input, start).split();
                for (sum, row) in sums.iter_mut().zip(row) {
                    *sum += row;
                }
                start += self.rows.step as isize;
            }
            for ((&channel, sum), y) in channels.iter().zip(sums).zip(&mut y) {
                y.set(self.finish(sum, Channel::from_words(channel)));
            }
        }
    }

    /// One row that may reach past either end of the input.
    fn edge(&self, taps: &[Group], input: &[Cell<i8>], start: isize) -> PairSums {
        let zero = self.conv.input_zero;
        let zeros = u32::from(zero as u8) * 0x0101_0101;
        let mut sums = PairSums::default();
        let (mut at, mut taps) = (start, taps);
        // Groups of four taps that begin before the input.
        while at < 0
            && let Some((&group, more)) = taps.split_first()
        {
            sums.add(
                group,
                if at <= -4 {
                    zeros
                } else {
                    across(input, at, zero)
                },
            );
            taps = more;
            at += 4;
        }
        let x = input.get(at.max(0) as usize..).unwrap_or(&[]);
        let (inside, behind) = taps.split_at_checked(x.len() / 4).unwrap_or((taps, &[]));
        simd::dot_field(&mut sums, inside, x);
        at += 4 * inside.len() as isize;
        for &group in behind {
            let past = at >= input.len() as isize;
            sums.add(group, if past { zeros } else { across(input, at, zero) });
            at += 4;
        }
        sums
    }
}

/// Four elements from `at` on, of which some are not in the input and read `zero`.
#[inline(never)]
fn across(input: &[Cell<i8>], at: isize, zero: i8) -> u32 {
    let mut bytes = [zero as u8; 4];
    for (at, byte) in (at..).zip(&mut bytes) {
        if let Some(x) = usize::try_from(at).ok().and_then(|at| input.get(at)) {
            *byte = x.get() as u8;
        }
    }
    u32::from_le_bytes(bytes)
}
