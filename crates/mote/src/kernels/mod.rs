//! The operators, one per module, in int8 and f32.
//!
//! Kernels read and write slices of [`Cell`]s, so that input and output may share memory:
//! element-wise kernels run in place. They check lengths, index nothing that could be missing, and never panic.
//! Activations are time-major: element `(t, c)` lies at `t * channels + c`.

pub mod activation;
pub mod add;
mod argmax;
pub mod arrange;
pub mod concat;
pub mod conv1d;
pub mod conv1d_i4;
pub mod conv1d_i8;
pub mod conv2d;
pub mod convert;
pub mod depthwise;
pub mod depthwise2d;
pub mod exit;
pub mod filter;
pub mod frontend;
pub mod function;
pub mod history;
pub mod image;
pub mod leaky_relu;
pub mod lookup;
pub mod mean;
pub mod mul;
pub mod overlap;
pub mod pool;
pub mod pool2d;
pub mod softmax;
pub mod window_pool;

pub use argmax::argmax;

use crate::Error;
use crate::format::{ACTIVATION_RELU, ACTIVATION_RELU6};
use core::cell::Cell;

/// A mutable slice as a slice of cells, the form kernels take.
pub fn cells<T>(slice: &mut [T]) -> &[Cell<T>] {
    Cell::from_mut(slice).as_slice_of_cells()
}

/// A clamp of f32 outputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clamp {
    /// Smallest value.
    pub low: f32,
    /// Largest value.
    pub high: f32,
}

impl Clamp {
    /// No clamp.
    pub const NONE: Self = Self {
        low: f32::NEG_INFINITY,
        high: f32::INFINITY,
    };

    /// The clamp of an activation code of the model format.
    pub const fn of(activation: i8) -> Self {
        match activation {
            ACTIVATION_RELU => Self {
                low: 0.0,
                high: f32::INFINITY,
            },
            ACTIVATION_RELU6 => Self {
                low: 0.0,
                high: 6.0,
            },
            _ => Self::NONE,
        }
    }

    /// `x` inside the clamp. NaN stays NaN: a broken input must not look like a zero.
    #[inline(always)]
    pub fn apply(self, x: f32) -> f32 {
        if x < self.low {
            self.low
        } else if x > self.high {
            self.high
        } else {
            x
        }
    }
}

/// `slice[first..first + len]`, or an error.
#[inline(always)]
fn part<T>(slice: &[T], first: usize, len: usize) -> Result<&[T], Error> {
    slice
        .get(first..)
        .and_then(|rest| rest.get(..len))
        .ok_or(Error::BufferLength)
}

/// Error unless `slice` has `len` elements.
fn expect_len<T>(slice: &[T], len: usize) -> Result<(), Error> {
    if slice.len() == len {
        Ok(())
    } else {
        Err(Error::BufferLength)
    }
}
