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
        let conv = conv_i4(node);
        let conv = borrowed(&conv)?;
        if conv.scratch_groups() <= SHORT_GROUPS {
            run::<SHORT_GROUPS>(conv, node, arena)
        } else {
            run::<SCRATCH_GROUPS>(conv, node, arena)
        }
    },
};

/// Scratch of fields of up to 64 taps.
const SHORT_GROUPS: usize = 32;

#[inline(never)] // apart, the scratch is on the stack where it is needed only
fn run<const GROUPS: usize>(
    conv: &Conv1dI4<'_>,
    node: &Node<'_>,
    arena: &mut [u32],
) -> Result<Flow, Error> {
    let arena = i8s(arena);
    let (input, output) = (node.input()?.i8s(arena)?, node.output()?.i8s(arena)?);
    let mut scratch = [[0; 2]; GROUPS];
    conv.run_tile(input, output, 0, conv.shape.out_channels, &mut scratch)?;
    Ok(Flow::Continue)
}

fn conv_i4<'m>(node: &Node<'m>) -> Result<Conv1dI4<'m>, Error> {
    Conv1dI4::new(
        node.conv_shape()?,
        node.input()?.zero_point,
        node.grid(node.output()?.zero_point),
        node.rounding(),
        node.parameters(),
    )
}
