//! Depthwise convolution.

use super::super::Columns;
use crate::Error;
use crate::kernels::depthwise::ValidDepthwiseI8;
use core::arch::naked_asm;
use core::cell::Cell;

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

/// Computes one step of a convolution that never reads past its input, whose channels come in whole blocks of four.
///
/// # Errors
/// When there is less of anything than the counts say.
#[inline(never)] // or what is the same for all steps takes stack
pub fn depthwise_inside(
    conv: &ValidDepthwiseI8<'_>,
    x: &[Cell<i8>],
    y: &[Cell<i8>],
) -> Result<(), Error> {
    let (blocks, taps) = (y.len() / 4, conv.kernel);
    // Products of 32 bits cannot overflow 64, and are as cheap.
    let wide = |n: usize| n as u64;
    let fits = blocks > 0
        && y.len().is_multiple_of(4)
        && taps > 0
        && wide(conv.weights.len()) >= wide(blocks) * wide(taps)
        && conv.channels.len() >= y.len()
        && wide(x.len()) >= wide(taps - 1) * wide(conv.tap) + wide(y.len());
    if !fits {
        return Err(Error::BufferLength);
    }
    // SAFETY: as in `depthwise`, with all taps inside.
    unsafe {
        inside_blocks(
            conv.weights.as_ptr(),
            x.as_ptr(),
            conv.tap,
            y.as_ptr(),
            i32::from(conv.output.zero_point),
            conv.channels.as_ptr(),
            taps,
            blocks,
        );
    }
    Ok(())
}

/// One tap of four channels: its input in r8, r0 the weights, r4 to r7 the sums.
macro_rules! tap {
    () => {
        "ldr r9, [r0], #4
         sxtb16 r10, r8
         sxtb16 r11, r9
         smlabb r4, r10, r11, r4
         smlatt r6, r10, r11, r6
         sxtb16 r8, r8, ror #8
         sxtb16 r9, r9, ror #8
         smlabb r5, r8, r9, r5
         smlatt r7, r8, r9, r7"
    };
}

/// As `store_one`, with 1 in r11.
macro_rules! store {
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
             lsl r9, r11, r8
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

/// One output step of a depthwise convolution whose taps are all inside, four channels at a time. Over the taps: r0
/// weights, r1 input, r2 its step, r3 pairs of taps left, r4 to r7 the sums, r8 to r11 words in flight, r12 the input of
/// the block, lr the output. Over the sums: r1 output, r2 zero point, r3 channels.
///
/// # Safety
/// There is as much of everything as the counts say; neither `blocks` nor `taps` is zero.
#[unsafe(naked)]
unsafe extern "C" fn inside_blocks(
    weights: *const u32,
    x: *const Cell<i8>,
    row: usize,
    y: *const Cell<i8>,
    zero: i32,
    channels: *const [u32; 2],
    taps: usize,
    blocks: usize,
) {
    naked_asm!(
        dsp!(),
        // Saved: 0 row. Arguments: 40 zero, 44 channels, 48 taps, 52 blocks.
        "push {{r2, r4-r11, lr}}",
        "mov r12, r1",
        "mov lr, r3",
        "1:",
        "ldr r3, [sp, #48]",
        "mov r1, r12",
        "mov r4, #0",
        "mov r5, #0",
        "mov r6, #0",
        "mov r7, #0",
        "lsrs r3, r3, #1",
        "bcc 2f",
        // An odd tap comes alone.
        "ldr r8, [r1]",
        "add r1, r1, r2",
        tap!(),
        "cbz r3, 3f",
        "2:",
        "ldr r8, [r1]",
        tap!(),
        "ldr r8, [r1, r2]",
        "add r1, r1, r2, lsl #1",
        tap!(),
        "subs r3, r3, #1",
        "bne 2b",
        "3:",
        "mov r1, lr",
        "mov r11, #1",
        "ldrd r2, r3, [sp, #40]",
        store!("r4"),
        store!("r5"),
        store!("r6"),
        store!("r7"),
        "mov lr, r1",
        "str r3, [sp, #44]",
        "ldr r3, [sp, #52]",
        "ldr r2, [sp]",
        "add r12, r12, #4",
        "subs r3, r3, #1",
        "str r3, [sp, #52]",
        "bne 1b",
        "pop {{r2, r4-r11, pc}}",
    )
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
