//! The inner loops of int8 convolution, and the only unsafe code of the engine: assembly for Cortex-M.
//!
//! [`portable`] is what all other targets run, and what the assembly is equal to, bit for bit.

use crate::quant::Output;
use core::cell::Cell;

#[cfg(all(target_arch = "arm", mote_short_multiply))]
#[allow(unsafe_code, reason = "assembly; each block says why it is sound")]
mod armv6m;
#[cfg(all(target_arch = "arm", mote_dsp))]
#[allow(unsafe_code, reason = "assembly; each block says why it is sound")]
mod armv7em;
#[cfg(not(all(target_arch = "arm", mote_dsp)))]
mod portable;

#[cfg(all(target_arch = "arm", mote_dsp))]
pub(crate) use armv7em::*;
#[cfg(not(all(target_arch = "arm", mote_dsp)))]
pub(crate) use portable::*;

/// One output step of a depthwise convolution: what [`depthwise`] computes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns<'a> {
    /// A word per four channels and tap, the taps of a channel together.
    pub weights: &'a [u32],
    /// Taps before, in and behind the input.
    pub taps: [usize; 3],
    /// The input, from the first tap in it on.
    pub x: &'a [Cell<i8>],
    /// Elements from one tap to the next.
    pub row: usize,
    /// What four taps outside the input read.
    pub outside: u32,
    /// Two words per channel, see [`Channel`](crate::quant::Channel).
    pub channels: &'a [[u32; 2]],
    /// Grid and clamp of the output; assembly leaves the clamp to the caller.
    pub output: Output,
}
