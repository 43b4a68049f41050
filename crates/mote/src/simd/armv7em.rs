//! Cortex-M4, M7 and M33: the DSP extension.

use super::Columns;
use crate::kernels::conv1d_i8::ValidConv1dI8;
use crate::quant::Rounding;
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

pub fn steps(conv: &ValidConv1dI8<'_>, x: &[Cell<i8>], y: &[Cell<i8>]) -> bool {
    if !conv.fits(x, y) {
        return false;
    }
    // SAFETY: `fits` holds: the function reads `groups` times two words of `weights` per pair of channels, four
    // times `groups` bytes from each of `steps` places in `x` that are `step` apart, two words of `channels`
    // per channel, rounded up to a pair, and writes one byte to `y` per output and step. Cells may be written through
    // shared references, and this thread is the only one that has them.
    unsafe {
        fields_of_steps(
            conv.weights.as_ptr(),
            x.as_ptr(),
            conv.step,
            conv.steps,
            y.as_ptr(),
            conv.outputs,
            conv.channels.as_ptr(),
            i32::from(conv.output.zero_point),
            conv.groups,
            match conv.rounding {
                Rounding::Twice => 0,
                Rounding::Once => ONCE,
            },
        );
    }
    true
}

/// What [`fields_of_steps`] tests a shift for.
const ONCE: usize = 0xff;

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

/// Four taps of a pair of channels at two steps: 16 products in 19 cycles. 72 bytes.
macro_rules! two_steps {
    () => {
        "ldr r8, [r0], #4
         ldr r10, [r1], #4
         ldr r9, [r0], #4
         ldr r11, [r2], #4
         sxtb16 r12, r10
         sxtb16 lr, r11
         smlad r4, r8, r12, r4
         smlad r6, r8, lr, r6
         sxtb16 r8, r8
         smlad r5, r8, r12, r5
         smlad r7, r8, lr, r7
         sxtb16 r12, r10, ror #8
         sxtb16 lr, r11, ror #8
         smlad r4, r9, r12, r4
         smlad r6, r9, lr, r6
         sxtb16 r9, r9
         smlad r5, r9, r12, r5
         smlad r7, r9, lr, r7"
    };
}

/// Groups of taps in one round.
macro_rules! unroll {
    () => {
        "4"
    };
}
macro_rules! unroll_bits {
    () => {
        "2"
    };
}
macro_rules! rounds {
    () => {
        concat!(
            two_steps!(),
            "\n",
            two_steps!(),
            "\n",
            two_steps!(),
            "\n",
            two_steps!()
        )
    };
}

/// One output channel at two steps, of which the sums are in two registers, shifted as `$double` says to be
/// doubled: as `requantize`, then zero point and saturation. Doubling before the multiplication makes `SMMULR`
/// gemmlowp's; the bias, which has 24 bits, comes doubled by shifting one place less. Shifts by register look
/// at eight bits only.
macro_rules! store {
    ($first:literal, $second:literal, $double:literal, $bias_shift:literal, $multiplier:literal) => {
        concat!(
            "asr r12, ",
            $bias_shift,
            ", #7
             add ",
            $first,
            ", r12, ",
            $first,
            ", ",
            $double,
            "
             add ",
            $second,
            ", r12, ",
            $second,
            ", ",
            $double,
            "
             smmulr ",
            $first,
            ", ",
            $first,
            ", ",
            $multiplier,
            "
             smmulr ",
            $second,
            ", ",
            $second,
            ", ",
            $multiplier,
            "
             mov ",
            $multiplier,
            ", #1
             lsl ",
            $multiplier,
            ", ",
            $multiplier,
            ", ",
            $bias_shift,
            "
             sub r12, ",
            $multiplier,
            ", ",
            $first,
            ", lsr #31
             add ",
            $first,
            ", ",
            $first,
            ", r12, lsr #1
             sub r12, ",
            $multiplier,
            ", ",
            $second,
            ", lsr #31
             add ",
            $second,
            ", ",
            $second,
            ", r12, lsr #1
             asr ",
            $first,
            ", ",
            $first,
            ", ",
            $bias_shift,
            "
             asr ",
            $second,
            ", ",
            $second,
            ", ",
            $bias_shift,
            "
             add ",
            $first,
            ", ",
            $first,
            ", r11
             add ",
            $second,
            ", ",
            $second,
            ", r11
             ssat ",
            $first,
            ", #8, ",
            $first,
            "
             ssat ",
            $second,
            ", #8, ",
            $second,
            "
             strb ",
            $second,
            ", [r1, r2]
             strb ",
            $first,
            ", [r1], #1"
        )
    };
}

