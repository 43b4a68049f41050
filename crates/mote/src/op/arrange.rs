//! Values that only change their places.
//!
//! Parameters: of a transposition `rows | columns << 16`, then elements per place.

use super::{Operator, ensure, same_len, words};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors};
use crate::kernels::arrange::{copy, transpose};
use crate::model::halves;
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::borrow::ToOwned;
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::vec;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// The same elements in another shape.
#[derive(Debug, Clone, Copy)]
pub struct ReshapeI8;

impl Operator for ReshapeI8 {
    const CODE: u8 = 39;
    const IMPORTED: bool = true;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = ();

    fn parse(_: &Node<'_>, _: &[u32]) -> Result<(), Error> {
        Ok(())
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)
    }

    fn run(
        (): &(),
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        copy(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for ReshapeI8 {
    fn encode((): &()) -> (Fields, Vec<u32>) {
        (Fields::none::<i8>(), Vec::new())
    }

    fn rust((): &()) -> Body {
        Body::Call("kernels::arrange::copy(input, output)".to_owned())
    }

    fn c((): &(), [.., output]: &Tensors) -> Option<C> {
        Some(C {
            part: "copy",
            function: "copy",
            constant: None,
            arguments: Some(format!("{}", output.len())),
        })
    }
}

/// The first two axes of three swapped.
#[derive(Debug, Clone, Copy)]
pub struct TransposeI8;

impl Operator for TransposeI8 {
    const CODE: u8 = 41;
    const IMPORTED: bool = true;
    const WORDS: usize = 2;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = [usize; 3];

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<[usize; 3], Error> {
        sides(node, parameters)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &[usize; 3],
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        transpose(*layer, input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for TransposeI8 {
    fn encode(layer: &[usize; 3]) -> (Fields, Vec<u32>) {
        (Fields::none::<i8>(), side_words(layer))
    }

    fn rust(layer: &[usize; 3]) -> Body {
        rust_transpose(layer)
    }

    fn c(layer: &[usize; 3], _: &Tensors) -> Option<C> {
        let [rows, columns, len] = layer;
        Some(C {
            part: "transpose",
            function: "transpose",
            constant: None,
            arguments: Some(format!("{rows}, {columns}, {len}")),
        })
    }
}

/// The same elements in another shape.
#[derive(Debug, Clone, Copy)]
pub struct ReshapeF32;

impl Operator for ReshapeF32 {
    const CODE: u8 = 40;
    const IMPORTED: bool = true;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = ();

    fn parse(_: &Node<'_>, _: &[u32]) -> Result<(), Error> {
        Ok(())
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)
    }

    fn run(
        (): &(),
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        copy(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for ReshapeF32 {
    fn encode((): &()) -> (Fields, Vec<u32>) {
        (Fields::none::<f32>(), Vec::new())
    }

    fn rust((): &()) -> Body {
        Body::Call("kernels::arrange::copy(input, output)".to_owned())
    }
}

/// The first two axes of three swapped.
#[derive(Debug, Clone, Copy)]
pub struct TransposeF32;

impl Operator for TransposeF32 {
    const CODE: u8 = 42;
    const IMPORTED: bool = true;
    const WORDS: usize = 2;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = [usize; 3];

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<[usize; 3], Error> {
        sides(node, parameters)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &[usize; 3],
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        transpose(*layer, input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for TransposeF32 {
    fn encode(layer: &[usize; 3]) -> (Fields, Vec<u32>) {
        (Fields::none::<f32>(), side_words(layer))
    }

    fn rust(layer: &[usize; 3]) -> Body {
        rust_transpose(layer)
    }
}

/// Reads the axes of a transposition: rows, columns, elements per place.
fn sides(node: &Node<'_>, parameters: &[u32]) -> Result<[usize; 3], Error> {
    let &[sides, len] = words(parameters)?;
    let (rows, columns) = halves(sides);
    let len = len as usize;
    let count = rows.checked_mul(columns).and_then(|n| n.checked_mul(len));
    ensure(count == Some(node.input()?.len()))?;
    Ok([rows, columns, len])
}

/// Writes the axes of a transposition: the reverse of [`sides`].
#[cfg(feature = "describe")]
fn side_words(&[rows, columns, len]: &[usize; 3]) -> Vec<u32> {
    vec![rows as u32 | (columns as u32) << 16, len as u32]
}

#[cfg(feature = "describe")]
fn rust_transpose(layer: &[usize; 3]) -> Body {
    Body::Call(format!(
        "kernels::arrange::transpose({layer:?}, input, output)"
    ))
}
