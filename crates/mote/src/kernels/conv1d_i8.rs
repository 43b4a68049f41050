//! 1-D convolution over time, int8.
//!
//! Two output channels and two output steps are computed together, or four channels of one step: each load then
//! serves several products. Two channels come packed in 16-bit numbers `256 * b + a`; see
//! [`format`](crate::format). A receptive field of time-major input is contiguous and read where it lies. Only fields
//! that are not, because of dilation or groups, or because they reach past the input, are copied, in small pieces.

use super::conv1d::Shape;
use super::{expect_len, part};
use crate::Error;
use crate::format::{MAX_RUN, MAX_TAPS, Rows};
use crate::quant::{Channel, Output, Rounding};
use crate::simd::{self, Pairs};
use core::cell::Cell;

/// Bytes that a copied piece of a field has at most: they lie on the stack.
const PIECE: usize = 64;

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
        let taps = shape.rows().taps();
        let pairs = shape.groups() * shape.group_outputs.div_ceil(2);
        if pairs == 0 || taps == 0 || taps > MAX_TAPS {
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
            weights: part(weights, 0, pairs.saturating_mul(taps.div_ceil(4)))?,
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
        self.tile(input, output, 0, self.shape.out_channels)
    }

    /// As [`Conv1dI8::run`], into the channels from `first` on of an `output` of `row` channels: for convolutions
    /// computed a few output channels at a time, which go through the input once each. The two may not overlap.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says, or the channels do not lie in the row.
    #[inline(never)]
    pub fn run_tile(
        &self,
        input: &[Cell<i8>],
        output: &[Cell<i8>],
        first: usize,
        row: usize,
    ) -> Result<(), Error> {
        self.tile(input, output, first, row)
    }

    #[inline(always)]
    fn tile(
        &self,
        input: &[Cell<i8>],
        output: &[Cell<i8>],
        first: usize,
        row: usize,
    ) -> Result<(), Error> {
        let shape = &self.shape;
        let end = first.saturating_add(shape.out_channels);
        if end > row {
            return Err(Error::BufferLength);
        }
        expect_len(input, shape.in_time * shape.in_channels)?;
        expect_len(output, shape.out_time * row)?;
        let pairs = shape.group_outputs.div_ceil(2);
        let rows = shape.rows();
        let field = rows.taps().div_ceil(4);
        let (mut weights, mut channels) = (self.weights, self.channels);
        let (mut first_input, mut first_output) = (0, first);
        while first_output < end {
            let group = Fields {
                conv: self,
                rows,
                row,
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
    /// Elements of one output step.
    row: usize,
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
        let step = shape.stride * shape.in_channels;
        let groups = self.rows.taps().div_ceil(4);
        let contiguous = self.rows.count == 1;
        // Groups are rare, and so are dense layers of many steps.
        let short = (1..=MAX_RUN / 4).contains(&groups);
        let by_two = contiguous
            && short
            && shape.group_outputs == self.row
            && self.conv.rounding == Rounding::Twice;
        let mut start = first_input as isize - (shape.padding * shape.in_channels) as isize;
        let mut t = 0;
        while t < shape.out_time {
            let field = usize::try_from(start)
                .ok()
                .and_then(|start| input.get(start..));
            let field = field.filter(|x| contiguous && x.len() >= 4 * groups);
            let y = output.get(t * self.row + first_output..).unwrap_or(&[]);
            let twos = match field {
                Some(x) if by_two => (inside(x.len(), 4 * groups, step, shape.out_time - t)) / 2,
                _ => 0,
            };
            let steps = if let (1.., Some(x)) = (twos, field) {
                self.two(x, step, y, twos);
                2 * twos
            } else if by_two && t + 1 < shape.out_time && self.last_two(input, start, step, y) {
                2
            } else {
                match field {
                    Some(x) if short => self.single(x, groups, y),
                    _ => self.one(input, start, y),
                }
                1
            };
            t += steps;
            start += (steps * step) as isize;
        }
    }

    /// `count` times two output steps whose fields are contiguous and lie in `x`, `step` elements apart.
    #[inline(never)]
    fn two(&self, x: &[Cell<i8>], step: usize, y: &[Cell<i8>], count: usize) {
        let output = self.conv.output;
        let outputs = self.conv.shape.group_outputs;
        let pairs = Pairs {
            taps: self.weights,
            groups: self.rows.taps().div_ceil(4),
            channels: self.channels.as_flattened(),
            outputs,
            zero: i32::from(output.zero_point),
        };
        simd::two_steps(&pairs, x, step, y, count);
        if output.clamps() {
            for y in y.iter().take(2 * count * outputs) {
                y.set(output.clamp(y.get()));
            }
        }
    }

    /// As [`Fields::two`], once, when of the last field only zero weights reach past the input. False when it is not so,
    /// or the fields are long.
    #[inline(never)] // apart, the piece is on the stack for itself only
    fn last_two(&self, input: &[Cell<i8>], start: isize, step: usize, y: &[Cell<i8>]) -> bool {
        let taps = self.rows.taps();
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let x = input.get(start..).unwrap_or(&[]);
        if x.len() < step + taps || step + taps.next_multiple_of(4) > PIECE {
            return false;
        }
        let piece = [const { Cell::new(0) }; PIECE];
        for (slot, x) in piece.iter().zip(x) {
            slot.set(x.get());
        }
        self.two(&piece, step, y, 1);
        true
    }

    /// One output step whose field is one short run of `groups` times four elements at the beginning of `x`.
    #[inline(never)] // apart, it has registers enough and a small frame
    fn single(&self, x: &[Cell<i8>], groups: usize, y: &[Cell<i8>]) {
        let mut weights = self.weights;
        let mut channels = self.channels.as_flattened();
        let mut y = y.get(..self.conv.shape.group_outputs).unwrap_or(y);
        while let Some((a, rest)) = weights.split_at_checked(groups) {
            let (b, rest) = rest.split_at_checked(groups).unwrap_or((a, &[]));
            weights = rest;
            let mut sums = [0; 4];
            simd::dot4(&mut sums, [a, b], x);
            self.store(channels, &sums, y);
            channels = channels.get(4..).unwrap_or(&[]);
            y = y.get(4..).unwrap_or(&[]);
        }
    }

    /// One output step, four channels at a time, whatever its field.
    #[inline(never)] // apart, each has registers enough and a small frame
    fn one(&self, input: &[Cell<i8>], start: isize, y: &[Cell<i8>]) {
        let groups = self.rows.taps().div_ceil(4);
        let mut field = Field {
            input,
            start,
            rows: self.rows,
            zero: self.conv.input_zero,
            copied: None,
        };
        let piece = [const { Cell::new(0) }; PIECE];
        let mut weights = self.weights;
        let mut y = y.get(..self.conv.shape.group_outputs).unwrap_or(y);
        for channels in self.channels.chunks(2) {
            let (mut a, rest) = weights.split_at_checked(groups).unwrap_or((&[], &[]));
            let (mut b, rest) = rest.split_at_checked(groups).unwrap_or((&[], rest));
            weights = rest;
            let mut sums = [0; 4];
            let mut first = 0;
            while !a.is_empty() {
                let x = field.run(first, 4 * a.len(), &piece);
                let count = x.len() / 4;
                simd::dot4(&mut sums, [a, b], x);
                a = a.get(count..).unwrap_or(&[]);
                b = b.get(count..).unwrap_or(&[]);
                first += 4 * count;
            }
            let (now, later) = y.split_at_checked(4).unwrap_or((y, &[]));
            self.store(channels.as_flattened(), &sums, now);
            y = later;
        }
    }

    #[inline(never)] // or it is unrolled
    fn store(&self, channels: &[[u32; 2]], sums: &[i32], y: &[Cell<i8>]) {
        let &Conv1dI8 {
            output, rounding, ..
        } = self.conv;
        for ((&channel, &sum), y) in channels.iter().zip(sums).zip(y) {
            y.set(output.finish(sum, Channel::from_words(channel), rounding));
        }
    }
}

/// How many fields of `len` elements, `step` elements apart, lie in `available` elements; at most `most`.
#[inline(never)] // or it is unrolled
fn inside(available: usize, len: usize, step: usize, most: usize) -> usize {
    // Not a division, which some cores do in software.
    let (mut count, mut end) = (0, len);
    while count < most && end <= available {
        count += 1;
        end += step;
    }
    count
}

/// The elements of a receptive field, as kernels read them.
struct Field<'a> {
    input: &'a [Cell<i8>],
    /// Where it begins; before the input when negative.
    start: isize,
    rows: Rows,
    /// What is not in the input reads as this.
    zero: i8,
    /// First element of the copied piece.
    copied: Option<usize>,
}

