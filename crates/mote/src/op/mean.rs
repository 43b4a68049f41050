//! Mean over time, per channel, onto another grid, int8. In f32 it is an average pool.
//!
//! Parameters: value and exponent of the multiplier; before them, in a stream, those of a [pool](super::window_pool).

use super::{Ending, Operator, ensure, multiplier, pool, window_pool, words};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors, c_grid, multiplier_words};
use crate::kernels::mean::{MeanI8, Rescale, WindowMeanI8};
use crate::kernels::window_pool::Shape;
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::string::String;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// The mean of each window.
#[derive(Debug, Clone, Copy)]
pub struct I8;

impl Operator for I8 {
    const CODE: u8 = 31;
    const IMPORTED: bool = true;
    const WORDS: usize = 2;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = MeanI8;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<MeanI8, Error> {
        Ok(MeanI8 {
            shape: pool::shape(node)?,
            rescale: rescale(node, node.kernel(), *words(parameters)?)?,
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        super::same_channels(node)?;
        ensure(node.padding() == 0 && node.kernel() <= node.input()?.time)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &MeanI8,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        layer.run(input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for I8 {
    fn encode(layer: &MeanI8) -> (Fields, Vec<u32>) {
        let fields = Fields {
            clamp: Fields::bounded(layer.rescale.output).clamp,
            ..pool::fields::<i8>(&layer.shape)
        };
        (fields, multiplier_words(layer.rescale.factor).to_vec())
    }

    fn rust(layer: &MeanI8) -> Body {
        Body::Call(format!(
            "kernels::mean::MeanI8 {{ shape: kernels::pool::{:?}, rescale: {} }}.run(input, output)",
            layer.shape,
            rust_rescale(&layer.rescale)
        ))
    }

    fn c(layer: &MeanI8, _: &Tensors) -> Option<C> {
        let fields = format!(
            "{{{}}}, {}",
            pool::c_fields(&layer.shape),
            c_rescale(&layer.rescale)
        );
        C::with_constant("mean_pool", "mean_pool", fields)
    }
}

/// The mean of each window of a stream.
#[derive(Debug, Clone, Copy)]
pub struct WindowI8;

impl Operator for WindowI8 {
    const CODE: u8 = 32;
    const IMPORTED: bool = true;
    const INPUTS: usize = 2;
    const ENDING: Ending = Ending::Wait;
    const WORDS: usize = 4;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = WindowMeanI8;

    fn parse(node: &Node<'_>, parameters: &[u32]) -> Result<WindowMeanI8, Error> {
        let &[_, _, value, exponent] = words(parameters)?;
        let shape = window_pool::shape(node, parameters)?;
        Ok(WindowMeanI8 {
            shape,
            rescale: rescale(node, shape.steps, [value, exponent])?,
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        window_pool::check(node, Shape::state_average_i8)?;
        ensure(Self::parse(node, node.parameters())?.shape.sums_fit())
    }

    fn run(
        layer: &WindowMeanI8,
        [input, second]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        Ok(StepOutcome::continue_if(layer.run(input, second, output)?))
    }
}

#[cfg(feature = "describe")]
impl Describe for WindowI8 {
    fn encode(layer: &WindowMeanI8) -> (Fields, Vec<u32>) {
        let words = multiplier_words(layer.rescale.factor);
        let words = [window_pool::parameters(&layer.shape), words.to_vec()].concat();
        (Fields::bounded(layer.rescale.output), words)
    }

    fn rust(layer: &WindowMeanI8) -> Body {
        Body::Call(format!(
            "kernels::mean::WindowMeanI8 {{ shape: kernels::window_pool::{:?}, rescale: {} }}.run(input, second, output)",
            layer.shape,
            rust_rescale(&layer.rescale)
        ))
    }

    fn c(layer: &WindowMeanI8, _: &Tensors) -> Option<C> {
        let windows = window_pool::c_fields(&layer.shape);
        let fields = format!("{{{windows}}}, {}", c_rescale(&layer.rescale));
        C::with_constant("window_mean", "window_mean", fields)
    }
}

#[cfg(feature = "describe")]
fn rust_rescale(rescale: &Rescale) -> String {
    format!("kernels::mean::{rescale:?}")
}

#[cfg(feature = "describe")]
fn c_rescale(rescale: &Rescale) -> String {
    format!(
        "{{{}, {{{}, {}}}, {}}}",
        rescale.zeros,
        rescale.factor.value,
        rescale.factor.exponent,
        c_grid(rescale.output)
    )
}

/// Reads how sums over `steps` become means.
fn rescale(node: &Node<'_>, steps: usize, factor: [u32; 2]) -> Result<Rescale, Error> {
    let zero = i32::from(node.input()?.zero_point);
    Ok(Rescale {
        zeros: zero.wrapping_mul(steps as i32),
        factor: multiplier(factor),
        output: node.grid(node.output()?.zero_point),
    })
}
