//! Convolutions over two axes.
//!
//! The record has the window along the first axis and the channels. Parameters: those of a [pool](super::pool2d); then
//! as in 1-D, over a field `[row][column][channel]`: of a convolution in int8 those of a
//! [1-D convolution](super::conv), in f32 biases, then `[tap][input channel][output channel]`; depthwise those of a
//! [1-D one](super::depthwise), in int8 without the channels that fill up a block.

use super::image::{GEOMETRY, behind, same, shape};
#[cfg(feature = "describe")]
use super::image::{c_shape, geometry, rust_shape};
use super::{Operator, borrowed, ensure};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors, c_grid, rust_clamp};
use crate::format::MAX_RUN;
use crate::kernels::Clamp;
use crate::kernels::conv2d::{Conv2d, Conv2dI8};
use crate::kernels::depthwise2d::{Depthwise2d, Depthwise2dI8};
#[cfg(feature = "describe")]
use crate::kernels::{conv1d_i8::Group, depthwise2d::BLOCK, image::Shape};
use crate::quant::Channel;
#[cfg(feature = "describe")]
use crate::quant::Output;
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::string::String;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// Convolution, int8.
#[derive(Debug, Clone, Copy)]
pub struct ConvI8;

impl Operator for ConvI8 {
    const CODE: u8 = 53;
    const IMPORTED: bool = true;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = Conv2dI8<'m>;

