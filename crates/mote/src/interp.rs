//! Runs a model step by step, with the operators it is given.

use crate::kernels::cells;
use crate::kernels::frontend::Frontend;
use crate::model::{Elem, Tensor};
use crate::registry::Kernel;
use crate::{Error, Model, Node, StepOutcome};

/// Elements of a tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum View<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// Quantized to 8 bits.
    I8(&'a [i8]),
}

/// A model, ready to run.
///
/// It holds no state: all activations live in the arena, which the caller owns.
#[derive(Debug, Clone, Copy)]
pub struct Interpreter<'m> {
    model: Model<'m>,
    kernels: &'m [Kernel],
}

impl<'m> Interpreter<'m> {
    /// Checks that `kernels` can run every node of `model`. After that only a wrong arena or buffer length is
    /// an error.
    ///
    /// # Errors
    /// [`Error::UnsupportedOp`] when an operator is missing, [`Error::Corrupt`] or [`Error::ElementType`] when
    /// a node's parameters do not fit its tensors.
    pub fn new(model: Model<'m>, kernels: &'m [Kernel]) -> Result<Self, Error> {
        for node in model.nodes() {
            (find(kernels, &node)?.check)(&node)?;
        }
        Ok(Self { model, kernels })
    }

    /// As [`Interpreter::new`], for words and `kernels` that it accepted before: repeats neither its checks nor the
    /// checksum. What has been damaged since gives errors or wrong results, but no worse.
    ///
    /// # Errors
    /// [`Error::Length`] when there is not even a header.
    pub fn resume(words: &'m [u32], kernels: &'m [Kernel]) -> Result<Self, Error> {
        Ok(Self {
            model: Model::view(words)?,
            kernels,
        })
    }

