//! Functions of one f32 value. In int8 they are [tables](super::lookup).
//!
//! Parameters: of the hard ones, slope and shift in f32.

use super::{Operator, same_len, words};
#[cfg(feature = "describe")]
use crate::describe::{Body, Describe, Fields};
use crate::kernels::function;
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::borrow::ToOwned;
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// `1 / (1 + exp(-x))`.
#[derive(Debug, Clone, Copy)]
pub struct SigmoidF32;

impl Operator for SigmoidF32 {
    const CODE: u8 = 34;
    const IMPORTED: bool = true;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = ();

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<(), Error> {
        let _ = (node, parameters);
        Ok(())
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)
    }

    fn run(
        layer: &(),
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        let () = layer;
        function::sigmoid(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for SigmoidF32 {
    fn encode(layer: &()) -> (Fields, Vec<u32>) {
        let () = layer;
        (Fields::none::<f32>(), Vec::new())
    }

    fn rust(layer: &()) -> Body {
        let () = layer;
        Body::Call("kernels::function::sigmoid(input, output)".to_owned())
    }
}

/// Hyperbolic tangent.
#[derive(Debug, Clone, Copy)]
pub struct TanhF32;

impl Operator for TanhF32 {
    const CODE: u8 = 35;
    const IMPORTED: bool = true;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = ();

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<(), Error> {
        let _ = (node, parameters);
        Ok(())
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)
    }

    fn run(
        layer: &(),
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        let () = layer;
        function::tanh(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for TanhF32 {
    fn encode(layer: &()) -> (Fields, Vec<u32>) {
        let () = layer;
        (Fields::none::<f32>(), Vec::new())
    }

    fn rust(layer: &()) -> Body {
        let () = layer;
        Body::Call("kernels::function::tanh(input, output)".to_owned())
    }
}

/// Natural logarithm.
#[derive(Debug, Clone, Copy)]
pub struct LogF32;

impl Operator for LogF32 {
    const CODE: u8 = 36;
    const IMPORTED: bool = true;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = ();

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<(), Error> {
        let _ = (node, parameters);
        Ok(())
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)
    }

    fn run(
        layer: &(),
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        let () = layer;
        function::log(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for LogF32 {
    fn encode(layer: &()) -> (Fields, Vec<u32>) {
        let () = layer;
        (Fields::none::<f32>(), Vec::new())
    }

    fn rust(layer: &()) -> Body {
        let () = layer;
        Body::Call("kernels::function::log(input, output)".to_owned())
    }
}

/// `x * min(max(slope * x + shift, 0), 1)`.
#[derive(Debug, Clone, Copy)]
pub struct HardSwishF32;

impl Operator for HardSwishF32 {
    const CODE: u8 = 37;
    const IMPORTED: bool = true;
    const WORDS: usize = 2;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = [f32; 2];

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<[f32; 2], Error> {
        let _ = node;
        Ok(words::<2>(parameters)?.map(f32::from_bits))
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &[f32; 2],
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        function::hard(*layer, true, input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for HardSwishF32 {
    fn encode(layer: &[f32; 2]) -> (Fields, Vec<u32>) {
        (Fields::none::<f32>(), layer.map(f32::to_bits).to_vec())
    }

    fn rust(layer: &[f32; 2]) -> Body {
        let [slope, shift] = layer.map(f32::to_bits);
        Body::Call(format!(
            "kernels::function::hard([f32::from_bits({slope:#x}), f32::from_bits({shift:#x})], true, input, output)"
        ))
    }
}

/// `min(max(slope * x + shift, 0), 1)`.
#[derive(Debug, Clone, Copy)]
pub struct HardSigmoidF32;

impl Operator for HardSigmoidF32 {
    const CODE: u8 = 38;
    const IMPORTED: bool = true;
    const WORDS: usize = 2;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = [f32; 2];

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<[f32; 2], Error> {
        let _ = node;
        Ok(words::<2>(parameters)?.map(f32::from_bits))
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &[f32; 2],
        [input, _]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        function::hard(*layer, false, input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for HardSigmoidF32 {
    fn encode(layer: &[f32; 2]) -> (Fields, Vec<u32>) {
        (Fields::none::<f32>(), layer.map(f32::to_bits).to_vec())
    }

    fn rust(layer: &[f32; 2]) -> Body {
        let [slope, shift] = layer.map(f32::to_bits);
        Body::Call(format!(
            "kernels::function::hard([f32::from_bits({slope:#x}), f32::from_bits({shift:#x})], false, input, output)"
        ))
    }
}
