//! Convolutions and dense layers whose int8 weights take four bits in the model.
//!
//! Parameters: those of the [int8 convolution](super::conv::I8), but two words of four taps become one; see
//! [`format`](crate::format).

use super::{Operator, borrowed};
#[cfg(feature = "describe")]
use crate::describe::{Body, Describe, Fields};
#[cfg(feature = "boxed")]
use crate::kernels::conv1d_i4::unpack;
use crate::kernels::conv1d_i4::{Conv1dI4, SCRATCH_GROUPS};
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// Scratch of fields of up to 64 taps.
const SHORT_GROUPS: usize = 32;

/// The convolution with weights of four bits.
#[derive(Debug, Clone, Copy)]
pub struct I4;

impl Operator for I4 {
    const CODE: u8 = 25;
    type Input = i8;
    type Output = i8;
    type Layer<'m> = Conv1dI4<'m>;

    fn parse<'m>(node: &Node<'_>, parameters: &'m [u32]) -> Result<Conv1dI4<'m>, Error> {
        Conv1dI4::new(
            node.conv_shape()?,
            node.input()?.zero_point,
            node.grid(node.output()?.zero_point),
            node.rounding(),
            parameters,
        )
    }

    fn check(node: &Node<'_>) -> Result<(), Error> {
        borrowed(&Self::parse(node, node.parameters()))?.validate()
    }

    fn parameter_words(node: &Node<'_>) -> Result<usize, Error> {
        let layer = Self::parse(node, node.parameters());
        let layer = borrowed(&layer)?;
        Ok(layer.channels.as_flattened().len() + layer.weights.len())
    }

    fn run(
        layer: &Conv1dI4<'_>,
        [input, _]: [&[Cell<i8>]; 2],
        output: &[Cell<i8>],
    ) -> Result<StepOutcome, Error> {
        if layer.scratch_groups() <= SHORT_GROUPS {
            run::<SHORT_GROUPS>(layer, input, output)?;
        } else {
            run::<SCRATCH_GROUPS>(layer, input, output)?;
        }
        Ok(StepOutcome::Continue)
    }

    /// Unpacks the weights once, which then take eight bits on the heap.
    #[cfg(feature = "boxed")]
    fn load(
        node: &Node<'static>,
        own: &'static [u32],
        _: crate::boxed::Keep,
    ) -> Result<alloc::boxed::Box<dyn crate::boxed::Layer>, Error> {
        let packed = Self::parse(node, own);
        let packed = borrowed(&packed)?;
        let mut groups = alloc::vec![[0; 2]; packed.weights.len()];
        unpack(packed.weights, &mut groups);
        let words = [packed.channels.as_flattened(), groups.as_flattened()].concat();
        crate::boxed::Loaded::<super::conv::I8>::boxed(node, words.leak())
    }
}

#[cfg(feature = "describe")]
impl Describe for I4 {
    fn encode(layer: &Conv1dI4<'_>) -> (Fields, Vec<u32>) {
        let words = [layer.channels.as_flattened(), layer.weights].concat();
        let fields = super::conv::fields_i8(&layer.shape, layer.rounding, layer.output);
        (fields, words)
    }

    fn rust(_: &Conv1dI4<'_>) -> Body {
        Body::Weighted
    }
}

#[inline(never)] // a function of its own, so that the scratch is on the stack only where it is needed
fn run<const GROUPS: usize>(
    conv: &Conv1dI4<'_>,
    input: &[Cell<i8>],
    output: &[Cell<i8>],
) -> Result<(), Error> {
    let mut scratch = [[0; 2]; GROUPS];
    conv.run_tile(input, output, 0, conv.shape.out_channels, &mut scratch)
}
