//! Convolutions whose receptive fields are contiguous in the input.

use super::Group;
use crate::Error;
use crate::format::MAX_RUN;
use crate::kernels::cells;
use crate::quant::{Output, Rounding};
use crate::simd;
use core::cell::Cell;

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
    /// Elements from the outputs of one step to those of the next.
    pub row: usize,
    /// Grid and clamp of the output.
    pub output: Output,
    /// Of the output.
    pub rounding: Rounding,
    /// A [`Channel`] per output channel, an even number.
    pub channels: &'a [[u32; 2]],
    /// `groups` per pair of output channels, those of two pairs in turn.
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
            let mut rest = output;
            for _ in 0..self.steps {
                clamp(self.output, rest.get(..self.outputs).unwrap_or(rest));
                rest = rest.get(self.row..).unwrap_or(&[]);
            }
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
            && wide(y.len()) >= wide(self.steps - 1) * wide(self.row) + wide(self.outputs)
    }
}

#[inline(never)] // or it is unrolled
pub(crate) fn clamp(grid: Output, y: &[Cell<i8>]) {
    for y in y {
        y.set(grid.clamp(y.get()));
    }
}

/// A convolution whose receptive fields are contiguous, of which the first and the last may reach past the input.
#[derive(Debug, Clone, Copy)]
pub struct PaddedConv1dI8<'a> {
    /// The convolution, if its input began and ended where the fields do.
    pub valid: ValidConv1dI8<'a>,
    /// Elements that the first field begins before the input.
    pub padding: usize,
    /// The input's zero point: what taps outside the input read.
    pub input_zero: i8,
}

impl PaddedConv1dI8<'_> {
    /// Elements from the beginning of a field to the end of the next; the last group of taps counts as a whole.
    pub const fn two_fields(&self) -> usize {
        self.valid.step + 4 * self.valid.groups
    }

    /// Convolves all of `input` into the first elements of `output`. Fields that reach past the input are copied to a
    /// buffer of `BUFFER` elements on the stack: two at a time, if it has [room](Self::two_fields).
    ///
    /// # Errors
    /// When there is not even room for one, or a buffer is too short.
    #[inline(never)]
    pub fn run<const BUFFER: usize>(
        &self,
        input: &[Cell<i8>],
        output: &[Cell<i8>],
    ) -> Result<(), Error> {
        self.spans::<BUFFER>(input, output, &mut |conv, x, y| conv.run(x, y))
    }

    /// Calls `run` with as many steps at a time as are contiguous, in the input or in a copy, as [`Self::run`] says.
    #[inline(always)]
    pub(crate) fn spans<const BUFFER: usize>(
        &self,
        input: &[Cell<i8>],
        output: &[Cell<i8>],
        run: &mut impl FnMut(&ValidConv1dI8<'_>, &[Cell<i8>], &[Cell<i8>]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut conv = self.valid;
        let (mut start, mut y, mut left) = (-(self.padding as isize), output, conv.steps);
        while left > 0 {
            let x = match usize::try_from(start) {
                Ok(start) => input.get(start..).unwrap_or(&[]),
                Err(_) => &[],
            };
            conv.steps = inside(x.len(), 4 * conv.groups, conv.step, left);
            // Steps are computed two at a time, so an odd one goes with the next that is copied.
            if conv.steps > 1 && conv.steps < left {
                conv.steps &= !1;
            }
            if conv.steps > 0 {
                run(&conv, x, y)?;
            } else {
                let two = left > 1 && self.two_fields() <= BUFFER;
                conv.steps = if two { 2 } else { 1 };
                copied::<BUFFER>(&conv, self.input_zero, input, start, y, run)?;
            }
            left -= conv.steps;
            start += (conv.steps * conv.step) as isize;
            y = y.get(conv.steps * conv.row..).unwrap_or(&[]);
        }
        Ok(())
    }
}

/// `conv` over a copy of the input from `start` on.
#[inline(never)] // apart, the copy is on the stack for itself only
fn copied<const BUFFER: usize>(
    conv: &ValidConv1dI8<'_>,
    zero: i8,
    input: &[Cell<i8>],
    start: isize,
    y: &[Cell<i8>],
    run: &mut impl FnMut(&ValidConv1dI8<'_>, &[Cell<i8>], &[Cell<i8>]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut copy = [zero; BUFFER];
    let copy = cells(&mut copy);
    let here = copy.get(..conv.reads()).unwrap_or(&[]);
    let here = here
        .get(usize::try_from(-start).unwrap_or(0)..)
        .unwrap_or(&[]);
    let there = input.get(start.max(0) as usize..).unwrap_or(&[]);
    for (to, from) in here.iter().zip(there) {
        to.set(from.get());
    }
    run(conv, copy, y)
}

/// How many fields of `len` elements, `step` elements apart, lie in `available` elements; at most `most`.
#[inline(never)] // or it is unrolled
pub(super) fn inside(available: usize, len: usize, step: usize, most: usize) -> usize {
    // Not a division, which some cores do in software.
    let (mut count, mut end) = (0, len);
    while count < most && end <= available {
        count += 1;
        end += step;
    }
    count
}
