//! Writes the engine's model format ([`mote::format`]).
//!
//! Everything that can be computed ahead of time is: quantized multipliers, clamps, biases with the input's
//! zero point folded in, weights in the order the kernels read them.

mod packed;
mod size;
mod weights;

pub use size::int8_bytes;

use crate::plan::is_depthwise;
use crate::{Activation, Error, Graph, Node, Op, Plan, PoolKind, Quant, Shape, Tensor, Weights};
use mote::format::{self, op};
use mote::kernels::add::HEADROOM;
use mote::kernels::{conv1d, softmax::SoftmaxI8};
use mote::quant::{Multiplier, Output};

/// The model of `graph` with the arena laid out as `plan` says, as the bytes of a file.
///
/// # Errors
/// As [`to_words`].
pub fn to_blob(graph: &Graph, plan: &Plan) -> Result<Vec<u8>, Error> {
    let words = to_words(graph, plan)?;
    Ok(words.iter().flat_map(|w| w.to_le_bytes()).collect())
}

/// The model of `graph` with the arena laid out as `plan` says.
///
/// # Errors
/// When the graph is not valid, the plan is not one of this graph, or a value does not fit the format; the
/// message names layer and field.
pub fn to_words(graph: &Graph, plan: &Plan) -> Result<Vec<u32>, Error> {
    graph.validate()?;
    plan.check(graph)?;
    let network = |field, value: usize| byte(field, value, |what| Error::network(field, what));
    let mut words = vec![
        format::MAGIC,
        0,
        u32::from_le_bytes([
            format::VERSION,
            network("number of tensors", graph.tensors.len())?,
            network("number of nodes", graph.nodes.len())?,
            0,
        ]),
        u32::from_le_bytes([
            network("input", graph.input)?,
            network("output", graph.output)?,
            0,
            0,
        ]),
        (plan.arena / 4) as u32,
        scale(graph.tensor(graph.input)?).to_bits(),
        scale(graph.tensor(graph.output)?).to_bits(),
        0,
    ];
    for (id, (tensor, &offset)) in graph.tensors.iter().zip(&plan.offsets).enumerate() {
        words.extend(tensor_words(id, tensor, offset)?);
    }
    let first_node = words.len();
    let mut parameters = Vec::new();
    let first_parameter = first_node + graph.nodes.len() * format::NODE_WORDS;
    for node in &graph.nodes {
        let at = first_parameter + parameters.len();
        let (record, own) = NodeWriter::new(graph, node)?.write()?;
        words.extend(record);
        words.push(at as u32);
        parameters.extend(own);
    }
    words.extend(parameters);
    if let Some(frontend) = frontend_words(graph)? {
        let at = words.len() as u32;
        if let Some(slot) = words.get_mut(7) {
            *slot = at;
        }
        words.extend(frontend);
    }
    let len = words.len() as u32 + 1;
    if let Some(slot) = words.get_mut(1) {
        *slot = len;
    }
    words.push(mote::crc32(&words));
    Ok(words)
}

/// `value` as a byte, or the error `error` makes of the reason.
fn byte(field: &str, value: usize, error: impl Fn(String) -> Error) -> Result<u8, Error> {
    u8::try_from(value).map_err(|_| error(format!("{field} {value}; the format allows up to 255")))
}

/// `value` as a halfword, or the error `error` makes of the reason.
fn half(field: &str, value: usize, error: impl Fn(String) -> Error) -> Result<u32, Error> {
    u16::try_from(value)
        .map(u32::from)
        .map_err(|_| error(format!("{field} {value}; the format allows up to 65535")))
}

fn scale(tensor: &Tensor) -> f32 {
    tensor.quant.map_or(1.0, |q| q.scale)
}

fn tensor_words(id: usize, tensor: &Tensor, offset: usize) -> Result<[u32; 2], Error> {
    let error = |what| Error::network("tensors", format!("tensor {id}: {what}"));
    let time = half("time", tensor.shape.time, error)?;
    let channels = half("channels", tensor.shape.channels, error)?;
    let offset = half("arena word", offset / 4, error)?;
    let (elem, zero_point) = match tensor.quant {
        Some(q) => (format::ELEM_I8, q.zero_point),
        None => (format::ELEM_F32, 0),
    };
    let rest = offset | u32::from(elem) << 16 | u32::from(zero_point as u8) << 24;
    Ok([time | channels << 16, rest])
}

