//! Softmax over all elements.
//!
//! The int8 kernel is TensorFlow Lite's: gemmlowp's fixed-point exponential and reciprocal. Its output has scale
//! 1/256 and zero point -128.

use super::expect_len;
use crate::Error;
use crate::quant::{Multiplier, rounding_shift};
use core::cell::Cell;

/// Exponentials of the differences to the largest score, divided by their sum.
///
/// # Errors
/// When the lengths differ.
#[cfg(feature = "libm")]
pub fn run_f32(input: &[Cell<f32>], output: &[Cell<f32>]) -> Result<(), Error> {
    expect_len(output, input.len())?;
    let largest = input
        .iter()
        .map(Cell::get)
        .fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (x, y) in input.iter().zip(output) {
        let e = libm::expf(x.get() - largest);
        sum += e;
        y.set(e);
    }
    for y in output {
        y.set(y.get() / sum);
    }
    Ok(())
}

/// Integer bits of a scaled difference (Q5.26).
const DIFFERENCE_BITS: i32 = 5;
/// Integer bits of the sum of exponentials (Q12.19).
const SUM_BITS: i32 = 12;

/// An int8 softmax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftmaxI8 {
    /// Brings a difference of scores to Q5.26; its exponent is not negative.
    pub factor: Multiplier,
    /// Differences below this one contribute nothing.
    pub smallest: i32,
}

impl SoftmaxI8 {
    /// The softmax of scores with step `scale`; `PreprocessSoftmaxScaling` and `CalculateInputRadius` of
    /// TensorFlow Lite.
    pub fn new(scale: f32) -> Self {
        let real = f64::from(scale) * f64::from(1u32 << (31 - DIFFERENCE_BITS));
        let factor = Multiplier::from_real(real.min(f64::from(i32::MAX)));
        let radius = f64::from((1u32 << DIFFERENCE_BITS) - 1)
            * f64::from(1u32 << (31 - DIFFERENCE_BITS))
            / (1u64 << factor.exponent.clamp(0, 31)) as f64;
        Self {
            factor,
            smallest: -(radius as i32),
        }
    }

    /// Computes `output` from `input`, which may be the same.
    ///
    /// # Errors
    /// When the lengths differ.
    pub fn run(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        expect_len(output, input.len())?;
        let largest = input.iter().map(Cell::get).max().unwrap_or(0);
        let mut sum = 0i32;
        for x in input {
            if let Some(e) = self.exponential(x.get(), largest) {
                sum = sum.wrapping_add(rounding_shift(e, SUM_BITS as u32));
            }
        }
        let headroom = (sum as u32).leading_zeros();
        // The sum is at least one, so this is in [0, 1) as Q0.31.
        let fraction = (sum as u32).wrapping_shl(headroom).wrapping_sub(1 << 31) as i32;
        let scale = reciprocal(fraction);
        let bits_over_unit = SUM_BITS - headroom as i32;
        for (x, y) in input.iter().zip(output) {
            let q = self.exponential(x.get(), largest).map_or(-128, |e| {
                let shift = (bits_over_unit + 31 - 8) as u32;
                rounding_shift(mul(scale, e), shift)
                    .wrapping_sub(128)
                    .clamp(-128, 127)
            });
            y.set(q as i8);
        }
        Ok(())
    }

    /// `exp` of the scaled difference, Q0.31; `None` when too small.
    fn exponential(&self, x: i8, largest: i8) -> Option<i32> {
        let difference = i32::from(x) - i32::from(largest);
        (difference >= self.smallest).then(|| exp_of_negative(self.factor.apply(difference)))
    }
}

/// Product of two Q0.31 numbers of any sign, rounded half up.
fn mul(a: i32, b: i32) -> i32 {
    ((i64::from(a) * i64::from(b) + (1 << 30)) >> 31) as i32
}

/// `x * 2^by`, saturating.
fn shift_up(x: i32, by: u32) -> i32 {
    let limit = i32::MAX >> by;
    if x > limit {
        i32::MAX
    } else if x < -limit - 1 {
        i32::MIN
    } else {
        x << by
    }
}

