//! A filter over decisions.
//!
//! Parameters: the runs to skip and the weight, as halves of a word in int8 and two words in f32; then the costs, two to
//! a word in int8. The second input keeps its content from run to run. A run that is skipped ends here.

use super::{Ending, Operator, ensure};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors};
use crate::kernels::filter::{FilterF32, FilterI8, LIMIT, cost_words_i8, state_f32, state_i8};
use crate::model::halves;
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::string::{String, ToString};
#[cfg(feature = "describe")]
use alloc::vec;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// The int8 filter.
#[derive(Debug, Clone, Copy)]
pub struct I8;

impl Operator for I8 {
    const CODE: u8 = 28;
    const INPUTS: usize = 2;
    const ENDING: Ending = Ending::Wait;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = FilterI8<'m>;

    fn parse<'m>(node: &Node<'_>, parameters: &'m [u32]) -> Result<FilterI8<'m>, Error> {
        let (first, rest) = parameters.split_first().ok_or(Error::Corrupt)?;
        let (skip, weight) = halves(*first);
        let costs = rest.get(..cost_words_i8(node.input()?.len()));
        Ok(FilterI8 {
            skip: skip as u16,
            weight: weight as u16,
            costs: costs.ok_or(Error::Corrupt)?,
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        check(node, state_i8)?;
        let filter = Self::parse(node, node.parameters());
        let filter = super::borrowed(&filter)?;
        let small = |word: &u32| word & 0xffff <= LIMIT && word >> 16 <= LIMIT;
        ensure(u32::from(filter.weight) <= LIMIT && filter.costs.iter().all(small))
    }

    fn parameter_words(node: &Node<'_>) -> Result<usize, Error> {
        Ok(1 + cost_words_i8(node.input()?.len()))
    }

    fn run(
        layer: &FilterI8<'_>,
        [input, state]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        Ok(StepOutcome::continue_if(layer.run(input, state, output)?))
    }
}

#[cfg(feature = "describe")]
impl Describe for I8 {
    fn encode(layer: &FilterI8<'_>) -> (Fields, Vec<u32>) {
        let first = u32::from(layer.skip) | u32::from(layer.weight) << 16;
        (Fields::none::<i8>(), [&[first], layer.costs].concat())
    }

    fn rust(layer: &FilterI8<'_>) -> Body {
        Body::Call(format!(
            "kernels::filter::FilterI8 {{ skip: {}, weight: {}, costs: &{:?} }}.run(input, second, output)",
            layer.skip, layer.weight, layer.costs
        ))
    }

    fn c(layer: &FilterI8<'_>, [input, ..]: &Tensors) -> Option<C> {
        let classes = input.len();
        let costs: Vec<String> = layer
            .costs
            .iter()
            .flat_map(|word| [word & 0xffff, word >> 16])
            .take(classes * classes)
            .map(|cost| cost.to_string())
            .collect();
        let fields = format!(
            "{classes}, {}, {}, (const int16_t[]){{{}}}",
            layer.skip,
            layer.weight,
            costs.join(", ")
        );
        C::with_constant("filter", "filter", fields)
    }
}

/// The f32 filter.
#[derive(Debug, Clone, Copy)]
pub struct F32;

impl Operator for F32 {
    const CODE: u8 = 29;
    const INPUTS: usize = 2;
    const ENDING: Ending = Ending::Wait;
    type Input = f32;
    type Output = f32;
    type Layer<'m> = FilterF32<'m>;

    fn parse<'m>(node: &Node<'_>, parameters: &'m [u32]) -> Result<FilterF32<'m>, Error> {
        let (&[skip, weight], rest) = parameters.split_first_chunk().ok_or(Error::Corrupt)?;
        let classes = node.input()?.len();
        let costs = rest.get(..classes.saturating_mul(classes));
        ensure(skip >> 16 == 0)?;
        Ok(FilterF32 {
            skip: skip as u16,
            weight: f32::from_bits(weight),
            costs: costs.ok_or(Error::Corrupt)?,
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        check(node, state_f32)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn parameter_words(node: &Node<'_>) -> Result<usize, Error> {
        let classes = node.input()?.len();
        Ok(classes.saturating_mul(classes).saturating_add(2))
    }

    fn run(
        layer: &FilterF32<'_>,
        [input, state]: [&[Cell<f32>]; 2],
        output: &[Cell<f32>],
    ) -> Result<StepOutcome, Error> {
        Ok(StepOutcome::continue_if(layer.run(input, state, output)?))
    }
}

#[cfg(feature = "describe")]
impl Describe for F32 {
    fn encode(layer: &FilterF32<'_>) -> (Fields, Vec<u32>) {
        let words = vec![u32::from(layer.skip), layer.weight.to_bits()];
        (Fields::none::<f32>(), [&words[..], layer.costs].concat())
    }

    fn rust(layer: &FilterF32<'_>) -> Body {
        Body::Call(format!(
            "kernels::filter::FilterF32 {{ skip: {}, weight: {:?}_f32, costs: &{:?} }}.run(input, second, output)",
            layer.skip, layer.weight, layer.costs
        ))
    }
}

/// Most classes of a filter: their costs are no more than 2^16.
const MOST_CLASSES: usize = 256;

/// Refuses a node whose tensors do not have the lengths that the classes ask for.
fn check(node: &Node<'_>, state_len: fn(usize) -> usize) -> Result<(), Error> {
    let classes = node.input()?.len();
    ensure(classes <= MOST_CLASSES)?;
    ensure(node.output()?.len() == classes && node.second_input()?.len() == state_len(classes))
}
