//! The operators of a network, one file each.
//!
//! A file says all that a [`Graph`](crate::Graph) knows of its operator: parameters, output shape, checks, how the
//! planner and a stream treat it, and what it becomes in the model. A new operator is a file, a variant of [`Op`] and an
//! arm of `Op::with`.

mod activation;
mod add;
mod arrange;
mod concat;
mod conv;
mod convert;
mod dense;
mod exit;
mod filter;
mod function;
mod history;
mod image;
mod layout;
mod leaky_relu;
mod mul;
mod pool;
mod softmax;
mod weights;
mod window_pool;

pub use activation::Activation;
pub use arrange::{Reshape, Transpose};
pub use concat::Concat;
pub use conv::Conv1d;
pub use dense::Dense;
pub use exit::Exit;
pub use filter::{FILTER_QUANT, Filter};
pub use function::Function;
pub use history::History;
pub use image::{Axis, Conv2d, Image, Pool2d};
pub use leaky_relu::LeakyRelu;
pub use mul::{Constant, WithConstants};
pub use pool::{Pool, PoolKind};
pub use softmax::SOFTMAX_QUANT;
pub use weights::Weights;
pub use window_pool::WindowPool;

use crate::{Error, Quant, Shape, Tensor};
use mote::describe::Encoded;
use mote::kernels::overlap::Walk;
use mote::quant::Output;
use serde::{Deserialize, Serialize};

/// An operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// 1-D convolution.
    Conv1d(Conv1d),
    /// Fully connected layer.
    Dense(Dense),
    /// Pooling over time.
    Pool(Pool),
    /// Element-wise sum of two tensors of one shape, then a clamp.
    Add(Activation),
    /// A clamp on its own.
    Activation(Activation),
    /// `x` where it is positive, else `alpha * x`.
    LeakyRelu(LeakyRelu),
    /// Element-wise product of two tensors, then a clamp. A second one of a single step counts for all steps.
    Mul(Activation),
    /// A tensor and one int8 constant per channel.
    WithConstants(WithConstants),
    /// A function of each element.
    Function(Function),
    /// Two tensors side by side.
    Concat(Concat),
    /// Another shape.
    Reshape(Reshape),
    /// Swapped axes.
    Transpose(Transpose),
    /// Convolution over two axes.
    Conv2d(Conv2d),
    /// Pooling over two axes.
    Pool2d(Pool2d),
    /// Softmax over all elements; the int8 output has scale 1/256 and zero point -128.
    Softmax,
    /// f32 to int8.
    Quantize,
    /// int8 to f32.
    Dequantize,
    /// Old steps in front of new ones.
    History(History),
    /// Global pooling of a stream.
    WindowPool(WindowPool),
    /// Early exit; writes the network's output, as the last node does.
    Exit(Exit),
    /// Filter over decisions.
    Filter(Filter),
}

impl Op {
    /// Calls `f` with the operator's own code.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&dyn Operator) -> T) -> T {
        match self {
            Op::Conv1d(conv) => f(conv),
            Op::Dense(dense) => f(dense),
            Op::Pool(pool) => f(pool),
            Op::Add(activation) => f(&add::Add(*activation)),
            Op::Activation(activation) => f(activation),
            Op::LeakyRelu(leaky) => f(leaky),
            Op::Mul(activation) => f(&mul::Mul(*activation)),
            Op::WithConstants(constants) => f(constants),
            Op::Function(function) => f(function),
            Op::Concat(concat) => f(concat),
            Op::Reshape(reshape) => f(reshape),
            Op::Transpose(transpose) => f(transpose),
            Op::Conv2d(conv) => f(conv),
            Op::Pool2d(pool) => f(pool),
            Op::Softmax => f(&softmax::Softmax),
            Op::Quantize => f(&convert::Quantize),
            Op::Dequantize => f(&convert::Dequantize),
            Op::History(history) => f(history),
            Op::WindowPool(pool) => f(pool),
            Op::Exit(exit) => f(exit),
            Op::Filter(filter) => f(filter),
        }
    }

    /// Returns the operator's name as users see it.
    pub fn name(&self) -> &'static str {
        self.with(|op| op.name())
    }

    /// Returns how the grid of its output is chosen when a network becomes int8.
    pub fn output_grid(&self) -> OutputGrid {
        self.with(|op| op.output_grid())
    }

    /// Returns the operator's parameters, if it has any.
    pub fn weights(&self) -> Option<&Weights> {
        match self {
            Op::Conv1d(c) => Some(&c.weights),
            Op::Conv2d(c) => Some(&c.weights),
            Op::Dense(d) => Some(&d.weights),
            _ => None,
        }
    }

    /// Returns the operator's parameters, if it has any, to be changed.
    pub fn weights_mut(&mut self) -> Option<&mut Weights> {
        match self {
            Op::Conv1d(c) => Some(&mut c.weights),
            Op::Conv2d(c) => Some(&mut c.weights),
            Op::Dense(d) => Some(&mut d.weights),
            _ => None,
        }
    }
}

