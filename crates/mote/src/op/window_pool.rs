//! Pooling over windows of a stream, each longer than what one run brings.
//!
//! Parameters: `steps | hop << 16`, then the steps to skip at the beginning of the stream. The second input keeps its
//! content from run to run. A run that completes no window ends here.

use super::{Operator, ensure, same_channels};
use crate::kernels::window_pool::Shape;
use crate::{Error, Node, StepOutcome};
use core::cell::Cell;

/// Largest element of each window, int8.
#[derive(Debug, Clone, Copy)]
pub struct MaxI8;

impl Operator for MaxI8 {
    const CODE: u8 = 19;
    const INPUTS: usize = 2;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, _: &[u32]) -> Result<Shape, Error> {
        node.window_pool_shape()
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        check(node, Shape::state_max_i8)
    }

    fn parameter_words(_: &Node<'_>) -> Result<usize, Error> {
        Ok(2)
    }

    fn run(
        layer: &Shape,
        [input, state]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        Ok(StepOutcome::continue_if(
            layer.max_i8(input, state, output)?,
        ))
    }
}

/// Largest element of each window, f32.
#[derive(Debug, Clone, Copy)]
pub struct MaxF32;

impl Operator for MaxF32 {
    const CODE: u8 = 20;
    const INPUTS: usize = 2;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, _: &[u32]) -> Result<Shape, Error> {
        node.window_pool_shape()
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        check(node, Shape::state_f32)
    }

    fn parameter_words(_: &Node<'_>) -> Result<usize, Error> {
        Ok(2)
    }

    fn run(
        layer: &Shape,
        [input, state]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        Ok(StepOutcome::continue_if(
            layer.max_f32(input, state, output)?,
        ))
    }
}

/// Mean of each window, int8.
#[derive(Debug, Clone, Copy)]
pub struct AverageI8;

impl Operator for AverageI8 {
    const CODE: u8 = 21;
    const INPUTS: usize = 2;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, _: &[u32]) -> Result<Shape, Error> {
        node.window_pool_shape()
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        check(node, Shape::state_average_i8)?;
        ensure(node.window_pool_shape()?.sums_fit())
    }

    fn parameter_words(_: &Node<'_>) -> Result<usize, Error> {
        Ok(2)
    }

    fn run(
        layer: &Shape,
        [input, state]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        Ok(StepOutcome::continue_if(
            layer.average_i8(input, state, output)?,
        ))
    }
}

/// Mean of each window, f32.
#[derive(Debug, Clone, Copy)]
pub struct AverageF32;

impl Operator for AverageF32 {
    const CODE: u8 = 22;
    const INPUTS: usize = 2;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, _: &[u32]) -> Result<Shape, Error> {
        node.window_pool_shape()
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        check(node, Shape::state_f32)
    }

    fn parameter_words(_: &Node<'_>) -> Result<usize, Error> {
        Ok(2)
    }

    fn run(
        layer: &Shape,
        [input, state]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        Ok(StepOutcome::continue_if(
            layer.average_f32(input, state, output)?,
        ))
    }
}

/// Refuses a node whose state has another length than `state_len` says, or whose output is not one step.
fn check(node: &Node<'_>, state_len: fn(&Shape) -> usize) -> Result<(), Error> {
    same_channels(node)?;
    let len = state_len(&node.window_pool_shape()?);
    ensure(node.second_input()?.len() == len && node.output()?.time == 1)
}
