//! One boxed layer per operator, and the table of all of them.

mod exit;
mod stream;

use crate::Cells;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec;
use exit::Exit;
use mote::format::op;
use mote::kernels::activation::{self, ActivationI8};
use mote::kernels::add::{self, AddI8};
use mote::kernels::conv1d::{self, Conv1d};
use mote::kernels::conv1d_i4::{self, Conv1dI4};
use mote::kernels::conv1d_i8::Conv1dI8;
use mote::kernels::convert::{self, Grid};
use mote::kernels::depthwise::{Depthwise, DepthwiseI8};
use mote::kernels::softmax::{self, SoftmaxI8};
use mote::kernels::{Clamp, pool};
use mote::quant::{Multiplier, Output, Rounding};
use mote::registry::{self, Flow, Kernel};
use mote::{Error, Node};
use stream::{History, WindowAverage, WindowMax};

/// One layer of a network, with all it needs but its tensors.
pub trait Layer {
    /// Computes `output` from `inputs`; a layer of one input gets it twice.
    ///
    /// # Errors
    /// [`Error::ElementType`] or [`Error::BufferLength`] when the tensors are not those it was made for.
    fn forward(&self, inputs: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error>;
}

/// A layer's weights.
type Words = Cow<'static, [u32]>;

/// Where the weights of a layer stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Copied to the heap, as a program does that reads its model from a file.
    Copied,
    /// Read where they lie, in flash.
    InPlace,
}

impl Keep {
    /// The first `len` words of the node's parameters.
    fn weights(self, node: &Node<'static>, len: usize) -> Result<Words, Error> {
        let words = node.parameters().get(..len).ok_or(Error::Corrupt)?;
        Ok(match self {
            Keep::Copied => Words::Owned(words.to_vec()),
            Keep::InPlace => Words::Borrowed(words),
        })
    }
}

/// How layers of one operator are made.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    op: u8,
    /// Refuses a node that could not run.
    check: fn(&Node<'_>) -> Result<(), Error>,
    load: Load,
}

/// Makes the layer of a node.
type Load = fn(&Node<'static>, Keep) -> Result<Box<dyn Layer>, Error>;

/// The operators the engine has, loaded as `load` says.
const fn kind(kernel: Kernel, load: Load) -> Kind {
    Kind {
        op: kernel.op,
        check: kernel.check,
        load,
    }
}

/// Declares one constant per operator, named as in the engine's registry, and the list of all of them.
macro_rules! kinds {
    ($($name:ident: $load:expr,)*) => {
        $(
            #[doc = concat!("Layers of [`registry::", stringify!($name), "`].")]
            pub const $name: Kind = kind(registry::$name, $load);
        )*

        /// Every operator.
        pub const ALL: &[Kind] = &[$($name),*];
    };
}

kinds! {
    CONV_I8: ConvI8::load,
    CONV_F32: ConvF32::load,
    DEPTHWISE_I8: DepthwiseConvI8::load,
    DEPTHWISE_F32: DepthwiseConvF32::load,
    MAX_POOL_I8: MaxPool::load,
    MAX_POOL_F32: MaxPool::load,
    AVERAGE_POOL_I8: AveragePool::load,
    AVERAGE_POOL_F32: AveragePool::load,
    ADD_I8: load_add_i8,
    ADD_F32: AddF32::load,
    ACTIVATION_I8: load_activation_i8,
    ACTIVATION_F32: ActivationF32::load,
    SOFTMAX_I8: load_softmax_i8,
    SOFTMAX_F32: SoftmaxF32::load,
    QUANTIZE: Conversion::load,
    DEQUANTIZE: Conversion::load,
    HISTORY_I8: History::load,
    HISTORY_F32: History::load,
    WINDOW_MAX_I8: WindowMax::load,
    WINDOW_MAX_F32: WindowMax::load,
    WINDOW_AVERAGE_I8: WindowAverage::load,
    WINDOW_AVERAGE_F32: WindowAverage::load,
    EXIT_I8: Exit::load,
    EXIT_F32: Exit::load,
    CONV_I4: ConvI8::load_packed,
}

/// The layer of `node`, made by one of `kinds`.
pub(crate) fn load(
    node: &Node<'static>,
    kinds: &[Kind],
    keep: Keep,
) -> Result<Box<dyn Layer>, Error> {
    let kind = kinds
        .iter()
        .find(|kind| kind.op == node.op())
        .ok_or(Error::UnsupportedOp)?;
    (kind.check)(node)?;
    (kind.load)(node, keep)
}

fn multiplier(value: u32, exponent: u32) -> Multiplier {
    Multiplier {
        value: value as i32,
        exponent: exponent as i32,
    }
}

/// Convolution and dense layer, int8.
struct ConvI8 {
    shape: conv1d::Shape,
    input_zero: i8,
    output: Output,
    rounding: Rounding,
    weights: Words,
}

impl ConvI8 {
    fn load(node: &Node<'static>, keep: Keep) -> Result<Box<dyn Layer>, Error> {
        let mut layer = Self::without_weights(node)?;
        let conv = layer.conv(node.parameters())?;
        let len = conv.channels.as_flattened().len() + conv.weights.as_flattened().len();
        layer.weights = keep.weights(node, len)?;
        Ok(Box::new(layer))
    }

    /// With weights of four bits, which take eight on the heap.
    fn load_packed(node: &Node<'static>, _: Keep) -> Result<Box<dyn Layer>, Error> {
        let mut layer = Self::without_weights(node)?;
        let packed = Conv1dI4::new(
            layer.shape,
            layer.input_zero,
            layer.output,
            layer.rounding,
            node.parameters(),
        )?;
        let mut groups = vec![[0; 2]; packed.weights.len()];
        conv1d_i4::unpack(packed.weights, &mut groups);
        let words = [packed.channels.as_flattened(), groups.as_flattened()].concat();
        layer.weights = Words::Owned(words);
        Ok(Box::new(layer))
    }

    fn without_weights(node: &Node<'static>) -> Result<Self, Error> {
        Ok(Self {
            shape: node.conv_shape()?,
            input_zero: node.input()?.zero_point,
            output: node.grid(node.output()?.zero_point),
            rounding: node.rounding(),
            weights: Words::Borrowed(&[]),
        })
    }

    fn conv<'a>(&self, parameters: &'a [u32]) -> Result<Conv1dI8<'a>, Error> {
        Conv1dI8::new(
            self.shape,
            self.input_zero,
            self.output,
            self.rounding,
            parameters,
        )
    }
}

