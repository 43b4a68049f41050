//! TensorFlow Lite's integer arithmetic, bit for bit.
//!
//! A real factor is a 31-bit integer and a power of two. Applying it rounds twice, as gemmlowp does: a
//! saturating rounding doubling high multiply, then a rounding right shift. The first rounding goes half up, the
//! second half away from zero. Fully connected layers are the exception: they round once, half up
//! ([`Rounding`]).

use crate::simd;

/// A positive real factor `value / 2^31 * 2^exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Multiplier {
    /// In `2^30..2^31`, or 0 for a factor too small to matter.
    pub value: i32,
    /// Power of two; positive shifts left before the multiplication. At most 30, at least -31.
    pub exponent: i32,
}

impl Multiplier {
    /// The multiplier nearest to `real`; `QuantizeMultiplier` of TensorFlow Lite.
    ///
    /// Not finite, negative and too small factors give 0, too large ones the largest multiplier.
    pub const fn from_real(real: f64) -> Self {
        let bits = real.to_bits();
        let biased = (bits >> 52) as i32;
        // Zero, subnormal (far below 2^-31), or negative (the sign is bit 11 of `biased`).
        if biased == 0 || biased >= 0x7ff {
            return Self {
                value: 0,
                exponent: 0,
            };
        }
        let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
        let mut exponent = biased - 1022;
        // 53 bits to 31, half away from zero.
        let mut value = (mantissa + (1 << 21)) >> 22;
        if value == 1 << 31 {
            value >>= 1;
            exponent += 1;
        }
        if exponent < -31 {
            return Self {
                value: 0,
                exponent: 0,
            };
        }
        if exponent > 30 {
            return Self {
                value: i32::MAX,
                exponent: 30,
            };
        }
        Self {
            value: value as i32,
            exponent,
        }
    }

    /// `x` times the factor, rounded as `MultiplyByQuantizedMultiplier` does.
    pub fn apply(self, x: i32) -> i32 {
        let left = if self.exponent > 0 { self.exponent } else { 0 };
        let right = left.wrapping_sub(self.exponent);
        rounding_shift(
            doubling_high_mul(x.wrapping_shl(left as u32), self.value),
            right as u32,
        )
    }
}

/// `round(a * b / 2^31)`, half up; `SaturatingRoundingDoublingHighMul` for `b >= 0`.
pub fn doubling_high_mul(a: i32, b: i32) -> i32 {
    high_mul(a, b, 1 << 30)
}

/// `floor((a * b + nudge) / 2^31)` for `b >= 0`.
#[inline(always)]
pub(crate) fn high_mul(a: i32, b: i32, nudge: u32) -> i32 {
    if cfg!(mote_short_multiply) {
        high_mul_short(a, b, nudge)
    } else {
        ((i64::from(a) * i64::from(b) + i64::from(nudge)) >> 31) as i32
    }
}

/// [`high_mul`] for cores without a long multiply, where a 64-bit product is a slow library call.
#[inline(never)]
fn high_mul_short(a: i32, b: i32, nudge: u32) -> i32 {
    let (a_low, a_high) = (a as u32 & 0xffff, a >> 16);
    let (b_low, b_high) = (b as u32 & 0xffff, b >> 16);
    let low = a_low.wrapping_mul(b_low);
    let cross = a_high
        .wrapping_mul(b_low as i32)
        .wrapping_add((low >> 16) as i32);
    let middle = a_low
        .wrapping_mul(b_high as u32)
        .wrapping_add(cross as u32 & 0xffff);
    let high = a_high
        .wrapping_mul(b_high)
        .wrapping_add(cross >> 16)
        .wrapping_add((middle >> 16) as i32);
    let (low, carry) = ((middle << 16) | (low & 0xffff)).overflowing_add(nudge);
    (high.wrapping_add(i32::from(carry)) << 1) | (low >> 31) as i32
}

/// `round(x / 2^by)`, half away from zero; `RoundingDivideByPOT`. `by` is at most 31.
pub fn rounding_shift(x: i32, by: u32) -> i32 {
    let mask = 1u32.wrapping_shl(by).wrapping_sub(1);
    let threshold = (mask >> 1) + (x as u32 >> 31);
    x.wrapping_shr(by) + i32::from(x as u32 & mask > threshold)
}

/// Bias and output factor of one output channel, in two words of the model.
///
/// The bias has the input's zero point folded in: `bias - zero_point * sum(weights)`. Factors are below one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    /// Bias in the upper 24 bits, right shift (0 to 31) in the lower 8.
    pub bias_shift: i32,
    /// [`Multiplier::value`].
    pub multiplier: i32,
}

/// Biases lie in `-BIAS_LIMIT..BIAS_LIMIT`.
pub const BIAS_LIMIT: i32 = 1 << 23;

impl Channel {
    /// Packs `bias` and `multiplier`; `None` when the bias has more than 24 bits or the factor is one or more.
    pub const fn new(bias: i32, multiplier: Multiplier) -> Option<Self> {
        if bias < -BIAS_LIMIT || bias >= BIAS_LIMIT || multiplier.exponent > 0 {
            return None;
        }
        Some(Self {
            bias_shift: (bias << 8) | -multiplier.exponent,
            multiplier: multiplier.value,
        })
    }

    /// As it stands in the model.
    pub(crate) const fn from_words(words: [u32; 2]) -> Self {
        Self {
            bias_shift: words[0] as i32,
            multiplier: words[1] as i32,
        }
    }

    /// As it stands in the model.
    pub const fn to_words(self) -> [u32; 2] {
        [self.bias_shift as u32, self.multiplier as u32]
    }

