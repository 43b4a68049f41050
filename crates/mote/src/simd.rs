//! The only unsafe code of the engine: DSP instructions of Armv7E-M and Armv8-M.
//!
//! Every function has a portable twin with the same results, which all other targets use.

use core::cell::Cell;

#[cfg(all(target_arch = "arm", mote_dsp))]
pub(crate) use arm::*;
#[cfg(not(all(target_arch = "arm", mote_dsp)))]
pub(crate) use portable::*;

/// Sums over one receptive field of two output channels that are packed as `256 * b + a`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PairSums {
    /// Of `256 * b + a`, modulo 2^32.
    packed: i32,
    /// Of `a`.
    low: i32,
}

impl PairSums {
    /// Adds four taps: weights of taps 0 and 2, of taps 1 and 3, and four inputs.
    #[inline(always)]
    pub fn add(&mut self, [even, odd]: [u32; 2], x: u32) {
        let (x_even, x_odd) = (even_bytes(x), odd_bytes(x));
        self.packed = dot2(even, x_even, self.packed);
        self.low = dot2(even_bytes(even), x_even, self.low);
        self.packed = dot2(odd, x_odd, self.packed);
        self.low = dot2(even_bytes(odd), x_odd, self.low);
    }

    /// The sums of `a` and of `b`.
    #[inline(always)]
    pub fn split(self) -> [i32; 2] {
        [self.low, self.packed.wrapping_sub(self.low) >> 8]
    }
}

/// Four int8 elements as one word.
#[inline(always)]
pub(crate) fn word(x: &[Cell<i8>; 4]) -> u32 {
    let [a, b, c, d] = x;
    u32::from_le_bytes([a.get() as u8, b.get() as u8, c.get() as u8, d.get() as u8])
}

#[cfg(not(all(target_arch = "arm", mote_dsp)))]
mod portable {
    use super::{PairSums, word};
    use crate::quant::{doubling_high_mul, high_mul};
    use core::cell::Cell;

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

    /// Sums over one field of as many groups of four taps as both slices have.
    #[inline(always)]
    pub fn dot_field(sums: PairSums, taps: &[[u32; 2]], x: &[Cell<i8>]) -> PairSums {
        let mut sums = sums;
        for (&taps, x) in taps.iter().zip(x.as_chunks::<4>().0) {
            sums.add(taps, word(x));
        }
        sums
    }

    /// Sums over two fields, `x` and `y`, of as many groups of four taps as all three slices have; see
    /// [`PairSums`].
    #[inline(always)]
    pub fn dot_fields(taps: &[[u32; 2]], x: &[Cell<i8>], y: &[Cell<i8>]) -> [PairSums; 2] {
        let mut sums = [PairSums::default(); 2];
        let (x, y) = (x.as_chunks::<4>().0, y.as_chunks::<4>().0);
        for ((&taps, x), y) in taps.iter().zip(x).zip(y) {
            for (sums, x) in sums.iter_mut().zip([x, y]) {
                sums.add(taps, word(x));
            }
        }
        sums
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
    use super::{PairSums, word};
    use core::arch::asm;
    use core::cell::Cell;

    /// One group of four taps: 16 products in 18 instructions.
    macro_rules! group {
        () => {
            "ldr {u}, [{x}], #4
             ldr {v}, [{y}], #4
             ldr {t}, [{w}], #4
             sxtb16 {a}, {u}
             sxtb16 {b}, {v}
             smlad {p}, {t}, {a}, {p}
             smlad {q}, {t}, {b}, {q}
             sxtb16 {t}, {t}
             smlad {l}, {t}, {a}, {l}
             smlad {m}, {t}, {b}, {m}
             ldr {t}, [{w}], #4
             sxtb16 {u}, {u}, ror #8
             sxtb16 {v}, {v}, ror #8
             smlad {p}, {t}, {u}, {p}
             smlad {q}, {t}, {v}, {q}
             sxtb16 {t}, {t}
             smlad {l}, {t}, {u}, {l}
             smlad {m}, {t}, {v}, {m}
             "
        };
    }

    #[inline(always)]
    pub fn dot_field(sums: PairSums, taps: &[[u32; 2]], x: &[Cell<i8>]) -> PairSums {
        let mut sums = sums;
        let (mut even, mut odd, mut a);
        for (&[first, second], x) in taps.iter().zip(x.as_chunks::<4>().0) {
            (even, odd) = (first, second);
            a = word(x);
            // SAFETY: computes on registers only.
            unsafe {
                asm!(
                    "sxtb16 {b}, {a}
                     sxtb16 {a}, {a}, ror #8
                     smlad {p}, {even}, {b}, {p}
                     sxtb16 {even}, {even}
                     smlad {l}, {even}, {b}, {l}
                     smlad {p}, {odd}, {a}, {p}
                     sxtb16 {odd}, {odd}
                     smlad {l}, {odd}, {a}, {l}",
                    a = inout(reg) a => _,
                    b = out(reg) _,
                    even = inout(reg) even => _,
                    odd = inout(reg) odd => _,
                    p = inout(reg) sums.packed,
                    l = inout(reg) sums.low,
                    options(pure, nomem, nostack, preserves_flags)
                )
            }
        }
        sums
    }

    #[inline(always)]
    pub fn dot_fields(taps: &[[u32; 2]], x: &[Cell<i8>], y: &[Cell<i8>]) -> [PairSums; 2] {
        let groups = taps.len().min(x.len() / 4).min(y.len() / 4);
        let (mut taps, mut x, mut y) = (taps.as_ptr(), x.as_ptr(), y.as_ptr());
        let (mut first, mut second) = (PairSums::default(), PairSums::default());
        macro_rules! groups {
            ($($group:expr),+) => {
                // SAFETY: reads one group of `taps` and four bytes of `x` and of `y` per repetition and moves the
                // pointers behind them; all three slices have as many as `groups` says. Cells may be read
                // while nobody writes, and this thread, the only one that can, is here.
                unsafe {
                    asm!(
                        $($group),+,
                        w = inout(reg) taps,
                        x = inout(reg) x,
                        y = inout(reg) y,
                        p = inout(reg) first.packed,
                        l = inout(reg) first.low,
                        q = inout(reg) second.packed,
                        m = inout(reg) second.low,
                        t = out(reg) _,
                        u = out(reg) _,
                        v = out(reg) _,
                        a = out(reg) _,
                        b = out(reg) _,
                        options(readonly, nostack, preserves_flags)
                    )
                }
            };
        }
        for _ in 0..groups / 4 {
            groups!(group!(), group!(), group!(), group!());
        }
        for _ in 0..groups % 4 {
            groups!(group!());
        }
        [first, second]
    }

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
