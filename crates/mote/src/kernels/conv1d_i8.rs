//! 1-D convolution over time, int8.
//!
//! Two output channels and two output steps are computed together, or four channels of one step: each load then
//! serves several products. Two channels come packed in 16-bit numbers `256 * b + a`; see
//! [`format`](crate::format). A receptive field of time-major input is contiguous and read where it lies. Only fields
//! that are not, because of dilation or groups, or because they reach past the input, are copied.
//!
//! There are three entries, so that code is linked only for what a network has: [`ValidConv1dI8::run`] has nothing to
//! copy, [`Conv1dI8::run_short`] copies whole fields, [`Conv1dI8::run`] takes fields of any length.

use super::conv1d::Shape;
use super::{expect_len, part};
use crate::Error;
use crate::format::{MAX_RUN, MAX_TAPS, Rows};
use crate::quant::{Channel, Output, Rounding};
use crate::simd;
use core::cell::Cell;

/// Bytes that a copied field, or piece of one, has at most: they lie on the stack.
const PIECE: usize = 192;

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
        self.tile::<true>(input, output, 0, self.shape.out_channels)
    }

    /// As [`Conv1dI8::run`], with less code, for convolutions that are [short](Self::is_short).
    ///
    /// # Errors
    /// When the convolution is not short, or a buffer does not have the length the shape says.
    #[inline(never)]
    pub fn run_short(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        if !self.is_short() {
            return Err(Error::Corrupt);
        }
        self.tile::<false>(input, output, 0, self.shape.out_channels)
    }

    /// Whether a whole receptive field can be copied.
    pub const fn is_short(&self) -> bool {
        self.shape.rows().taps() <= PIECE
    }

    /// The same convolution when no field needs to be copied: it has no padding, no groups and no dilation.
    pub fn valid(&self) -> Option<ValidConv1dI8<'a>> {
        let shape = &self.shape;
        let rows = shape.rows();
        let groups = rows.taps().div_ceil(4);
        let conv = ValidConv1dI8 {
            groups,
            step: shape.stride * shape.in_channels,
            steps: shape.out_time,
            outputs: shape.out_channels,
            output: self.output,
            rounding: self.rounding,
            channels: self.channels,
            weights: self.weights,
        };
        let inside =
            (shape.out_time - 1) * conv.step + rows.taps() <= shape.in_time * shape.in_channels;
        let whole = rows.count == 1 && shape.groups() == 1 && groups <= MAX_RUN / 4;
        (shape.padding == 0 && inside && whole).then_some(conv)
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
        self.tile::<true>(input, output, first, row)
    }

    /// As [`Conv1dI8::run_tile`], with less code, for convolutions that are [short](Self::is_short).
    ///
    /// # Errors
    /// As [`Conv1dI8::run_tile`], and when the convolution is not short.
    #[inline(never)]
    pub fn run_short_tile(
        &self,
        input: &[Cell<i8>],
        output: &[Cell<i8>],
        first: usize,
        row: usize,
    ) -> Result<(), Error> {
        if !self.is_short() {
            return Err(Error::Corrupt);
        }
        self.tile::<false>(input, output, first, row)
    }

    /// `LONG` when fields may be longer than a piece.
    #[inline(always)]
    fn tile<const LONG: bool>(
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
        let input = part(input, 0, shape.in_time * shape.in_channels)?;
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
            group.run::<LONG>(input, first_input, output, first_output)?;
            weights = weights.get(pairs * field..).unwrap_or(&[]);
            channels = channels.get(pairs * 2..).unwrap_or(&[]);
            first_input += shape.group_inputs;
            first_output += shape.group_outputs;
        }
        Ok(())
    }
}

/// A convolution whose receptive fields are contiguous in the input, each at most [`MAX_RUN`] taps.
#[derive(Debug, Clone, Copy)]
pub struct ValidConv1dI8<'a> {
    /// Groups of four taps in one field.
    pub groups: usize,
    /// Elements from the beginning of one field to the next.
    pub step: usize,
    /// Output steps.
    pub steps: usize,
    /// Output channels; an odd last one fills half a pair.
    pub outputs: usize,
    /// Grid and clamp of the output.
    pub output: Output,
    /// Of the output.
    pub rounding: Rounding,
    /// A [`Channel`] per output channel, an even number.
    pub channels: &'a [[u32; 2]],
    /// `groups` per pair of output channels.
    pub weights: &'a [Group],
}

