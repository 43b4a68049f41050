//! The network description every host-side crate speaks.
//!
//! A [`Graph`] is a list of tensors and a list of nodes in execution order. It is plain data: training writes
//! it, techniques rewrite it, the format writer and the code generator read it.

use crate::Error;
use crate::op::{FILTER_QUANT, Filter, Op, SOFTMAX_QUANT, Weights};
use crate::shapes::output_shape;
use serde::{Deserialize, Serialize};

/// Extent of an activation. Storage is time-major: element `(t, c)` lies at `t * channels + c`, so that the
/// input of a 1-D convolution at one output step is one contiguous slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Time steps.
    pub time: usize,
    /// Channels per time step.
    pub channels: usize,
}

impl Shape {
    /// A shape of `time` steps with `channels` channels each.
    pub const fn new(time: usize, channels: usize) -> Self {
        Self { time, channels }
    }

    /// Number of elements.
    pub const fn len(&self) -> usize {
        self.time * self.channels
    }

    /// Whether the shape holds no element.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Affine quantization of an activation: `real = scale * (q - zero_point)`, `q` in `-128..=127`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quant {
    /// Step of the integer grid, in units of the real value. Positive and finite.
    pub scale: f32,
    /// The integer that stands for zero.
    pub zero_point: i8,
}

impl Quant {
    /// The grid over `low..=high`, which hold zero.
    pub fn over(low: f32, high: f32) -> Self {
        let scale = ((high - low) / 255.0).max(1e-9);
        Self {
            scale,
            zero_point: (-128.0 - low / scale).round().clamp(-128.0, 127.0) as i8,
        }
    }

    /// The value of the grid nearest to `real`.
    pub fn nearest(&self, real: f32) -> f32 {
        let zero = f32::from(self.zero_point);
        let q = (real / self.scale + zero).round().clamp(-128.0, 127.0);
        (q - zero) * self.scale
    }
}

/// Index of a tensor in [`Graph::tensors`].
pub type TensorId = usize;

/// An activation: f32 when `quant` is `None`, int8 otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tensor {
    /// Extent.
    pub shape: Shape,
    /// Quantization; `None` for f32.
    pub quant: Option<Quant>,
}

impl Tensor {
    /// Bytes of the elements: 4 each for f32, 1 for int8.
    pub const fn bytes(&self) -> usize {
        self.shape.len() * if self.quant.is_some() { 1 } else { 4 }
    }
}

/// One step of the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Unique name, used in profiles and errors.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Tensors read.
    pub inputs: Vec<TensorId>,
    /// Tensor written; every tensor but the input is written by exactly one node, early exits not counted.
    pub output: TensorId,
}

impl Node {
    /// The first input, which every node of a validated graph has.
    pub(crate) fn first_input(&self) -> TensorId {
        self.inputs[0]
    }

    /// The second input, or the first where the operator takes one.
    pub(crate) fn second_input(&self) -> TensorId {
        self.inputs.get(1).copied().unwrap_or(self.inputs[0])
    }
}

/// Turns raw sensor counts into the network's input: `(count - offset[c]) * scale[c]`.
///
/// One count is [`SENSOR_G_PER_COUNT`] g, as of a 16-bit accelerometer at +-8 g. Fitted on training users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frontend {
    /// Mean per channel, in counts.
    pub offset: Vec<i16>,
    /// Inverse standard deviation per channel, per count.
    pub scale: Vec<f32>,
}

/// Acceleration of one sensor count, in g: a 16-bit accelerometer at +-8 g.
pub const SENSOR_G_PER_COUNT: f32 = 1.0 / 4096.0;

/// A network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// Name as users see it.
    pub name: String,
    /// Sensor conversion; `None` when the input tensor is given directly (imported networks).
    pub frontend: Option<Frontend>,
    /// All activations.
    pub tensors: Vec<Tensor>,
    /// All steps, in execution order.
    pub nodes: Vec<Node>,
    /// The tensor the caller fills.
    pub input: TensorId,
    /// The tensor the caller reads.
    pub output: TensorId,
    /// Class names, one per output element.
    pub labels: Vec<String>,
}

impl Graph {
    /// Starts a chain with an f32 input of `shape`.
    pub fn new(name: impl Into<String>, shape: Shape) -> Self {
        Self {
            name: name.into(),
            frontend: None,
            tensors: vec![Tensor { shape, quant: None }],
            nodes: Vec::new(),
            input: 0,
            output: 0,
            labels: Vec::new(),
        }
    }

