//! Sum of two tensors of one shape, then a clamp.

use super::{Clamp, expect_len};
use crate::Error;
use crate::quant::{Multiplier, Output};
use core::cell::Cell;

/// Adds `a` and `b` into `output`, which may be either of them.
///
/// # Errors
/// When the lengths differ.
pub fn run_f32(
    clamp: Clamp,
    a: &[Cell<f32>],
    b: &[Cell<f32>],
    output: &[Cell<f32>],
) -> Result<(), Error> {
    expect_len(a, output.len())?;
    expect_len(b, output.len())?;
    for ((a, b), y) in a.iter().zip(b).zip(output) {
        y.set(clamp.apply(a.get() + b.get()));
    }
    Ok(())
}

/// Inputs are scaled up by this power of two before they are brought to one scale.
pub const HEADROOM: i32 = 20;

/// An int8 sum. With `twice = 2 * max(scale_a, scale_b)` the factors are `scale_a / twice`, `scale_b / twice` and
/// `twice / (2^20 * scale_output)`, as in TensorFlow Lite.
#[derive(Debug, Clone, Copy)]
pub struct AddI8 {
    /// Zero points of the inputs.
    pub zeros: [i8; 2],
    /// Factors of the inputs.
    pub factors: [Multiplier; 2],
    /// Factor of the sum.
    pub factor: Multiplier,
    /// Grid and clamp of the output.
    pub output: Output,
}

impl AddI8 {
    /// Adds `a` and `b` into `output`, which may be either of them.
    ///
    /// # Errors
    /// When the lengths differ.
    pub fn run(&self, a: &[Cell<i8>], b: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        expect_len(a, output.len())?;
        expect_len(b, output.len())?;
        let [zero_a, zero_b] = self.zeros;
        let [factor_a, factor_b] = self.factors;
        let scaled = |x: i8, zero: i8, factor: Multiplier| {
            factor.apply((i32::from(x) - i32::from(zero)) << HEADROOM)
        };
        for ((a, b), y) in a.iter().zip(b).zip(output) {
            let sum = scaled(a.get(), zero_a, factor_a) + scaled(b.get(), zero_b, factor_b);
            y.set(self.output.store(self.factor.apply(sum)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn adds_f32_in_place() {
        let (mut a, mut b) = ([1.0f32, -3.0], [0.5f32, 1.0]);
        let (a, b) = (cells(&mut a), cells(&mut b));
        run_f32(
            Clamp {
                low: 0.0,
                high: 6.0,
            },
            a,
            b,
            a,
        )
        .unwrap();
        assert_eq!([a[0].get(), a[1].get()], [1.5, 0.0]);
        assert_eq!(
            run_f32(Clamp::NONE, a, &b[1..], a),
            Err(Error::BufferLength)
        );
    }

    proptest! {
        #[test]
        fn int8_is_within_one_step_of_the_real_sum(
            x: i8, y: i8, zeros: [i8; 3],
            scales in (0.001f64..1.0, 0.001f64..1.0, 0.001f64..1.0),
        ) {
            let (sa, sb, so) = scales;
            let twice = 2.0 * sa.max(sb);
            let layer = AddI8 {
                zeros: [zeros[0], zeros[1]],
                factors: [Multiplier::from_real(sa / twice), Multiplier::from_real(sb / twice)],
                factor: Multiplier::from_real(twice / (f64::from(1 << HEADROOM) * so)),
                output: Output { zero_point: zeros[2], low: -128, high: 127 },
            };
            let (mut a, mut b, mut out) = ([x], [y], [0]);
            layer.run(cells(&mut a), cells(&mut b), cells(&mut out)).unwrap();
            let real = sa * (f64::from(x) - f64::from(zeros[0])) + sb * (f64::from(y) - f64::from(zeros[1]));
            let expected = (real / so + f64::from(zeros[2])).clamp(-128.0, 127.0);
            prop_assert!((f64::from(out[0]) - expected).abs() <= 0.51, "{} {}", out[0], expected);
        }
    }
}
