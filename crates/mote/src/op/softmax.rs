//! Softmax over all elements.
//!
//! Parameters: none in f32; in int8 value and exponent of the multiplier, and the smallest difference that counts.

use super::{Operator, multiplier, same_len, words};
use crate::kernels::softmax::{SoftmaxI8, run_f32};
use crate::{Error, Node, StepOutcome};
use core::cell::Cell;

/// The int8 softmax.
#[derive(Debug, Clone, Copy)]
pub struct I8;

impl Operator for I8 {
    const CODE: u8 = 13;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = SoftmaxI8;

    fn parse(_: &Node<'_>, parameters: &[u32]) -> Result<SoftmaxI8, Error> {
        let &[value, exponent, smallest] = words(parameters)?;
        Ok(SoftmaxI8 {
            factor: multiplier([value, exponent]),
            smallest: smallest as i32,
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn parameter_words(_: &Node<'_>) -> Result<usize, Error> {
        Ok(3)
    }

    fn run(
        layer: &SoftmaxI8,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

/// The f32 softmax.
#[derive(Debug, Clone, Copy)]
pub struct F32;

impl Operator for F32 {
    const CODE: u8 = 14;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = ();

    fn parse(_: &Node<'_>, _: &[u32]) -> Result<(), Error> {
        Ok(())
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)
    }

    fn parameter_words(_: &Node<'_>) -> Result<usize, Error> {
        Ok(0)
    }

    fn run(
        (): &(),
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        run_f32(input, output)?;
        Ok(StepOutcome::Continue)
    }
}
