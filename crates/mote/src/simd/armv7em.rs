//! Cortex-M4, M7 and M33: the DSP extension.

use core::arch::{asm, naked_asm};
use core::cell::Cell;

pub fn dot4(sums: &mut [i32; 4], [a, b]: [&[[u32; 2]]; 2], x: &[Cell<i8>]) {
    let groups = a.len().min(x.len() / 4);
    // Without a second pair, the first is summed up again, and nobody reads it.
    let b = if b.len() < groups { a } else { b };
    if groups > 0 {
        // SAFETY: the function reads two words of `a` and of `b` and four bytes of `x` per group, of which there are
        // as many. Cells may be read while nobody writes, and this thread, the only one that can, is here.
        unsafe { dots(sums, a.as_ptr(), b.as_ptr(), x.as_ptr(), groups) }
    }
}

/// What the assembler must be told first: that of a bare `thumbv8m.main` rejects the DSP extension.
#[cfg(mote_dsp_v8)]
macro_rules! dsp {
    () => {
        ".cpu cortex-m33"
    };
}
#[cfg(not(mote_dsp_v8))]
macro_rules! dsp {
    () => {
        ""
    };
}

/// Four taps of two pairs of channels at one step: 16 products in 20 cycles.
macro_rules! four_channels {
    () => {
        "ldr r9, [r3], #4
         ldr r10, [r1], #4
         ldr r11, [r1], #4
         ldr r12, [r2], #4
         ldr lr, [r2], #4
         sxtb16 r0, r9
         sxtb16 r9, r9, ror #8
         smlad r5, r10, r0, r5
         smlad r7, r12, r0, r7
         sxtb16 r10, r10
         sxtb16 r12, r12
         smlad r6, r10, r0, r6
         smlad r8, r12, r0, r8
         smlad r5, r11, r9, r5
         smlad r7, lr, r9, r7
         sxtb16 r11, r11
         sxtb16 lr, lr
         smlad r6, r11, r9, r6
         smlad r8, lr, r9, r8"
    };
}

mod depthwise;
mod steps;

pub use depthwise::depthwise;
pub use steps::steps;

/// Four channels at one step, two groups of taps a round. r1 and r2 taps, r3 input, r4 groups left, r5 to r8 the sums
/// (packed and low, of either pair), the rest words in flight.
///
/// # Safety
/// There are `groups` times two words at `a` and at `b` and four bytes at `x`, and `groups` is not zero.
#[unsafe(naked)]
unsafe extern "C" fn dots(
    sums: *mut [i32; 4],
    a: *const [u32; 2],
    b: *const [u32; 2],
    x: *const Cell<i8>,
    groups: usize,
) {
    naked_asm!(
        dsp!(),
        "push {{r0, r4-r11, lr}}",
        "ldr r4, [sp, #40]",
        "mov r5, #0",
        "mov r6, #0",
        "mov r7, #0",
        "mov r8, #0",
        // An odd group makes half a round.
        "adds r4, r4, #1",
        "lsrs r4, r4, #1",
        "bcc 2f",
        "1:",
        four_channels!(),
        "2:",
        four_channels!(),
        "subs r4, r4, #1",
        "bne 1b",
        "pop {{r0}}",
        "sub r5, r5, r6",
        "sub r7, r7, r8",
        "ldm r0, {{r1, r2, r3, r4}}",
        "add r1, r1, r6",
        "add r2, r2, r5, asr #8",
        "add r3, r3, r8",
        "add r4, r4, r7, asr #8",
        "stm r0, {{r1, r2, r3, r4}}",
        "pop {{r4-r11, pc}}",
    )
}

#[inline(always)]
pub fn copy4(from: &[Cell<i8>; 4], to: &[Cell<i8>; 4]) {
    let to = to.as_ptr().cast_mut().cast::<u32>();
    // SAFETY: four bytes each, which may overlap, are read before they are written. Loads and stores of these cores
    // need no alignment. Cells may be written through shared references, and this thread is the only one that has them.
    unsafe { to.write_unaligned(from.as_ptr().cast::<u32>().read_unaligned()) }
}

#[inline(always)]
pub fn requantize(acc: i32, bias_shift: i32, multiplier: i32) -> i32 {
    let mut acc = acc;
    // A shift by register looks at the lower eight bits only, so the shift needs no unpacking.
    // SAFETY: computes on registers only.
    unsafe {
        asm!(dsp!(), "add {r}, {r}, {bs}, asr #8",
            "lsl {r}, {r}, #1",
            "smmulr {r}, {r}, {m}",
            "mov {n}, #1",
            "lsl {n}, {n}, {bs}",
            "sub {n}, {n}, {r}, lsr #31",
            "add {r}, {r}, {n}, lsr #1",
            "asr {r}, {r}, {bs}",
            r = inout(reg) acc,
            n = out(reg) _,
            bs = in(reg) bias_shift,
            m = in(reg) multiplier,
            options(pure, nomem, nostack)
        )
    };
    acc
}

#[inline(always)]
pub fn requantize_once(acc: i32, bias_shift: i32, multiplier: i32) -> i32 {
    let mut acc = acc;
    // SAFETY: computes on registers only.
    unsafe {
        asm!(dsp!(), "add {r}, {r}, {bs}, asr #8",
            "lsl {r}, {r}, #1",
            "smmul {r}, {r}, {m}",
            "mov {n}, #1",
            "lsl {n}, {n}, {bs}",
            "add {r}, {r}, {n}, lsr #1",
            "asr {r}, {r}, {bs}",
            r = inout(reg) acc,
            n = out(reg) _,
            bs = in(reg) bias_shift,
            m = in(reg) multiplier,
            options(pure, nomem, nostack)
        )
    };
    acc
}

#[inline(always)]
pub fn saturate8(x: i32) -> i8 {
    let r: i32;
    // SAFETY: computes on registers only; the sticky saturation flag it may set is never read.
    unsafe {
        asm!(dsp!(), "ssat {r}, #8, {x}", r = lateout(reg) r, x = in(reg) x, options(pure, nomem, nostack, preserves_flags))
    };
    r as i8
}
