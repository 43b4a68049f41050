//! Cortex-M4, M7 and M33: the DSP extension.

use crate::kernels::conv1d_i8::Group;
use core::arch::{asm, naked_asm};
use core::cell::Cell;

/// Adds the products of weights and input to `sums`, for a block of one or two pairs of channels. The elements of `x`
/// are taken four at a time; there are at most [`MAX_RUN`](crate::format::MAX_RUN) of them.
pub fn dot4(sums: &mut [i32; 4], pairs: usize, taps: &[Group], x: &[Cell<i8>]) {
    let groups = x.len() / 4;
    if groups > 0 && (1..=2).contains(&pairs) && taps.len() >= pairs * groups {
        // SAFETY: the function reads two words of `taps` per group and pair and four bytes of `x` per group, of which
        // there are as many. Cells may be read as long as nobody writes them, and only this thread could.
        unsafe { dots(sums, taps.as_ptr(), x.as_ptr(), groups, pairs) }
    }
}

/// Tells the assembler to accept the DSP extension, which it rejects for a bare `thumbv8m.main`.
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

/// Four taps of a pair of channels at one step: the input in r3, taps in r10 and r11, sums in r4 (low) and r5
/// (packed).
macro_rules! two_channels {
    () => {
        "sxtb16 r8, r3
         sxtb16 r9, r3, ror #8
         smlad r5, r10, r8, r5
         sxtb16 r10, r10
         smlad r4, r10, r8, r4
         smlad r5, r11, r9, r5
         sxtb16 r11, r11
         smlad r4, r11, r9, r4"
    };
}

/// Four taps of two pairs of channels at one step: 16 products in 20 cycles. r0 taps, r1 input, r4 to r7 the sums (low
/// and packed, of either pair), the rest words in flight.
macro_rules! four_channels {
    () => {
        concat!(
            "ldr r3, [r1], #4
             ldr r10, [r0], #16
             ldr r11, [r0, #-12]
             ldr r12, [r0, #-8]
             ldr lr, [r0, #-4]
             ",
            two_channels!(),
            "
             smlad r7, r12, r8, r7
             sxtb16 r12, r12
             smlad r6, r12, r8, r6
             smlad r7, lr, r9, r7
             sxtb16 lr, lr
             smlad r6, lr, r9, r6"
        )
    };
}

/// Unpacks as many words as there are groups: each to what the mask selects of it and of the word shifted by four, less
/// the offset.
#[inline(always)]
pub fn unpack(words: &[u32], groups: &mut [Group], [mask, offset]: [u32; 2]) {
    let count = words.len().min(groups.len());
    // SAFETY: the function reads `count` words and writes as many groups, and there are so many of both.
    unsafe { unpack_words(words.as_ptr(), groups.as_mut_ptr(), mask, offset, count) }
}

/// Two words to two groups, in 16 cycles: r0 words, r1 groups, r2 mask, r3 offset.
macro_rules! two_words {
    () => {
        "ldm r0!, {{r4, r6}}
         and r5, r2, r4, lsr #4
         and r4, r2, r4
         and r7, r2, r6, lsr #4
         and r6, r2, r6
         sub r5, r5, r3
         sub r4, r4, r3
         sub r7, r7, r3
         sub r6, r6, r3
         stm r1!, {{r4-r7}}"
    };
}

/// See [`unpack`].
///
/// # Safety
/// There are `count` words at `words`, and room for as many groups at `groups`.
#[unsafe(naked)]
unsafe extern "C" fn unpack_words(
    words: *const u32,
    groups: *mut Group,
    mask: u32,
    offset: u32,
    count: usize,
) {
    naked_asm!(
        dsp!(),
        "push {{r4-r7, lr}}",
        "ldr r12, [sp, #20]",
        "lsrs r12, r12, #1",
        "bcc 3f",
        "ldr r4, [r0], #4",
        "and r5, r2, r4, lsr #4",
        "and r4, r2, r4",
        "sub r5, r5, r3",
        "sub r4, r4, r3",
        "stm r1!, {{r4, r5}}",
        "3:",
        // An odd two makes half a round; none leaves.
        "cmp r12, #0",
        "beq 4f",
        "adds r12, r12, #1",
        "lsrs r12, r12, #1",
        "bcc 2f",
        "1:",
        two_words!(),
        "2:",
        two_words!(),
        "subs r12, r12, #1",
        "bne 1b",
        "4:",
        "pop {{r4-r7, pc}}",
    )
}

mod depthwise;
mod steps;

pub use depthwise::{depthwise, depthwise_inside};
pub use steps::steps;

/// Sums over a run, as [`four_channels`] has them, added to those at `sums`; r2 groups left.
///
/// # Safety
/// There are `groups` times `pairs` times two words at `taps` and four times `groups` bytes at `x`. `groups` is not
/// zero, `pairs` one or two.
#[unsafe(naked)]
unsafe extern "C" fn dots(
    sums: *mut [i32; 4],
    taps: *const Group,
    x: *const Cell<i8>,
    groups: usize,
    pairs: usize,
) {
    naked_asm!(
        dsp!(),
        "push {{r0, r4-r11, lr}}",
        "ldr r4, [sp, #40]",
        "mov r0, r1",
        "mov r1, r2",
        "mov r2, r3",
        "cmp r4, #1",
        "mov r4, #0",
        "mov r5, #0",
        "mov r6, #0",
        "mov r7, #0",
        "beq 2f",
        "1:",
        four_channels!(),
        "subs r2, r2, #1",
        "bne 1b",
        "b 3f",
        "2:",
        "ldr r3, [r1], #4",
        "ldm r0!, {{r10, r11}}",
        two_channels!(),
        "subs r2, r2, #1",
        "bne 2b",
        "3:",
        "pop {{r0}}",
        "sub r5, r5, r4",
        "sub r7, r7, r6",
        "ldm r0, {{r8, r9, r10, r11}}",
        "add r4, r4, r8",
        "add r5, r9, r5, asr #8",
        "add r6, r6, r10",
        "add r7, r11, r7, asr #8",
        "stm r0, {{r4, r5, r6, r7}}",
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
