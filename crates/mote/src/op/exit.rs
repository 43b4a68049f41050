//! Early exit: ends a run whose scores are clear.
//!
//! Parameters: the margin, in steps of the scores' grid (int8) or as f32.

use super::{Operator, same_len, words};
use crate::kernels::exit::{run_f32, run_i8};
use crate::{Error, Node, StepOutcome};
use core::cell::Cell;

/// The early exit over int8 scores.
#[derive(Debug, Clone, Copy)]
pub struct I8;

impl Operator for I8 {
    const CODE: u8 = 23;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = i32;

    fn parse(_: &Node<'_>, parameters: &[u32]) -> Result<i32, Error> {
        let &[margin] = words(parameters)?;
        Ok(margin as i32)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn parameter_words(_: &Node<'_>) -> Result<usize, Error> {
        Ok(1)
    }

    fn run(
        margin: &i32,
        [scores, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        Ok(StepOutcome::exit_if(run_i8(*margin, scores, output)?))
    }
}

/// The early exit over f32 scores.
#[derive(Debug, Clone, Copy)]
pub struct F32;

impl Operator for F32 {
    const CODE: u8 = 24;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = f32;

    fn parse(_: &Node<'_>, parameters: &[u32]) -> Result<f32, Error> {
        let &[margin] = words(parameters)?;
        Ok(f32::from_bits(margin))
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn parameter_words(_: &Node<'_>) -> Result<usize, Error> {
        Ok(1)
    }

    fn run(
        margin: &f32,
        [scores, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        Ok(StepOutcome::exit_if(run_f32(*margin, scores, output)?))
    }
}
