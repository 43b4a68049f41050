//! Early exits.

use super::{Flow, Kernel, f32s, i8s, same_shape};
use crate::format::op;
use crate::kernels::exit;
use crate::model::Elem;

/// Early exit, int8.
pub const EXIT_I8: Kernel = Kernel {
    op: op::EXIT_I8,
    check: |node| {
        same_shape(node, Elem::I8)?;
        node.words::<1>().map(drop)
    },
    run: |node, arena| {
        let arena = i8s(arena);
        let &[margin] = node.words()?;
        let (scores, output) = (node.input()?.i8s(arena)?, node.output()?.i8s(arena)?);
        Ok(Flow::unless(exit::run_i8(margin as i32, scores, output)?))
    },
};

/// Early exit, f32.
pub const EXIT_F32: Kernel = Kernel {
    op: op::EXIT_F32,
    check: |node| {
        same_shape(node, Elem::F32)?;
        node.words::<1>().map(drop)
    },
    run: |node, arena| {
        let arena = f32s(arena);
        let &[margin] = node.words()?;
        let (scores, output) = (node.input()?.f32s(arena)?, node.output()?.f32s(arena)?);
        let clear = exit::run_f32(f32::from_bits(margin), scores, output)?;
        Ok(Flow::unless(clear))
    },
};
