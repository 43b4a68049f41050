//! Sum of two tensors of one shape, then a clamp.
//!
//! Parameters: none in f32, where the record has the clamp; in int8 value and exponent of the multipliers of both
//! inputs and of the sum.

use super::{Operator, ensure, multiplier, same_len, words};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors, c_grid, multiplier_words, rust_clamp};
use crate::kernels::Clamp;
use crate::kernels::add::{AddI8, run_f32};
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::string::String;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// The int8 sum.
#[derive(Debug, Clone, Copy)]
pub struct I8;

impl Operator for I8 {
    const CODE: u8 = 9;
    const INPUTS: usize = 2;
    const WORDS: usize = 6;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = AddI8;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<AddI8, Error> {
        let &[a, a_exponent, b, b_exponent, sum, sum_exponent] = words(parameters)?;
        Ok(AddI8 {
            zeros: [node.input()?.zero_point, node.second_input()?.zero_point],
            factors: [multiplier([a, a_exponent]), multiplier([b, b_exponent])],
            factor: multiplier([sum, sum_exponent]),
            output: node.grid(node.output()?.zero_point),
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_lens(node)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &AddI8,
        [a, b]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.run(a, b, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for I8 {
    fn encode(layer: &AddI8) -> (Fields, Vec<u32>) {
        let [a, b] = layer.factors;
        let words = [a, b, layer.factor].map(multiplier_words);
        (Fields::bounded(layer.output), words.concat())
    }

    fn rust(layer: &AddI8) -> Body {
        Body::Call(format!(
            "kernels::add::{layer:?}.run(input, second, output)"
        ))
    }

    fn c(layer: &AddI8, [.., output]: &Tensors) -> Option<C> {
        let ([a, b], [zero_a, zero_b]) = (layer.factors, layer.zeros);
        let factors: Vec<String> = [a, b, layer.factor]
            .iter()
            .map(|m| format!("{{{}, {}}}", m.value, m.exponent))
            .collect();
        let fields = format!(
            "{}, {{{}}}, {{{zero_a}, {zero_b}}}, {}",
            output.len(),
            factors.join(", "),
            c_grid(layer.output)
        );
        C::with_constant("add", "add", fields)
    }
}

/// The f32 sum.
#[derive(Debug, Clone, Copy)]
pub struct F32;

impl Operator for F32 {
    const CODE: u8 = 10;
    const INPUTS: usize = 2;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Clamp;

    fn parse(node: &Node<'_>, _: &[u32]) -> Result<Clamp, Error> {
        Ok(Clamp::of(node.activation()))
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_lens(node)
    }

    fn run(
        layer: &Clamp,
        [a, b]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        run_f32(*layer, a, b, output)?;
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
            "kernels::add::run_f32({clamp}, input, second, output)"
        ))
    }
}

/// Refuses a node whose three tensors are not all of one length.
fn same_lens(node: &Node<'_>) -> Result<(), Error> {
    same_len(node)?;
    ensure(node.second_input()?.len() == node.output()?.len())
}
