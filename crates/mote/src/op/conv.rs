//! Convolutions and dense layers with weights of eight bits or f32.
//!
//! The record has the geometry; kernel 0 says that it is a dense layer. Parameters, **int8**: per output channel, rounded
//! up to a pair, a [`Channel`](crate::quant::Channel); then the taps in blocks. **f32**: biases, then the taps, in
//! blocks. The order inside the blocks is in [`format`](crate::format).

use super::{Operator, borrowed, ensure};
use crate::kernels::Clamp;
use crate::kernels::conv1d::Conv1d;
use crate::kernels::conv1d_i8::Conv1dI8;
use crate::{Error, Node, StepOutcome};
use core::cell::Cell;

/// The int8 convolution.
#[derive(Debug, Clone, Copy)]
pub struct I8;

impl Operator for I8 {
    const CODE: u8 = 1;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = Conv1dI8<'m>;

    fn parse<'m>(node: &Node<'_>, parameters: &'m [u32]) -> Result<Conv1dI8<'m>, Error> {
        let grid = node.grid(node.output()?.zero_point);
        let input_zero = node.input()?.zero_point;
        Conv1dI8::new(
            node.conv_shape()?,
            input_zero,
            grid,
            node.rounding(),
            parameters,
        )
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        borrowed(&Self::parse(node, node.parameters()))?.validate()
    }

    fn parameter_words(node: &Node<'_>) -> Result<usize, Error> {
        let layer = Self::parse(node, node.parameters());
        let layer = borrowed(&layer)?;
        Ok(layer.channels.as_flattened().len() + layer.weights.as_flattened().len())
    }

    fn run(
        layer: &Conv1dI8<'_>,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

/// The f32 convolution.
#[derive(Debug, Clone, Copy)]
pub struct F32;

impl Operator for F32 {
    const CODE: u8 = 2;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Conv1d<'m>;

    fn parse<'m>(node: &Node<'_>, parameters: &'m [u32]) -> Result<Conv1d<'m>, Error> {
        Ok(Conv1d {
            shape: node.conv_shape()?,
            clamp: Clamp::of(node.activation()),
            parameters,
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        let shape = node.conv_shape()?;
        ensure(shape.groups() != 0)?;
        ensure(node.parameters().len() >= Conv1d::parameter_words(&shape))
    }

    fn parameter_words(node: &Node<'_>) -> Result<usize, Error> {
        Ok(Conv1d::parameter_words(&node.conv_shape()?))
    }

    fn run(
        layer: &Conv1d<'_>,
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, output)?;
        Ok(StepOutcome::Continue)
    }
}