/// `exp(x)` for `x` in `[-1/4, 0)`, Q0.31 to Q0.31.
fn exp_of_quarter(x: i32) -> i32 {
    const EXP_MINUS_EIGHTH: i32 = 1_895_147_668;
    const THIRD: i32 = 715_827_883;
    let x = x.wrapping_add(1 << 28);
    let x2 = mul(x, x);
    let x3 = mul(x2, x);
    let x4 = mul(x2, x2);
    let x4_quarter = rounding_shift(x4, 2);
    let rest = rounding_shift(mul(x4_quarter.wrapping_add(x3), THIRD).wrapping_add(x2), 1);
    EXP_MINUS_EIGHTH.wrapping_add(mul(EXP_MINUS_EIGHTH, x.wrapping_add(rest)))
}

/// `exp(x)` for `x <= 0`, Q5.26 to Q0.31.
fn exp_of_negative(x: i32) -> i32 {
    const FRACTION_BITS: u32 = 31 - DIFFERENCE_BITS as u32;
    const QUARTER: i32 = 1 << (FRACTION_BITS - 2);
    /// `exp(-2^i)` for `i` from -2 on, Q0.31.
    const FACTORS: [i32; 7] = [
        1_672_461_947,
        1_302_514_674,
        790_015_084,
        290_630_308,
        39_332_535,
        720_401,
        242,
    ];
    if x == 0 {
        return i32::MAX;
    }
    let modulo_quarter = (x & (QUARTER - 1)) - QUARTER;
    let mut result = exp_of_quarter(modulo_quarter << DIFFERENCE_BITS);
    let remainder = modulo_quarter.wrapping_sub(x);
    for (i, factor) in FACTORS.into_iter().enumerate() {
        let bit = FRACTION_BITS + i as u32 - 2;
        if bit < 31 && remainder & (1 << bit) != 0 {
            result = mul(result, factor);
        }
    }
    result
}

/// `1 / (1 + x)` for `x` in `[0, 1)`, Q0.31 to Q0.31, by three steps of Newton-Raphson.
fn reciprocal(x: i32) -> i32 {
    const TWO_BITS: u32 = 2;
    const ONE: i32 = 1 << (31 - TWO_BITS);
    const FORTY_EIGHT_17THS: i32 = 1_515_870_810;
    const MINUS_THIRTY_TWO_17THS: i32 = -1_010_580_540;
    // (x + 1) / 2, rounded half up for the positive sums that occur here.
    let half = ((i64::from(x) + i64::from(i32::MAX) + 1) / 2) as i32;
    let mut estimate = FORTY_EIGHT_17THS.wrapping_add(mul(half, MINUS_THIRTY_TWO_17THS));
    for _ in 0..3 {
        let error = ONE.wrapping_sub(mul(half, estimate));
        estimate = estimate.wrapping_add(shift_up(mul(estimate, error), TWO_BITS));
    }
    shift_up(estimate, 1)
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;
    use proptest::prelude::*;

    fn softmax(scores: &[f64]) -> std::vec::Vec<f64> {
        let largest = scores.iter().copied().fold(f64::MIN, f64::max);
        let e: std::vec::Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
        let sum: f64 = e.iter().sum();
        e.into_iter().map(|e| e / sum).collect()
    }

    proptest! {
        #[test]
        fn f32_equals_the_definition(mut x in prop::collection::vec(-50.0f32..50.0, 1..20)) {
            let expected = softmax(&x.iter().map(|&x| f64::from(x)).collect::<std::vec::Vec<_>>());
            let x = cells(&mut x);
            run_f32(x, x).unwrap();
            for (y, e) in x.iter().zip(expected) {
                prop_assert!((f64::from(y.get()) - e).abs() < 1e-6);
            }
        }

        #[test]
        fn int8_is_within_one_step(mut x in prop::collection::vec(any::<i8>(), 1..20), scale in 0.001f32..1.0) {
            let real: std::vec::Vec<f64> = x.iter().map(|&x| f64::from(x) * f64::from(scale)).collect();
            let expected = softmax(&real);
            let x = cells(&mut x);
            SoftmaxI8::new(scale).run(x, x).unwrap();
            for (y, e) in x.iter().zip(expected) {
                let y = (f64::from(y.get()) + 128.0) / 256.0;
                prop_assert!((y - e.min(255.0 / 256.0)).abs() < 1.01 / 256.0, "{y} {e}");
            }
        }
    }
}
