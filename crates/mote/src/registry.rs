//! Which operators an image contains.
//!
//! The linker keeps the operators of the slice given to the interpreter and drops the others.

mod exit;
mod packed;
mod stream;

use crate::format::op;
use crate::kernels::activation::{self, ActivationI8};
use crate::kernels::add::{self, AddI8};
use crate::kernels::conv1d::Conv1d;
use crate::kernels::conv1d_i8::Conv1dI8;
use crate::kernels::convert::{self, Grid};
use crate::kernels::depthwise::{Depthwise, DepthwiseI8};
use crate::kernels::softmax::{self, SoftmaxI8};
use crate::kernels::{Clamp, cells};
use crate::model::{Elem, Tensor};
use crate::quant::Multiplier;
use crate::{Error, Node};
use core::cell::Cell;

pub use crate::flow::Flow;
pub use exit::{EXIT_F32, EXIT_I8};
pub use packed::CONV_I4;
pub use stream::{
    HISTORY_F32, HISTORY_I8, WINDOW_AVERAGE_F32, WINDOW_AVERAGE_I8, WINDOW_MAX_F32, WINDOW_MAX_I8,
};

/// An operator of the interpreter.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// Code of the operator, see [`format::op`](crate::format::op).
    pub op: u8,
    /// Refuses a node it could not run.
    pub check: fn(&Node<'_>) -> Result<(), Error>,
    /// Runs a node in an arena of [`Model::arena_words`](crate::Model::arena_words).
    pub run: fn(&Node<'_>, &mut [u32]) -> Result<Flow, Error>,
}

/// Every operator.
pub const ALL: &[Kernel] = &[
    CONV_I8,
    CONV_F32,
    DEPTHWISE_I8,
    DEPTHWISE_F32,
    MAX_POOL_I8,
    MAX_POOL_F32,
    AVERAGE_POOL_I8,
    AVERAGE_POOL_F32,
    ADD_I8,
    ADD_F32,
    ACTIVATION_I8,
    ACTIVATION_F32,
    SOFTMAX_I8,
    SOFTMAX_F32,
    QUANTIZE,
    DEQUANTIZE,
    HISTORY_I8,
    HISTORY_F32,
    WINDOW_MAX_I8,
    WINDOW_MAX_F32,
    WINDOW_AVERAGE_I8,
    WINDOW_AVERAGE_F32,
    EXIT_I8,
    EXIT_F32,
    CONV_I4,
];

/// The int8 operators.
pub const ALL_INT8: &[Kernel] = &[
    CONV_I8,
    DEPTHWISE_I8,
    MAX_POOL_I8,
    AVERAGE_POOL_I8,
    ADD_I8,
    ACTIVATION_I8,
    SOFTMAX_I8,
    HISTORY_I8,
    WINDOW_MAX_I8,
    WINDOW_AVERAGE_I8,
    EXIT_I8,
    CONV_I4,
];

/// The f32 operators.
pub const ALL_F32: &[Kernel] = &[
    CONV_F32,
    DEPTHWISE_F32,
    MAX_POOL_F32,
    AVERAGE_POOL_F32,
    ADD_F32,
    ACTIVATION_F32,
    SOFTMAX_F32,
    HISTORY_F32,
    WINDOW_MAX_F32,
    WINDOW_AVERAGE_F32,
    EXIT_F32,
];

/// Convolution and dense layer, int8.
pub const CONV_I8: Kernel = Kernel {
    op: op::CONV_I8,
    check: |node| {
        typed(node, Elem::I8)?;
        borrowed(&conv_i8(node))?.validate()
    },
    run: |node, arena| {
        let arena = i8s(arena);
        borrowed(&conv_i8(node))?.run(node.input()?.i8s(arena)?, node.output()?.i8s(arena)?)?;
        Ok(Flow::Continue)
    },
};

/// Convolution and dense layer, f32.
pub const CONV_F32: Kernel = Kernel {
    op: op::CONV_F32,
    check: |node| {
        let shape = node.conv_shape()?;
        typed(node, Elem::F32)?;
        if shape.groups() == 0 || node.parameters().len() < Conv1d::parameter_words(&shape) {
            return Err(Error::Corrupt);
        }
        Ok(())
    },
    run: |node, arena| {
        let arena = f32s(arena);
        let conv = Conv1d {
            shape: node.conv_shape()?,
            clamp: Clamp::of(node.activation()),
            parameters: node.parameters(),
        };
        conv.run(node.input()?.f32s(arena)?, node.output()?.f32s(arena)?)?;
        Ok(Flow::Continue)
    },
};

/// Depthwise convolution, int8.
pub const DEPTHWISE_I8: Kernel = Kernel {
    op: op::DEPTHWISE_I8,
    check: |node| {
        typed(node, Elem::I8)?;
        borrowed(&depthwise_i8(node))?.validate()
    },
    run: |node, arena| {
        let arena = i8s(arena);
        borrowed(&depthwise_i8(node))?
            .run(node.input()?.i8s(arena)?, node.output()?.i8s(arena)?)?;
        Ok(Flow::Continue)
    },
};

/// Depthwise convolution, f32.
pub const DEPTHWISE_F32: Kernel = Kernel {
    op: op::DEPTHWISE_F32,
    check: |node| {
        let shape = node.conv_shape()?;
        typed(node, Elem::F32)?;
        let depthwise = shape.group_outputs == 1 && shape.groups() == shape.in_channels;
        if !depthwise || node.parameters().len() < Depthwise::parameter_words(&shape) {
            return Err(Error::Corrupt);
        }
        Ok(())
    },
    run: |node, arena| {
        let arena = f32s(arena);
        let conv = Depthwise {
            shape: node.conv_shape()?,
            clamp: Clamp::of(node.activation()),
            parameters: node.parameters(),
        };
        conv.run(node.input()?.f32s(arena)?, node.output()?.f32s(arena)?)?;
        Ok(Flow::Continue)
    },
};

/// Max pooling, int8.
pub const MAX_POOL_I8: Kernel = Kernel {
    op: op::MAX_POOL_I8,
    check: |node| check_pool(node, Elem::I8),
    run: |node, arena| {
        let arena = i8s(arena);
        node.pool_shape()?
            .max_i8(node.input()?.i8s(arena)?, node.output()?.i8s(arena)?)?;
        Ok(Flow::Continue)
    },
};

/// Max pooling, f32.
pub const MAX_POOL_F32: Kernel = Kernel {
    op: op::MAX_POOL_F32,
    check: |node| check_pool(node, Elem::F32),
    run: |node, arena| {
        let arena = f32s(arena);
        node.pool_shape()?
            .max_f32(node.input()?.f32s(arena)?, node.output()?.f32s(arena)?)?;
        Ok(Flow::Continue)
    },
};

/// Average pooling, int8.
pub const AVERAGE_POOL_I8: Kernel = Kernel {
    op: op::AVERAGE_POOL_I8,
    check: |node| check_pool(node, Elem::I8),
    run: |node, arena| {
        let arena = i8s(arena);
        node.pool_shape()?
            .average_i8(node.input()?.i8s(arena)?, node.output()?.i8s(arena)?)?;
        Ok(Flow::Continue)
    },
};

/// Average pooling, f32.
pub const AVERAGE_POOL_F32: Kernel = Kernel {
    op: op::AVERAGE_POOL_F32,
    check: |node| check_pool(node, Elem::F32),
    run: |node, arena| {
        let arena = f32s(arena);
        node.pool_shape()?
            .average_f32(node.input()?.f32s(arena)?, node.output()?.f32s(arena)?)?;
        Ok(Flow::Continue)
    },
};

/// Sum of two tensors, int8.
pub const ADD_I8: Kernel = Kernel {
    op: op::ADD_I8,
    check: |node| {
        same_shapes(node, Elem::I8)?;
        add_i8(node).map(drop)
    },
    run: |node, arena| {
        let arena = i8s(arena);
        let (a, b) = (node.input()?.i8s(arena)?, node.second_input()?.i8s(arena)?);
        add_i8(node)?.run(a, b, node.output()?.i8s(arena)?)?;
        Ok(Flow::Continue)
    },
};

/// Sum of two tensors, f32.
pub const ADD_F32: Kernel = Kernel {
    op: op::ADD_F32,
    check: |node| same_shapes(node, Elem::F32),
    run: |node, arena| {
        let arena = f32s(arena);
        let (a, b) = (
            node.input()?.f32s(arena)?,
            node.second_input()?.f32s(arena)?,
        );
        add::run_f32(
            Clamp::of(node.activation()),
            a,
            b,
            node.output()?.f32s(arena)?,
        )?;
        Ok(Flow::Continue)
    },
};

/// Clamp and change of grid, int8.
pub const ACTIVATION_I8: Kernel = Kernel {
    op: op::ACTIVATION_I8,
    check: |node| {
        same_shape(node, Elem::I8)?;
        node.words::<2>().map(drop)
    },
    run: |node, arena| {
        let arena = i8s(arena);
        let (input, output) = (node.input()?, node.output()?);
        let &[value, exponent] = node.words()?;
        let layer = ActivationI8 {
            input_zero: input.zero_point,
            factor: multiplier(value, exponent),
            output: node.grid(output.zero_point),
        };
        layer.run(input.i8s(arena)?, output.i8s(arena)?)?;
        Ok(Flow::Continue)
    },
};

/// Clamp, f32.
pub const ACTIVATION_F32: Kernel = Kernel {
    op: op::ACTIVATION_F32,
    check: |node| same_shape(node, Elem::F32),
    run: |node, arena| {
        let arena = f32s(arena);
        let clamp = Clamp::of(node.activation());
        activation::run_f32(
            clamp,
            node.input()?.f32s(arena)?,
            node.output()?.f32s(arena)?,
        )?;
        Ok(Flow::Continue)
    },
};

/// Softmax, int8.
pub const SOFTMAX_I8: Kernel = Kernel {
    op: op::SOFTMAX_I8,
    check: |node| {
        same_shape(node, Elem::I8)?;
        node.words::<3>().map(drop)
    },
    run: |node, arena| {
        let arena = i8s(arena);
        let &[value, exponent, smallest] = node.words()?;
        let layer = SoftmaxI8 {
            factor: multiplier(value, exponent),
            smallest: smallest as i32,
        };
        layer.run(node.input()?.i8s(arena)?, node.output()?.i8s(arena)?)?;
        Ok(Flow::Continue)
    },
};

/// Softmax, f32.
pub const SOFTMAX_F32: Kernel = Kernel {
    op: op::SOFTMAX_F32,
    check: |node| same_shape(node, Elem::F32),
    run: |node, arena| {
        let arena = f32s(arena);
        softmax::run_f32(node.input()?.f32s(arena)?, node.output()?.f32s(arena)?)?;
        Ok(Flow::Continue)
    },
};

/// f32 to int8.
pub const QUANTIZE: Kernel = Kernel {
    op: op::QUANTIZE,
    check: check_conversion,
    run: |node, arena| {
        let (input, output) = (node.input()?, node.output()?);
        let (x, y) = disjoint(arena, &input, &output)?;
        let whole = Tensor { offset: 0, ..input };
        let y = i8s(y).get(..output.len()).ok_or(Error::ArenaTooSmall)?;
        convert::quantize(grid(node, output.zero_point)?, whole.f32s(f32s(x))?, y)?;
        Ok(Flow::Continue)
    },
};

/// int8 to f32.
pub const DEQUANTIZE: Kernel = Kernel {
    op: op::DEQUANTIZE,
    check: check_conversion,
    run: |node, arena| {
        let (input, output) = (node.input()?, node.output()?);
        let (x, y) = disjoint(arena, &input, &output)?;
        let x = i8s(x).get(..input.len()).ok_or(Error::ArenaTooSmall)?;
        let whole = Tensor {
            offset: 0,
            ..output
        };
        convert::dequantize(grid(node, input.zero_point)?, x, whole.f32s(f32s(y))?)?;
        Ok(Flow::Continue)
    },
};

/// `result` by reference: moving a descriptor out of it would cost a `memcpy`, and its 700 bytes.
fn borrowed<T>(result: &Result<T, Error>) -> Result<&T, Error> {
    result.as_ref().map_err(|&e| e)
}

/// The arena as int8 elements.
fn i8s(arena: &mut [u32]) -> &[Cell<i8>] {
    bytemuck::try_cast_slice_mut(arena).map_or(&[], cells)
}

/// The arena as f32 elements.
fn f32s(arena: &mut [u32]) -> &[Cell<f32>] {
    bytemuck::try_cast_slice_mut(arena).map_or(&[], cells)
}

/// Words of `a` and of `b`, which may not overlap.
fn disjoint<'a>(
    arena: &'a mut [u32],
    a: &Tensor,
    b: &Tensor,
) -> Result<(&'a mut [u32], &'a mut [u32]), Error> {
    let range = |t: &Tensor| t.offset..t.offset + t.words();
    let [a, b] = arena
        .get_disjoint_mut([range(a), range(b)])
        .map_err(|_| Error::Corrupt)?;
    Ok((a, b))
}

