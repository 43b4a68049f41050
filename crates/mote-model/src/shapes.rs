//! The shapes that operators make of shapes.

use crate::{Error, Op, Shape};

/// Steps a sliding window of `kernel` taps makes over `time` padded steps.
///
/// # Errors
/// [`Error::Shape`] when the window does not fit even once, or `stride` or `kernel` is zero.
pub fn window_count(
    name: &str,
    time: usize,
    kernel: usize,
    dilation: usize,
    stride: usize,
    padding: [usize; 2],
) -> Result<usize, Error> {
    let span = kernel
        .saturating_sub(1)
        .saturating_mul(dilation)
        .saturating_add(1);
    let padded = time.saturating_add(padding[0]).saturating_add(padding[1]);
    if kernel == 0 || stride == 0 || dilation == 0 || padded < span {
        return Err(Error::shape(
            name,
            format!("a window of {span} steps (stride {stride}) does not fit {padded} steps"),
        ));
    }
    Ok((padded - span) / stride + 1)
}

/// Shape that `op` makes of `input`.
///
/// # Errors
/// [`Error::Shape`] naming the node when the operator does not fit.
pub fn output_shape(name: &str, op: &Op, input: Shape) -> Result<Shape, Error> {
    op.with(|op| op.output_shape(name, input))
}
