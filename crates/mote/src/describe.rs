//! Operators for tools on the host: how their words are written, and what generated Rust and C call for a layer.
//!
//! Firmware is built without this module. Each operator implements [`Describe`] in [its file](crate::op).

use crate::format::{ACTIVATION_NONE, ACTIVATION_RELU, ACTIVATION_RELU6, NODE_WORDS};
use crate::kernels::Clamp;
use crate::kernels::conv1d::Conv1d;
use crate::kernels::conv1d_i4::Conv1dI4;
use crate::kernels::conv1d_i8::Conv1dI8;
use crate::kernels::depthwise::{Depthwise, DepthwiseI8};
use crate::model::Tensor;
use crate::op::{self, Element, Ending, Operator, for_each_operator};
use crate::quant::{Multiplier, Output};
use crate::{Elem, Error, Node};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The numbers in a node's record. An operator leaves those that it does not use at zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fields {
    /// Taps or steps of one window.
    pub kernel: usize,
    /// Input steps between two output steps.
    pub stride: usize,
    /// Input steps between two taps.
    pub dilation: usize,
    /// Steps before the input.
    pub padding: usize,
    /// Input channels of one group.
    pub group_inputs: usize,
    /// Output channels of one group.
    pub group_outputs: usize,
    /// Smallest and largest int8 output; for f32, the [activation](crate::format::ACTIVATION_NONE).
    pub clamp: [u8; 2],
}

impl Fields {
    /// Returns the numbers of an int8 layer that uses only the clamp.
    pub fn bounded(output: Output) -> Self {
        Self {
            clamp: [output.low as u8, output.high as u8],
            ..Self::default()
        }
    }

    /// Returns the numbers of an f32 layer that uses only the clamp.
    pub fn clamped(clamp: Clamp) -> Self {
        Self {
            clamp: [clamp_code(clamp) as u8, 0],
            ..Self::default()
        }
    }

    /// Returns the numbers of a layer that uses none, and whose output has the element type `T`.
    pub fn none<T: Element>() -> Self {
        match T::ELEM {
            Elem::F32 => Self::default(),
            Elem::I8 => Self {
                clamp: [i8::MIN as u8, i8::MAX as u8],
                ..Self::default()
            },
        }
    }

    /// Returns the words of a record whose first one is `first`, all but the offset of the parameters.
    ///
    /// # Errors
    /// Returns name, value and limit of the first field that is too large for the format.
    pub fn to_words(
        &self,
        first: u32,
    ) -> Result<[u32; NODE_WORDS - 1], (&'static str, usize, usize)> {
        let limited = |name, value, limit| match value <= limit {
            true => Ok(value as u32),
            false => Err((name, value, limit)),
        };
        let half = |name, value| limited(name, value, 0xffff);
        let byte = |name, value| limited(name, value, 0xff);
        let [low, high] = self.clamp;
        Ok([
            first,
            half("kernel", self.kernel)?
                | byte("stride", self.stride)? << 16
                | byte("dilation", self.dilation)? << 24,
            half("padding", self.padding)? | half("channels", self.group_outputs)? << 16,
            half("channels", self.group_inputs)? | u32::from_le_bytes([0, 0, low, high]),
        ])
    }
}

/// A layer as it stands in a model, but for its tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Code of the operator.
    pub op: u8,
    /// Numbers of the record.
    pub fields: Fields,
    /// Parameters of its own.
    pub parameters: Vec<u32>,
}

impl Encoded {
    /// Writes `layer` of the operator `O`.
    pub fn of<O: Describe>(layer: &O::Layer<'_>) -> Self {
        let (fields, parameters) = O::encode(layer);
        Self {
            op: O::CODE,
            fields,
            parameters,
        }
    }
}

/// How a layer runs in generated Rust.
#[derive(Debug, Clone)]
pub enum Body {
    /// By an expression over `input`, `second`, `output` and the module `kernels`, of the type that
    /// [`Description::ending`] says.
    Call(String),
    /// By a kernel that reads weights, which may lie in several places: see [`Weighted`].
    Weighted,
}