fn multiplier(value: u32, exponent: u32) -> Multiplier {
    Multiplier {
        value: value as i32,
        exponent: exponent as i32,
    }
}

fn typed(node: &Node<'_>, elem: Elem) -> Result<(), Error> {
    if node.input()?.elem == elem && node.output()?.elem == elem {
        Ok(())
    } else {
        Err(Error::ElementType)
    }
}

fn same_shape(node: &Node<'_>, elem: Elem) -> Result<(), Error> {
    typed(node, elem)?;
    if node.input()?.len() == node.output()?.len() {
        Ok(())
    } else {
        Err(Error::Corrupt)
    }
}

fn same_shapes(node: &Node<'_>, elem: Elem) -> Result<(), Error> {
    same_shape(node, elem)?;
    let (second, output) = (node.second_input()?, node.output()?);
    if second.elem == elem && second.len() == output.len() {
        Ok(())
    } else {
        Err(Error::Corrupt)
    }
}

fn conv_i8<'m>(node: &Node<'m>) -> Result<Conv1dI8<'m>, Error> {
    let grid = node.grid(node.output()?.zero_point);
    let input_zero = node.input()?.zero_point;
    Conv1dI8::new(
        node.conv_shape()?,
        input_zero,
        grid,
        node.rounding(),
        node.parameters(),
    )
}

