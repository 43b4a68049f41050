//! An f32 network as an ONNX model, which is the form that tract reads best: its reader of `.tflite` files wants dense
//! layers' inputs as matrices, which these files do not have.

use mote_model::{Activation, Conv1d, Dense, Graph, Op, Pool, PoolKind, Weights};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, tensor_shape_proto, type_proto,
};

/// Version of the operators that are written.
const OPERATORS: i64 = 13;

/// `graph` for windows of `[1][channels][time]`. `None` for what is no chain of convolutions, pools, dense
/// layers and softmax in f32.
pub fn model(graph: &Graph) -> Option<ModelProto> {
    let mut writer = Writer::default();
    let input = graph.tensor(graph.input).ok()?.shape;
    let mut at = "input".to_owned();
    let mut is_flat = false;
    for node in &graph.nodes {
        at = match &node.op {
            Op::Conv1d(conv) => {
                writer.conv(&at, conv, graph.tensor(node.inputs[0]).ok()?.shape.channels)?
            }
            Op::Pool(pool) => writer.pool(&at, pool),
            Op::Dense(dense) => {
                if !is_flat {
                    // Steps first, as the dense layer's weights have them.
                    let turned = writer.node("Transpose", &[&at], vec![ints("perm", &[0, 2, 1])]);
                    at = writer.node("Flatten", &[&turned], vec![]);
                    is_flat = true;
                }
                writer.dense(&at, dense)?
            }
            Op::Softmax => writer.node("Softmax", &[&at], vec![int("axis", 1)]),
            _ => return None,
        };
    }
    Some(ModelProto {
        ir_version: 7,
        opset_import: vec![OperatorSetIdProto {
            version: OPERATORS,
            ..OperatorSetIdProto::default()
        }],
        graph: Some(GraphProto {
            name: graph.name.clone(),
            input: vec![value("input", &[1, input.channels, input.time])],
            output: vec![ValueInfoProto {
                name: at,
                ..ValueInfoProto::default()
            }],
            ..writer.graph
        }),
        ..ModelProto::default()
    })
}

/// Nodes and constants so far; a node's output has its number as name.
#[derive(Default)]
struct Writer {
    graph: GraphProto,
}

impl Writer {
    fn node(&mut self, op: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> String {
        let name = format!("{op}{}", self.graph.node.len());
        self.graph.node.push(NodeProto {
            name: name.clone(),
            op_type: op.to_owned(),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![name.clone()],
            attribute,
            ..NodeProto::default()
        });
        name
    }

    fn constant(&mut self, dims: &[usize], values: Vec<f32>) -> String {
        let name = format!("constant{}", self.graph.initializer.len());
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: dims.iter().map(|&d| d as i64).collect(),
            data_type: DataType::Float as i32,
            float_data: values,
            ..TensorProto::default()
        });
        name
    }

    fn conv(&mut self, input: &str, conv: &Conv1d, channels: usize) -> Option<String> {
        let Weights::F32 { weights, bias } = &conv.weights else {
            return None;
        };
        let (taps, depth) = (conv.kernel, channels / conv.groups);
        // From [out][tap][in] to ONNX's [out][in][tap].
        let turned = (0..weights.len())
            .map(|i| {
                let (out, depth_at, tap) = (i / (taps * depth), i / taps % depth, i % taps);
                weights[(out * taps + tap) * depth + depth_at]
            })
            .collect();
        let weights = self.constant(&[conv.out_channels, depth, taps], turned);
        let bias = self.constant(&[conv.out_channels], bias.clone());
        let attributes = vec![
            ints("kernel_shape", &[taps]),
            ints("strides", &[conv.stride]),
            ints("dilations", &[conv.dilation]),
            ints("pads", &conv.padding),
            int("group", conv.groups),
        ];
        let output = self.node("Conv", &[input, &weights, &bias], attributes);
        self.activation(output, conv.activation)
    }

    fn pool(&mut self, input: &str, pool: &Pool) -> String {
        let op = match pool.kind {
            PoolKind::Max => "MaxPool",
            PoolKind::Average => "AveragePool",
        };
        let attributes = vec![
            ints("kernel_shape", &[pool.kernel]),
            ints("strides", &[pool.stride]),
            ints("pads", &pool.padding),
        ];
        self.node(op, &[input], attributes)
    }

    fn dense(&mut self, input: &str, dense: &Dense) -> Option<String> {
        let Weights::F32 { weights, bias } = &dense.weights else {
            return None;
        };
        let inputs = weights.len() / dense.out_features;
        let weights = self.constant(&[dense.out_features, inputs], weights.clone());
        let bias = self.constant(&[dense.out_features], bias.clone());
        let output = self.node("Gemm", &[input, &weights, &bias], vec![int("transB", 1)]);
        self.activation(output, dense.activation)
    }

    fn activation(&mut self, input: String, activation: Activation) -> Option<String> {
        match activation {
            Activation::None => Some(input),
            Activation::Relu => Some(self.node("Relu", &[&input], vec![])),
            _ => None,
        }
    }
}

fn int(name: &str, value: usize) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Int as i32,
        i: value as i64,
        ..AttributeProto::default()
    }
}

fn ints(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Ints as i32,
        ints: values.iter().map(|&v| v as i64).collect(),
        ..AttributeProto::default()
    }
}

fn value(name: &str, dims: &[usize]) -> ValueInfoProto {
    let dim = |&d: &usize| tensor_shape_proto::Dimension {
        value: Some(tensor_shape_proto::dimension::Value::DimValue(d as i64)),
        ..tensor_shape_proto::Dimension::default()
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(type_proto::Tensor {
                elem_type: DataType::Float as i32,
                shape: Some(TensorShapeProto {
                    dim: dims.iter().map(dim).collect(),
                }),
            })),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}
