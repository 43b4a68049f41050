//! 1-D convolution over time, int8.
//!
//! Four output channels of two output steps are computed together: each load then serves several products. Two channels
//! come packed in 16-bit numbers `256 * b + a`; see [`format`](crate::format). A receptive field of time-major input is
//! contiguous and read where it lies. Only fields that are not, because of dilation or groups, or because they reach
//! past the input, are copied, as many side by side as a buffer takes.
//!
//! There are four entries, so that code is linked only for what a network has: [`ValidConv1dI8::run`] has nothing to
//! copy, [`PaddedConv1dI8::run`] copies fields at the ends, [`Conv1dI8::run_copied`] all, [`Conv1dI8::run`] takes any.

mod contiguous;

pub(super) use contiguous::clamp;
pub use contiguous::{PaddedConv1dI8, ValidConv1dI8};

use super::conv1d::Shape;
use super::{cells, expect_len, part};
use crate::Error;
use crate::format::{MAX_RUN, MAX_TAPS, ReceptiveField};
use crate::quant::{Channel, Output, Rounding};
use crate::simd;
use core::cell::Cell;

/// Elements of a buffer on the stack for copied fields, or a piece of one, where it is not made to measure.
const PIECE: usize = 256;

/// Most elements that a field is copied as a whole with.
const SHORT: usize = 192;

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
    /// The taps, in blocks of four output channels, at the end of a group perhaps two; see [`format`](crate::format).
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

    /// As [`Conv1dI8::run`], with less code, for convolutions that are [short](Self::is_short), and not
    /// [contiguous](Self::padded): all fields are copied, to a buffer of `BUFFER` elements on the stack, which has room
    /// for as many as are computed at a time, one at least.
    ///
    /// # Errors
    /// When there is no room for a field, or a buffer does not have the length the shape says.
    #[inline(never)]
    pub fn run_copied<const BUFFER: usize>(
        &self,
        input: &[Cell<i8>],
        output: &[Cell<i8>],
    ) -> Result<(), Error> {
        let row = self.shape.out_channels;
        expect_len(input, self.shape.in_time * self.shape.in_channels)?;
        expect_len(output, self.shape.out_time * row)?;
        self.groups(row, |group, start, first| {
            let output = output.get(first..).unwrap_or(&[]);
            group.copied::<BUFFER>(input, start, output, &mut |conv, x, y| conv.run(x, y))
        })
    }

    /// Calls `run` with as many steps of a group at a time as are contiguous, in `input` or in a copy of at most
    /// `BUFFER` elements, which a field must fit; `output` has `row` channels.
    ///
    /// # Errors
    /// What `run` returns.
    #[inline(always)]
    pub(super) fn spans<const BUFFER: usize>(
        &self,
        input: &[Cell<i8>],
        output: &[Cell<i8>],
        row: usize,
        run: &mut impl FnMut(&ValidConv1dI8<'_>, &[Cell<i8>], &[Cell<i8>]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if let Some(mut conv) = self.padded() {
            conv.valid.row = row;
            return conv.spans::<BUFFER>(input, output, run);
        }
        self.groups(row, |group, start, first| {
            let output = output.get(first..).unwrap_or(&[]);
            group.copied::<BUFFER>(input, start, output, run)
        })
    }

    /// Whether a whole receptive field can be copied.
    pub const fn is_short(&self) -> bool {
        self.shape.rows().taps() <= SHORT
    }

    /// The same convolution when its fields are contiguous, and short enough to be computed in one go.
    pub fn padded(&self) -> Option<PaddedConv1dI8<'a>> {
        let shape = &self.shape;
        let rows = shape.rows();
        let contiguous = rows.count == 1 && shape.group_inputs == shape.in_channels;
        (contiguous && rows.taps() <= MAX_RUN).then_some(PaddedConv1dI8 {
            valid: ValidConv1dI8 {
                groups: rows.taps().div_ceil(4),
                step: shape.stride * shape.in_channels,
                steps: shape.out_time,
                outputs: shape.out_channels,
                row: shape.out_channels,
                output: self.output,
                rounding: self.rounding,
                channels: self.channels,
                weights: self.weights,
            },
            padding: shape.padding * shape.in_channels,
            input_zero: self.input_zero,
        })
    }

    /// The same convolution when no field needs to be copied: it has no padding, no groups and no dilation.
    pub fn valid(&self) -> Option<ValidConv1dI8<'a>> {
        let shape = &self.shape;
        let conv = self.padded()?.valid;
        let reach = (shape.out_time - 1) * conv.step + shape.rows().taps();
        let inside = shape.padding == 0 && reach <= shape.in_time * shape.in_channels;
        inside.then_some(conv)
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
        let short = self.is_short();
        if let (true, Some(mut conv)) = (short, self.padded()) {
            conv.valid.row = row;
            return conv.run::<PIECE>(input, output.get(first..).unwrap_or(&[]));
        }
        self.groups(row, |group, start, channel| {
            let output = output.get(first + channel..).unwrap_or(&[]);
            if LONG && !short {
                group.run(input, start, output)
            } else {
                group.copied::<PIECE>(input, start, output, &mut |conv, x, y| conv.run(x, y))
            }
        })
    }

    /// Calls `run` with every group, of `row` elements in an output step, where its first field begins, and its first
    /// output channel.
    #[inline(always)]
    fn groups(
        &self,
        row: usize,
        mut run: impl FnMut(&mut Fields<'_>, isize, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let shape = &self.shape;
        let rows = shape.rows();
        let mut group = Fields {
            conv: self,
            rows,
            valid: ValidConv1dI8 {
                groups: rows.taps().div_ceil(4),
                step: 4 * rows.taps().div_ceil(4),
                steps: 0,
                outputs: shape.group_outputs,
                row,
                output: self.output,
                rounding: self.rounding,
                channels: self.channels,
                weights: self.weights,
            },
        };
        let pairs = shape.group_outputs.div_ceil(2);
        let mut start = -((shape.padding * shape.in_channels) as isize);
        let mut first = 0;
        while first < shape.out_channels {
            run(&mut group, start, first)?;
            let valid = &mut group.valid;
            valid.weights = valid.weights.get(pairs * valid.groups..).unwrap_or(&[]);
            valid.channels = valid.channels.get(2 * pairs..).unwrap_or(&[]);
            start += shape.group_inputs as isize;
            first += shape.group_outputs;
        }
        Ok(())
    }
}

