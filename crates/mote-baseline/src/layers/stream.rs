//! Layers that keep something from run to run, in buffers that are zeros before the first.

use super::{Keep, Layer};
use crate::Cells;
use alloc::boxed::Box;
use mote::kernels::{history, window_pool};
use mote::registry::Flow;
use mote::{Error, Node};

/// Old steps in front of new ones.
pub(super) struct History;

impl History {
    pub(super) fn load(_: &Node<'static>, _: Keep) -> Result<Box<dyn Layer>, Error> {
        Ok(Box::new(Self))
    }
}

impl Layer for History {
    fn forward(&self, [input, _]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        match input {
            Cells::F32(input) => history::run_f32(input, output.f32s()?),
            Cells::I8(input) => history::run_i8(input, output.i8s()?),
        }?;
        Ok(Flow::Continue)
    }
}

/// Largest elements of windows of a stream.
pub(super) struct WindowMax(window_pool::Shape);

impl WindowMax {
    pub(super) fn load(node: &Node<'static>, _: Keep) -> Result<Box<dyn Layer>, Error> {
        Ok(Box::new(Self(node.window_pool_shape()?)))
    }
}

impl Layer for WindowMax {
    fn forward(&self, [input, state]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        Ok(Flow::on(match input {
            Cells::F32(input) => self.0.max_f32(input, state.f32s()?, output.f32s()?)?,
            Cells::I8(input) => self.0.max_i8(input, state.i8s()?, output.i8s()?)?,
        }))
    }
}

/// Means of windows of a stream.
pub(super) struct WindowAverage(window_pool::Shape);

impl WindowAverage {
    pub(super) fn load(node: &Node<'static>, _: Keep) -> Result<Box<dyn Layer>, Error> {
        Ok(Box::new(Self(node.window_pool_shape()?)))
    }
}

impl Layer for WindowAverage {
    fn forward(&self, [input, state]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        Ok(Flow::on(match input {
            Cells::F32(input) => self.0.average_f32(input, state.f32s()?, output.f32s()?)?,
            Cells::I8(input) => self.0.average_i8(input, state.i8s()?, output.i8s()?)?,
        }))
    }
}
