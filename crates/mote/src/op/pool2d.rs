//! Max and average pooling over two axes, per channel.
//!
//! The record has the window along the first axis. Parameters, along the second: `columns of the input | of the output
//! << 16`, `kernel | stride << 16 | dilation << 24`, columns before the input.

use super::Operator;
use super::image::{GEOMETRY, same, shape};
#[cfg(feature = "describe")]
use super::image::{c_shape, geometry, rust_shape};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors};
use crate::kernels::image::Shape;
use crate::kernels::pool2d;
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// Largest element of each window, int8.
#[derive(Debug, Clone, Copy)]
pub struct MaxI8;

impl Operator for MaxI8 {
    const CODE: u8 = 49;
    const IMPORTED: bool = true;
    const WORDS: usize = GEOMETRY;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<Shape, Error> {
        same(shape(node, parameters)?)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &Shape,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        pool2d::max_i8(layer, input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for MaxI8 {
    fn encode(layer: &Shape) -> (Fields, Vec<u32>) {
        geometry(layer, Fields::none::<i8>().clamp)
    }

    fn rust(layer: &Shape) -> Body {
        let shape = rust_shape(layer);
        Body::Call(format!("kernels::pool2d::max_i8(&{shape}, input, output)"))
    }

    fn c(layer: &Shape, _: &Tensors) -> Option<C> {
        C::with_constant("max_pool_2d", "image", c_shape(layer))
    }
}

/// Mean of each window, int8.
#[derive(Debug, Clone, Copy)]
pub struct AverageI8;

impl Operator for AverageI8 {
    const CODE: u8 = 51;
    const IMPORTED: bool = true;
    const WORDS: usize = GEOMETRY;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<Shape, Error> {
        same(shape(node, parameters)?)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &Shape,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        pool2d::average_i8(layer, input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for AverageI8 {
    fn encode(layer: &Shape) -> (Fields, Vec<u32>) {
        geometry(layer, Fields::none::<i8>().clamp)
    }

    fn rust(layer: &Shape) -> Body {
        let shape = rust_shape(layer);
        Body::Call(format!(
            "kernels::pool2d::average_i8(&{shape}, input, output)"
        ))
    }

    fn c(layer: &Shape, _: &Tensors) -> Option<C> {
        C::with_constant("average_pool_2d", "image", c_shape(layer))
    }
}

/// Largest element of each window, f32.
#[derive(Debug, Clone, Copy)]
pub struct MaxF32;

impl Operator for MaxF32 {
    const CODE: u8 = 50;
    const IMPORTED: bool = true;
    const WORDS: usize = GEOMETRY;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<Shape, Error> {
        same(shape(node, parameters)?)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &Shape,
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        pool2d::max_f32(layer, input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for MaxF32 {
    fn encode(layer: &Shape) -> (Fields, Vec<u32>) {
        geometry(layer, Fields::none::<f32>().clamp)
    }

    fn rust(layer: &Shape) -> Body {
        let shape = rust_shape(layer);
        Body::Call(format!("kernels::pool2d::max_f32(&{shape}, input, output)"))
    }
}

/// Mean of each window, f32.
#[derive(Debug, Clone, Copy)]
pub struct AverageF32;

impl Operator for AverageF32 {
    const CODE: u8 = 52;
    const IMPORTED: bool = true;
    const WORDS: usize = GEOMETRY;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<Shape, Error> {
        same(shape(node, parameters)?)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &Shape,
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        pool2d::average_f32(layer, input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for AverageF32 {
    fn encode(layer: &Shape) -> (Fields, Vec<u32>) {
        geometry(layer, Fields::none::<f32>().clamp)
    }

    fn rust(layer: &Shape) -> Body {
        let shape = rust_shape(layer);
        Body::Call(format!(
            "kernels::pool2d::average_f32(&{shape}, input, output)"
        ))
    }
}
