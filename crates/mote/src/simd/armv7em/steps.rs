//! Convolution over contiguous fields.

use crate::kernels::conv1d_i8::ValidConv1dI8;
use crate::quant::Rounding;
use core::arch::naked_asm;
use core::cell::Cell;

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
        // Rounds of four groups; the first is entered behind those that are not there.
        "ldr r3, [sp, #88]",
        "add r1, r3, #3",
        "lsr r1, r1, #2",
        "rsb r3, r3, r1, lsl #2",
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
        two_steps!(),
        two_steps!(),
        two_steps!(),
        two_steps!(),
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
