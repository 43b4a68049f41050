//! Early exit: ends a run whose scores are clear.
//!
//! Parameters: the margin, in steps of the scores' grid (int8) or as f32.

use super::{Ending, Operator, same_len, words};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors};
use crate::kernels::exit::{run_f32, run_i8};
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::vec;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// The early exit over int8 scores.
#[derive(Debug, Clone, Copy)]
pub struct I8;

impl Operator for I8 {
    const CODE: u8 = 23;
    const ENDING: Ending = Ending::Exit;
    const WORDS: usize = 1;
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

    fn run(
        margin: &i32,
        [scores, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        Ok(StepOutcome::exit_if(run_i8(*margin, scores, output)?))
    }
}

#[cfg(feature = "describe")]
impl Describe for I8 {
    fn encode(margin: &i32) -> (Fields, Vec<u32>) {
        (Fields::none::<i8>(), vec![*margin as u32])
    }

    fn rust(margin: &i32) -> Body {
        Body::Call(format!("kernels::exit::run_i8({margin}, input, output)"))
    }

    fn c(margin: &i32, [scores, ..]: &Tensors) -> Option<C> {
        Some(C {
            part: "exit",
            function: "leads",
            constant: None,
            arguments: Some(format!("{margin}, {}", scores.len())),
        })
    }
}

/// The early exit over f32 scores.
#[derive(Debug, Clone, Copy)]
pub struct F32;

impl Operator for F32 {
    const CODE: u8 = 24;
    const ENDING: Ending = Ending::Exit;
    const WORDS: usize = 1;
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

    fn run(
        margin: &f32,
        [scores, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        Ok(StepOutcome::exit_if(run_f32(*margin, scores, output)?))
    }
}

#[cfg(feature = "describe")]
impl Describe for F32 {
    fn encode(margin: &f32) -> (Fields, Vec<u32>) {
        (Fields::none::<f32>(), vec![margin.to_bits()])
    }

    fn rust(margin: &f32) -> Body {
        let bits = margin.to_bits();
        Body::Call(format!(
            "kernels::exit::run_f32(f32::from_bits({bits:#x}), input, output)"
        ))
    }
}
