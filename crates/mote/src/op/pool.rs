//! Max and average pooling over time, per channel.
//!
//! It has no parameters besides the record: window, stride and the steps before the input.

use super::{Operator, same_channels};
use crate::kernels::pool::Shape;
use crate::{Error, Node, StepOutcome};
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
        node.pool_shape()
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_channels(node)
    }

    fn parameter_words(_: &Node<'_>) -> Result<usize, Error> {
        Ok(0)
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

/// Largest element of each window, f32.
#[derive(Debug, Clone, Copy)]
pub struct MaxF32;

impl Operator for MaxF32 {
    const CODE: u8 = 6;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, _: &[u32]) -> Result<Shape, Error> {
        node.pool_shape()
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_channels(node)
    }

    fn parameter_words(_: &Node<'_>) -> Result<usize, Error> {
        Ok(0)
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

/// Mean of each window, int8.
#[derive(Debug, Clone, Copy)]
pub struct AverageI8;

impl Operator for AverageI8 {
    const CODE: u8 = 7;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, _: &[u32]) -> Result<Shape, Error> {
        node.pool_shape()
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_channels(node)
    }

    fn parameter_words(_: &Node<'_>) -> Result<usize, Error> {
        Ok(0)
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

/// Mean of each window, f32.
#[derive(Debug, Clone, Copy)]
pub struct AverageF32;

impl Operator for AverageF32 {
    const CODE: u8 = 8;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, _: &[u32]) -> Result<Shape, Error> {
        node.pool_shape()
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_channels(node)
    }

    fn parameter_words(_: &Node<'_>) -> Result<usize, Error> {
        Ok(0)
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