    fn parse<'m>(node: &Node<'_>, parameters: &'m [u32]) -> Result<Conv2dI8<'m>, Error> {
        let shape = shape(node, parameters)?;
        let [channels, weights] = Conv2dI8::parameter_pairs(&shape);
        ensure(shape.taps().saturating_mul(shape.in_channels) <= MAX_RUN)?;
        let pairs = behind(parameters).as_chunks::<2>().0;
        let (own, rest) = pairs.split_at_checked(channels).ok_or(Error::Corrupt)?;
        Ok(Conv2dI8 {
            shape,
            input_zero: node.input()?.zero_point,
            output: node.grid(node.output()?.zero_point),
            channels: own,
            weights: rest.get(..weights).ok_or(Error::Corrupt)?,
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        valid(borrowed(&Self::parse(node, node.parameters()))?.channels)
    }

    fn parameter_words(node: &Node<'_>) -> Result<usize, Error> {
        let [channels, weights] = Conv2dI8::parameter_pairs(&shape(node, node.parameters())?);
        Ok(GEOMETRY + 2 * (channels + weights))
    }

    fn run(
        layer: &Conv2dI8<'_>,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for ConvI8 {
    fn encode(layer: &Conv2dI8<'_>) -> (Fields, Vec<u32>) {
        let (fields, words) = geometry(&layer.shape, Fields::bounded(layer.output).clamp);
        let own = [layer.channels.as_flattened(), layer.weights.as_flattened()];
        (fields, [words.as_slice(), own[0], own[1]].concat())
    }

    fn rust(layer: &Conv2dI8<'_>) -> Body {
        let Conv2dI8 {
            shape,
            input_zero,
            output,
            channels,
            weights,
        } = layer;
        let shape = rust_shape(shape);
        Body::Call(format!(
            "kernels::conv2d::Conv2dI8 {{ shape: {shape}, input_zero: {input_zero}, output: {output:?}, channels: &{channels:?}, weights: &{weights:?} }}.run(input, output)"
        ))
    }

    fn c(layer: &Conv2dI8<'_>, _: &Tensors) -> Option<C> {
        let taps = layer.shape.taps() * layer.shape.in_channels;
        let weights = unpacked(layer.weights, layer.shape.out_channels, taps);
        let fields = c_weights(
            layer.shape,
            layer.channels,
            &weights,
            layer.input_zero,
            layer.output,
        );
        C::with_constant("conv_2d", "conv_2d", fields)
    }
}

/// Convolution, f32.
#[derive(Debug, Clone, Copy)]
pub struct ConvF32;

impl Operator for ConvF32 {
    const CODE: u8 = 54;
    const IMPORTED: bool = true;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Conv2d<'m>;

    fn parse<'m>(node: &Node<'_>, parameters: &'m [u32]) -> Result<Conv2d<'m>, Error> {
        let shape = shape(node, parameters)?;
        let words = Conv2d::parameter_words(&shape);
        Ok(Conv2d {
            shape,
            clamp: Clamp::of(node.activation()),
            parameters: behind(parameters).get(..words).ok_or(Error::Corrupt)?,
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        borrowed(&Self::parse(node, node.parameters())).map(drop)
    }

    fn parameter_words(node: &Node<'_>) -> Result<usize, Error> {
        Ok(GEOMETRY + Conv2d::parameter_words(&shape(node, node.parameters())?))
    }

    fn run(
        layer: &Conv2d<'_>,
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for ConvF32 {
    fn encode(layer: &Conv2d<'_>) -> (Fields, Vec<u32>) {
        let (fields, words) = geometry(&layer.shape, Fields::clamped(layer.clamp).clamp);
        (fields, [words.as_slice(), layer.parameters].concat())
    }

    fn rust(layer: &Conv2d<'_>) -> Body {
        let Conv2d {
            shape,
            clamp,
            parameters,
        } = layer;
        let (shape, clamp) = (rust_shape(shape), rust_clamp(*clamp));
        Body::Call(format!(
            "kernels::conv2d::Conv2d {{ shape: {shape}, clamp: {clamp}, parameters: &{parameters:?} }}.run(input, output)"
        ))
    }
}

/// Depthwise convolution, int8.
#[derive(Debug, Clone, Copy)]
pub struct DepthwiseI8;

impl Operator for DepthwiseI8 {
    const CODE: u8 = 55;
    const IMPORTED: bool = true;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = Depthwise2dI8<'m>;

    fn parse<'m>(node: &Node<'_>, parameters: &'m [u32]) -> Result<Depthwise2dI8<'m>, Error> {
        let shape = same(shape(node, parameters)?)?;
        ensure(shape.taps() <= Depthwise2dI8::MAX_TAPS)?;
        let channels = shape.in_channels;
        let words = behind(parameters);
        let (own, rest) = words.split_at_checked(2 * channels).ok_or(Error::Corrupt)?;
        let weights = Depthwise2dI8::weight_words(&shape);
        Ok(Depthwise2dI8 {
            shape,
            input_zero: node.input()?.zero_point,
            output: node.grid(node.output()?.zero_point),
            channels: own.as_chunks::<2>().0,
            weights: rest.get(..weights).ok_or(Error::Corrupt)?,
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        valid(borrowed(&Self::parse(node, node.parameters()))?.channels)
    }

    fn parameter_words(node: &Node<'_>) -> Result<usize, Error> {
        let shape = shape(node, node.parameters())?;
        Ok(GEOMETRY + 2 * shape.in_channels + Depthwise2dI8::weight_words(&shape))
    }

    fn run(
        layer: &Depthwise2dI8<'_>,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for DepthwiseI8 {
    fn encode(layer: &Depthwise2dI8<'_>) -> (Fields, Vec<u32>) {
        let (fields, words) = geometry(&layer.shape, Fields::bounded(layer.output).clamp);
        (
            fields,
            [
                words.as_slice(),
                layer.channels.as_flattened(),
                layer.weights,
            ]
            .concat(),
        )
    }

    fn rust(layer: &Depthwise2dI8<'_>) -> Body {
        let Depthwise2dI8 {
            shape,
            input_zero,
            output,
            channels,
            weights,
        } = layer;
        let shape = rust_shape(shape);
        Body::Call(format!(
            "kernels::depthwise2d::Depthwise2dI8 {{ shape: {shape}, input_zero: {input_zero}, output: {output:?}, channels: &{channels:?}, weights: &{weights:?} }}.run(input, output)"
        ))
    }

    fn c(layer: &Depthwise2dI8<'_>, _: &Tensors) -> Option<C> {
        let (channels, taps) = (layer.shape.in_channels, layer.shape.taps());
        let weight = |c: usize, tap: usize| {
            let word = layer
                .weights
                .get(c / BLOCK * taps + tap)
                .copied()
                .unwrap_or_default();
            (word >> (8 * (c % BLOCK))) as i8
        };
        let weights = (0..channels).flat_map(|c| (0..taps).map(move |tap| weight(c, tap)));
        let weights: Vec<i8> = weights.collect();
        let fields = c_weights(
            layer.shape,
            layer.channels,
            &weights,
            layer.input_zero,
            layer.output,
        );
        C::with_constant("depthwise_2d", "conv_2d", fields)
    }
}

/// Depthwise convolution, f32.
#[derive(Debug, Clone, Copy)]
pub struct DepthwiseF32;

impl Operator for DepthwiseF32 {
    const CODE: u8 = 56;
    const IMPORTED: bool = true;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Depthwise2d<'m>;

    fn parse<'m>(node: &Node<'_>, parameters: &'m [u32]) -> Result<Depthwise2d<'m>, Error> {
        let shape = same(shape(node, parameters)?)?;
        let words = Depthwise2d::parameter_words(&shape);
        Ok(Depthwise2d {
            shape,
            clamp: Clamp::of(node.activation()),
            parameters: behind(parameters).get(..words).ok_or(Error::Corrupt)?,
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        borrowed(&Self::parse(node, node.parameters())).map(drop)
    }

    fn parameter_words(node: &Node<'_>) -> Result<usize, Error> {
        Ok(GEOMETRY + Depthwise2d::parameter_words(&shape(node, node.parameters())?))
    }

    fn run(
        layer: &Depthwise2d<'_>,
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for DepthwiseF32 {
    fn encode(layer: &Depthwise2d<'_>) -> (Fields, Vec<u32>) {
        let (fields, words) = geometry(&layer.shape, Fields::clamped(layer.clamp).clamp);
        (fields, [words.as_slice(), layer.parameters].concat())
    }

    fn rust(layer: &Depthwise2d<'_>) -> Body {
        let Depthwise2d {
            shape,
            clamp,
            parameters,
        } = layer;
        let (shape, clamp) = (rust_shape(shape), rust_clamp(*clamp));
        Body::Call(format!(
            "kernels::depthwise2d::Depthwise2d {{ shape: {shape}, clamp: {clamp}, parameters: &{parameters:?} }}.run(input, output)"
        ))
    }
}

/// Refuses channels whose shift is out of range.
fn valid(channels: &[[u32; 2]]) -> Result<(), Error> {
    ensure(channels.iter().all(|&c| Channel::from_words(c).is_valid()))
}

/// The weights of a convolution as they are, `[output][tap]`.
#[cfg(feature = "describe")]
fn unpacked(weights: &[Group], outputs: usize, taps: usize) -> Vec<i8> {
    let groups = taps.div_ceil(4);
    let pairs = outputs.div_ceil(2);
    let number = |output: usize, tap: usize| {
        let (pair, group) = (output / 2, tap / 4);
        // Blocks of two pairs; the last one may have one.
        let block = pair / 2 * 2;
        let width = (pairs - block).min(2);
        let at = block * groups + group * width + pair % 2;
        let [even, odd] = weights.get(at).copied().unwrap_or_default();
        let word = if tap.is_multiple_of(2) { even } else { odd };
        let packed = (word >> (16 * (tap % 4 / 2))) as i16;
        let low = packed as i8;
        match output % 2 {
            0 => low,
            _ => ((i32::from(packed) - i32::from(low)) >> 8) as i8,
        }
    };
    (0..outputs)
        .flat_map(|o| (0..taps).map(move |tap| number(o, tap)))
        .collect()
}

/// Writes the fields of a convolution with weights `[output][tap]`.
#[cfg(feature = "describe")]
fn c_weights(
    shape: Shape,
    channels: &[[u32; 2]],
    weights: &[i8],
    input_zero: i8,
    output: Output,
) -> String {
    let weights: Vec<String> = weights.iter().map(|w| format!("{w}")).collect();
    let channels: Vec<String> = channels
        .iter()
        .map(|&[bias, factor]| format!("{{{}, {}}}", bias as i32, factor as i32))
        .collect();
    format!(
        "{{{}}}, (const int8_t[]){{{}}}, (const int32_t[][2]){{{}}}, {input_zero}, {}",
        c_shape(&shape),
        weights.join(", "),
        channels.join(", "),
        c_grid(output)
    )
}
