//! The operators of the model format, one file each.
//!
//! A file says all that the engine knows of its operator, once for each element type: code, parameters as they lie in
//! a node's record and words, what a node is refused for, and the kernel that runs it. The
//! [interpreter](crate::Interpreter) runs a node from that; whatever else reads or writes models goes by it too.
//!
//! An operator that is not in the list of [`registry`](crate::registry) does not exist for anyone.

pub mod activation;
pub mod add;
pub mod conv;
pub mod conv_i4;
pub mod convert;
pub mod depthwise;
mod element;
pub mod exit;
pub mod history;
pub mod pool;
pub mod softmax;
pub mod window_pool;

pub use element::Element;

use crate::quant::Multiplier;
use crate::{Error, Flow, Node};
use core::cell::Cell;
use core::fmt::Debug;

/// An operator for one element type.
///
/// Its methods do what is particular to it: that the tensors have the element types named here is checked for it, and
/// the elements are found for it.
pub trait Operator {
    /// Code in the record of a node. Never changes its meaning, for models outlive the engine they were written with.
    const CODE: u8;

    /// Tensors read, 1 or 2.
    const INPUTS: usize = 1;

    /// Element type of the tensors read.
    type Input: Element;

    /// Element type of the tensor written.
    type Output: Element;

    /// The parameters of a node, in the form the kernel takes; weights are borrowed.
    type Layer<'m>: Copy + Debug;

    /// Reads the parameters of `node`, its own ones from `parameters`, which may have more words behind.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there are too few words, or the geometry is impossible.
    fn parse<'m>(node: &Node<'_>, parameters: &'m [u32]) -> Result<Self::Layer<'m>, Error>;

    /// Refuses a node that could not run, though its tensors have the right element types.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when shapes or parameters do not fit together.
    fn check(node: &Node<'_>) -> Result<(), Error>;

    /// Computes `output` from `inputs`; an operator of one input gets it twice.
    ///
    /// # Errors
    /// [`Error::BufferLength`] when a tensor does not have the length that the parameters ask for.
    fn run(
        layer: &Self::Layer<'_>,
        inputs: [&[Cell<Self::Input>]; 2],
        output: &[Cell<Self::Output>],
    ) -> Result<Flow, Error>;
}

/// The first `N` of the words of a node's parameters.
fn words<const N: usize>(parameters: &[u32]) -> Result<&[u32; N], Error> {
    parameters.first_chunk().ok_or(Error::Corrupt)
}

/// A multiplier from its two words.
const fn multiplier([value, exponent]: [u32; 2]) -> Multiplier {
    Multiplier {
        value: value as i32,
        exponent: exponent as i32,
    }
}

/// `result` by reference: moving a layer out of it would cost a `memcpy`, and its 700 bytes.
pub(crate) fn borrowed<T>(result: &Result<T, Error>) -> Result<&T, Error> {
    result.as_ref().map_err(|&e| e)
}

/// [`Error::Corrupt`] unless `fits`.
const fn ensure(fits: bool) -> Result<(), Error> {
    if fits { Ok(()) } else { Err(Error::Corrupt) }
}

/// Refuses a node whose input and output differ in length.
#[inline(never)] // one function for all operators
fn same_len(node: &Node<'_>) -> Result<(), Error> {
    ensure(node.input()?.len() == node.output()?.len())
}

/// Refuses a node whose input and output differ in channels.
#[inline(never)] // one function for all operators
fn same_channels(node: &Node<'_>) -> Result<(), Error> {
    ensure(node.input()?.channels == node.output()?.channels)
}
