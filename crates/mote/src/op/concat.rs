//! Two tensors side by side, row by row.
//!
//! Parameters: rows; in int8, then value and exponent of the multiplier of each input.

use super::{Operator, ensure, multiplier, words};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors, c_grid, multiplier_words};
use crate::kernels::concat::{ConcatI8, Shape};
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// Tensors of int8, each with a change of grid.
#[derive(Debug, Clone, Copy)]
pub struct I8;

impl Operator for I8 {
    const CODE: u8 = 43;
    const IMPORTED: bool = true;
    const INPUTS: usize = 2;
    const WORDS: usize = 5;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = ConcatI8;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<ConcatI8, Error> {
        let [rows, a, a_exponent, b, b_exponent] = words(parameters)?;
        Ok(ConcatI8 {
            shape: shape(node, rows)?,
            zeros: [node.input()?.zero_point, node.second_input()?.zero_point],
            factors: [multiplier([*a, *a_exponent]), multiplier([*b, *b_exponent])],
            output: node.grid(node.output()?.zero_point),
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &ConcatI8,
        [input, second]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.run([input, second], output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for I8 {
    fn encode(layer: &ConcatI8) -> (Fields, Vec<u32>) {
        let factors = layer.factors.map(multiplier_words).concat();
        let words = [[layer.shape.rows as u32].to_vec(), factors].concat();
        (Fields::bounded(layer.output), words)
    }

    fn rust(layer: &ConcatI8) -> Body {
        let ConcatI8 {
            shape,
            zeros,
            factors,
            output,
        } = layer;
        Body::Call(format!(
            "kernels::concat::ConcatI8 {{ shape: kernels::concat::{shape:?}, zeros: {zeros:?}, factors: {factors:?}, output: {output:?} }}.run([input, second], output)"
        ))
    }

    fn c(layer: &ConcatI8, _: &Tensors) -> Option<C> {
        let [a, b] = layer.factors;
        let fields = format!(
            "{}, {{{}, {}}}, {{{{{}, {}}}, {{{}, {}}}}}, {{{}, {}}}, {}",
            layer.shape.rows,
            layer.shape.left,
            layer.shape.right,
            a.value,
            a.exponent,
            b.value,
            b.exponent,
            layer.zeros[0],
            layer.zeros[1],
            c_grid(layer.output)
        );
        C::with_constant("concat", "concat", fields)
    }
}

/// Tensors of f32.
#[derive(Debug, Clone, Copy)]
pub struct F32;

impl Operator for F32 {
    const CODE: u8 = 44;
    const IMPORTED: bool = true;
    const INPUTS: usize = 2;
    const WORDS: usize = 1;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = Shape;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<Shape, Error> {
        let [rows] = words(parameters)?;
        shape(node, rows)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &Shape,
        [input, second]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        layer.run_f32([input, second], output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for F32 {
    fn encode(layer: &Shape) -> (Fields, Vec<u32>) {
        (Fields::none::<f32>(), [layer.rows as u32].to_vec())
    }

    fn rust(layer: &Shape) -> Body {
        Body::Call(format!(
            "kernels::concat::{layer:?}.run_f32([input, second], output)"
        ))
    }
}

/// Reads the geometry; refuses inputs and an output that do not fit it.
fn shape(node: &Node<'_>, &rows: &u32) -> Result<Shape, Error> {
    let rows = rows as usize;
    let (a, b, sum) = (
        node.input()?.len(),
        node.second_input()?.len(),
        node.output()?.len(),
    );
    let row = |len: usize| len.checked_div(rows).filter(|row| row * rows == len);
    let (left, right) = (row(a).ok_or(Error::Corrupt)?, row(b).ok_or(Error::Corrupt)?);
    ensure(a + b == sum)?;
    Ok(Shape { rows, left, right })
}
