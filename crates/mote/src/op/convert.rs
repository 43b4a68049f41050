//! Between f32 and int8 tensors, which may not overlap.
//!
//! Parameters: the scale of the int8 side.

use super::{Operator, ensure, same_len, words};
#[cfg(feature = "describe")]
use crate::describe::{Body, Describe, Fields};
use crate::kernels::convert::{Grid, dequantize, quantize};
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::vec;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// f32 to int8.
#[derive(Debug, Clone, Copy)]
pub struct Quantize;

impl Operator for Quantize {
    const CODE: u8 = 15;
    const WORDS: usize = 1;
    type Input = f32;
    type Output = i8;
    type Layer<'m> = Grid;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<Grid, Error> {
        grid(parameters, node.output()?.zero_point)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        check(node)
    }

    fn run(
        layer: &Grid,
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        quantize(*layer, input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for Quantize {
    fn encode(layer: &Grid) -> (Fields, Vec<u32>) {
        (Fields::none::<i8>(), vec![layer.scale.to_bits()])
    }

    fn rust(layer: &Grid) -> Body {
        Body::Call(format!(
            "kernels::convert::quantize(kernels::convert::{layer:?}, input, output)"
        ))
    }
}

/// int8 to f32.
#[derive(Debug, Clone, Copy)]
pub struct Dequantize;

impl Operator for Dequantize {
    const CODE: u8 = 16;
    const WORDS: usize = 1;
    type Input = i8;
    type Output = f32;
    type Layer<'m> = Grid;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<Grid, Error> {
        grid(parameters, node.input()?.zero_point)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        check(node)
    }

    fn run(
        layer: &Grid,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        dequantize(*layer, input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for Dequantize {
    fn encode(layer: &Grid) -> (Fields, Vec<u32>) {
        (Fields::none::<f32>(), vec![layer.scale.to_bits()])
    }

    fn rust(layer: &Grid) -> Body {
        Body::Call(format!(
            "kernels::convert::dequantize(kernels::convert::{layer:?}, input, output)"
        ))
    }
}

fn grid(parameters: &[u32], zero_point: i8) -> Result<Grid, Error> {
    let &[scale] = words(parameters)?;
    Ok(Grid {
        scale: f32::from_bits(scale),
        zero_point,
    })
}

fn check(node: &Node<'_>) -> Result<(), Error> {
    let (input, output) = (node.input()?, node.output()?);
    let overlap = input.offset < output.offset + output.words()
        && output.offset < input.offset + input.words();
    ensure(!overlap)?;
    same_len(node)?;
    words::<1>(node.parameters()).map(drop)
}