    /// Appends `op` behind the current output and makes its result the output. Tensors are f32 (`Quantize`
    /// and int8 techniques set `quant` afterwards).
    ///
    /// # Errors
    /// When the operator does not fit the current output's shape.
    pub fn push(&mut self, name: impl Into<String>, op: Op) -> Result<TensorId, Error> {
        let name = name.into();
        let shape = output_shape(&name, &op, self.tensor(self.output)?.shape)?;
        self.tensors.push(Tensor { shape, quant: None });
        let output = self.tensors.len() - 1;
        self.nodes.push(Node {
            name,
            op,
            inputs: vec![self.output],
            output,
        });
        self.output = output;
        Ok(output)
    }

    /// Appends `filter` behind the output, with a state of its own.
    ///
    /// # Errors
    /// [`Error::NoTensor`] when there is no output.
    pub fn push_filter(
        &mut self,
        name: impl Into<String>,
        filter: Filter,
    ) -> Result<TensorId, Error> {
        let scores = self.tensor(self.output)?;
        let (shape, quant) = (scores.shape, scores.quant.map(|_| FILTER_QUANT));
        let state = filter.state(scores);
        self.tensors.extend([state, Tensor { shape, quant }]);
        let output = self.tensors.len() - 1;
        self.nodes.push(Node {
            name: name.into(),
            op: Op::Filter(filter),
            inputs: vec![self.output, output - 1],
            output,
        });
        self.output = output;
        Ok(output)
    }

    /// Appends a softmax behind the output, on the grid that it has in int8.
    ///
    /// # Errors
    /// As [`Graph::push`].
    pub fn push_softmax(&mut self, name: impl Into<String>) -> Result<TensorId, Error> {
        let int8 = self.tensor(self.output)?.quant.is_some();
        let output = self.push(name, Op::Softmax)?;
        if let Some(tensor) = self.tensors.get_mut(output) {
            tensor.quant = int8.then_some(SOFTMAX_QUANT);
        }
        Ok(output)
    }

    /// The tensor `id`.
    ///
    /// # Errors
    /// [`Error::NoTensor`] when there is none.
    pub fn tensor(&self, id: TensorId) -> Result<&Tensor, Error> {
        self.tensors.get(id).ok_or(Error::NoTensor {
            id,
            count: self.tensors.len(),
        })
    }

    /// Tensors that keep their content from run to run, all zeros before the first: what a stream remembers. Nothing
    /// may share their memory.
    pub fn state(&self) -> impl Iterator<Item = TensorId> + '_ {
        self.nodes.iter().filter_map(|node| match node.op {
            Op::History(_) => Some(node.output),
            Op::WindowPool(_) | Op::Filter(_) => node.inputs.get(1).copied(),
            _ => None,
        })
    }

    /// Whether some runs end early.
    pub fn has_exits(&self) -> bool {
        self.nodes.iter().any(|n| matches!(n.op, Op::Exit(_)))
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.nodes
            .iter()
            .filter_map(|n| n.op.weights())
            .map(Weights::len)
            .sum()
    }

    /// Multiply-accumulates per inference, padding counted as the reference networks count it (all taps of
    /// every output).
    pub fn macs(&self) -> usize {
        self.nodes.iter().map(|n| self.node_macs(n)).sum()
    }

    /// Multiply-accumulates of one node.
    pub fn node_macs(&self, node: &Node) -> usize {
        let shape = |id: TensorId| self.tensors.get(id).map(|t| t.shape);
        let input = node.inputs.first().and_then(|&id| shape(id));
        match (input, shape(node.output)) {
            (Some(input), Some(output)) => node.op.with(|op| op.macs(input, output)),
            _ => 0,
        }
    }

    /// Whether some tensors are f32 and others int8.
    pub fn converts(&self) -> bool {
        let int8 = |t: &Tensor| t.quant.is_some();
        self.tensors.iter().any(int8) && !self.tensors.iter().all(int8)
    }

    /// Whether the network computes in int8 (its first weighted node does).
    pub fn is_int8(&self) -> bool {
        self.nodes
            .iter()
            .find_map(|n| n.op.weights())
            .is_some_and(|w| matches!(w, Weights::I8 { .. }))
    }
}