fn depthwise_i8<'m>(node: &Node<'m>) -> Result<DepthwiseI8<'m>, Error> {
    let grid = node.grid(node.output()?.zero_point);
    DepthwiseI8::new(
        node.conv_shape()?,
        node.input()?.zero_point,
        grid,
        node.parameters(),
    )
}

fn check_pool(node: &Node<'_>, elem: Elem) -> Result<(), Error> {
    typed(node, elem)?;
    if node.input()?.channels == node.output()?.channels {
        Ok(())
    } else {
        Err(Error::Corrupt)
    }
}

fn add_i8(node: &Node<'_>) -> Result<AddI8, Error> {
    let &[a, a_exponent, b, b_exponent, sum, sum_exponent] = node.words()?;
    Ok(AddI8 {
        zeros: [node.input()?.zero_point, node.second_input()?.zero_point],
        factors: [multiplier(a, a_exponent), multiplier(b, b_exponent)],
        factor: multiplier(sum, sum_exponent),
        output: node.grid(node.output()?.zero_point),
    })
}

fn grid(node: &Node<'_>, zero_point: i8) -> Result<Grid, Error> {
    let &[scale] = node.words()?;
    Ok(Grid {
        scale: f32::from_bits(scale),
        zero_point,
    })
}

fn check_conversion(node: &Node<'_>) -> Result<(), Error> {
    let (input, output) = (node.input()?, node.output()?);
    let overlap = input.offset < output.offset + output.words()
        && output.offset < input.offset + input.words();
    if overlap || input.len() != output.len() || input.elem == output.elem {
        return Err(Error::Corrupt);
    }
    node.words::<1>().map(drop)
}
