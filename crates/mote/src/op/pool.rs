//! Max and average pooling over time, per channel.
//!
//! It has no parameters besides the record: window, stride and the steps before the input.

#[cfg(feature = "describe")]
use super::Element;
use super::{Operator, same_channels};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors};
use crate::kernels::pool::Shape;
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::string::String;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// Largest element of each window, int8.
#[derive(Debug, Clone, Copy)]
pub struct MaxI8;

impl Operator for MaxI8 {
    const CODE: u8 = 5;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, _: &[u32]) -> Result<Shape, Error> {
        shape(node)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_channels(node)
    }

    fn run(
        layer: &Shape,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.max_i8(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for MaxI8 {
    fn encode(layer: &Shape) -> (Fields, Vec<u32>) {
        (fields::<i8>(layer), Vec::new())
    }

    fn rust(layer: &Shape) -> Body {
        Body::Call(format!("kernels::pool::{layer:?}.max_i8(input, output)"))
    }

    fn c(layer: &Shape, _: &Tensors) -> Option<C> {
        C::with_constant("max_pool", "pool", c_fields(layer))
    }
}

/// Largest element of each window, f32.
#[derive(Debug, Clone, Copy)]
pub struct MaxF32;

impl Operator for MaxF32 {
    const CODE: u8 = 6;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, _: &[u32]) -> Result<Shape, Error> {
        shape(node)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_channels(node)
    }

    fn run(
        layer: &Shape,
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        layer.max_f32(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for MaxF32 {
    fn encode(layer: &Shape) -> (Fields, Vec<u32>) {
        (fields::<f32>(layer), Vec::new())
    }

    fn rust(layer: &Shape) -> Body {
        Body::Call(format!("kernels::pool::{layer:?}.max_f32(input, output)"))
    }
}

/// Mean of each window, int8.
#[derive(Debug, Clone, Copy)]
pub struct AverageI8;

impl Operator for AverageI8 {
    const CODE: u8 = 7;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, _: &[u32]) -> Result<Shape, Error> {
        shape(node)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_channels(node)
    }

    fn run(
        layer: &Shape,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.average_i8(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for AverageI8 {
    fn encode(layer: &Shape) -> (Fields, Vec<u32>) {
        (fields::<i8>(layer), Vec::new())
    }

    fn rust(layer: &Shape) -> Body {
        Body::Call(format!(
            "kernels::pool::{layer:?}.average_i8(input, output)"
        ))
    }

    fn c(layer: &Shape, _: &Tensors) -> Option<C> {
        C::with_constant("average_pool", "pool", c_fields(layer))
    }
}

/// Mean of each window, f32.
#[derive(Debug, Clone, Copy)]
pub struct AverageF32;

impl Operator for AverageF32 {
    const CODE: u8 = 8;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, _: &[u32]) -> Result<Shape, Error> {
        shape(node)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_channels(node)
    }

    fn run(
        layer: &Shape,
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        layer.average_f32(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for AverageF32 {
    fn encode(layer: &Shape) -> (Fields, Vec<u32>) {
        (fields::<f32>(layer), Vec::new())
    }

    fn rust(layer: &Shape) -> Body {
        Body::Call(format!(
            "kernels::pool::{layer:?}.average_f32(input, output)"
        ))
    }
}

pub(super) fn shape(node: &Node<'_>) -> Result<Shape, Error> {
    let (input, output) = (node.input()?, node.output()?);
    Ok(Shape {
        in_time: input.time,
        channels: input.channels,
        out_time: output.time,
        kernel: node.kernel(),
        stride: node.stride(),
        padding: node.padding(),
    })
}

#[cfg(feature = "describe")]
pub(super) fn fields<T: Element>(shape: &Shape) -> Fields {
    Fields {
        kernel: shape.kernel,
        stride: shape.stride,
        padding: shape.padding,
        ..Fields::none::<T>()
    }
}

#[cfg(feature = "describe")]
pub(super) fn c_fields(shape: &Shape) -> String {
    format!(
        "{}, {}, {}, {}, {}, {}",
        shape.in_time, shape.out_time, shape.channels, shape.kernel, shape.stride, shape.padding
    )
}
