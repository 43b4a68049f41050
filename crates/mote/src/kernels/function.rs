//! Functions of one f32 value.

use super::{Clamp, expect_len};
use crate::Error;
use core::cell::Cell;

/// Computes `output`, which may be `input`, as `function` of each element.
#[inline(always)]
fn each(
    input: &[Cell<f32>],
    output: &[Cell<f32>],
    function: impl Fn(f32) -> f32,
) -> Result<(), Error> {
    expect_len(output, input.len())?;
    for (x, y) in input.iter().zip(output) {
        y.set(function(x.get()));
    }
    Ok(())
}

/// From closed to open.
const GATE: Clamp = Clamp {
    low: 0.0,
    high: 1.0,
};

/// Logistic sigmoid, `1 / (1 + exp(-x))`.
///
/// # Errors
/// When the lengths differ.
#[cfg(feature = "libm")]
pub fn sigmoid(input: &[Cell<f32>], output: &[Cell<f32>]) -> Result<(), Error> {
    each(input, output, |x| 1.0 / (1.0 + libm::expf(-x)))
}

/// Hyperbolic tangent.
///
/// # Errors
/// When the lengths differ.
#[cfg(feature = "libm")]
pub fn tanh(input: &[Cell<f32>], output: &[Cell<f32>]) -> Result<(), Error> {
    each(input, output, libm::tanhf)
}

/// Natural logarithm.
///
/// # Errors
/// When the lengths differ.
#[cfg(feature = "libm")]
pub fn log(input: &[Cell<f32>], output: &[Cell<f32>]) -> Result<(), Error> {
    each(input, output, libm::logf)
}

/// `x * min(max(slope * x + shift, 0), 1)` or, without `times_x`, the second factor alone: HardSwish has slope 1/6 and
/// shift 1/2, HardSigmoid 1/5 and 1/2.
///
/// # Errors
/// When the lengths differ.
pub fn hard(
    [slope, shift]: [f32; 2],
    times_x: bool,
    input: &[Cell<f32>],
    output: &[Cell<f32>],
) -> Result<(), Error> {
    each(input, output, |x| {
        let y = GATE.apply(slope * x + shift);
        if times_x { x * y } else { y }
    })
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;

    #[test]
    fn functions_are_those_of_the_textbook() {
        let values = [-4.0f32, -1.0, 0.0, 0.5, 4.0];
        let mut x = values;
        let mut y = [0.0f32; 5];
        let check = |y: &[f32; 5], f: &dyn Fn(f32) -> f32| {
            for (y, x) in y.iter().zip(values) {
                assert!((y - f(x)).abs() < 1e-6, "{y} {x}");
            }
        };
        sigmoid(cells(&mut x), cells(&mut y)).unwrap();
        check(&y, &|x| 1.0 / (1.0 + std::primitive::f32::exp(-x)));
        tanh(cells(&mut x), cells(&mut y)).unwrap();
        check(&y, &|x| std::primitive::f32::tanh(x));
        hard([1.0 / 6.0, 0.5], true, cells(&mut x), cells(&mut y)).unwrap();
        check(&y, &|x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0);
        hard([0.2, 0.5], false, cells(&mut x), cells(&mut y)).unwrap();
        check(&y, &|x| (0.2 * x + 0.5).clamp(0.0, 1.0));
    }
}
