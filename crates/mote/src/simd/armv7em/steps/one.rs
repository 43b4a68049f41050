//! One output step.

use super::Fields;
use core::arch::naked_asm;
use core::cell::Cell;

/// All channels of one step, four at a time, at the end up to two; r0 taps. Over the taps, r1 is the input, r2 groups
/// left, r4 to r7 the sums (low and packed, of either pair), the rest words in flight. Over the sums, r1 is the output,
/// r2 channels, r3 outputs left, r4 sums left, r5 the sums, r6 zero point, r7 says how to round: where a bit of the shift
/// is set in it, the factor is rounded once, as `requantize_once` does, else as `requantize`.
///
/// # Safety
/// `fields` is as it says; there are four times `groups` bytes at `x` and one per output at `y`. `done` is a multiple
/// of four less than `outputs`.
#[unsafe(naked)]
pub unsafe extern "C" fn step(
    fields: *const Fields,
    x: *const Cell<i8>,
    y: *const Cell<i8>,
    done: usize,
) {
    naked_asm!(
        dsp!(),
        "push {{r4-r11, lr}}",
        // Locals: 0 the sums, 16 x, 20 groups, 24 outputs left, 28 y now, 32 channels now, 36 zero, 40 once.
        "sub sp, sp, #44",
        "mov r12, r3",
        "ldm r0, {{r3-r8}}",
        "add r2, r2, r12",
        "add r4, r4, r12, lsl #3",
        "sub r6, r6, r12",
        "mul r12, r12, r5",
        "add r0, r3, r12, lsl #2",
        "mov r3, r6",
        "strd r1, r5, [sp, #16]",
        "strd r6, r2, [sp, #24]",
        "strd r4, r7, [sp, #32]",
        "str r8, [sp, #40]",
        "1:",
        "ldr r1, [sp, #16]",
        "ldr r2, [sp, #20]",
        "mov r4, #0",
        "mov r5, #0",
        "mov r6, #0",
        "mov r7, #0",
        "cmp r3, #2",
        "bls 3f",
        // An odd group makes half a round.
        "adds r2, r2, #1",
        "lsrs r2, r2, #1",
        "bcc 7f",
        "2:",
        four_channels!(),
        "7:",
        four_channels!(),
        "subs r2, r2, #1",
        "bne 2b",
        "b 4f",
        "3:",
        "ldr r3, [r1], #4",
        "ldm r0!, {{r10, r11}}",
        two_channels!(),
        "subs r2, r2, #1",
        "bne 3b",
        "4:",
        "sub r5, r5, r4",
        "asr r5, r5, #8",
        "sub r7, r7, r6",
        "asr r7, r7, #8",
        "stm sp, {{r4-r7}}",
        "ldrd r1, r2, [sp, #28]",
        "ldrd r6, r7, [sp, #36]",
        "ldr r3, [sp, #24]",
        "mov r5, sp",
        "mov r4, #4",
        "5:",
        "ldr r11, [r5], #4",
        "ldm r2!, {{r8, r9}}",
        "asr r10, r8, #7",
        "add r11, r10, r11, lsl #1",
        "tst r8, r7",
        "ite eq",
        "smmulreq r11, r11, r9",
        "smmulne r11, r11, r9",
        "mov r9, #1",
        "lsl r9, r9, r8",
        "it eq",
        "subeq r9, r9, r11, lsr #31",
        "add r11, r11, r9, lsr #1",
        "asr r11, r11, r8",
        "add r11, r11, r6",
        "ssat r11, #8, r11",
        "strb r11, [r1], #1",
        "subs r3, r3, #1",
        "beq 6f",
        "subs r4, r4, #1",
        "bne 5b",
        "strd r1, r2, [sp, #28]",
        "str r3, [sp, #24]",
        "b 1b",
        "6:",
        "add sp, sp, #44",
        "pop {{r4-r11, pc}}",
    )
}