    /// Adds the bias to the accumulator of one output and applies the factor.
    #[inline(always)]
    pub(crate) fn scale(self, acc: i32, rounding: Rounding) -> i32 {
        match rounding {
            // Without a shift there is only the first rounding, half up.
            Rounding::Once if self.bias_shift & 0xff != 0 => {
                simd::requantize_once(acc, self.bias_shift, self.multiplier)
            }
            _ => simd::requantize(acc, self.bias_shift, self.multiplier),
        }
    }

    /// Whether the shift is in range, so that [`Output::finish`] is exact.
    pub(crate) const fn is_valid(self) -> bool {
        self.bias_shift & 0xff < 32 && self.multiplier >= 0
    }
}

/// The int8 grid of an output, and the clamp of a fused activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Zero point.
    pub zero_point: i8,
    /// Smallest value.
    pub low: i8,
    /// Largest value.
    pub high: i8,
}

impl Output {
    /// Zero point, saturation, clamp.
    #[inline(always)]
    pub fn store(self, x: i32) -> i8 {
        self.clamp(simd::saturate8(x.wrapping_add(i32::from(self.zero_point))))
    }

    /// Clamps `x`.
    #[inline(always)]
    pub fn clamp(self, x: i8) -> i8 {
        x.max(self.low).min(self.high)
    }

    /// Whether [`Output::clamp`] does anything. An activation that ends where the grid ends, as most do, needs
    /// none.
    pub fn clamps(self) -> bool {
        self.low != i8::MIN || self.high != i8::MAX
    }

    /// Turns the accumulator of one output into the output: bias, factor, zero point, clamp.
    ///
    /// Exact as long as bias and accumulator together stay within 30 bits.
    #[inline(always)]
    pub fn finish(self, acc: i32, channel: Channel, rounding: Rounding) -> i8 {
        self.store(channel.scale(acc, rounding))
    }
}

/// How a factor is applied to a sum of products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// As gemmlowp does: convolutions.
    Twice,
    /// Half up, after the whole shift: dense layers.
    Once,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// gemmlowp's text, transcribed.
    fn gemmlowp(x: i32, m: Multiplier) -> i32 {
        let left = m.exponent.max(0);
        let right = (-m.exponent).max(0);
        let ab = i64::from(x.wrapping_shl(left as u32)) * i64::from(m.value);
        let nudge = if ab >= 0 { 1 << 30 } else { 1 - (1 << 30) };
        let high = ((ab + nudge) / (1i64 << 31)) as i32;
        let mask = ((1i64 << right) - 1) as i32;
        let remainder = high & mask;
        let threshold = (mask >> 1) + i32::from(high < 0);
        (high >> right) + i32::from(remainder > threshold)
    }

    #[test]
    fn known_factors() {
        let half = Multiplier::from_real(0.5);
        assert_eq!(
            half,
            Multiplier {
                value: 1 << 30,
                exponent: 0
            }
        );
        assert_eq!(
            Multiplier::from_real(1.0),
            Multiplier {
                value: 1 << 30,
                exponent: 1
            }
        );
        // Rounds up to the next power of two.
        let below_one = Multiplier::from_real(1.0 - f64::EPSILON);
        assert_eq!(
            below_one,
            Multiplier {
                value: 1 << 30,
                exponent: 1
            }
        );
        assert_eq!(Multiplier::from_real(0.0).apply(1000), 0);
        assert_eq!(Multiplier::from_real(-1.0).value, 0);
        assert_eq!(Multiplier::from_real(f64::NAN).value, 0);
        assert_eq!(Multiplier::from_real(1e-12).value, 0);
        assert_eq!(half.apply(3), 2);
        assert_eq!(half.apply(-3), -1);
        assert_eq!(Multiplier::from_real(0.25).apply(-6), -2);
    }

    proptest! {
        #[test]
        fn rounds_like_gemmlowp(x in -(1i32 << 29)..1 << 29, real in 1e-9f64..2.0) {
            let m = Multiplier::from_real(real);
            prop_assert_eq!(m.apply(x), gemmlowp(x, m));
            prop_assert!((f64::from(m.apply(x)) - f64::from(x) * real).abs() <= 1.0);
        }

        #[test]
        fn short_multiply_is_exact(a: i32, b in 0..=i32::MAX) {
            let exact = ((i64::from(a) * i64::from(b) + (1 << 30)) >> 31) as i32;
            prop_assert_eq!(high_mul_short(a, b, 1 << 30), exact);
        }

        #[test]
        fn channels_finish_like_the_reference(
            acc in -(1i32 << 28)..1 << 28,
            bias in -BIAS_LIMIT..BIAS_LIMIT,
            real in 1e-9f64..0.999,
            zero_point: i8,
        ) {
            let m = Multiplier::from_real(real);
            let channel = Channel::new(bias, m).unwrap();
            prop_assert!(channel.is_valid());
            prop_assert_eq!(Channel::from_words(channel.to_words()), channel);
            let expected = gemmlowp(acc + bias, m) + i32::from(zero_point);
            let output = Output { zero_point, low: -100, high: 100 };
            prop_assert_eq!(i32::from(output.finish(acc, channel, Rounding::Twice)), expected.clamp(-100, 100));
            let once = if m.value == 0 { 0 } else {
                let shift = 31 - m.exponent;
                ((i64::from(acc + bias) * i64::from(m.value) + (1 << (shift - 1))) >> shift) as i32
            };
            let expected = (once + i32::from(zero_point)).clamp(-100, 100);
            prop_assert_eq!(i32::from(output.finish(acc, channel, Rounding::Once)), expected);
        }
    }
}