fn frontend_words(graph: &Graph) -> Result<Option<Vec<u32>>, Error> {
    let Some(frontend) = &graph.frontend else {
        return Ok(None);
    };
    let quant = graph.tensor(graph.input)?.quant;
    let channels = frontend.offset.iter().zip(&frontend.scale);
    Ok(Some(
        channels
            .flat_map(|(&offset, &scale)| {
                let offset = i32::from(offset) as u32;
                match quant {
                    Some(q) => {
                        let m = Multiplier::from_real(f64::from(scale) / f64::from(q.scale));
                        [offset, m.value as u32, m.exponent as u32]
                    }
                    None => [offset, scale.to_bits(), 0],
                }
            })
            .collect(),
    ))
}

fn multiplier_words(m: Multiplier) -> [u32; 2] {
    [m.value as u32, m.exponent as u32]
}

/// Writes one node: all words of its record but the last, and its parameters.
struct NodeWriter<'g> {
    node: &'g Node,
    input: &'g Tensor,
    second: &'g Tensor,
    output: &'g Tensor,
    tensors: [u8; 3],
}

/// Values of a node's record that default to zero.
#[derive(Default)]
struct Record {
    op: u8,
    kernel: usize,
    stride: usize,
    dilation: usize,
    padding: usize,
    group_inputs: usize,
    group_outputs: usize,
}

impl<'g> NodeWriter<'g> {
    fn new(graph: &'g Graph, node: &'g Node) -> Result<Self, Error> {
        let first = node.inputs.first().copied().unwrap_or(graph.input);
        let second = node.inputs.get(1).copied().unwrap_or(first);
        let error = |what| Error::invalid(&node.name, "tensors", what);
        Ok(Self {
            node,
            input: graph.tensor(first)?,
            second: graph.tensor(second)?,
            output: graph.tensor(node.output)?,
            tensors: [
                byte("input", first, error)?,
                byte("input", second, error)?,
                byte("output", node.output, error)?,
            ],
        })
    }

    fn write(&self) -> Result<([u32; format::NODE_WORDS - 1], Vec<u32>), Error> {
        let pick = |int8, float| {
            if self.output.quant.is_some() {
                int8
            } else {
                float
            }
        };
        let (record, activation, parameters) = match &self.node.op {
            Op::Conv1d(c) => {
                let (input, output) = (self.input.shape, self.output.shape);
                let depthwise = is_depthwise(c, input);
                let record = Record {
                    op: if depthwise {
                        pick(op::DEPTHWISE_I8, op::DEPTHWISE_F32)
                    } else {
                        conv_op(&c.weights)
                    },
                    kernel: c.kernel,
                    stride: c.stride,
                    dilation: c.dilation,
                    padding: c.padding[0],
                    group_inputs: input.channels / c.groups,
                    group_outputs: output.channels / c.groups,
                };
                let shape = conv_shape(&record, input, output);
                let layer = self.layer(shape, &c.weights);
                let parameters = if depthwise {
                    layer.depthwise()?
                } else {
                    layer.convolution()?
                };
                (record, c.activation, parameters)
            }
            Op::Dense(d) => {
                let record = Record {
                    op: conv_op(&d.weights),
                    ..Record::default()
                };
                let input = self.input.shape;
                let inputs = if d.is_per_step(input) {
                    input.channels
                } else {
                    input.len()
                };
                let shape = conv1d::Shape::dense(inputs, d.out_features);
                (
                    record,
                    d.activation,
                    self.layer(shape, &d.weights).convolution()?,
                )
            }
            Op::Pool(p) => {
                let record = Record {
                    op: match p.kind {
                        PoolKind::Max => pick(op::MAX_POOL_I8, op::MAX_POOL_F32),
                        PoolKind::Average => pick(op::AVERAGE_POOL_I8, op::AVERAGE_POOL_F32),
                    },
                    kernel: p.kernel,
                    stride: p.stride,
                    padding: p.padding[0],
                    ..Record::default()
                };
                (record, Activation::None, Vec::new())
            }
            Op::Add(activation) => {
                let record = Record {
                    op: pick(op::ADD_I8, op::ADD_F32),
                    ..Record::default()
                };
                (record, *activation, self.add_words())
            }
            Op::Activation(activation) => {
                let op = pick(op::ACTIVATION_I8, op::ACTIVATION_F32);
                let factor = f64::from(scale(self.input)) / f64::from(scale(self.output));
                let parameters = match self.output.quant {
                    Some(_) => multiplier_words(Multiplier::from_real(factor)).to_vec(),
                    None => Vec::new(),
                };
                (
                    Record {
                        op,
                        ..Record::default()
                    },
                    *activation,
                    parameters,
                )
            }
            Op::Softmax => {
                let op = pick(op::SOFTMAX_I8, op::SOFTMAX_F32);
                let parameters = match self.input.quant {
                    Some(q) => {
                        let softmax = SoftmaxI8::new(q.scale);
                        let [value, exponent] = multiplier_words(softmax.factor);
                        vec![value, exponent, softmax.smallest as u32]
                    }
                    None => Vec::new(),
                };
                (
                    Record {
                        op,
                        ..Record::default()
                    },
                    Activation::None,
                    parameters,
                )
            }
            Op::History(_) => (
                Record {
                    op: pick(op::HISTORY_I8, op::HISTORY_F32),
                    ..Record::default()
                },
                Activation::None,
                Vec::new(),
            ),
            Op::WindowPool(p) => {
                let error = |what| Error::invalid(&self.node.name, "geometry", what);
                let steps = half("steps", p.steps, error)? | half("hop", p.hop, error)? << 16;
                let record = Record {
                    op: match p.kind {
                        PoolKind::Max => pick(op::WINDOW_MAX_I8, op::WINDOW_MAX_F32),
                        PoolKind::Average => pick(op::WINDOW_AVERAGE_I8, op::WINDOW_AVERAGE_F32),
                    },
                    ..Record::default()
                };
                let parameters = vec![steps, half("skip", p.skip, error)?];
                (record, Activation::None, parameters)
            }
            Op::Exit(exit) => {
                let steps = |q: Quant| (exit.margin / q.scale).round() as i32 as u32;
                let record = Record {
                    op: pick(op::EXIT_I8, op::EXIT_F32),
                    ..Record::default()
                };
                let margin = self.input.quant.map_or(exit.margin.to_bits(), steps);
                (record, Activation::None, vec![margin])
            }
            Op::Quantize => (
                Record {
                    op: op::QUANTIZE,
                    ..Record::default()
                },
                Activation::None,
                vec![scale(self.output).to_bits()],
            ),
            Op::Dequantize => (
                Record {
                    op: op::DEQUANTIZE,
                    ..Record::default()
                },
                Activation::None,
                vec![scale(self.input).to_bits()],
            ),
        };
        Ok((self.record(&record, activation)?, parameters))
    }

