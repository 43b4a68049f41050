//! Two output steps together.

use super::Fields;
use core::arch::naked_asm;
use core::cell::Cell;

/// Half of four taps, two of them, of four channels at two steps: 16 products in 18 cycles. There are three registers
/// for words in flight, so inputs are loaded once per half.
macro_rules! two_taps {
    ($first:literal, $second:literal, $rotate:literal, $taps:literal, $more:literal) => {
        concat!(
            "ldr r3, ",
            $first,
            "
             ldr r12, ",
            $second,
            "
             ldr lr, ",
            $taps,
            "
             sxtb16 r3, r3",
            $rotate,
            "
             sxtb16 r12, r12",
            $rotate,
            "
             smlad r4, lr, r3, r4
             smlad r6, lr, r12, r6
             sxtb16 lr, lr
             smlad r5, lr, r3, r5
             smlad r7, lr, r12, r7
             ldr lr, ",
            $more,
            "
             smlad r8, lr, r3, r8
             smlad r10, lr, r12, r10
             sxtb16 lr, lr
             smlad r9, lr, r3, r9
             smlad r11, lr, r12, r11
             "
        )
    };
}

/// Four taps of four channels at two steps: 128 bytes.
macro_rules! four_taps {
    () => {
        concat!(
            two_taps!("[r1], #4", "[r2], #4", "", "[r0], #16", "[r0, #-8]"),
            two_taps!(
                "[r1, #-4]",
                "[r2, #-4]",
                ", ror #8",
                "[r0, #-12]",
                "[r0, #-4]"
            )
        )
    };
}

/// One output channel at two steps, of which the sums are in two registers, shifted as `$double` says to be
/// doubled: as `requantize`, then zero point and saturation. Doubling before the multiplication makes `SMMULR`
/// gemmlowp's; the bias, which has 24 bits, comes doubled by shifting one place less. Shifts by register look
/// at eight bits only. `$zero` is where the zero point is, `$load` what brings it there.
macro_rules! store {
    ($first:literal, $second:literal, $double:literal, $zero:literal, $load:literal) => {
        concat!(
            "ldm r0!, {{r3, lr}}
             asr r12, r3, #7
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
            ", lr
             smmulr ",
            $second,
            ", ",
            $second,
            ", lr
             mov lr, #1
             lsl lr, lr, r3
             sub r12, lr, ",
            $first,
            ", lsr #31
             add ",
            $first,
            ", ",
            $first,
            ", r12, lsr #1
             sub r12, lr, ",
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
            ", r3
             asr ",
            $second,
            ", ",
            $second,
            ", r3
             ",
            $load,
            "
             add ",
            $first,
            ", ",
            $first,
            ", ",
            $zero,
            "
             add ",
            $second,
            ", ",
            $second,
            ", ",
            $zero,
            "
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
            ", [r1], #1
             "
        )
    };
}

/// All whole blocks of four channels of `count` times two steps. All fourteen registers are in use, which no compiler manages: r0
/// taps, r1 and r2 inputs, r4 to r11 the sums (packed and low, of either step, of either pair), the rest words in
/// flight. Between the sums, r0 is the channels, r1 the first step's output, r2 its distance to the second's.
///
/// # Safety
/// `fields` is as it says, with four outputs or more; at `x` there are four times `groups` bytes per step, `step` apart,
/// and at `y` one per output and step, the steps `row` apart. `count` is not zero.
#[unsafe(naked)]
pub unsafe extern "C" fn steps(
    fields: *const Fields,
    x: *const Cell<i8>,
    y: *const Cell<i8>,
    count: usize,
) {
    naked_asm!(
        dsp!(),
        "push {{r4-r11, lr}}",
        // Locals: 0 x of the first step, 4 of the second, 8 where the taps of these channels end, 12 their bytes, 16
        // entry, 20 y, 24 row, 28 channels now, 32 their end, 36 zero, 40 count left, 44 channels, 48 taps, 52
        // twice the step.
        "sub sp, sp, #56",
        "ldm r0, {{r4-r11}}",
        "str r2, [sp, #20]",
        "strd r3, r5, [sp, #40]",
        "add r2, r1, r10",
        "strd r1, r2, [sp]",
        "add r10, r10, r10",
        "strd r4, r10, [sp, #48]",
        "str r4, [sp, #8]",
        "bic r7, r7, #3",
        "add r7, r5, r7, lsl #3",
        "strd r11, r5, [sp, #24]",
        "strd r7, r8, [sp, #32]",
        // Rounds of four groups; the first is entered behind those that are not there.
        "lsl r1, r6, #4",
        "rsb r3, r6, #0",
        "and r3, r3, #3",
        "adr r2, 2f",
        "add r2, r2, r3, lsl #7",
        "orr r2, r2, #1",
        "strd r1, r2, [sp, #12]",
        "1:",
        "ldr r0, [sp, #8]",
        "ldr r3, [sp, #12]",
        "ldr r12, [sp, #16]",
        "ldrd r1, r2, [sp]",
        "add r3, r0, r3",
        "str r3, [sp, #8]",
        "mov r4, #0",
        "mov r5, #0",
        "mov r6, #0",
        "mov r7, #0",
        "mov r8, #0",
        "mov r9, #0",
        "mov r10, #0",
        "mov r11, #0",
        "bx r12",
        ".balign 4",
        "2:",
        four_taps!(),
        four_taps!(),
        four_taps!(),
        four_taps!(),
        "ldr r3, [sp, #8]",
        "cmp r0, r3",
        "bne 2b",
        "ldr r0, [sp, #28]",
        "ldr r1, [sp, #20]",
        "ldr r2, [sp, #24]",
        "sub r4, r4, r5",
        "sub r6, r6, r7",
        "sub r8, r8, r9",
        "sub r10, r10, r11",
        store!("r5", "r7", "lsl #1", "r12", "ldr r12, [sp, #36]"),
        "mov r5, r12",
        store!("r4", "r6", "asr #7", "r5", ""),
        store!("r9", "r11", "lsl #1", "r5", ""),
        store!("r8", "r10", "asr #7", "r5", ""),
        "str r1, [sp, #20]",
        "str r0, [sp, #28]",
        "ldr r3, [sp, #32]",
        "cmp r0, r3",
        "bne 1b",
        "ldr r3, [sp, #40]",
        "ldrd r4, r5, [sp]",
        "ldrd r6, r7, [sp, #44]",
        "ldr r8, [sp, #52]",
        "subs r3, r3, #1",
        "beq 3f",
        "add r4, r4, r8",
        "add r5, r5, r8",
        "sub r0, r0, r6",
        "sub r1, r1, r0, lsr #3",
        "add r1, r1, r2, lsl #1",
        "strd r4, r5, [sp]",
        "str r7, [sp, #8]",
        "str r1, [sp, #20]",
        "str r6, [sp, #28]",
        "str r3, [sp, #40]",
        "b 1b",
        "3:",
        "add sp, sp, #56",
        "pop {{r4-r11, pc}}",
    )
}