impl Layer for ConvI8 {
    fn forward(&self, [input, _]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        self.conv(&self.weights)?.run(input.i8s()?, output.i8s()?)?;
        Ok(Flow::Continue)
    }
}

/// Convolution and dense layer, f32.
struct ConvF32 {
    shape: conv1d::Shape,
    clamp: Clamp,
    weights: Words,
}

impl ConvF32 {
    fn load(node: &Node<'static>, keep: Keep) -> Result<Box<dyn Layer>, Error> {
        let shape = node.conv_shape()?;
        Ok(Box::new(Self {
            shape,
            clamp: Clamp::of(node.activation()),
            weights: keep.weights(node, Conv1d::parameter_words(&shape))?,
        }))
    }
}

impl Layer for ConvF32 {
    fn forward(&self, [input, _]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        let conv = Conv1d {
            shape: self.shape,
            clamp: self.clamp,
            parameters: &self.weights,
        };
        conv.run(input.f32s()?, output.f32s()?)?;
        Ok(Flow::Continue)
    }
}

/// Depthwise convolution, int8.
struct DepthwiseConvI8 {
    shape: conv1d::Shape,
    input_zero: i8,
    output: Output,
    weights: Words,
}

impl DepthwiseConvI8 {
    fn load(node: &Node<'static>, keep: Keep) -> Result<Box<dyn Layer>, Error> {
        let mut layer = Self {
            shape: node.conv_shape()?,
            input_zero: node.input()?.zero_point,
            output: node.grid(node.output()?.zero_point),
            weights: Words::Borrowed(&[]),
        };
        let conv = layer.conv(node.parameters())?;
        let len = conv.channels.as_flattened().len() + conv.weights.len();
        layer.weights = keep.weights(node, len)?;
        Ok(Box::new(layer))
    }

    fn conv<'a>(&self, parameters: &'a [u32]) -> Result<DepthwiseI8<'a>, Error> {
        DepthwiseI8::new(self.shape, self.input_zero, self.output, parameters)
    }
}

impl Layer for DepthwiseConvI8 {
    fn forward(&self, [input, _]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        self.conv(&self.weights)?.run(input.i8s()?, output.i8s()?)?;
        Ok(Flow::Continue)
    }
}

/// Depthwise convolution, f32.
struct DepthwiseConvF32 {
    shape: conv1d::Shape,
    clamp: Clamp,
    weights: Words,
}

impl DepthwiseConvF32 {
    fn load(node: &Node<'static>, keep: Keep) -> Result<Box<dyn Layer>, Error> {
        let shape = node.conv_shape()?;
        Ok(Box::new(Self {
            shape,
            clamp: Clamp::of(node.activation()),
            weights: keep.weights(node, Depthwise::parameter_words(&shape))?,
        }))
    }
}

impl Layer for DepthwiseConvF32 {
    fn forward(&self, [input, _]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        let conv = Depthwise {
            shape: self.shape,
            clamp: self.clamp,
            parameters: &self.weights,
        };
        conv.run(input.f32s()?, output.f32s()?)?;
        Ok(Flow::Continue)
    }
}

/// Max pooling.
struct MaxPool(pool::Shape);

impl MaxPool {
    fn load(node: &Node<'static>, _: Keep) -> Result<Box<dyn Layer>, Error> {
        Ok(Box::new(Self(node.pool_shape()?)))
    }
}

