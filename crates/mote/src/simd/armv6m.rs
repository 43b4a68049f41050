//! Cortex-M0, M0+ and M23: no DSP extension, and eight registers that matter.

use super::portable::PairSums;
use crate::kernels::conv1d_i8::Group;
use core::arch::naked_asm;
use core::cell::Cell;

/// Adds as many groups of four taps as `x` has. Between two groups of this pair of channels lie `skip` of another, none
/// or one.
pub fn dot_field(sums: &mut PairSums, taps: &[Group], skip: usize, x: &[Cell<i8>]) {
    let groups = x.len() / 4;
    if groups > 0 && skip <= 1 && taps.len() + skip >= groups * (1 + skip) {
        // SAFETY: reads two words of `taps` and four bytes of `x` per group, of which there are as many. Cells may
        // be read while nobody writes, and this thread, the only one that can, is here.
        unsafe { groups_of_four(sums, taps.as_ptr(), x.as_ptr(), groups, 8 * skip) }
    }
}

/// One tap of both channels: `$index` of the input, by the halfword that the two instructions before each
/// multiplication take from r4.
macro_rules! tap {
    ($index:literal, $low:literal, $packed:literal) => {
        concat!(
            "movs r5, #",
            $index,
            "
             ldrsb r5, [r2, r5]
             ",
            $low,
            "
             muls r6, r5, r6
             adds r0, r0, r6
             ",
            $packed,
            "
             muls r6, r5, r6
             adds r7, r7, r6"
        )
    };
}

/// The compiler gathers products before it adds them up, and spills; this keeps r0 and r7 the sums (low and
/// packed), r1 taps, r2 inputs, r3 groups left, r12 bytes between two groups.
///
/// # Safety
/// There are `groups` times two words at `taps`, `between` bytes apart, and four bytes at `x`, and `groups` is not
/// zero.
#[unsafe(naked)]
unsafe extern "C" fn groups_of_four(
    sums: *mut PairSums,
    taps: *const Group,
    x: *const Cell<i8>,
    groups: usize,
    between: usize,
) {
    naked_asm!(
        "push {{r0, r4-r7, lr}}",
        "ldr r4, [sp, #24]",
        "mov r12, r4",
        "ldr r7, [r0]",
        "ldr r0, [r0, #4]",
        "1:",
        "ldmia r1!, {{r4}}",
        tap!(0, "sxtb r6, r4", "sxth r6, r4"),
        tap!(2, "lsls r6, r4, #8\n asrs r6, r6, #24", "asrs r6, r4, #16"),
        "ldmia r1!, {{r4}}",
        tap!(1, "sxtb r6, r4", "sxth r6, r4"),
        tap!(3, "lsls r6, r4, #8\n asrs r6, r6, #24", "asrs r6, r4, #16"),
        "add r1, r12",
        "adds r2, r2, #4",
        "subs r3, r3, #1",
        "bne 1b",
        "pop {{r1}}",
        "str r7, [r1]",
        "str r0, [r1, #4]",
        "pop {{r4-r7, pc}}",
    )
}