impl<'a> Field<'a> {
    /// A run of elements from `first` on, a multiple of four, at least four and at most `most`: as many as lie in the
    /// input in one run, or else a copy in `piece`.
    fn run<'b>(&mut self, first: usize, most: usize, piece: &'b [Cell<i8>; PIECE]) -> &'b [Cell<i8>]
    where
        'a: 'b,
    {
        let at = self.start + first as isize;
        let mut count = most.min(PIECE);
        if self.rows.count == 1 {
            match usize::try_from(at) {
                Ok(at) => {
                    let here = self.input.get(at..).unwrap_or(&[]);
                    let whole = here.len().min(most).min(MAX_RUN) & !3;
                    if whole > 0 {
                        return here.get(..whole).unwrap_or(&[]);
                    }
                }
                // Up to where the input begins.
                Err(_) => count = count.min(at.unsigned_abs().next_multiple_of(4)),
            }
        }
        let piece = piece.get(..count).unwrap_or(&[]);
        if self.copied != Some(first) {
            self.copied = Some(first);
            self.copy(first, piece);
        }
        piece
    }

    #[inline(never)] // or it is unrolled
    fn copy(&self, first: usize, piece: &[Cell<i8>]) {
        // Row by row instead of a division.
        let (mut at, mut left) = (self.start, first);
        while left >= self.rows.len {
            left -= self.rows.len;
            at += self.rows.step as isize;
        }
        at += left as isize;
        let mut left = self.rows.len - left;
        for slot in piece {
            let x = usize::try_from(at).ok().and_then(|at| self.input.get(at));
            slot.set(x.map_or(self.zero, Cell::get));
            at += 1;
            left -= 1;
            if left == 0 {
                left = self.rows.len;
                at += self.rows.step as isize - self.rows.len as isize;
            }
        }
    }
}
