//! Old steps of a stream in front of new ones.
//!
//! It has no parameters: how many steps are kept follows from the shapes. The output keeps its content from run to run.

use super::{Operator, ensure, same_channels};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors};
use crate::kernels::history::{run_f32, run_i8};
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::borrow::ToOwned;
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// The int8 history.
#[derive(Debug, Clone, Copy)]
pub struct I8;

impl Operator for I8 {
    const CODE: u8 = 17;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = ();

    fn parse(_: &Node<'_>, _: &[u32]) -> Result<(), Error> {
        Ok(())
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        check(node)
    }

    fn run(
        (): &(),
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        run_i8(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for I8 {
    fn encode((): &()) -> (Fields, Vec<u32>) {
        (Fields::none::<i8>(), Vec::new())
    }

    fn rust((): &()) -> Body {
        Body::Call("kernels::history::run_i8(input, output)".to_owned())
    }

    fn c((): &(), [input, _, output]: &Tensors) -> Option<C> {
        Some(C {
            part: "history",
            function: "history",
            constant: None,
            arguments: Some(format!("{}, {}", input.len(), output.len())),
        })
    }
}

/// The f32 history.
#[derive(Debug, Clone, Copy)]
pub struct F32;

impl Operator for F32 {
    const CODE: u8 = 18;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = ();

    fn parse(_: &Node<'_>, _: &[u32]) -> Result<(), Error> {
        Ok(())
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        check(node)
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

#[cfg(feature = "describe")]
impl Describe for F32 {
    fn encode((): &()) -> (Fields, Vec<u32>) {
        (Fields::none::<f32>(), Vec::new())
    }

    fn rust((): &()) -> Body {
        Body::Call("kernels::history::run_f32(input, output)".to_owned())
    }
}

fn check(node: &Node<'_>) -> Result<(), Error> {
    same_channels(node)?;
    ensure(node.input()?.time <= node.output()?.time)
}
