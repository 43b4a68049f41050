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
    Ok(match op {
        Op::Conv1d(c) => {
            let fits = c.groups > 0
                && input.channels.is_multiple_of(c.groups)
                && c.out_channels.is_multiple_of(c.groups)
                && c.out_channels > 0;
            if !fits {
                return Err(Error::shape(
                    name,
                    format!(
                        "{} groups divide neither {} input nor {} output channels",
                        c.groups, input.channels, c.out_channels
                    ),
                ));
            }
            let time = window_count(name, input.time, c.kernel, c.dilation, c.stride, c.padding)?;
            Shape::new(time, c.out_channels)
        }
        Op::Dense(d) if d.is_per_step(input) => Shape::new(input.time, d.out_features),
        Op::Dense(d) => Shape::new(1, d.out_features),
        Op::Pool(p) => Shape::new(
            window_count(name, input.time, p.kernel, 1, p.stride, p.padding)?,
            input.channels,
        ),
        Op::Add(_)
        | Op::Activation(_)
        | Op::Softmax
        | Op::Quantize
        | Op::Dequantize
        | Op::Exit(_) => input,
        Op::History(h) => Shape::new(input.time.saturating_add(h.keep), input.channels),
        Op::WindowPool(p) if p.steps == 0 || p.hop < input.time => {
            let what = format!(
                "{} steps at a time into windows of {} steps, {} apart: a window must have steps, and no more \
                 than one may end in a run",
                input.time, p.steps, p.hop
            );
            return Err(Error::shape(name, what));
        }
        Op::WindowPool(_) => Shape::new(1, input.channels),
    })
}
