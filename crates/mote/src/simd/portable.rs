//! Plain Rust: cores without DSP extension, and the host.

use super::Columns;
use crate::kernels::conv1d_i8::{Group, ValidConv1dI8};
use crate::quant::{Channel, doubling_high_mul, high_mul};
use core::cell::Cell;

/// Sums over one receptive field of two output channels that are packed as `256 * b + a`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)] // assembly reads it
pub struct PairSums {
    /// Of `256 * b + a`, modulo 2^32.
    packed: i32,
    /// Of `a`.
    low: i32,
}

impl PairSums {
    /// The sums of `a` and of `b`.
    #[inline(always)]
    fn split(self) -> [i32; 2] {
        [self.low, self.packed.wrapping_sub(self.low) >> 8]
    }

    /// Adds one tap, whose weights are the lower halfword of `packed`.
    #[cfg(not(all(target_arch = "arm", mote_short_multiply)))]
    #[inline(always)]
    fn tap(&mut self, packed: u32, x: &Cell<i8>) {
        let x = i32::from(x.get());
        self.packed = self.packed.wrapping_add(i32::from(packed as i16) * x);
        self.low = self.low.wrapping_add(i32::from(packed as i8) * x);
    }
}

#[cfg(all(target_arch = "arm", mote_short_multiply))]
use super::armv6m::dot_field;

/// Adds as many groups of four taps as `x` has. Between two groups of this pair of channels lie `skip` of another.
#[cfg(not(all(target_arch = "arm", mote_short_multiply)))]
fn dot_field(sums: &mut PairSums, taps: &[Group], skip: usize, x: &[Cell<i8>]) {
    let taps = taps.iter().step_by(1 + skip);
    for (&[even, odd], [x0, x1, x2, x3]) in taps.zip(x.as_chunks::<4>().0) {
        sums.tap(even, x0);
        sums.tap(odd, x1);
        sums.tap(even >> 16, x2);
        sums.tap(odd >> 16, x3);
    }
}

/// Adds to `sums` those of a block of channels, one pair or two, over as many groups of four taps as `x` has, which may
/// be [`MAX_RUN`](crate::format::MAX_RUN) taps.
pub fn dot4(sums: &mut [i32; 4], pairs: usize, taps: &[Group], x: &[Cell<i8>]) {
    for (pair, sums) in sums
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .enumerate()
        .take(pairs)
    {
        let mut more = PairSums::default();
        dot_field(&mut more, taps.get(pair..).unwrap_or(&[]), pairs - 1, x);
        for (sum, more) in sums.iter_mut().zip(more.split()) {
            *sum += more;
        }
    }
}

/// Computes all channels of all output steps of `conv`, without the clamp. False, and nothing done, when a slice
/// is too short.
pub fn steps(conv: &ValidConv1dI8<'_>, x: &[Cell<i8>], y: &[Cell<i8>]) -> bool {
    if !conv.fits(x, y) {
        return false;
    }
    let (mut x, mut y) = (x, y);
    for _ in 0..conv.steps {
        one_step(conv, x, y);
        x = x.get(conv.step..).unwrap_or(&[]);
        y = y.get(conv.row..).unwrap_or(&[]);
    }
    true
}

fn one_step(conv: &ValidConv1dI8<'_>, x: &[Cell<i8>], y: &[Cell<i8>]) {
    let x = x.get(..4 * conv.groups).unwrap_or(x);
    let mut weights = conv.weights;
    let mut channels = conv.channels.iter();
    let mut y = y.get(..conv.outputs).unwrap_or(y).iter();
    while y.len() > 0 {
        let skip = usize::from(y.len() > 2);
        let mut rest = weights;
        for _ in 0..1 + skip {
            let mut sums = PairSums::default();
            dot_field(&mut sums, rest, skip, x);
            rest = rest.get(1..).unwrap_or(&[]);
            for sum in sums.split() {
                if let (Some(&channel), Some(y)) = (channels.next(), y.next()) {
                    let scaled = Channel::from_words(channel).scale(sum, conv.rounding);
                    y.set(conv.output.store(scaled));
                }
            }
        }
        weights = weights.get((1 + skip) * conv.groups..).unwrap_or(&[]);
    }
}

/// Computes as many output channels as it can do well and says how many, a multiple of four: none here.
#[inline(always)]
pub fn depthwise(_: &Columns<'_>, _: &[Cell<i8>]) -> usize {
    0
}

/// Unpacks as many words as there are groups: each to what the mask selects of it and of the word shifted by four, less
/// the offset.
#[inline(never)] // or it is unrolled
pub fn unpack(words: &[u32], groups: &mut [Group], [mask, offset]: [u32; 2]) {
    for (group, &word) in groups.iter_mut().zip(words) {
        *group = [
            (word & mask).wrapping_sub(offset),
            ((word >> 4) & mask).wrapping_sub(offset),
        ];
    }
}

/// Copies four elements.
#[inline(always)]
pub fn copy4([a, b, c, d]: &[Cell<i8>; 4], to: &[Cell<i8>; 4]) {
    let from = [a.get(), b.get(), c.get(), d.get()];
    for (to, from) in to.iter().zip(from) {
        to.set(from);
    }
}

/// `acc` plus the bias in the upper 24 bits of `bias_shift`, times `multiplier / 2^31`, shifted right by
/// the lower 8 bits of `bias_shift`; rounded as `quant::Multiplier` does.
#[inline(always)]
pub fn requantize(acc: i32, bias_shift: i32, multiplier: i32) -> i32 {
    let x = acc.wrapping_add(bias_shift >> 8);
    let (x, by) = (doubling_high_mul(x, multiplier), bias_shift as u32 & 0xff);
    // Half of 2^by for positive and one less for negative numbers; nothing when `by` is zero. The sum
    // cannot overflow as accumulators have 30 bits.
    let nudge = 1u32.wrapping_shl(by).wrapping_sub(x as u32 >> 31) >> 1;
    x.wrapping_add(nudge as i32).wrapping_shr(by)
}

/// As [`requantize`], but rounds half up once, after the shift, which must not be zero.
#[inline(always)]
pub fn requantize_once(acc: i32, bias_shift: i32, multiplier: i32) -> i32 {
    let by = bias_shift as u32 & 0xff;
    let x = high_mul(acc.wrapping_add(bias_shift >> 8), multiplier, 0);
    x.wrapping_add((1u32.wrapping_shl(by) >> 1) as i32)
        .wrapping_shr(by)
}

/// Saturates to 8 bits.
#[inline(always)]
pub fn saturate8(x: i32) -> i8 {
    x.clamp(-128, 127) as i8
}
