//! Operators that keep something from run to run.

use super::{Flow, Kernel, check_pool, f32s, i8s};
use crate::format::op;
use crate::kernels::history;
use crate::kernels::window_pool::Shape;
use crate::model::{Elem, Tensor};
use crate::{Error, Node};
use core::cell::Cell;

/// Old steps in front of new ones, int8.
pub const HISTORY_I8: Kernel = Kernel {
    op: op::HISTORY_I8,
    check: |node| check_history(node, Elem::I8),
    run: |node, arena| {
        let arena = i8s(arena);
        history::run_i8(node.input()?.i8s(arena)?, node.output()?.i8s(arena)?)?;
        Ok(Flow::Continue)
    },
};

/// Old steps in front of new ones, f32.
pub const HISTORY_F32: Kernel = Kernel {
    op: op::HISTORY_F32,
    check: |node| check_history(node, Elem::F32),
    run: |node, arena| {
        let arena = f32s(arena);
        history::run_f32(node.input()?.f32s(arena)?, node.output()?.f32s(arena)?)?;
        Ok(Flow::Continue)
    },
};

/// Largest elements of windows of a stream, int8.
pub const WINDOW_MAX_I8: Kernel = Kernel {
    op: op::WINDOW_MAX_I8,
    check: |node| check_windows(node, Elem::I8, Shape::state_max_i8),
    run: |node, arena| {
        let arena = i8s(arena);
        windows(node, arena, Tensor::i8s, Shape::max_i8)
    },
};

/// Largest elements of windows of a stream, f32.
pub const WINDOW_MAX_F32: Kernel = Kernel {
    op: op::WINDOW_MAX_F32,
    check: |node| check_windows(node, Elem::F32, Shape::state_f32),
    run: |node, arena| {
        let arena = f32s(arena);
        windows(node, arena, Tensor::f32s, Shape::max_f32)
    },
};

/// Means of windows of a stream, int8.
pub const WINDOW_AVERAGE_I8: Kernel = Kernel {
    op: op::WINDOW_AVERAGE_I8,
    check: |node| {
        check_windows(node, Elem::I8, Shape::state_average_i8)?;
        match node.window_pool_shape()?.sums_fit() {
            true => Ok(()),
            false => Err(Error::Corrupt),
        }
    },
    run: |node, arena| {
        let arena = i8s(arena);
        windows(node, arena, Tensor::i8s, Shape::average_i8)
    },
};

/// Means of windows of a stream, f32.
pub const WINDOW_AVERAGE_F32: Kernel = Kernel {
    op: op::WINDOW_AVERAGE_F32,
    check: |node| check_windows(node, Elem::F32, Shape::state_f32),
    run: |node, arena| {
        let arena = f32s(arena);
        windows(node, arena, Tensor::f32s, Shape::average_f32)
    },
};

/// A tensor's elements in the arena.
type Elements<T> = for<'a> fn(&Tensor, &'a [Cell<T>]) -> Result<&'a [Cell<T>], Error>;

/// Pools input and state into the output; whether a window is complete.
type Pool<T> = fn(&Shape, &[Cell<T>], &[Cell<T>], &[Cell<T>]) -> Result<bool, Error>;

/// Pools the windows of a stream in an arena of elements of one type.
fn windows<T>(
    node: &Node<'_>,
    arena: &[Cell<T>],
    elements: Elements<T>,
    pool: Pool<T>,
) -> Result<Flow, Error> {
    let input = elements(&node.input()?, arena)?;
    let state = elements(&node.second_input()?, arena)?;
    let output = elements(&node.output()?, arena)?;
    let complete = pool(&node.window_pool_shape()?, input, state, output)?;
    Ok(Flow::on(complete))
}

fn check_history(node: &Node<'_>, elem: Elem) -> Result<(), Error> {
    check_pool(node, elem)?;
    if node.input()?.time <= node.output()?.time {
        Ok(())
    } else {
        Err(Error::Corrupt)
    }
}

fn check_windows(node: &Node<'_>, elem: Elem, state_len: fn(&Shape) -> usize) -> Result<(), Error> {
    check_pool(node, elem)?;
    let (state, output) = (node.second_input()?, node.output()?);
    let len = state_len(&node.window_pool_shape()?);
    if state.elem == elem && state.len() == len && output.time == 1 {
        Ok(())
    } else {
        Err(Error::Corrupt)
    }
}