/// One output channel at one step, as `store`: the sum in a register, bias and shift in r9, multiplier in r10. Where
/// a bit of the shift is set in r4, the factor is rounded once: `requantize_once`.
macro_rules! store_single {
    ($sum:literal) => {
        concat!(
            "ldrd r9, r10, [r2], #8
             asr r11, r9, #7
             add r11, r11, ",
            $sum,
            ", lsl #1
             tst r9, r4
             ite eq
             smmulreq r11, r11, r10
             smmulne r11, r11, r10
             mov r10, #1
             lsl r10, r10, r9
             it eq
             subeq r10, r10, r11, lsr #31
             add r11, r11, r10, lsr #1
             asr r11, r11, r9
             add r11, r11, r3
             ssat r11, #8, r11
             strb r11, [r0], #1"
        )
    };
}

/// `count` steps, two at a time, pair by pair of channels; an odd last one by itself, four channels at a time, and so
/// all that are rounded once. All fourteen registers are in use, which no compiler manages.
///
/// Two steps: r0 taps, r1 and r2 inputs, r3 rounds left, r4 to r7 the sums (packed and low, of either step), the
/// rest words in flight. Between the sums, r1 is the first step's output, r2 its distance to the second's.
///
/// One step: as `dots`. Between the sums, r0 is the output, r1 outputs left, r2 channels, r3 zero point, r4 says how
/// to round, r5 to r8 are sums, r12 pairs left.
///
/// # Safety
/// There is as much of everything as the counts say; no count is zero; `once` is 0 or [`ONCE`].
#[unsafe(naked)]
unsafe extern "C" fn fields_of_steps(
    taps: *const [u32; 2],
    x: *const Cell<i8>,
    step: usize,
    count: usize,
    y: *const Cell<i8>,
    outputs: usize,
    channels: *const [u32; 2],
    zero: i32,
    groups: usize,
    once: usize,
) {
    naked_asm!(
        dsp!(),
        "push {{r4-r11, lr}}",
        // Locals: 0 taps, 4 x of the first step, 8 of the second, 12 rounds, 16 entry, 20 channels now, 24 end of
        // the first step's outputs, 28 steps left, 32 twice the step; of a single step, 12 taps now, 16 the step, 20
        // channels now, 24 outputs left. Arguments: 72 y, 76 outputs, 80 channels, 84 zero, 88 groups, 92 once.
        "sub sp, sp, #36",
        "strd r0, r1, [sp]",
        "str r2, [sp, #16]",
        "str r3, [sp, #28]",
        "ldr r4, [sp, #92]",
        "cmp r3, #1",
        "it ne",
        "cmpne r4, #0xff",
        "beq 5f",
        "add r1, r1, r2",
        "str r1, [sp, #8]",
        "add r2, r2, r2",
        "str r2, [sp, #32]",
        // Rounds of several groups; the first is entered behind those that are not there.
        "ldr r3, [sp, #88]",
        concat!("add r1, r3, #", unroll!(), " - 1"),
        concat!("lsr r1, r1, #", unroll_bits!()),
        concat!("rsb r3, r3, r1, lsl #", unroll_bits!()),
        "add r3, r3, r3, lsl #3",
        "adr r2, 3f",
        "add r2, r2, r3, lsl #3",
        "orr r2, r2, #1",
        "strd r1, r2, [sp, #12]",
        "1:",
        "ldr r0, [sp]",
        "ldrd r1, r2, [sp, #72]",
        "ldr r3, [sp, #80]",
        "add r1, r1, r2",
        "strd r3, r1, [sp, #20]",
        "2:",
        "ldrd r1, r2, [sp, #4]",
        "ldrd r3, r8, [sp, #12]",
        "mov r4, #0",
        "mov r5, #0",
        "mov r6, #0",
        "mov r7, #0",
        "bx r8",
        ".balign 4",
        "3:",
        rounds!(),
        "subs r3, r3, #1",
        "bne 3b",
        "ldr r3, [sp, #20]",
        "ldr r1, [sp, #72]",
        "ldr r2, [sp, #76]",
        "ldr r11, [sp, #84]",
        "sub r4, r4, r5",
        "sub r6, r6, r7",
        "ldm r3!, {{r8, r9, r10, lr}}",
        "str r3, [sp, #20]",
        "ldr r3, [sp, #24]",
        store!("r5", "r7", "lsl #1", "r8", "r9"),
        "cmp r1, r3",
        "beq 4f",
        store!("r4", "r6", "asr #7", "r10", "lr"),
        "str r1, [sp, #72]",
        "cmp r1, r3",
        "bne 2b",
        "4:",
        "add r1, r1, r2",
        "str r1, [sp, #72]",
        "ldrd r2, r3, [sp, #4]",
        "ldrd r4, r5, [sp, #28]",
        "add r2, r2, r5",
        "add r3, r3, r5",
        "strd r2, r3, [sp, #4]",
        "sub r4, r4, #2",
        "str r4, [sp, #28]",
        "cmp r4, #1",
        "bgt 1b",
        "blt 11f",
        "5:",
        "ldr r1, [sp]",
        "ldrd r2, r3, [sp, #76]",
        "str r1, [sp, #12]",
        "strd r3, r2, [sp, #20]",
        "6:",
        "ldr r1, [sp, #12]",
        "ldr r3, [sp, #4]",
        "ldr r2, [sp, #24]",
        "ldr r4, [sp, #88]",
        // Without a second pair, the first is summed up again, and nobody reads it.
        "cmp r2, #2",
        "ite hi",
        "addhi r2, r1, r4, lsl #3",
        "movls r2, r1",
        "mov r5, #0",
        "mov r6, #0",
        "mov r7, #0",
        "mov r8, #0",
        // An odd group makes half a round.
        "adds r4, r4, #1",
        "lsrs r4, r4, #1",
        "bcc 8f",
        "7:",
        four_channels!(),
        "8:",
        four_channels!(),
        "subs r4, r4, #1",
        "bne 7b",
        "str r2, [sp, #12]",
        "ldr r0, [sp, #72]",
        "ldr r3, [sp, #84]",
        "ldr r4, [sp, #92]",
        "ldrd r2, r1, [sp, #20]",
        "mov r12, #2",
        "9:",
        "sub r5, r5, r6",
        store_single!("r6"),
        "subs r1, r1, #1",
        "beq 10f",
        "asr r5, r5, #8",
        store_single!("r5"),
        "subs r1, r1, #1",
        "beq 10f",
        "mov r5, r7",
        "mov r6, r8",
        "subs r12, r12, #1",
        "bne 9b",
        "str r0, [sp, #72]",
        "strd r2, r1, [sp, #20]",
        "b 6b",
        "10:",
        "str r0, [sp, #72]",
        "ldr r3, [sp, #28]",
        "ldr r1, [sp, #4]",
        "ldr r2, [sp, #16]",
        "add r1, r1, r2",
        "str r1, [sp, #4]",
        "subs r3, r3, #1",
        "str r3, [sp, #28]",
        "bne 5b",
        "11:",
        "add sp, sp, #36",
        "pop {{r4-r11, pc}}",
    )
}

