//! Depthwise convolutions: each channel has a kernel of its own.
//!
//! The record has the geometry. Parameters, **int8**: per channel, rounded up to four, a
//! [`Channel`](crate::quant::Channel); then per four channels a word per tap. **f32**: biases, then per tap the channels.

use super::{Operator, borrowed, ensure};
#[cfg(feature = "describe")]
use crate::describe::{Body, Describe, Fields};
use crate::kernels::Clamp;
use crate::kernels::depthwise::{Depthwise, DepthwiseI8};
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// The int8 depthwise convolution.
#[derive(Debug, Clone, Copy)]
pub struct I8;

impl Operator for I8 {
    const CODE: u8 = 3;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = DepthwiseI8<'m>;

    fn parse<'m>(node: &Node<'_>, parameters: &'m [u32]) -> Result<DepthwiseI8<'m>, Error> {
        let grid = node.grid(node.output()?.zero_point);
        DepthwiseI8::new(
            node.conv_shape()?,
            node.input()?.zero_point,
            grid,
            parameters,
        )
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        borrowed(&Self::parse(node, node.parameters()))?.validate()
    }

    fn parameter_words(node: &Node<'_>) -> Result<usize, Error> {
        let layer = Self::parse(node, node.parameters());
        let layer = borrowed(&layer)?;
        Ok(layer.channels.as_flattened().len() + layer.weights.len())
    }

    fn run(
        layer: &DepthwiseI8<'_>,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for I8 {
    fn encode(layer: &DepthwiseI8<'_>) -> (Fields, Vec<u32>) {
        let words = [layer.channels.as_flattened(), layer.weights].concat();
        (layer.shape.fields(Fields::bounded(layer.output)), words)
    }

    fn rust(_: &DepthwiseI8<'_>) -> Body {
        Body::Weighted
    }
}

/// The f32 depthwise convolution.
#[derive(Debug, Clone, Copy)]
pub struct F32;

impl Operator for F32 {
    const CODE: u8 = 4;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Depthwise<'m>;

    fn parse<'m>(node: &Node<'_>, parameters: &'m [u32]) -> Result<Depthwise<'m>, Error> {
        Ok(Depthwise {
            shape: node.conv_shape()?,
            clamp: Clamp::of(node.activation()),
            parameters,
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        let shape = node.conv_shape()?;
        ensure(shape.group_outputs == 1 && shape.groups() == shape.in_channels)?;
        ensure(node.parameters().len() >= Depthwise::parameter_words(&shape))
    }

    fn parameter_words(node: &Node<'_>) -> Result<usize, Error> {
        Ok(Depthwise::parameter_words(&node.conv_shape()?))
    }

    fn run(
        layer: &Depthwise<'_>,
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for F32 {
    fn encode(layer: &Depthwise<'_>) -> (Fields, Vec<u32>) {
        let words = layer
            .parameters
            .get(..Depthwise::parameter_words(&layer.shape));
        let fields = layer.shape.fields(Fields::clamped(layer.clamp));
        (fields, words.unwrap_or(&[]).to_vec())
    }

    fn rust(_: &Depthwise<'_>) -> Body {
        Body::Weighted
    }
}
