//! Pooling over windows of a stream, each longer than what one run brings.
//!
//! Parameters: `steps | hop << 16`, then the steps to skip at the beginning of the stream. The second input keeps its
//! content from run to run. A run that completes no window ends here.

use super::{Ending, Operator, ensure, same_channels, words};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors};
use crate::kernels::window_pool::Shape;
use crate::model::halves;
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::string::String;
#[cfg(feature = "describe")]
use alloc::vec;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// Largest element of each window, int8.
#[derive(Debug, Clone, Copy)]
pub struct MaxI8;

impl Operator for MaxI8 {
    const CODE: u8 = 19;
    const INPUTS: usize = 2;
    const ENDING: Ending = Ending::Wait;
    const WORDS: usize = 2;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<Shape, Error> {
        shape(node, parameters)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        check(node, Shape::state_max_i8)
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

#[cfg(feature = "describe")]
impl Describe for MaxI8 {
    fn encode(layer: &Shape) -> (Fields, Vec<u32>) {
        (Fields::none::<i8>(), parameters(layer))
    }

    fn rust(layer: &Shape) -> Body {
        Body::Call(format!(
            "kernels::window_pool::{layer:?}.max_i8(input, second, output)"
        ))
    }

    fn c(layer: &Shape, _: &Tensors) -> Option<C> {
        C::with_constant("window_max", "windows", c_fields(layer))
    }
}

/// Largest element of each window, f32.
#[derive(Debug, Clone, Copy)]
pub struct MaxF32;

impl Operator for MaxF32 {
    const CODE: u8 = 20;
    const INPUTS: usize = 2;
    const ENDING: Ending = Ending::Wait;
    const WORDS: usize = 2;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<Shape, Error> {
        shape(node, parameters)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        check(node, Shape::state_f32)
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

#[cfg(feature = "describe")]
impl Describe for MaxF32 {
    fn encode(layer: &Shape) -> (Fields, Vec<u32>) {
        (Fields::none::<f32>(), parameters(layer))
    }

    fn rust(layer: &Shape) -> Body {
        Body::Call(format!(
            "kernels::window_pool::{layer:?}.max_f32(input, second, output)"
        ))
    }
}

/// Mean of each window, int8.
#[derive(Debug, Clone, Copy)]
pub struct AverageI8;

impl Operator for AverageI8 {
    const CODE: u8 = 21;
    const INPUTS: usize = 2;
    const ENDING: Ending = Ending::Wait;
    const WORDS: usize = 2;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<Shape, Error> {
        shape(node, parameters)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        check(node, Shape::state_average_i8)?;
        ensure(shape(node, node.parameters())?.sums_fit())
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

#[cfg(feature = "describe")]
impl Describe for AverageI8 {
    fn encode(layer: &Shape) -> (Fields, Vec<u32>) {
        (Fields::none::<i8>(), parameters(layer))
    }

    fn rust(layer: &Shape) -> Body {
        Body::Call(format!(
            "kernels::window_pool::{layer:?}.average_i8(input, second, output)"
        ))
    }

    fn c(layer: &Shape, _: &Tensors) -> Option<C> {
        C::with_constant("window_average", "windows", c_fields(layer))
    }
}

/// Mean of each window, f32.
#[derive(Debug, Clone, Copy)]
pub struct AverageF32;

impl Operator for AverageF32 {
    const CODE: u8 = 22;
    const INPUTS: usize = 2;
    const ENDING: Ending = Ending::Wait;
    const WORDS: usize = 2;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<Shape, Error> {
        shape(node, parameters)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        check(node, Shape::state_f32)
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

#[cfg(feature = "describe")]
impl Describe for AverageF32 {
    fn encode(layer: &Shape) -> (Fields, Vec<u32>) {
        (Fields::none::<f32>(), parameters(layer))
    }

    fn rust(layer: &Shape) -> Body {
        Body::Call(format!(
            "kernels::window_pool::{layer:?}.average_f32(input, second, output)"
        ))
    }
}

/// Reads the windows; refuses them when they have no steps, or when more than one could end in a run.
pub(super) fn shape(node: &Node<'_>, parameters: &[u32]) -> Result<Shape, Error> {
    let &[windows, skip] = words(parameters)?;
    let (steps, hop) = halves(windows);
    let input = node.input()?;
    ensure(steps != 0 && hop >= input.time && skip >> 16 == 0)?;
    Ok(Shape {
        in_time: input.time,
        channels: input.channels,
        steps,
        hop,
        skip: skip as usize,
    })
}

/// Refuses a node whose state has another length than `state_len` says, or whose output is not one step.
pub(super) fn check(node: &Node<'_>, state_len: fn(&Shape) -> usize) -> Result<(), Error> {
    same_channels(node)?;
    let len = state_len(&shape(node, node.parameters())?);
    ensure(node.second_input()?.len() == len && node.output()?.time == 1)
}

#[cfg(feature = "describe")]
pub(super) fn parameters(shape: &Shape) -> Vec<u32> {
    vec![
        shape.steps as u32 | (shape.hop as u32) << 16,
        shape.skip as u32,
    ]
}

#[cfg(feature = "describe")]
pub(super) fn c_fields(shape: &Shape) -> String {
    format!(
        "{}, {}, {}, {}, {}, {}",
        shape.in_time,
        shape.channels,
        shape.steps,
        shape.hop,
        shape.skip,
        shape.lanes()
    )
}