pub fn depthwise(columns: &Columns<'_>, y: &[Cell<i8>]) -> usize {
    let blocks = y.len() / 4;
    let [before, inside, behind] = columns.taps;
    let reach = match inside {
        0 => 0,
        _ => (inside - 1)
            .saturating_mul(columns.row)
            .saturating_add(4 * blocks),
    };
    let fits = columns.weights.len() >= blocks * (before + inside + behind)
        && columns.channels.len() >= 4 * blocks
        && columns.x.len() >= reach;
    if blocks == 0 || !fits {
        return 0;
    }
    // SAFETY: per block the function reads a word of weights per tap, four bytes of `x` per tap inside, which
    // begin at most `reach - 4` bytes behind its start, two words of four channels, and writes four bytes. `fits`
    // says that they are there. Cells may be written through shared references, and this thread is the only one that
    // has them.
    unsafe {
        column_blocks(
            columns.weights.as_ptr(),
            columns.x.as_ptr(),
            columns.row,
            y.as_ptr(),
            before,
            inside,
            behind,
            columns.channels.as_ptr(),
            i32::from(columns.output.zero_point),
            blocks,
            &columns.outside,
        );
    }
    4 * blocks
}

/// One depthwise output channel, of which the sum is in a register: as `store`.
macro_rules! store_one {
    ($sum:literal) => {
        concat!(
            "ldrd r8, r9, [r3], #8
             asr r10, r8, #7
             add ",
            $sum,
            ", r10, ",
            $sum,
            ", lsl #1
             smmulr ",
            $sum,
            ", ",
            $sum,
            ", r9
             mov r9, #1
             lsl r9, r9, r8
             sub r9, r9, ",
            $sum,
            ", lsr #31
             add ",
            $sum,
            ", ",
            $sum,
            ", r9, lsr #1
             asr ",
            $sum,
            ", ",
            $sum,
            ", r8
             add ",
            $sum,
            ", ",
            $sum,
            ", r2
             ssat ",
            $sum,
            ", #8, ",
            $sum,
            "
             strb ",
            $sum,
            ", [r1], #1"
        )
    };
}

