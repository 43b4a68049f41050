//! A tensor's memory.

use crate::kernels::cells;
use crate::{Elem, Error, Tensor};
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;

/// The elements of one tensor, time-major, in an allocation of their own.
#[derive(Debug, Clone, PartialEq)]
pub enum Buffer {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// Quantized to 8 bits.
    I8(Vec<i8>),
}

/// The elements of a [`Buffer`], in the form kernels take.
#[derive(Debug, Clone, Copy)]
pub enum Cells<'a> {
    /// 32-bit floats.
    F32(&'a [Cell<f32>]),
    /// Quantized to 8 bits.
    I8(&'a [Cell<i8>]),
}

impl Buffer {
    /// Zeros for all elements of `tensor`.
    pub(crate) fn new(tensor: &Tensor) -> Self {
        match tensor.elem {
            Elem::F32 => Buffer::F32(vec![0.0; tensor.len()]),
            Elem::I8 => Buffer::I8(vec![0; tensor.len()]),
        }
    }

    /// Its elements.
    pub(crate) fn cells(&mut self) -> Cells<'_> {
        match self {
            Buffer::F32(values) => Cells::F32(cells(values)),
            Buffer::I8(values) => Cells::I8(cells(values)),
        }
    }
}

impl<'a> Cells<'a> {
    /// The elements.
    ///
    /// # Errors
    /// [`Error::ElementType`] when they are int8.
    pub fn f32s(self) -> Result<&'a [Cell<f32>], Error> {
        match self {
            Cells::F32(values) => Ok(values),
            Cells::I8(_) => Err(Error::ElementType),
        }
    }

    /// The elements.
    ///
    /// # Errors
    /// [`Error::ElementType`] when they are f32.
    pub fn i8s(self) -> Result<&'a [Cell<i8>], Error> {
        match self {
            Cells::I8(values) => Ok(values),
            Cells::F32(_) => Err(Error::ElementType),
        }
    }
}
