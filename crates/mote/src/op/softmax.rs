//! Softmax over all elements.
//!
//! Parameters: none in f32; in int8 value and exponent of the multiplier, and the smallest difference that counts.

use super::{Operator, multiplier, same_len, words};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors, multiplier_words};
use crate::kernels::softmax::{SoftmaxI8, run_f32};
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

/// The int8 softmax.
#[derive(Debug, Clone, Copy)]
pub struct I8;

impl Operator for I8 {
    const CODE: u8 = 13;
    const WORDS: usize = 3;
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

    fn run(
        layer: &SoftmaxI8,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for I8 {
    fn encode(layer: &SoftmaxI8) -> (Fields, Vec<u32>) {
        let [value, exponent] = multiplier_words(layer.factor);
        let words = vec![value, exponent, layer.smallest as u32];
        (Fields::none::<i8>(), words)
    }

    fn rust(layer: &SoftmaxI8) -> Body {
        Body::Call(format!("kernels::softmax::{layer:?}.run(input, output)"))
    }

    fn c(layer: &SoftmaxI8, [.., output]: &Tensors) -> Option<C> {
        let fields = format!(
            "{}, {}, {}, {}",
            output.len(),
            layer.factor.value,
            layer.factor.exponent,
            layer.smallest
        );
        C::with_constant("softmax", "softmax", fields)
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
        Body::Call("kernels::softmax::run_f32(input, output)".to_owned())
    }
}