/// One group of a convolution.
struct Fields<'a> {
    conv: &'a Conv1dI8<'a>,
    rows: ReceptiveField,
    /// The group, over copied fields that lie side by side.
    valid: ValidConv1dI8<'a>,
}

impl Fields<'_> {
    /// Elements from one field to the next.
    fn step(&self) -> isize {
        (self.conv.shape.stride * self.conv.shape.in_channels) as isize
    }

    /// All steps, from copies of their fields; `start` is where the first field begins.
    #[inline(never)] // once for all groups
    fn copied<const BUFFER: usize>(
        &mut self,
        input: &[Cell<i8>],
        start: isize,
        output: &[Cell<i8>],
        run: &mut impl FnMut(&ValidConv1dI8<'_>, &[Cell<i8>], &[Cell<i8>]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut copies = [0; BUFFER];
        let copies = cells(&mut copies);
        let (mut start, mut y, mut left) = (start, output, self.conv.shape.out_time);
        while left > 0 {
            let (mut rest, mut steps) = (copies, 0);
            while let Some((copy, more)) = rest.split_at_checked(self.valid.step) {
                if steps == left {
                    break;
                }
                copy_rows(self.rows, 0, self.conv.input_zero, input, start, copy);
                rest = more;
                start += self.step();
                steps += 1;
            }
            // Of no steps, when there is no room for a field, it refuses.
            self.valid.steps = steps;
            run(&self.valid, copies, y)?;
            y = y.get(steps * self.valid.row..).unwrap_or(&[]);
            left -= steps;
        }
        Ok(())
    }

    /// All steps, whatever their fields.
    fn run(&mut self, input: &[Cell<i8>], start: isize, output: &[Cell<i8>]) -> Result<(), Error> {
        let field = 4 * self.valid.groups;
        let in_place = self.rows.count == 1 && field <= MAX_RUN;
        let (mut start, mut y) = (start, output);
        for _ in 0..self.conv.shape.out_time {
            let x = usize::try_from(start).ok().and_then(|at| input.get(at..));
            match x {
                Some(x) if in_place && x.len() >= field => {
                    self.valid.steps = 1;
                    self.valid.run(x, y)?;
                }
                _ => self.one(input, start, y),
            }
            start += self.step();
            y = y.get(self.valid.row..).unwrap_or(&[]);
        }
        Ok(())
    }

    /// One output step, four channels at a time, whatever its field.
    #[inline(never)] // apart, each has registers enough and a small frame
    fn one(&self, input: &[Cell<i8>], start: isize, y: &[Cell<i8>]) {
        let groups = self.valid.groups;
        let mut field = Field {
            input,
            start,
            rows: self.rows,
            zero: self.conv.input_zero,
            copied: None,
        };
        let piece = [const { Cell::new(0) }; PIECE];
        let mut weights = self.valid.weights;
        let mut channels = self.valid.channels;
        let mut y = y.get(..self.valid.outputs).unwrap_or(y);
        while !y.is_empty() {
            let pairs = if y.len() > 2 { 2 } else { 1 };
            let mut sums = [0; 4];
            let mut first = 0;
            while first < 4 * groups {
                let x = field.run(first, 4 * groups - first, &piece);
                simd::dot4(&mut sums, pairs, weights, x);
                weights = weights.get(pairs * x.len() / 4..).unwrap_or(&[]);
                first += x.len();
            }
            let (now, later) = y.split_at_checked(4).unwrap_or((y, &[]));
            self.store(channels, &sums, now);
            channels = channels.get(4..).unwrap_or(&[]);
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

/// The elements of a receptive field, as kernels read them.
struct Field<'a> {
    input: &'a [Cell<i8>],
    /// Where it begins; before the input when negative.
    start: isize,
    rows: ReceptiveField,
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
            // Row by row instead of a division.
            let (mut start, mut skip) = (self.start, first);
            while skip >= self.rows.len {
                skip -= self.rows.len;
                start += self.rows.step as isize;
            }
            copy_rows(self.rows, skip, self.zero, self.input, start, piece);
        }
        piece
    }
}

/// Copies the elements of a receptive field from the row on that begins at `start`, but for the first `skip`. Those
/// outside the input are `zero`.
#[inline(never)] // or it is unrolled
fn copy_rows(
    rows: ReceptiveField,
    skip: usize,
    zero: i8,
    input: &[Cell<i8>],
    start: isize,
    copy: &[Cell<i8>],
) {
    // What is before the input wraps to far behind it.
    let mut at = (start as usize).wrapping_add(skip);
    let mut left = rows.len - skip;
    for slot in copy {
        slot.set(input.get(at).map_or(zero, Cell::get));
        at = at.wrapping_add(1);
        left -= 1;
        if left == 0 {
            left = rows.len;
            at = at.wrapping_add(rows.step.wrapping_sub(rows.len));
        }
    }
}
