//! The only unsafe code of the engine: DSP instructions of Armv7E-M and Armv8-M, one per function.
//!
//! Every function has a portable twin with the same results, which all other targets use.

#[cfg(all(target_arch = "arm", mote_dsp))]
pub(crate) use arm::*;
#[cfg(not(all(target_arch = "arm", mote_dsp)))]
pub(crate) use portable::*;

#[cfg_attr(all(target_arch = "arm", mote_dsp), allow(dead_code))] // the tests' reference there
mod portable {
    use crate::quant::{doubling_high_mul, high_mul};

    /// Bytes 0 and 2, sign-extended to 16 bits each.
    #[inline(always)]
    pub fn even_bytes(x: u32) -> u32 {
        let [a, _, b, _] = x.to_le_bytes();
        pack(a, b)
    }

    /// Bytes 1 and 3, sign-extended to 16 bits each.
    #[inline(always)]
    pub fn odd_bytes(x: u32) -> u32 {
        even_bytes(x >> 8)
    }

    fn pack(low: u8, high: u8) -> u32 {
        (low as i8 as u16 as u32) | ((high as i8 as u16 as u32) << 16)
    }

    /// `acc` plus the products of the lower and of the upper signed halfwords, modulo 2^32.
    #[inline(always)]
    pub fn dot2(a: u32, b: u32, acc: i32) -> i32 {
        let low = i32::from(a as i16) * i32::from(b as i16);
        let high = (a as i32 >> 16) * (b as i32 >> 16);
        acc.wrapping_add(low).wrapping_add(high)
    }

    /// `acc` plus the bias in the upper 24 bits of `bias_shift`, times `multiplier / 2^31`, shifted right by
    /// the lower 8 bits of `bias_shift`; rounded as `quant::Multiplier` does.
    #[inline(always)]
    pub fn requantize(acc: i32, bias_shift: i32, multiplier: i32) -> i32 {
        let x = acc.wrapping_add(bias_shift >> 8);
        let (x, by) = (doubling_high_mul(x, multiplier), bias_shift as u32 & 0xff);
        // Half of 2^by for positive and one less for negative numbers; nothing when `by` is zero. The sum
        // cannot overflow as accumulators have 30 bits.
        let nudge = 1u32.wrapping_shl(by).wrapping_sub(x as u32 >> 31) >> 1;
        x.wrapping_add(nudge as i32).wrapping_shr(by)
    }

    /// As [`requantize`], but rounds half up once, after the shift, which must not be zero.
    #[inline(always)]
    pub fn requantize_once(acc: i32, bias_shift: i32, multiplier: i32) -> i32 {
        let by = bias_shift as u32 & 0xff;
        let x = high_mul(acc.wrapping_add(bias_shift >> 8), multiplier, 0);
        x.wrapping_add((1u32.wrapping_shl(by) >> 1) as i32)
            .wrapping_shr(by)
    }

    /// Saturates to 8 bits.
    #[inline(always)]
    pub fn saturate8(x: i32) -> i8 {
        x.clamp(-128, 127) as i8
    }
}

#[cfg(all(target_arch = "arm", mote_dsp))]
#[allow(unsafe_code)] // inline assembly; every block is pure arithmetic on registers
mod arm {
    use core::arch::asm;

    #[inline(always)]
    pub fn even_bytes(x: u32) -> u32 {
        let r;
        // SAFETY: computes on registers only.
        unsafe {
            asm!("sxtb16 {r}, {x}", r = lateout(reg) r, x = in(reg) x, options(pure, nomem, nostack, preserves_flags))
        };
        r
    }

    #[inline(always)]
    pub fn odd_bytes(x: u32) -> u32 {
        let r;
        // SAFETY: computes on registers only.
        unsafe {
            asm!("sxtb16 {r}, {x}, ror #8", r = lateout(reg) r, x = in(reg) x, options(pure, nomem, nostack, preserves_flags))
        };
        r
    }

    #[inline(always)]
    pub fn dot2(a: u32, b: u32, acc: i32) -> i32 {
        let mut acc = acc;
        // SAFETY: computes on registers only; the sticky overflow flag it may set is never read.
        unsafe {
            asm!("smlad {r}, {a}, {b}, {r}", r = inlateout(reg) acc, a = in(reg) a, b = in(reg) b, options(pure, nomem, nostack, preserves_flags))
        };
        acc
    }

    #[inline(always)]
    pub fn requantize(acc: i32, bias_shift: i32, multiplier: i32) -> i32 {
        let mut acc = acc;
        // A shift by register looks at the lower eight bits only, so the shift needs no unpacking.
        // SAFETY: computes on registers only.
        unsafe {
            asm!(
                "add {r}, {r}, {bs}, asr #8",
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
            asm!(
                "add {r}, {r}, {bs}, asr #8",
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
            asm!("ssat {r}, #8, {x}", r = lateout(reg) r, x = in(reg) x, options(pure, nomem, nostack, preserves_flags))
        };
        r as i8
    }
}
