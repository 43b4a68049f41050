//! Leaky ReLU: `x` where it is positive, else `alpha * x`.
//!
//! Parameters: `alpha` in f32; in int8 value and exponent of the multipliers of values from zero up and below zero.

use super::{Operator, multiplier, same_len, words};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors, c_grid, multiplier_words};
use crate::kernels::leaky_relu::{LeakyReluI8, run_f32};
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::vec;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// The int8 leaky ReLU, which may change the scale too.
#[derive(Debug, Clone, Copy)]
pub struct I8;

impl Operator for I8 {
    const CODE: u8 = 26;
    const WORDS: usize = 4;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = LeakyReluI8;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<LeakyReluI8, Error> {
        let &[identity, identity_exponent, alpha, alpha_exponent] = words(parameters)?;
        Ok(LeakyReluI8 {
            input_zero: node.input()?.zero_point,
            identity: multiplier([identity, identity_exponent]),
            alpha: multiplier([alpha, alpha_exponent]),
            output: node.grid(node.output()?.zero_point),
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &LeakyReluI8,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for I8 {
    fn encode(layer: &LeakyReluI8) -> (Fields, Vec<u32>) {
        let words = [layer.identity, layer.alpha].map(multiplier_words);
        (Fields::bounded(layer.output), words.concat())
    }

    fn rust(layer: &LeakyReluI8) -> Body {
        Body::Call(format!("kernels::leaky_relu::{layer:?}.run(input, output)"))
    }

    fn c(layer: &LeakyReluI8, [.., output]: &Tensors) -> Option<C> {
        let LeakyReluI8 {
            input_zero,
            identity,
            alpha,
            ..
        } = layer;
        let fields = format!(
            "{}, {{{}, {}}}, {{{}, {}}}, {input_zero}, {}",
            output.len(),
            identity.value,
            identity.exponent,
            alpha.value,
            alpha.exponent,
            c_grid(layer.output)
        );
        C::with_constant("leaky_relu", "leaky_relu", fields)
    }
}

/// The f32 leaky ReLU.
#[derive(Debug, Clone, Copy)]
pub struct F32;

impl Operator for F32 {
    const CODE: u8 = 27;
    const WORDS: usize = 1;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = f32;

    fn parse(_: &Node<'_>, parameters: &[u32]) -> Result<f32, Error> {
        let &[alpha] = words(parameters)?;
        Ok(f32::from_bits(alpha))
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        alpha: &f32,
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        run_f32(*alpha, input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for F32 {
    fn encode(alpha: &f32) -> (Fields, Vec<u32>) {
        (Fields::none::<f32>(), vec![alpha.to_bits()])
    }

    fn rust(alpha: &f32) -> Body {
        let bits = alpha.to_bits();
        Body::Call(format!(
            "kernels::leaky_relu::run_f32(f32::from_bits({bits:#x}), input, output)"
        ))
    }
}
