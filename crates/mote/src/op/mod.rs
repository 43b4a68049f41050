//! The operators of the model format, one file each.
//!
//! A file holds all that the engine knows of its operator, once for each element type: its code, how its parameters are
//! read from a node, why a node is refused, and the kernel that runs it. The [interpreter](crate::Interpreter), boxed
//! layers, the writer of models and the code generators all use these files.
//!
//! The list of operators is the macro `for_each_operator` of this module. CONTRIBUTING.md says how to add one.

pub mod activation;
pub mod add;
pub mod arrange;
pub mod concat;
pub mod conv;
pub mod conv2d;
pub mod conv_i4;
pub mod convert;
pub mod depthwise;
mod element;
pub mod exit;
pub mod filter;
pub mod function;
pub mod history;
mod image;
pub mod leaky_relu;
pub mod lookup;
pub mod mean;
pub mod mul;
pub mod pool;
pub mod pool2d;
pub mod softmax;
pub mod window_pool;

pub use element::Element;

use crate::quant::Multiplier;
use crate::{Error, Node, StepOutcome};
use core::cell::Cell;
use core::fmt::Debug;

/// Calls the macro `$then` with the list of all operators. An entry has the name of the operator's constant in tables of
/// operators, and the type that implements it; `=> converting` marks a conversion between element types.
///
/// The interpreter searches the list from the front.
macro_rules! for_each_operator {
    ($then:ident) => {
        $then! {
            /// Convolution and dense layer, int8.
            CONV_I8: conv::I8;
            /// Convolution and dense layer, f32.
            CONV_F32: conv::F32;
            /// Depthwise convolution, int8.
            DEPTHWISE_I8: depthwise::I8;
            /// Depthwise convolution, f32.
            DEPTHWISE_F32: depthwise::F32;
            /// Max pooling, int8.
            MAX_POOL_I8: pool::MaxI8;
            /// Max pooling, f32.
            MAX_POOL_F32: pool::MaxF32;
            /// Average pooling, int8.
            AVERAGE_POOL_I8: pool::AverageI8;
            /// Average pooling, f32.
            AVERAGE_POOL_F32: pool::AverageF32;
            /// Sum of two tensors, int8.
            ADD_I8: add::I8;
            /// Sum of two tensors, f32.
            ADD_F32: add::F32;
            /// Clamp and change of grid, int8.
            ACTIVATION_I8: activation::I8;
            /// Clamp, f32.
            ACTIVATION_F32: activation::F32;
            /// Softmax, int8.
            SOFTMAX_I8: softmax::I8;
            /// Softmax, f32.
            SOFTMAX_F32: softmax::F32;
            /// f32 to int8.
            QUANTIZE: convert::Quantize => converting;
            /// int8 to f32.
            DEQUANTIZE: convert::Dequantize => converting;
            /// Old steps in front of new ones, int8.
            HISTORY_I8: history::I8;
            /// Old steps in front of new ones, f32.
            HISTORY_F32: history::F32;
            /// Largest elements of windows of a stream, int8.
            WINDOW_MAX_I8: window_pool::MaxI8;
            /// Largest elements of windows of a stream, f32.
            WINDOW_MAX_F32: window_pool::MaxF32;
            /// Means of windows of a stream, int8.
            WINDOW_AVERAGE_I8: window_pool::AverageI8;
            /// Means of windows of a stream, f32.
            WINDOW_AVERAGE_F32: window_pool::AverageF32;
            /// Early exit, int8.
            EXIT_I8: exit::I8;
            /// Early exit, f32.
            EXIT_F32: exit::F32;
            /// Convolution and dense layer, int8 with weights of four bits.
            CONV_I4: conv_i4::I4;
            /// `x` where it is positive, else `alpha * x`, int8.
            LEAKY_RELU_I8: leaky_relu::I8;
            /// `x` where it is positive, else `alpha * x`, f32.
            LEAKY_RELU_F32: leaky_relu::F32;
            /// Filter over decisions, int8.
            FILTER_I8: filter::I8;
            /// Filter over decisions, f32.
            FILTER_F32: filter::F32;
            /// Filter over decisions whose changes all cost the same, int8.
            FILTER_CHANGE_I8: filter::Change;
            /// Mean over time onto another grid, int8.
            MEAN_I8: mean::I8;
            /// Means of windows of a stream onto another grid, int8.
            WINDOW_MEAN_I8: mean::WindowI8;
            /// Any function of one value, int8.
            LOOKUP_I8: lookup::I8;
            /// Sigmoid, f32.
            SIGMOID_F32: function::SigmoidF32;
            /// Hyperbolic tangent, f32.
            TANH_F32: function::TanhF32;
            /// Natural logarithm, f32.
            LOG_F32: function::LogF32;
            /// `x` times a hard sigmoid, f32.
            HARD_SWISH_F32: function::HardSwishF32;
            /// Hard sigmoid, f32.
            HARD_SIGMOID_F32: function::HardSigmoidF32;
            /// Another shape, int8.
            RESHAPE_I8: arrange::ReshapeI8;
            /// Another shape, f32.
            RESHAPE_F32: arrange::ReshapeF32;
            /// Swapped axes, int8.
            TRANSPOSE_I8: arrange::TransposeI8;
            /// Swapped axes, f32.
            TRANSPOSE_F32: arrange::TransposeF32;
            /// Two tensors side by side, int8.
            CONCAT_I8: concat::I8;
            /// Two tensors side by side, f32.
            CONCAT_F32: concat::F32;
            /// Product of two tensors, int8.
            MUL_I8: mul::I8;
            /// Product of two tensors, f32.
            MUL_F32: mul::F32;
            /// A factor per channel, int8.
            SCALE_I8: mul::ScaleI8;
            /// A summand per channel, int8.
            SHIFT_I8: mul::ShiftI8;
            /// Max pooling over two axes, int8.
            MAX_POOL_2D_I8: pool2d::MaxI8;
            /// Max pooling over two axes, f32.
            MAX_POOL_2D_F32: pool2d::MaxF32;
            /// Average pooling over two axes, int8.
            AVERAGE_POOL_2D_I8: pool2d::AverageI8;
            /// Average pooling over two axes, f32.
            AVERAGE_POOL_2D_F32: pool2d::AverageF32;
            /// Convolution over two axes, int8.
            CONV_2D_I8: conv2d::ConvI8;
            /// Convolution over two axes, f32.
            CONV_2D_F32: conv2d::ConvF32;
            /// Depthwise convolution over two axes, int8.
            DEPTHWISE_2D_I8: conv2d::DepthwiseI8;
            /// Depthwise convolution over two axes, f32.
            DEPTHWISE_2D_F32: conv2d::DepthwiseF32;
        }
    };
}
pub(crate) use for_each_operator;

