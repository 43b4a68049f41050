//! Any function of one int8 value.
//!
//! Parameters: the results of -128 to 127, four in a word.

use super::{Operator, same_len, words};
#[cfg(feature = "describe")]
use crate::describe::{Body, C, Describe, Fields, Tensors};
use crate::kernels::lookup::{WORDS, run};
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// The table.
#[derive(Debug, Clone, Copy)]
pub struct I8;

impl Operator for I8 {
    const CODE: u8 = 33;
    const IMPORTED: bool = true;
    const WORDS: usize = WORDS;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = &'m [u32; WORDS];

    fn parse<'m>(node: &Node<'_>, parameters: &'m [u32]) -> Result<&'m [u32; WORDS], Error> {
        let _ = node;
        words(parameters)
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        same_len(node)?;
        Self::parse(node, node.parameters()).map(drop)
    }

    fn run(
        layer: &&'_ [u32; WORDS],
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        run(layer, input, output)?;
        Ok(StepOutcome::Continue)
    }
}

#[cfg(feature = "describe")]
impl Describe for I8 {
    fn encode(layer: &&'_ [u32; WORDS]) -> (Fields, Vec<u32>) {
        (Fields::none::<i8>(), layer.to_vec())
    }

    fn rust(layer: &&'_ [u32; WORDS]) -> Body {
        Body::Call(format!("kernels::lookup::run(&{layer:?}, input, output)"))
    }

    fn c(layer: &&'_ [u32; WORDS], [.., output]: &Tensors) -> Option<C> {
        let bytes = layer.iter().flat_map(|word| word.to_le_bytes());
        let bytes: Vec<_> = bytes.map(|b| format!("{}", b as i8)).collect();
        let fields = format!("{}, {{{}}}", output.len(), bytes.join(", "));
        C::with_constant("lookup", "lookup", fields)
    }
}
