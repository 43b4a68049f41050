//! Convolution over contiguous fields.

mod one;
#[cfg(not(mote_small))]
mod two;

use crate::kernels::conv1d_i8::{Group, ValidConv1dI8};
use crate::quant::Rounding;
use core::cell::Cell;

/// What [`one::step`] tests a shift for.
const ONCE: usize = 0xff;

/// A convolution, as assembly reads it. There are two words of `channels` per output, rounded up to a pair; per pair of
/// them, `groups` times two words of `taps`; no count is zero.
#[repr(C)]
struct Fields {
    taps: *const Group,
    channels: *const [u32; 2],
    groups: usize,
    outputs: usize,
    zero: i32,
    /// 0 or [`ONCE`].
    once: usize,
    step: usize,
    row: usize,
}

/// Steps two at a time, four channels of each; what is left over step by step. A build for size has only the latter.
#[inline(always)] // into its one caller: a frame less on the stack
pub fn steps(conv: &ValidConv1dI8<'_>, x: &[Cell<i8>], y: &[Cell<i8>]) -> bool {
    if !conv.fits(x, y) {
        return false;
    }
    let fields = Fields {
        taps: conv.weights.as_ptr(),
        channels: conv.channels.as_ptr(),
        groups: conv.groups,
        outputs: conv.outputs,
        zero: i32::from(conv.output.zero_point),
        once: match conv.rounding {
            Rounding::Twice => 0,
            Rounding::Once => ONCE,
        },
        step: conv.step,
        row: conv.row,
    };
    let (mut x, mut y) = (x.as_ptr(), y.as_ptr());
    let mut left = conv.steps;
    while left > 0 {
        let (now, done) = twos(&fields, x, y, left);
        if done < fields.outputs {
            for t in 0..now {
                let (x, y) = (x.wrapping_add(t * conv.step), y.wrapping_add(t * conv.row));
                // SAFETY: `fits` holds: there are `now` steps more; `done` is less than `outputs`. Cells may be written
                // through shared references, and this thread is the only one that has them.
                unsafe { one::step(&fields, x, y, done) };
            }
        }
        // Behind the last step, the pointers may point past the end, but nobody reads there.
        x = x.wrapping_add(now * conv.step);
        y = y.wrapping_add(now * conv.row);
        left -= now;
    }
    true
}

/// Computes what can be done two steps at a time: of so many steps, so many channels. All steps, if that is all of
/// them; else two, because no step may be computed before those two are complete.
#[cfg(not(mote_small))]
#[inline(always)]
fn twos(fields: &Fields, x: *const Cell<i8>, y: *const Cell<i8>, left: usize) -> (usize, usize) {
    let whole = fields.outputs & !3;
    if left < 2 || whole == 0 || fields.once != 0 {
        return (1, 0);
    }
    let now = if whole == fields.outputs {
        left & !1
    } else {
        2
    };
    // SAFETY: `fits` holds: there are `now` steps more, an even number, and four output channels. Cells as above.
    unsafe { two::steps(fields, x, y, now / 2) };
    (now, whole)
}

#[cfg(mote_small)]
#[inline(always)]
fn twos(_: &Fields, _: *const Cell<i8>, _: *const Cell<i8>, _: usize) -> (usize, usize) {
    (1, 0)
}