/// One output step of a depthwise convolution, four channels at a time: r0 weights, r1 input, r2 its step, r3 taps
/// left, r4 to r7 the sums, the rest words in flight.
///
/// # Safety
/// There is as much of everything as the counts say; `blocks` is not zero, nor is the sum of the taps.
#[unsafe(naked)]
unsafe extern "C" fn column_blocks(
    weights: *const u32,
    x: *const Cell<i8>,
    row: usize,
    y: *const Cell<i8>,
    before: usize,
    inside: usize,
    behind: usize,
    channels: *const [u32; 2],
    zero: i32,
    blocks: usize,
    outside: *const u32,
) {
    naked_asm!(
        dsp!(),
        "push {{r1-r11, lr}}",
        // Saved: 0 x, 4 row, 8 y. Arguments: 48 taps before, 52 inside, 56 behind, 60 channels, 64 zero, 68 blocks,
        // 72 what is outside.
        "1:",
        "mov r4, #0",
        "mov r5, #0",
        "mov r6, #0",
        "mov r7, #0",
        "ldr r3, [sp, #48]",
        "cbz r3, 2f",
        "ldr r1, [sp, #72]",
        "mov r2, #0",
        "bl 5f",
        "2:",
        "ldr r3, [sp, #52]",
        "cbz r3, 3f",
        "ldrd r1, r2, [sp]",
        "bl 5f",
        "3:",
        "ldr r3, [sp, #56]",
        "cbz r3, 4f",
        "ldr r1, [sp, #72]",
        "mov r2, #0",
        "bl 5f",
        "4:",
        "ldr r1, [sp, #8]",
        "ldrd r3, r2, [sp, #60]",
        store_one!("r4"),
        store_one!("r5"),
        store_one!("r6"),
        store_one!("r7"),
        "str r1, [sp, #8]",
        "str r3, [sp, #60]",
        "ldr r1, [sp]",
        "ldr r3, [sp, #68]",
        "add r1, r1, #4",
        "str r1, [sp]",
        "subs r3, r3, #1",
        "str r3, [sp, #68]",
        "bne 1b",
        "pop {{r1-r11, pc}}",
        // Taps at r1, r2 apart.
        "5:",
        "ldr r8, [r1]",
        "ldr r9, [r0], #4",
        "add r1, r1, r2",
        "sxtb16 r10, r8",
        "sxtb16 r11, r9",
        "smlabb r4, r10, r11, r4",
        "smlatt r6, r10, r11, r6",
        "sxtb16 r8, r8, ror #8",
        "sxtb16 r9, r9, ror #8",
        "smlabb r5, r8, r9, r5",
        "smlatt r7, r8, r9, r7",
        "subs r3, r3, #1",
        "bne 5b",
        "bx lr",
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
