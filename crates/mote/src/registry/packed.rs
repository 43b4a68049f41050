//! Operators whose weights are unpacked before they are used.

use super::{Flow, Kernel, borrowed, i8s, typed};
use crate::format::op;
use crate::kernels::conv1d_i4::{Conv1dI4, SCRATCH_GROUPS};
use crate::model::Elem;
use crate::{Error, Node};

/// Convolution and dense layer, int8 with weights of four bits.
pub const CONV_I4: Kernel = Kernel {
    op: op::CONV_I4,
    check: |node| {
        typed(node, Elem::I8)?;
        borrowed(&conv_i4(node))?.validate()
    },
    run: |node, arena| {
        let arena = i8s(arena);
        let (input, output) = (node.input()?, node.output()?);
        let mut scratch = [[0; 2]; SCRATCH_GROUPS];
        borrowed(&conv_i4(node))?.run_tile(
            input.i8s(arena)?,
            output.i8s(arena)?,
            0,
            node.conv_shape()?.out_channels,
            &mut scratch,
        )?;
        Ok(Flow::Continue)
    },
};

fn conv_i4<'m>(node: &Node<'m>) -> Result<Conv1dI4<'m>, Error> {
    Conv1dI4::new(
        node.conv_shape()?,
        node.input()?.zero_point,
        node.grid(node.output()?.zero_point),
        node.rounding(),
        node.parameters(),
    )
}
