//! A clamp on its own. Behind a convolution it is part of the convolution.
//!
//! Parameters: none in f32, where the record has the clamp; in int8 value and exponent of the multiplier that changes
//! the scale.

use super::{Operator, multiplier, same_len, words};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors, c_grid, multiplier_words, rust_clamp};
use crate::kernels::Clamp;
use crate::kernels::activation::{ActivationI8, run_f32};
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// The int8 clamp, which may change the scale too.
#[derive(Debug, Clone, Copy)]
pub struct I8;

impl Operator for I8 {
    const CODE: u8 = 11;
    const WORDS: usize = 2;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = ActivationI8;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<ActivationI8, Error> {
        Ok(ActivationI8 {
            input_zero: node.input()?.zero_point,
            factor: multiplier(*words(parameters)?),
            output: node.grid(node.output()?.zero_point),
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &ActivationI8,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for I8 {
    fn encode(layer: &ActivationI8) -> (Fields, Vec<u32>) {
        let words = multiplier_words(layer.factor);
        (Fields::bounded(layer.output), words.to_vec())
    }

    fn rust(layer: &ActivationI8) -> Body {
        Body::Call(format!("kernels::activation::{layer:?}.run(input, output)"))
    }

    fn c(layer: &ActivationI8, [.., output]: &Tensors) -> Option<C> {
        let fields = format!(
            "{}, {}, {}, {}, {}",
            output.len(),
            layer.factor.value,
            layer.factor.exponent,
            layer.input_zero,
            c_grid(layer.output)
        );
        C::with_constant("activation", "activation", fields)
    }
}

/// The f32 clamp.
#[derive(Debug, Clone, Copy)]
pub struct F32;

impl Operator for F32 {
    const CODE: u8 = 12;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Clamp;

    fn parse(node: &Node<'_>, _: &[u32]) -> Result<Clamp, Error> {
        Ok(Clamp::of(node.activation()))
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)
    }

    fn run(
        layer: &Clamp,
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        run_f32(*layer, input, output)?;
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
            "kernels::activation::run_f32({clamp}, input, output)"
        ))
    }
}