    fn record(
        &self,
        r: &Record,
        activation: Activation,
    ) -> Result<[u32; format::NODE_WORDS - 1], Error> {
        let error = |what| Error::invalid(&self.node.name, "geometry", what);
        let [input, second, output] = self.tensors;
        let [low, high] = match self.output.quant {
            Some(q) => {
                let Output { low, high, .. } = output_grid(q, activation);
                [low as u8, high as u8]
            }
            None => [
                match activation {
                    Activation::None => format::ACTIVATION_NONE,
                    Activation::Relu => format::ACTIVATION_RELU,
                    Activation::Relu6 => format::ACTIVATION_RELU6,
                } as u8,
                0,
            ],
        };
        Ok([
            u32::from_le_bytes([r.op, input, second, output]),
            half("kernel", r.kernel, error)?
                | u32::from(byte("stride", r.stride, error)?) << 16
                | u32::from(byte("dilation", r.dilation, error)?) << 24,
            half("padding", r.padding, error)? | half("channels", r.group_outputs, error)? << 16,
            half("channels", r.group_inputs, error)? | u32::from_le_bytes([0, 0, low, high]),
        ])
    }

    fn layer(&self, shape: conv1d::Shape, weights: &'g Weights) -> weights::Layer<'g> {
        weights::Layer {
            name: &self.node.name,
            shape,
            weights,
            quant: self.input.quant.zip(self.output.quant),
        }
    }

    /// Parameters of an int8 sum; the arithmetic of TensorFlow Lite's `add.cc`.
    fn add_words(&self) -> Vec<u32> {
        if self.output.quant.is_none() {
            return Vec::new();
        }
        let [a, b, sum] = [self.input, self.second, self.output].map(|t| f64::from(scale(t)));
        let twice = 2.0 * a.max(b);
        [
            a / twice,
            b / twice,
            twice / (f64::from(1u32 << HEADROOM) * sum),
        ]
        .into_iter()
        .flat_map(|real| multiplier_words(Multiplier::from_real(real)))
        .collect()
    }
}

/// The operator of a convolution or dense layer.
fn conv_op(weights: &Weights) -> u8 {
    match weights.bits() {
        32 => op::CONV_F32,
        8 => op::CONV_I8,
        _ => op::CONV_I4,
    }
}

fn conv_shape(r: &Record, input: Shape, output: Shape) -> conv1d::Shape {
    conv1d::Shape {
        in_time: input.time,
        in_channels: input.channels,
        out_time: output.time,
        out_channels: output.channels,
        kernel: r.kernel,
        stride: r.stride,
        dilation: r.dilation,
        padding: r.padding,
        group_inputs: r.group_inputs,
        group_outputs: r.group_outputs,
    }
}

/// The clamp of `activation` on the grid of `quant`; `CalculateActivationRangeQuantized` of TensorFlow Lite.
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
