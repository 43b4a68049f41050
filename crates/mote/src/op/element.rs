//! The element types of tensors.

use crate::Error;
use crate::kernels::cells;
use crate::model::{Elem, Tensor};
use core::cell::Cell;

/// Type of a tensor's elements.
pub trait Element: Copy + 'static {
    /// The type as a value.
    const ELEM: Elem;

    /// Returns the whole arena as elements of this type.
    fn arena(words: &mut [u32]) -> &[Cell<Self>];

    /// Returns the elements of `tensor`.
    ///
    /// # Errors
    /// When they have another type, or the arena is too small.
    fn elements<'a>(tensor: &Tensor, arena: &'a [Cell<Self>]) -> Result<&'a [Cell<Self>], Error>;

    /// Returns the elements of a buffer.
    ///
    /// # Errors
    /// When they have another type.
    #[cfg(feature = "boxed")]
    fn of(cells: crate::boxed::Cells<'_>) -> Result<&[Cell<Self>], Error>;
}

impl Element for i8 {
    const ELEM: Elem = Elem::I8;

    fn arena(words: &mut [u32]) -> &[Cell<i8>] {
        bytemuck::try_cast_slice_mut(words).map_or(&[], cells)
    }

    fn elements<'a>(tensor: &Tensor, arena: &'a [Cell<i8>]) -> Result<&'a [Cell<i8>], Error> {
        tensor.i8s(arena)
    }

    #[cfg(feature = "boxed")]
    fn of(cells: crate::boxed::Cells<'_>) -> Result<&[Cell<i8>], Error> {
        cells.i8s()
    }
}

impl Element for f32 {
    const ELEM: Elem = Elem::F32;

    fn arena(words: &mut [u32]) -> &[Cell<f32>] {
        bytemuck::try_cast_slice_mut(words).map_or(&[], cells)
    }

    fn elements<'a>(tensor: &Tensor, arena: &'a [Cell<f32>]) -> Result<&'a [Cell<f32>], Error> {
        tensor.f32s(arena)
    }

    #[cfg(feature = "boxed")]
    fn of(cells: crate::boxed::Cells<'_>) -> Result<&[Cell<f32>], Error> {
        cells.f32s()
    }
}
