//! Convolutions and dense layers with weights of eight bits or f32.
//!
//! The record has the geometry; kernel 0 says that it is a dense layer. Parameters, **int8**: per output channel, rounded
//! up to a pair, a [`Channel`](crate::quant::Channel); then the taps in blocks. **f32**: biases, then the taps, in
//! blocks. The order inside the blocks is in [`format`](crate::format).

use super::{Operator, borrowed, ensure};
#[cfg(feature = "describe")]
use crate::describe::{Body, Describe, Fields};
use crate::kernels::Clamp;
use crate::kernels::conv1d::Conv1d;
#[cfg(feature = "describe")]
use crate::kernels::conv1d::Shape;
use crate::kernels::conv1d_i8::Conv1dI8;
#[cfg(feature = "describe")]
use crate::quant::{Output, Rounding};
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::vec::Vec;
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

#[cfg(feature = "describe")]
impl Describe for I8 {
    fn encode(layer: &Conv1dI8<'_>) -> (Fields, Vec<u32>) {
        let words = [layer.channels.as_flattened(), layer.weights.as_flattened()].concat();
        (fields_i8(&layer.shape, layer.rounding, layer.output), words)
    }

    fn rust(_: &Conv1dI8<'_>) -> Body {
        Body::Weighted
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

#[cfg(feature = "describe")]
impl Describe for F32 {
    fn encode(layer: &Conv1d<'_>) -> (Fields, Vec<u32>) {
        let shape = &layer.shape;
        let clamped = Fields::clamped(layer.clamp);
        // A convolution of one tap and no padding is a dense layer per step, bit for bit.
        let dense = [shape.kernel, shape.stride, shape.dilation, shape.padding] == [1, 1, 1, 0]
            && shape.group_inputs == shape.in_channels;
        let fields = match dense {
            true => clamped,
            false => shape.fields(clamped),
        };
        let words = layer.parameters.get(..Conv1d::parameter_words(shape));
        (fields, words.unwrap_or(&[]).to_vec())
    }

    fn rust(_: &Conv1d<'_>) -> Body {
        Body::Weighted
    }
}

/// Numbers of an int8 convolution, or of a dense layer, which rounds once.
#[cfg(feature = "describe")]
pub(super) fn fields_i8(shape: &Shape, rounding: Rounding, output: Output) -> Fields {
    let bounded = Fields::bounded(output);
    match rounding {
        Rounding::Once => bounded,
        Rounding::Twice => shape.fields(bounded),
    }
}

#[cfg(feature = "describe")]
impl Shape {
    /// Numbers of a convolution of this shape, with the clamp of `fields`.
    pub(super) fn fields(&self, fields: Fields) -> Fields {
        Fields {
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            padding: self.padding,
            group_inputs: self.group_inputs,
            group_outputs: self.group_outputs,
            ..fields
        }
    }
}
