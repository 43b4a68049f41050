//! A filter over decisions.
//!
//! Parameters: the steps to skip and the weight, as halves of a word in int8 and two words in f32; then the costs, two to
//! a word in int8, or the one cost of all changes. The second input keeps its content from run to run. A run all of whose
//! steps are skipped ends here.

use super::{Ending, Operator, ensure, same_channels, words};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors};
use crate::kernels::filter::{
    ChangeI8, FilterF32, FilterI8, LIMIT, cost_words_i8, state_change_i8, state_f32, state_i8,
};
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
        let costs = rest.get(..cost_words_i8(node.input()?.channels));
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
        ensure(filter.costs.iter().all(small))
    }

    fn parameter_words(node: &Node<'_>) -> Result<usize, Error> {
        Ok(1 + cost_words_i8(node.input()?.channels))
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

    fn c(layer: &FilterI8<'_>, [input, _, output]: &Tensors) -> Option<C> {
        let classes = output.len();
        let costs: Vec<String> = layer
            .costs
            .iter()
            .flat_map(|word| [word & 0xffff, word >> 16])
            .take(classes * classes)
            .map(|cost| cost.to_string())
            .collect();
        let fields = format!(
            "{}, {classes}, {}, {}, (const int16_t[]){{{}}}",
            input.len(),
            layer.skip,
            layer.weight,
            costs.join(", ")
        );
        C::with_constant("filter", "filter", fields)
    }
}

/// The int8 filter whose changes all cost the same.
#[derive(Debug, Clone, Copy)]
pub struct Change;

impl Operator for Change {
    const CODE: u8 = 30;
    const INPUTS: usize = 2;
    const ENDING: Ending = Ending::Wait;
    const WORDS: usize = 2;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = ChangeI8;

    fn parse(_: &Node<'_>, parameters: &[u32]) -> Result<ChangeI8, Error> {
        let &[first, cost] = words(parameters)?;
        let (skip, weight) = halves(first);
        ensure(cost <= LIMIT)?;
        Ok(ChangeI8 {
            skip: skip as u16,
            weight: weight as u16,
            cost: cost as u16,
        })
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        check(node, state_change_i8)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &ChangeI8,
        [input, state]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        Ok(StepOutcome::continue_if(layer.run(input, state, output)?))
    }
}

#[cfg(feature = "describe")]
impl Describe for Change {
    fn encode(layer: &ChangeI8) -> (Fields, Vec<u32>) {
        let first = u32::from(layer.skip) | u32::from(layer.weight) << 16;
        (Fields::none::<i8>(), vec![first, u32::from(layer.cost)])
    }

    fn rust(layer: &ChangeI8) -> Body {
        Body::Call(format!(
            "kernels::filter::{layer:?}.run(input, second, output)"
        ))
    }

    fn c(layer: &ChangeI8, [input, _, output]: &Tensors) -> Option<C> {
        let fields = format!(
            "{}, {}, {}, {}, {}",
            input.len(),
            output.len(),
            layer.skip,
            layer.weight,
            layer.cost
        );
        C::with_constant("filter_change", "filter_change", fields)
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
        let classes = node.input()?.channels;
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
        let classes = node.input()?.channels;
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
        let words = [u32::from(layer.skip), layer.weight.to_bits()];
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
    let classes = node.input()?.channels;
    same_channels(node)?;
    ensure(classes <= MOST_CLASSES && node.output()?.time == 1)?;
    ensure(node.second_input()?.len() == state_len(classes))
}