    /// The model.
    pub const fn model(&self) -> &Model<'m> {
        &self.model
    }

    /// Runs the network: reads the input tensor in `arena`, leaves the output tensor there. Everything else in
    /// the arena may be overwritten, the input too; but what a stream keeps from run to run lies in the arena as
    /// well, and is all zero words before the first run.
    ///
    /// Returns whether the output holds a new decision: a stream has none until enough samples have come.
    ///
    /// # Errors
    /// [`Error::ArenaTooSmall`].
    pub fn run(&self, arena: &mut [u32]) -> Result<bool, Error> {
        Ok(self.run_outcome(arena)? != StepOutcome::NeedMoreSamples)
    }

    /// As [`Interpreter::run`], and tells how the run ended: [`StepOutcome::Continue`] when every node ran,
    /// [`StepOutcome::Exited`] at an early exit.
    ///
    /// # Errors
    /// [`Error::ArenaTooSmall`].
    pub fn run_outcome(&self, arena: &mut [u32]) -> Result<StepOutcome, Error> {
        for node in self.model.nodes() {
            match mote_step(&node, self.kernels, arena)? {
                StepOutcome::Continue => (),
                end => return Ok(end),
            }
        }
        Ok(StepOutcome::Continue)
    }

    /// Runs every node, whether its output is needed or not, and shows that to `observe`, with the node's index.
    ///
    /// # Errors
    /// [`Error::ArenaTooSmall`].
    pub fn run_observed(
        &self,
        arena: &mut [u32],
        mut observe: impl FnMut(usize, View<'_>),
    ) -> Result<(), Error> {
        for (index, node) in self.model.nodes().enumerate() {
            mote_step(&node, self.kernels, arena)?;
            observe(index, view(&node.output()?, arena)?);
        }
        Ok(())
    }

    /// Converts a window of sensor counts, time-major, into the input tensor.
    ///
    /// # Errors
    /// [`Error::NoFrontend`], [`Error::BufferLength`] or [`Error::ArenaTooSmall`].
    pub fn load_counts(&self, counts: &[i16], arena: &mut [u32]) -> Result<(), Error> {
        let frontend = Frontend::new(self.model.frontend().ok_or(Error::NoFrontend)?);
        let input = self.model.input()?;
        match input.elem {
            Elem::F32 => frontend.run_f32(counts, cells(self.input_f32(arena)?)),
            Elem::I8 => frontend.run_i8(counts, input.zero_point, cells(self.input_i8(arena)?)),
        }
    }

    /// The input tensor, to be filled.
    ///
    /// # Errors
    /// [`Error::ElementType`] when it is f32, [`Error::ArenaTooSmall`].
    pub fn input_i8<'a>(&self, arena: &'a mut [u32]) -> Result<&'a mut [i8], Error> {
        let tensor = self.model.input()?;
        let words = words_mut(&tensor, Elem::I8, arena)?;
        let bytes = bytemuck::try_cast_slice_mut(words).map_err(|_| Error::ArenaTooSmall)?;
        bytes.get_mut(..tensor.len()).ok_or(Error::ArenaTooSmall)
    }

    /// The input tensor, to be filled.
    ///
    /// # Errors
    /// [`Error::ElementType`] when it is int8, [`Error::ArenaTooSmall`].
    pub fn input_f32<'a>(&self, arena: &'a mut [u32]) -> Result<&'a mut [f32], Error> {
        let tensor = self.model.input()?;
        let words = words_mut(&tensor, Elem::F32, arena)?;
        bytemuck::try_cast_slice_mut(words).map_err(|_| Error::ArenaTooSmall)
    }

    /// The output tensor, after a run.
    ///
    /// # Errors
    /// [`Error::ElementType`] when it is f32, [`Error::ArenaTooSmall`].
    pub fn output_i8<'a>(&self, arena: &'a [u32]) -> Result<&'a [i8], Error> {
        match view(&self.model.output()?, arena)? {
            View::I8(output) => Ok(output),
            View::F32(_) => Err(Error::ElementType),
        }
    }

    /// The output tensor, after a run.
    ///
    /// # Errors
    /// [`Error::ElementType`] when it is int8, [`Error::ArenaTooSmall`].
    pub fn output_f32<'a>(&self, arena: &'a [u32]) -> Result<&'a [f32], Error> {
        match view(&self.model.output()?, arena)? {
            View::F32(output) => Ok(output),
            View::I8(_) => Err(Error::ElementType),
        }
    }
}

/// Runs one node. A function of its own, so that a profiler can watch its address and tell the layers apart.
#[inline(never)]
pub fn mote_step(
    node: &Node<'_>,
    kernels: &[Kernel],
    arena: &mut [u32],
) -> Result<StepOutcome, Error> {
    (find(kernels, node)?.run)(node, arena)
}

fn find<'k>(kernels: &'k [Kernel], node: &Node<'_>) -> Result<&'k Kernel, Error> {
    kernels
        .iter()
        .find(|k| k.op == node.op())
        .ok_or(Error::UnsupportedOp)
}

fn words_mut<'a>(
    tensor: &Tensor,
    elem: Elem,
    arena: &'a mut [u32],
) -> Result<&'a mut [u32], Error> {
    if tensor.elem != elem {
        return Err(Error::ElementType);
    }
    arena
        .get_mut(tensor.offset..)
        .and_then(|rest| rest.get_mut(..tensor.words()))
        .ok_or(Error::ArenaTooSmall)
}

fn view<'a>(tensor: &Tensor, arena: &'a [u32]) -> Result<View<'a>, Error> {
    let words = arena
        .get(tensor.offset..)
        .and_then(|rest| rest.get(..tensor.words()))
        .ok_or(Error::ArenaTooSmall)?;
    match tensor.elem {
        Elem::F32 => bytemuck::try_cast_slice(words)
            .map(View::F32)
            .map_err(|_| Error::ElementType),
        Elem::I8 => bytemuck::try_cast_slice(words)
            .ok()
            .and_then(|bytes: &[i8]| bytes.get(..tensor.len()))
            .map(View::I8)
            .ok_or(Error::ElementType),
    }
}