impl Layer for MaxPool {
    fn forward(&self, [input, _]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        match input {
            Cells::F32(input) => self.0.max_f32(input, output.f32s()?),
            Cells::I8(input) => self.0.max_i8(input, output.i8s()?),
        }?;
        Ok(Flow::Continue)
    }
}

/// Average pooling.
struct AveragePool(pool::Shape);

impl AveragePool {
    fn load(node: &Node<'static>, _: Keep) -> Result<Box<dyn Layer>, Error> {
        Ok(Box::new(Self(node.pool_shape()?)))
    }
}

impl Layer for AveragePool {
    fn forward(&self, [input, _]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        match input {
            Cells::F32(input) => self.0.average_f32(input, output.f32s()?),
            Cells::I8(input) => self.0.average_i8(input, output.i8s()?),
        }?;
        Ok(Flow::Continue)
    }
}

fn load_add_i8(node: &Node<'static>, _: Keep) -> Result<Box<dyn Layer>, Error> {
    let &[a, a_exponent, b, b_exponent, sum, sum_exponent] = node.words()?;
    Ok(Box::new(AddI8 {
        zeros: [node.input()?.zero_point, node.second_input()?.zero_point],
        factors: [multiplier(a, a_exponent), multiplier(b, b_exponent)],
        factor: multiplier(sum, sum_exponent),
        output: node.grid(node.output()?.zero_point),
    }))
}

impl Layer for AddI8 {
    fn forward(&self, [a, b]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        self.run(a.i8s()?, b.i8s()?, output.i8s()?)?;
        Ok(Flow::Continue)
    }
}

/// Sum of two tensors, f32.
struct AddF32(Clamp);

impl AddF32 {
    fn load(node: &Node<'static>, _: Keep) -> Result<Box<dyn Layer>, Error> {
        Ok(Box::new(Self(Clamp::of(node.activation()))))
    }
}

impl Layer for AddF32 {
    fn forward(&self, [a, b]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        add::run_f32(self.0, a.f32s()?, b.f32s()?, output.f32s()?)?;
        Ok(Flow::Continue)
    }
}

fn load_activation_i8(node: &Node<'static>, _: Keep) -> Result<Box<dyn Layer>, Error> {
    let &[value, exponent] = node.words()?;
    Ok(Box::new(ActivationI8 {
        input_zero: node.input()?.zero_point,
        factor: multiplier(value, exponent),
        output: node.grid(node.output()?.zero_point),
    }))
}

impl Layer for ActivationI8 {
    fn forward(&self, [input, _]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        self.run(input.i8s()?, output.i8s()?)?;
        Ok(Flow::Continue)
    }
}

/// Clamp, f32.
struct ActivationF32(Clamp);

impl ActivationF32 {
    fn load(node: &Node<'static>, _: Keep) -> Result<Box<dyn Layer>, Error> {
        Ok(Box::new(Self(Clamp::of(node.activation()))))
    }
}

impl Layer for ActivationF32 {
    fn forward(&self, [input, _]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        activation::run_f32(self.0, input.f32s()?, output.f32s()?)?;
        Ok(Flow::Continue)
    }
}

fn load_softmax_i8(node: &Node<'static>, _: Keep) -> Result<Box<dyn Layer>, Error> {
    let &[value, exponent, smallest] = node.words()?;
    Ok(Box::new(SoftmaxI8 {
        factor: multiplier(value, exponent),
        smallest: smallest as i32,
    }))
}

impl Layer for SoftmaxI8 {
    fn forward(&self, [input, _]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        self.run(input.i8s()?, output.i8s()?)?;
        Ok(Flow::Continue)
    }
}

/// Softmax, f32.
struct SoftmaxF32;

impl SoftmaxF32 {
    fn load(_: &Node<'static>, _: Keep) -> Result<Box<dyn Layer>, Error> {
        Ok(Box::new(Self))
    }
}

impl Layer for SoftmaxF32 {
    fn forward(&self, [input, _]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        softmax::run_f32(input.f32s()?, output.f32s()?)?;
        Ok(Flow::Continue)
    }
}

/// f32 to int8 and back, on the grid of the int8 side.
struct Conversion(Grid);

impl Conversion {
    fn load(node: &Node<'static>, _: Keep) -> Result<Box<dyn Layer>, Error> {
        let &[scale] = node.words()?;
        let quantized = match node.op() {
            op::QUANTIZE => node.output()?,
            _ => node.input()?,
        };
        Ok(Box::new(Self(Grid {
            scale: f32::from_bits(scale),
            zero_point: quantized.zero_point,
        })))
    }
}

impl Layer for Conversion {
    fn forward(&self, [input, _]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        match input {
            Cells::F32(input) => convert::quantize(self.0, input, output.i8s()?),
            Cells::I8(input) => convert::dequantize(self.0, input, output.f32s()?),
        }?;
        Ok(Flow::Continue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_of_the_engine_is_registered_once() {
        assert!(
            ALL.iter()
                .map(|k| k.op)
                .eq(registry::ALL.iter().map(|k| k.op))
        );
    }
}