impl ValidConv1dI8<'_> {
    /// Elements that are read: the last group of the last field may have up to three, of weight zero, behind the
    /// input.
    pub const fn reads(&self) -> usize {
        self.steps
            .saturating_sub(1)
            .saturating_mul(self.step)
            .saturating_add(self.groups.saturating_mul(4))
    }

    /// Convolves the first elements of `input` into the first of `output`.
    ///
    /// # Errors
    /// When a buffer is too short.
    #[inline(never)]
    pub fn run(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        if !simd::steps(self, input, output) {
            return Err(Error::BufferLength);
        }
        if self.output.clamps() {
            clamp(
                self.output,
                output.get(..self.steps * self.outputs).unwrap_or(&[]),
            );
        }
        Ok(())
    }

    /// Whether there is as much of everything as the counts say, and something at all.
    #[inline(always)]
    pub(crate) fn fits(&self, x: &[Cell<i8>], y: &[Cell<i8>]) -> bool {
        // Products of 32 bits cannot overflow 64, and are as cheap.
        let wide = |n: usize| n as u64;
        let pairs = wide(self.outputs).div_ceil(2);
        self.outputs > 0
            && self.groups > 0
            && self.groups <= MAX_RUN / 4
            && self.steps > 0
            && wide(self.weights.len()) >= pairs * wide(self.groups)
            && wide(self.channels.len()) >= 2 * pairs
            && wide(x.len()) >= wide(self.steps - 1) * wide(self.step) + 4 * wide(self.groups)
            && wide(y.len()) >= wide(self.steps) * wide(self.outputs)
    }
}

#[inline(never)] // or it is unrolled
fn clamp(grid: Output, y: &[Cell<i8>]) {
    for y in y {
        y.set(grid.clamp(y.get()));
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
    fn run<const LONG: bool>(
        &self,
        input: &[Cell<i8>],
        first_input: usize,
        output: &[Cell<i8>],
        first_output: usize,
    ) -> Result<(), Error> {
        let shape = &self.conv.shape;
        let step = shape.stride * shape.in_channels;
        let groups = self.rows.taps().div_ceil(4);
        let conv = ValidConv1dI8 {
            groups,
            step,
            steps: 1,
            outputs: shape.group_outputs,
            output: self.conv.output,
            rounding: self.conv.rounding,
            channels: self.channels.as_flattened(),
            weights: self.weights,
        };
        let in_place = self.rows.count == 1 && groups <= MAX_RUN / 4;
        // In rows with other channels, outputs of one step are not followed by those of the next.
        let alone = shape.group_outputs != self.row;
        let mut start = first_input as isize - (shape.padding * shape.in_channels) as isize;
        let mut t = 0;
        while t < shape.out_time {
            let y = output.get(t * self.row + first_output..).unwrap_or(&[]);
            let x = usize::try_from(start)
                .ok()
                .and_then(|start| input.get(start..))
                .filter(|_| in_place)
                .unwrap_or(&[]);
            let most = if alone { 1 } else { shape.out_time - t };
            let mut steps = inside(x.len(), 4 * groups, step, most);
            if steps > 0 {
                ValidConv1dI8 { steps, ..conv }.run(x, y)?;
            } else {
                if LONG && 4 * groups > PIECE {
                    self.one(input, start, y);
                } else {
                    self.copied(&conv, input, start, y)?;
                }
                steps = 1;
            }
            t += steps;
            start += (steps * step) as isize;
        }
        Ok(())
    }

    /// One output step, from a copy of its field.
    #[inline(never)] // apart, the piece is on the stack for itself only
    fn copied(
        &self,
        conv: &ValidConv1dI8<'_>,
        input: &[Cell<i8>],
        start: isize,
        y: &[Cell<i8>],
    ) -> Result<(), Error> {
        let piece = [const { Cell::new(0) }; PIECE];
        let field = self.field(input, start);
        field.copy(0, piece.get(..4 * conv.groups).unwrap_or(&[]));
        conv.run(&piece, y)
    }

    fn field<'a>(&self, input: &'a [Cell<i8>], start: isize) -> Field<'a> {
        Field {
            input,
            start,
            rows: self.rows,
            zero: self.conv.input_zero,
            copied: None,
        }
    }

    /// One output step, four channels at a time, whatever its field.
    #[inline(never)] // apart, each has registers enough and a small frame
    fn one(&self, input: &[Cell<i8>], start: isize, y: &[Cell<i8>]) {
        let groups = self.rows.taps().div_ceil(4);
        let mut field = self.field(input, start);
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