/// A layer with weights.
#[derive(Debug, Clone, Copy)]
pub enum Weighted<'m> {
    /// Convolution or dense layer, int8.
    ConvI8(Conv1dI8<'m>),
    /// Convolution or dense layer, int8 with weights of four bits.
    ConvI4(Conv1dI4<'m>),
    /// Convolution or dense layer, f32.
    ConvF32(Conv1d<'m>),
    /// Depthwise convolution, int8.
    DepthwiseI8(DepthwiseI8<'m>),
    /// Depthwise convolution, f32.
    DepthwiseF32(Depthwise<'m>),
}

impl<'m> Weighted<'m> {
    /// Reads the layer of `node`; `None` when its operator has no weights.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when its parameters are incomplete.
    pub fn of(node: &Node<'m>) -> Result<Option<Self>, Error> {
        let words = node.parameters();
        Ok(Some(match node.op() {
            op::conv::I8::CODE => Self::ConvI8(op::conv::I8::parse(node, words)?),
            op::conv_i4::I4::CODE => Self::ConvI4(op::conv_i4::I4::parse(node, words)?),
            op::conv::F32::CODE => Self::ConvF32(op::conv::F32::parse(node, words)?),
            op::depthwise::I8::CODE => Self::DepthwiseI8(op::depthwise::I8::parse(node, words)?),
            op::depthwise::F32::CODE => Self::DepthwiseF32(op::depthwise::F32::parse(node, words)?),
            _ => return Ok(None),
        }))
    }
}

/// How a layer runs in generated C: `function(&constant, arguments, tensors)`, what there is of them.
#[derive(Debug, Clone)]
pub struct C {
    /// The piece of C source that has the function.
    pub part: &'static str,
    /// The function. When the layer may end a run, it returns whether scores are clear, or a window complete.
    pub function: &'static str,
    /// Type of the layer's constant, without `_t`, and its fields.
    pub constant: Option<(&'static str, String)>,
    /// Arguments before the tensors.
    pub arguments: Option<String>,
}

impl C {
    /// Returns the call of `part` with a constant of the type of this name.
    pub fn with_constant(part: &'static str, kind: &'static str, fields: String) -> Option<Self> {
        Some(Self {
            part,
            function: part,
            constant: Some((kind, fields)),
            arguments: None,
        })
    }
}

/// What tools on the host need to know of an operator.
pub trait Describe: Operator {
    /// Writes the numbers of the record and the parameters of `layer`: the reverse of [`Operator::parse`].
    fn encode(layer: &Self::Layer<'_>) -> (Fields, Vec<u32>);

    /// Writes how `layer` runs in Rust.
    fn rust(layer: &Self::Layer<'_>) -> Body;

    /// Writes how `layer` runs in C, if it can.
    fn c(_layer: &Self::Layer<'_>, _tensors: &Tensors) -> Option<C> {
        None
    }
}

/// A layer, for generated programs.
#[derive(Debug, Clone)]
pub struct Description {
    /// Name of the operator in [`registry`](crate::registry).
    pub name: &'static str,
    /// Tensors read.
    pub inputs: usize,
    /// Words of parameters.
    pub words: usize,
    /// Whether a run may end at the layer. A call then gives a `Result<bool, Error>`, otherwise a
    /// `Result<(), Error>`.
    pub ending: Ending,
    /// How it runs in Rust.
    pub rust: Body,
    /// How it runs in C; `None` when it has weights, or there is no C for it.
    pub c: Option<C>,
}

impl Description {
    /// Describes the layer of `node`.
    ///
    /// # Errors
    /// [`Error::UnsupportedOp`] for an unknown operator, [`Error::Corrupt`] when its parameters are incomplete.
    pub fn of(node: &Node<'_>) -> Result<Self, Error> {
        let describe = operator(node.op()).ok_or(Error::UnsupportedOp)?.describe;
        describe(node)
    }

    fn from<O: Describe>(name: &'static str, node: &Node<'_>) -> Result<Self, Error> {
        let layer = O::parse(node, node.parameters())?;
        let tensors = [node.input()?, node.second_input()?, node.output()?];
        Ok(Self {
            name,
            inputs: O::INPUTS,
            words: O::parameter_words(node)?,
            ending: O::ENDING,
            rust: O::rust(&layer),
            c: O::c(&layer, &tensors),
        })
    }
}

/// What is known of an operator without a layer.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Code in the record of a node.
    pub op: u8,
    /// Name in [`registry`](crate::registry).
    pub name: &'static str,
    /// Element types of the tensors read and of the tensor written.
    pub elements: [Elem; 2],
    describe: fn(&Node<'_>) -> Result<Description, Error>,
    encode: fn(&Node<'_>) -> Result<Encoded, Error>,
}

/// Lists all operators.
macro_rules! entries {
    ($($(#[$doc:meta])* $name:ident: $($operator:ident)::+ $(=> $make:ident)?;)*) => {
        /// Every operator, in the order of [`registry::ALL`](crate::registry::ALL).
        pub const ENTRIES: &[Entry] = &[$(Entry {
            op: <op::$($operator)::+ as Operator>::CODE,
            name: stringify!($name),
            elements: [
                <<op::$($operator)::+ as Operator>::Input as op::Element>::ELEM,
                <<op::$($operator)::+ as Operator>::Output as op::Element>::ELEM,
            ],
            describe: |node| Description::from::<op::$($operator)::+>(stringify!($name), node),
            encode: |node| {
                let layer = <op::$($operator)::+ as Operator>::parse(node, node.parameters())?;
                Ok(Encoded::of::<op::$($operator)::+>(&layer))
            },
        }),*];
    };
}

for_each_operator!(entries);

/// Returns the operator of this code.
pub fn operator(code: u8) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.op == code)
}

/// Reads the layer of `node` and writes it again.
///
/// # Errors
/// [`Error::UnsupportedOp`] for an unknown operator, [`Error::Corrupt`] when its parameters are incomplete.
pub fn encode(node: &Node<'_>) -> Result<Encoded, Error> {
    let encode = operator(node.op()).ok_or(Error::UnsupportedOp)?.encode;
    encode(node)
}

/// Returns the code that has this clamp of f32 outputs in the model format.
pub(crate) fn clamp_code(clamp: Clamp) -> i8 {
    let codes = [ACTIVATION_RELU, ACTIVATION_RELU6];
    let found = codes.into_iter().find(|&code| Clamp::of(code) == clamp);
    found.unwrap_or(ACTIVATION_NONE)
}

/// Returns the two words of a multiplier.
pub(crate) const fn multiplier_words(m: Multiplier) -> [u32; 2] {
    [m.value as u32, m.exponent as u32]
}

/// Writes the clamp of an f32 layer as an expression.
pub fn rust_clamp(clamp: Clamp) -> String {
    format!("kernels::Clamp::of({})", clamp_code(clamp))
}

/// Writes zero point and clamp as fields of a constant in C.
pub(crate) fn c_grid(output: Output) -> String {
    format!("{}, {}, {}", output.zero_point, output.low, output.high)
}

/// The tensors of a node: both inputs, then the output.
pub type Tensors = [Tensor; 3];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{HEADER_WORDS, TENSOR_WORDS};
    use crate::testing::{graphs, words};
    use crate::{Model, registry};

    #[test]
    fn every_layer_is_written_as_it_was_read() {
        let mut seen = Vec::new();
        for graph in graphs() {
            let words = words(&graph);
            let model = Model::parse(&words).unwrap();
            let first = HEADER_WORDS + TENSOR_WORDS * model.tensors().len();
            for (index, node) in model.nodes().enumerate() {
                let record = &words[first + NODE_WORDS * index..][..NODE_WORDS - 1];
                let encoded = encode(&node).unwrap();
                assert_eq!(encoded.op, node.op());
                assert_eq!(encoded.fields.to_words(record[0]).unwrap(), record);
                let own = &node.parameters()[..encoded.parameters.len()];
                assert_eq!(encoded.parameters, own);
                seen.push(node.op());
            }
        }
        for entry in ENTRIES {
            assert!(seen.contains(&entry.op), "{}", entry.name);
        }
        assert!(
            ENTRIES
                .iter()
                .map(|e| e.op)
                .eq(registry::ALL.iter().map(|k| k.op))
        );
    }

    #[test]
    fn numbers_the_format_has_no_room_for_are_refused() {
        let fields = Fields {
            stride: 256,
            ..Fields::default()
        };
        assert_eq!(fields.to_words(0), Err(("stride", 256, 255)));
    }
}
