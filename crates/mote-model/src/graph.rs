//! The network description every host-side crate speaks.
//!
//! A [`Graph`] is a list of tensors and a list of nodes in execution order. It is plain data: training writes
//! it, techniques rewrite it, the format writer and the code generator read it.

use crate::Error;
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

/// Weights of a convolution or dense layer, laid out `[out_channels][kernel][in_channels / groups]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Weights {
    /// Float weights and one bias per output channel.
    F32 {
        /// `out * kernel * in / groups` values.
        weights: Vec<f32>,
        /// `out` values.
        bias: Vec<f32>,
    },
    /// Symmetric int8 weights (`real = scale * q`), bias at scale `input_scale * scale`.
    I8 {
        /// `out * kernel * in / groups` values: -127 to 127, or -7 to 7 when they have 4 bits.
        weights: Vec<i8>,
        /// Bits that a weight takes in the model: 8, or 4 for convolutions of one group and dense layers over no more
        /// than [`MAX_TAPS_I4`](mote::format::MAX_TAPS_I4) inputs. The arithmetic is the same.
        #[serde(default = "eight")]
        bits: u8,
        /// One scale per output channel.
        scales: Vec<f32>,
        /// `out` values.
        bias: Vec<i32>,
    },
}

/// Clamp applied to a layer's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// No clamp.
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
}

/// A 1-D convolution over time. `groups == 1` is plain, `groups == in_channels` is depthwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conv1d {
    /// Output channels; a multiple of `groups`.
    pub out_channels: usize,
    /// Taps.
    pub kernel: usize,
    /// Input steps between two output steps.
    pub stride: usize,
    /// Input steps between two taps.
    pub dilation: usize,
    /// Zeros before and after the input (the zero point in int8).
    pub padding: [usize; 2],
    /// Channel groups.
    pub groups: usize,
    /// Clamp.
    pub activation: Activation,
    /// Parameters.
    pub weights: Weights,
}

/// A fully connected layer over the flattened input; or, with weights for one time step only, over each time
/// step on its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    /// Output features.
    pub out_features: usize,
    /// Clamp.
    pub activation: Activation,
    /// Parameters, laid out `[out_features][time * channels]`, or `[out_features][channels]` per step.
    pub weights: Weights,
}

impl Dense {
    /// Whether the layer applies to each time step of `input` on its own.
    pub fn is_per_step(&self, input: Shape) -> bool {
        let per_output = self.weights.len() / self.out_features.max(1);
        // One of them is the bias.
        input.time > 1 && per_output == input.channels + 1
    }
}

/// What a pooling window computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PoolKind {
    /// Largest element.
    Max,
    /// Mean of the elements inside the input; int8 rounds half away from zero.
    Average,
}

/// Pooling over time, per channel. A global pool has `kernel == input.time` and `stride == 1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// What is computed.
    pub kind: PoolKind,
    /// Window length in steps.
    pub kernel: usize,
    /// Steps between windows.
    pub stride: usize,
    /// Steps before and after that do not count.
    pub padding: [usize; 2],
}

/// The last steps of a stream in front of the new ones: what a windowed operator needs to go on from run to run.
/// The output is [state](Graph::state).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Steps of earlier runs.
    pub keep: usize,
}

/// A global pool of a stream: window `w` covers steps `skip + w * hop .. skip + w * hop + steps` of all that ever
/// came. A run that completes no window ends here. The second input is [state](Graph::state).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowPool {
    /// What is computed.
    pub kind: PoolKind,
    /// Steps of one window.
    pub steps: usize,
    /// Steps from the start of one window to the start of the next; a run brings no more.
    pub hop: usize,
    /// Steps at the beginning of the stream that belong to no window.
    pub skip: usize,
}

impl WindowPool {
    /// The state tensor of a pool over `input`: bytes when that is int8, else f32.
    pub fn state(&self, input: &Tensor) -> Tensor {
        let shape = mote::kernels::window_pool::Shape {
            in_time: input.shape.time,
            channels: input.shape.channels,
            steps: self.steps,
            hop: self.hop,
            skip: self.skip,
        };
        let len = match (input.quant, self.kind) {
            (None, _) => shape.state_f32(),
            (Some(_), PoolKind::Max) => shape.state_max_i8(),
            (Some(_), PoolKind::Average) => shape.state_average_i8(),
        };
        Tensor {
            shape: Shape::new(1, len),
            quant: input.quant,
        }
    }
}

/// Where a run may end: when the largest score leads every other by `margin`, the scores become the network's
/// output and nothing behind is computed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Exit {
    /// In units of the scores; infinite never ends a run.
    pub margin: f32,
}

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
}

impl Op {
    /// The operator's name as users see it.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Conv1d(c) if c.groups > 1 => "depthwise_conv1d",
            Op::Conv1d(_) => "conv1d",
            Op::Dense(_) => "dense",
            Op::Pool(p) if p.kind == PoolKind::Max => "max_pool",
            Op::Pool(_) => "average_pool",
            Op::Add(_) => "add",
            Op::Activation(_) => "activation",
            Op::Softmax => "softmax",
            Op::Quantize => "quantize",
            Op::Dequantize => "dequantize",
            Op::History(_) => "history",
            Op::WindowPool(p) if p.kind == PoolKind::Max => "window_max_pool",
            Op::WindowPool(_) => "window_average_pool",
            Op::Exit(_) => "exit",
        }
    }

    /// The operator's parameters, if it has any.
    pub fn weights(&self) -> Option<&Weights> {
        match self {
            Op::Conv1d(c) => Some(&c.weights),
            Op::Dense(d) => Some(&d.weights),
            _ => None,
        }
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
            Op::WindowPool(_) => node.inputs.get(1).copied(),
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
        let len = |id: TensorId| self.tensors.get(id).map_or(0, |t| t.shape.len());
        let input_channels = node
            .inputs
            .first()
            .and_then(|&i| self.tensors.get(i))
            .map_or(0, |t| t.shape.channels);
        match &node.op {
            Op::Conv1d(c) => len(node.output) * c.kernel * (input_channels / c.groups.max(1)),
            Op::Dense(d) => d.out_features * node.inputs.first().map_or(0, |&i| len(i)),
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

/// Bits of weights in descriptions that do not say.
fn eight() -> u8 {
    8
}

impl Weights {
    /// Bits that a weight takes in the model: 32, 8 or 4.
    pub const fn bits(&self) -> u8 {
        match self {
            Weights::F32 { .. } => 32,
            Weights::I8 { bits, .. } => *bits,
        }
    }

    /// Bytes of the weights, biases not counted.
    pub fn bytes(&self) -> usize {
        let count = match self {
            Weights::F32 { weights, .. } => weights.len(),
            Weights::I8 { weights, .. } => weights.len(),
        };
        (count * usize::from(self.bits())).div_ceil(8)
    }

    /// Number of weights and biases.
    pub fn len(&self) -> usize {
        match self {
            Weights::F32 { weights, bias } => weights.len() + bias.len(),
            Weights::I8 { weights, bias, .. } => weights.len() + bias.len(),
        }
    }

    /// Number of output channels or features: there is one bias for each.
    pub fn outputs(&self) -> usize {
        match self {
            Weights::F32 { bias, .. } => bias.len(),
            Weights::I8 { bias, .. } => bias.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