/// What an operator says about itself.
pub(crate) trait Operator {
    /// Returns its name as users see it.
    fn name(&self) -> &'static str;

    /// Returns how many tensors it reads.
    fn inputs(&self) -> usize {
        1
    }

    /// Returns the shape that it makes of `input`, for the node of this name.
    ///
    /// # Errors
    /// [`Error::Shape`] when it does not fit.
    fn output_shape(&self, _node: &str, input: Shape) -> Result<Shape, Error> {
        Ok(input)
    }

    /// Counts its multiply-accumulates.
    fn macs(&self, _input: Shape, _output: Shape) -> usize {
        0
    }

    /// Returns how the output's grid goes with the input's.
    fn grids(&self) -> Grids;

    /// Returns how the grid of its output is chosen when a network becomes int8.
    fn output_grid(&self) -> OutputGrid {
        match self.grids() {
            Grids::Fixed(quant) => OutputGrid::Fixed(quant),
            Grids::Same => OutputGrid::Input,
            Grids::Free | Grids::Quantizes | Grids::Dequantizes => OutputGrid::Own,
        }
    }

    /// Checks what is particular to it; shapes fit already.
    ///
    /// # Errors
    /// The first violation, with the node's name.
    fn check(&self, _site: &Site<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// Returns which part of its input the output may lie over.
    fn overlap(&self, _input: Shape, _output: Shape) -> Overlap {
        Overlap::Never
    }

    /// Returns how it runs in a stream.
    fn streaming(&self, input: Shape) -> Streaming;

    /// Writes its words in the model, for a valid network.
    ///
    /// # Errors
    /// When a value does not fit the format.
    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error>;
}

/// A node's name and tensors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'g> {
    pub node: &'g str,
    pub input: &'g Tensor,
    /// The second input; the first again where there is none.
    pub second: &'g Tensor,
    pub output: &'g Tensor,
}

impl Site<'_> {
    /// An error about `field` of the node.
    pub fn error(&self, field: &'static str, what: impl Into<String>) -> Error {
        Error::invalid(self.node, field, what)
    }
}

/// How the grids of an operator's input and output go together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Grids {
    /// f32 becomes int8.
    Quantizes,
    /// int8 becomes f32.
    Dequantizes,
    /// Each has its own.
    Free,
    /// They are one.
    Same,
    /// An int8 output always has this one.
    Fixed(Quant),
}

/// How the grid of an operator's output is chosen when a network becomes int8.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OutputGrid {
    /// From the range of the output.
    Own,
    /// As the input's: values pass through, and a grid of their own would only add rounding.
    Input,
    /// Always this one.
    Fixed(Quant),
}

/// Which part of its input an output may lie over, once nothing else needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Overlap {
    /// None.
    Never,
    /// All: element by element.
    InPlace,
    /// What the kernel has done with.
    Walk(Walk),
}

/// How an operator runs in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streaming {
    /// On each step as it comes.
    PerStep,
    /// On windows that span some steps and move on by some, with padding before and after.
    Windowed {
        span: usize,
        stride: usize,
        padding: [usize; 2],
    },
    /// Over all steps of a window, as a running pool.
    GlobalPool(PoolKind),
    /// Only behind the global pool; the reason says what to do.
    WholeWindow(&'static str),
    /// Not at all; the reason says what to do.
    Never(&'static str),
}

/// Returns the step of a tensor's grid, 1 for f32.
pub(crate) fn scale(tensor: &Tensor) -> f32 {
    tensor.quant.map_or(1.0, |q| q.scale)
}

/// Returns the zero point of a tensor's grid, 0 for f32.
fn zero_point(tensor: &Tensor) -> i8 {
    tensor.quant.map_or(0, |q| q.zero_point)
}

/// Returns the clamp of `activation` on the grid of `quant`; `CalculateActivationRangeQuantized` of TensorFlow Lite.
pub fn output_grid(quant: Quant, activation: Activation) -> Output {
    let Quant { scale, zero_point } = quant;
    let quantize = |x: f32| {
        let q = i32::from(zero_point).saturating_add((x / scale).round() as i32);
        q.clamp(-128, 127) as i8
    };
    let (low, high) = match activation {
        Activation::None => (i8::MIN, i8::MAX),
        Activation::Relu => (quantize(0.0), i8::MAX),
        Activation::Relu6 => (quantize(0.0), quantize(6.0)),
    };
    Output {
        zero_point,
        low,
        high,
    }
}
