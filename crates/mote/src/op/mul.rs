//! Products, and sums with a constant per channel.
//!
//! Parameters: of two tensors, none in f32, where the record has the clamp; in int8 value and exponent of the
//! multiplier. With constants: one multiplier, or two for a sum, then a word per channel.

use super::{Operator, ensure, multiplier, same_len, words};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors, c_grid, multiplier_words, rust_clamp};
use crate::kernels;
use crate::kernels::Clamp;
use crate::kernels::mul::{MulI8, run_f32};
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::string::String;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// The product of two tensors, int8.
#[derive(Debug, Clone, Copy)]
pub struct I8;

impl Operator for I8 {
    const CODE: u8 = 45;
    const IMPORTED: bool = true;
    const INPUTS: usize = 2;
    const WORDS: usize = 2;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = MulI8;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<MulI8, Error> {
        Ok(MulI8 {
            zeros: [node.input()?.zero_point, node.second_input()?.zero_point],
            factor: multiplier(*words(parameters)?),
            output: node.grid(node.output()?.zero_point),
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        lens(node)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &MulI8,
        [input, second]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, second, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for I8 {
    fn encode(layer: &MulI8) -> (Fields, Vec<u32>) {
        (
            Fields::bounded(layer.output),
            multiplier_words(layer.factor).to_vec(),
        )
    }

    fn rust(layer: &MulI8) -> Body {
        Body::Call(format!(
            "kernels::mul::{layer:?}.run(input, second, output)"
        ))
    }

    fn c(layer: &MulI8, [_, second, output]: &Tensors) -> Option<C> {
        let fields = format!(
            "{}, {}, {{{}, {}}}, {{{}, {}}}, {}",
            output.len(),
            second.len(),
            layer.factor.value,
            layer.factor.exponent,
            layer.zeros[0],
            layer.zeros[1],
            c_grid(layer.output)
        );
        C::with_constant("mul", "mul", fields)
    }
}

/// The product of two tensors, f32.
#[derive(Debug, Clone, Copy)]
pub struct F32;

impl Operator for F32 {
    const CODE: u8 = 46;
    const IMPORTED: bool = true;
    const INPUTS: usize = 2;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Clamp;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<Clamp, Error> {
        let _ = parameters;
        Ok(Clamp::of(node.activation()))
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        lens(node)
    }

    fn run(
        layer: &Clamp,
        [input, second]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        run_f32(*layer, input, second, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for F32 {
    fn encode(layer: &Clamp) -> (Fields, Vec<u32>) {
        (Fields::clamped(*layer), Vec::new())
    }

    fn rust(layer: &Clamp) -> Body {
        let clamp = rust_clamp(*layer);
        Body::Call(format!(
            "kernels::mul::run_f32({clamp}, input, second, output)"
        ))
    }
}

/// Each channel times a constant, int8.
#[derive(Debug, Clone, Copy)]
pub struct ScaleI8;

impl Operator for ScaleI8 {
    const CODE: u8 = 47;
    const IMPORTED: bool = true;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = kernels::mul::ScaleI8<'m>;

    fn parse<'m>(
        node: &Node<'_>,
        parameters: &'m [u32],
    ) -> Result<kernels::mul::ScaleI8<'m>, Error> {
        let channels = node.input()?.channels;
        Ok(kernels::mul::ScaleI8 {
            input_zero: node.input()?.zero_point,
            factor: multiplier(*words(parameters)?),
            output: node.grid(node.output()?.zero_point),
            constants: parameters
                .get(2..)
                .and_then(|words| words.get(..channels))
                .ok_or(Error::Corrupt)?,
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)?;
        super::borrowed(&Self::parse(node, node.parameters())).map(drop)
    }

    fn parameter_words(node: &Node<'_>) -> Result<usize, Error> {
        Ok(2 + node.input()?.channels)
    }

    fn run(
        layer: &kernels::mul::ScaleI8<'_>,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for ScaleI8 {
    fn encode(layer: &kernels::mul::ScaleI8<'_>) -> (Fields, Vec<u32>) {
        let words = [&multiplier_words(layer.factor)[..], layer.constants].concat();
        (Fields::bounded(layer.output), words)
    }

    fn rust(layer: &kernels::mul::ScaleI8<'_>) -> Body {
        let kernels::mul::ScaleI8 {
            input_zero,
            factor,
            output,
            constants,
        } = layer;
        Body::Call(format!(
            "kernels::mul::ScaleI8 {{ input_zero: {input_zero}, factor: {factor:?}, output: {output:?}, constants: &{constants:?} }}.run(input, output)"
        ))
    }

    fn c(layer: &kernels::mul::ScaleI8<'_>, [.., output]: &Tensors) -> Option<C> {
        let fields = format!(
            "{}, {{{}, {}}}, {}, {}, {}",
            output.len(),
            layer.factor.value,
            layer.factor.exponent,
            layer.input_zero,
            c_grid(layer.output),
            c_constants(layer.constants)
        );
        C::with_constant("scale_channels", "scale_channels", fields)
    }
}

/// Each channel plus a constant, int8.
#[derive(Debug, Clone, Copy)]
pub struct ShiftI8;

impl Operator for ShiftI8 {
    const CODE: u8 = 48;
    const IMPORTED: bool = true;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = kernels::mul::ShiftI8<'m>;

    fn parse<'m>(
        node: &Node<'_>,
        parameters: &'m [u32],
    ) -> Result<kernels::mul::ShiftI8<'m>, Error> {
        let channels = node.input()?.channels;
        let &[value, exponent, value_out, exponent_out] = words(parameters)?;
        Ok(kernels::mul::ShiftI8 {
            input_zero: node.input()?.zero_point,
            input: multiplier([value, exponent]),
            factor: multiplier([value_out, exponent_out]),
            output: node.grid(node.output()?.zero_point),
            constants: parameters
                .get(4..)
                .and_then(|words| words.get(..channels))
                .ok_or(Error::Corrupt)?,
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)?;
        super::borrowed(&Self::parse(node, node.parameters())).map(drop)
    }

    fn parameter_words(node: &Node<'_>) -> Result<usize, Error> {
        Ok(4 + node.input()?.channels)
    }

    fn run(
        layer: &kernels::mul::ShiftI8<'_>,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for ShiftI8 {
    fn encode(layer: &kernels::mul::ShiftI8<'_>) -> (Fields, Vec<u32>) {
        let factors = [layer.input, layer.factor].map(multiplier_words).concat();
        let words = [factors.as_slice(), layer.constants].concat();
        (Fields::bounded(layer.output), words)
    }

    fn rust(layer: &kernels::mul::ShiftI8<'_>) -> Body {
        let kernels::mul::ShiftI8 {
            input_zero,
            input,
            factor,
            output,
            constants,
        } = layer;
        Body::Call(format!(
            "kernels::mul::ShiftI8 {{ input_zero: {input_zero}, input: {input:?}, factor: {factor:?}, output: {output:?}, constants: &{constants:?} }}.run(input, output)"
        ))
    }

    fn c(layer: &kernels::mul::ShiftI8<'_>, [.., output]: &Tensors) -> Option<C> {
        let fields = format!(
            "{}, {{{{{}, {}}}, {{{}, {}}}}}, {}, {}, {}",
            output.len(),
            layer.input.value,
            layer.input.exponent,
            layer.factor.value,
            layer.factor.exponent,
            layer.input_zero,
            c_grid(layer.output),
            c_constants(layer.constants)
        );
        C::with_constant("shift_channels", "shift_channels", fields)
    }
}

/// Refuses a second tensor that is not repeated a whole number of times.
fn lens(node: &Node<'_>) -> Result<(), Error> {
    let (len, second) = (node.input()?.len(), node.second_input()?.len());
    ensure(second > 0 && len.is_multiple_of(second) && node.output()?.len() == len)
}

#[cfg(feature = "describe")]
fn c_constants(constants: &[u32]) -> String {
    let values: Vec<String> = constants.iter().map(|&c| format!("{}", c as i32)).collect();
    format!(
        "{}, (const int32_t[]){{{}}}",
        constants.len(),
        values.join(", ")
    )
}
