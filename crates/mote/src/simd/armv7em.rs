//! Cortex-M4, M7 and M33: the DSP extension.

use super::{PairSums, Pairs};
use core::arch::{asm, naked_asm};
use core::cell::Cell;
use core::mem::offset_of;

pub fn dot_field(sums: &mut PairSums, taps: &[[u32; 2]], x: &[Cell<i8>]) {
    let mut own = *sums;
    for (&taps, [a, b, c, d]) in taps.iter().zip(x.as_chunks::<4>().0) {
        // One load.
        let x = [a.get() as u8, b.get() as u8, c.get() as u8, d.get() as u8];
        own.add(taps, u32::from_le_bytes(x));
    }
    *sums = own;
}

pub fn two_steps(pairs: &Pairs<'_>, x: [&[Cell<i8>]; 2], y: [&[Cell<i8>]; 2]) {
    if !pairs.fits(x, y) {
        return;
    }
    let [x0, x1] = x.map(<[_]>::as_ptr);
    let [y0, y1] = y.map(<[_]>::as_ptr);
    let mut job = Job {
        taps: pairs.taps.as_ptr(),
        x0,
        x1,
        y0,
        y1,
        channels: pairs.channels.as_ptr(),
        outputs: pairs.outputs,
        rounds: pairs.groups,
        entry: 0,
        zero: pairs.zero,
    };
    // SAFETY: `fits` holds: the function reads `groups` times two words of `taps` per pair of channels, four
    // times `groups` bytes from `x0` and from `x1`, two words of `channels` and writes one byte to `y0` and to
    // `y1` per output. Cells may be written through shared references, and this thread is the only one
    // that has them.
    unsafe { steps(&mut job) }
}

/// What [`steps`] works on.
#[repr(C)]
struct Job {
    taps: *const [u32; 2],
    x0: *const Cell<i8>,
    x1: *const Cell<i8>,
    y0: *const Cell<i8>,
    y1: *const Cell<i8>,
    channels: *const [u32; 2],
    outputs: usize,
    /// Groups of four taps; the function makes it rounds of four groups.
    rounds: usize,
    /// Where the function enters the first round.
    entry: usize,
    zero: i32,
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

/// One group of four taps: 16 products in 19 cycles. 72 bytes.
macro_rules! group {
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

/// One output channel at two steps, of which the sums are in two registers: as `requantize`, then zero
/// point and saturation. Doubling before the multiplication makes `SMMULR` gemmlowp's; the bias, which
/// has 24 bits, comes doubled by shifting one place less. Shifts by register look at eight bits only.
macro_rules! store {
    ($first:literal, $second:literal) => {
        concat!(
            "ldrd r8, r9, [r3], #8
             asr r10, r8, #7
             add ",
            $first,
            ", r10, ",
            $first,
            ", lsl #1
             add ",
            $second,
            ", r10, ",
            $second,
            ", lsl #1
             smmulr ",
            $first,
            ", ",
            $first,
            ", r9
             smmulr ",
            $second,
            ", ",
            $second,
            ", r9
             mov r10, #1
             lsl r10, r10, r8
             sub r9, r10, ",
            $first,
            ", lsr #31
             add ",
            $first,
            ", ",
            $first,
            ", r9, lsr #1
             sub r9, r10, ",
            $second,
            ", lsr #31
             add ",
            $second,
            ", ",
            $second,
            ", r9, lsr #1
             asr ",
            $first,
            ", ",
            $first,
            ", r8
             asr ",
            $second,
            ", ",
            $second,
            ", r8
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
            $first,
            ", [r1], #1
             strb ",
            $second,
            ", [r2], #1
             subs r12, r12, #1"
        )
    };
}

/// Two steps, pair by pair of channels. All fourteen registers are in use, which no compiler manages: r0 taps,
/// r1 and r2 inputs, r3 rounds left, r4 to r7 the sums (packed and low, of either step), the rest words in
/// flight.
///
/// # Safety
/// `job` points to as much of everything as its counts say; no count is zero.
#[unsafe(naked)]
unsafe extern "C" fn steps(job: *mut Job) {
    naked_asm!(
        dsp!(),
        "push {{r0, r4-r11, lr}}",
        "mov lr, r0",
        // Rounds of four groups; the first is entered behind those that are not there.
        "ldr r3, [lr, #{rounds}]",
        "add r1, r3, #3",
        "lsr r1, r1, #2",
        "rsb r3, r3, r1, lsl #2",
        "add r3, r3, r3, lsl #3",
        "adr r2, 2f",
        "add r2, r2, r3, lsl #3",
        "orr r2, r2, #1",
        "str r1, [lr, #{rounds}]",
        "str r2, [lr, #{entry}]",
        "ldr r0, [lr]",
        "1:",
        "ldrd r1, r2, [lr, #{x0}]",
        "ldr r3, [lr, #{rounds}]",
        "ldr r8, [lr, #{entry}]",
        "mov r4, #0",
        "mov r5, #0",
        "mov r6, #0",
        "mov r7, #0",
        "bx r8",
        ".balign 4",
        "2:",
        group!(),
        group!(),
        group!(),
        group!(),
        "subs r3, r3, #1",
        "bne 2b",
        "ldr lr, [sp]",
        "sub r4, r4, r5",
        "sub r6, r6, r7",
        "asr r4, r4, #8",
        "asr r6, r6, #8",
        "ldrd r1, r2, [lr, #{y0}]",
        "ldrd r3, r12, [lr, #{channels}]",
        "ldr r11, [lr, #{zero}]",
        store!("r5", "r7"),
        "beq 3f",
        store!("r4", "r6"),
        "strd r1, r2, [lr, #{y0}]",
        "strd r3, r12, [lr, #{channels}]",
        "bne 1b",
        "3:",
        "pop {{r0, r4-r11, pc}}",
        rounds = const offset_of!(Job, rounds),
        entry = const offset_of!(Job, entry),
        x0 = const offset_of!(Job, x0),
        y0 = const offset_of!(Job, y0),
        channels = const offset_of!(Job, channels),
        zero = const offset_of!(Job, zero),
    )
}

impl PairSums {
    #[inline(always)]
    pub fn add(&mut self, [even, odd]: [u32; 2], x: u32) {
        // SAFETY: computes on registers only; the sticky overflow flag it may set is never read.
        unsafe {
            asm!(
                dsp!(),
                "sxtb16 {b}, {a}
                 sxtb16 {a}, {a}, ror #8
                 smlad {p}, {even}, {b}, {p}
                 sxtb16 {even}, {even}
                 smlad {l}, {even}, {b}, {l}
                 smlad {p}, {odd}, {a}, {p}
                 sxtb16 {odd}, {odd}
                 smlad {l}, {odd}, {a}, {l}",
                a = inout(reg) x => _,
                b = out(reg) _,
                even = inout(reg) even => _,
                odd = inout(reg) odd => _,
                p = inout(reg) self.packed,
                l = inout(reg) self.low,
                options(pure, nomem, nostack, preserves_flags)
            )
        }
    }
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