/// An operator for one element type.
///
/// Whoever calls its methods has checked that the tensors have the element types named here, and hands their elements to
/// [`Operator::run`].
pub trait Operator {
    /// Code in the record of a node. Its meaning never changes, because a newer engine must read older models.
    const CODE: u8;

    /// Whether only imported networks have it: images that hold the operators of all networks that Mote trains do without.
    const IMPORTED: bool = false;

    /// Tensors read, 1 or 2.
    const INPUTS: usize = 1;

    /// Whether a run may end at the operator.
    const ENDING: Ending = Ending::Never;

    /// Words of parameters of every node. An operator with weights, whose number depends on the node, has
    /// [`Operator::parameter_words`] of its own.
    const WORDS: usize = 0;

    /// Element type of the tensors read.
    type Input: Element;

    /// Element type of the tensor written.
    type Output: Element;

    /// The parameters of a node, in the form the kernel takes; weights are borrowed.
    type Layer<'m>: Copy + Debug;

    /// Reads the parameters of `node`: its geometry from the record, the rest from the first words of `parameters`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there are too few words, or the geometry is impossible.
    fn parse<'m>(node: &Node<'_>, parameters: &'m [u32]) -> Result<Self::Layer<'m>, Error>;

    /// Refuses a node that could not run. The element types of its tensors are checked before.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when shapes or parameters do not fit together.
    fn check(node: &Node<'_>) -> Result<(), Error>;

    /// Returns how many words of parameters the node has.
    ///
    /// # Errors
    /// As [`Operator::parse`].
    fn parameter_words(_: &Node<'_>) -> Result<usize, Error> {
        Ok(Self::WORDS)
    }

    /// Computes `output` from `inputs`. For an operator of one input, both are that input.
    ///
    /// # Errors
    /// [`Error::BufferLength`] when a tensor does not have the length that the parameters ask for.
    fn run(
        layer: &Self::Layer<'_>,
        inputs: [&[Cell<Self::Input>]; 2],
        output: &[Cell<Self::Output>],
    ) -> Result<StepOutcome, Error>;

    /// Makes a boxed layer of `node`, whose [check](Operator::check) has passed and whose parameters are `own`.
    ///
    /// # Errors
    /// As [`Operator::parse`].
    #[cfg(feature = "boxed")]
    fn load(
        node: &Node<'static>,
        own: &'static [u32],
        keep: crate::boxed::Keep,
    ) -> Result<alloc::boxed::Box<dyn crate::boxed::Layer>, Error>
    where
        Self: Sized + 'static,
    {
        crate::boxed::Loaded::<Self>::boxed(node, keep.parameters(own))
    }
}

/// How a run may end at an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Not at all.
    Never,
    /// [As an early exit](StepOutcome::exit_if).
    Exit,
    /// [As a pool over windows of a stream](StepOutcome::continue_if).
    Wait,
}

/// Returns the first `N` words of a node's parameters.
fn words<const N: usize>(parameters: &[u32]) -> Result<&[u32; N], Error> {
    parameters.first_chunk().ok_or(Error::Corrupt)
}

/// Returns the multiplier that two words stand for.
const fn multiplier([value, exponent]: [u32; 2]) -> Multiplier {
    Multiplier {
        value: value as i32,
        exponent: exponent as i32,
    }
}

/// Returns `result` by reference. Moving a layer out of it would call `memcpy`, which is 700 bytes of code.
pub(crate) fn borrowed<T>(result: &Result<T, Error>) -> Result<&T, Error> {
    result.as_ref().map_err(|&e| e)
}

/// Returns [`Error::Corrupt`] unless `fits`.
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
