//! The operators that are supported, and which function imports each.

use super::Importer;
use super::proto::{Graph, Node};
use mote_model::{Activation, Error, Function, PoolKind};

/// Imports one operator.
type Import = for<'i, 'a> fn(&'i mut Importer<'a>, &'a Node) -> Result<(), Error>;

/// Operators, as the format names them, and what imports them. One line is all that makes an operator known.
pub(super) const OPERATORS: &[(&str, Import)] = &[
    ("Add", |i, n| i.arithmetic(n)),
    ("AveragePool", |i, n| i.pool(n, PoolKind::Average)),
    ("BatchNormalization", |i, n| i.batch_norm(n)),
    ("Cast", |i, n| i.cast(n)),
    ("Clip", |i, n| i.clip(n)),
    ("Concat", |i, n| i.concat(n)),
    ("Constant", |i, n| i.constant_node(n)),
    ("ConstantOfShape", |i, n| i.constant_of_shape(n)),
    ("Conv", |i, n| i.convolution(n)),
    ("Div", |i, n| i.arithmetic(n)),
    ("Dropout", |i, n| i.identity(n)),
    ("Expand", |i, n| i.expand(n)),
    ("Flatten", |i, n| i.flatten(n)),
    ("Gather", |i, n| i.gather(n)),
    ("Gemm", |i, n| i.gemm(n)),
    ("GlobalAveragePool", |i, n| {
        i.global_pool(n, PoolKind::Average)
    }),
    ("GlobalMaxPool", |i, n| i.global_pool(n, PoolKind::Max)),
    ("HardSigmoid", |i, n| {
        let (slope, shift) = (i.float(n, "alpha", 0.2), i.float(n, "beta", 0.5));
        i.function(n, Function::HardSigmoid { slope, shift })
    }),
    ("HardSwish", |i, n| i.function(n, Function::HardSwish)),
    ("Identity", |i, n| i.identity(n)),
    ("LeakyRelu", |i, n| i.leaky_relu(n)),
    ("Log", |i, n| i.function(n, Function::Log)),
    ("LogSoftmax", |i, n| i.softmax(n, true)),
    ("MatMul", |i, n| i.mat_mul(n)),
    ("MaxPool", |i, n| i.pool(n, PoolKind::Max)),
    ("Mul", |i, n| i.arithmetic(n)),
    ("Neg", |i, n| i.negate(n)),
    ("Pad", |i, n| i.pad(n)),
    ("ReduceMax", |i, n| i.reduce_all(n, PoolKind::Max)),
    ("ReduceMean", |i, n| i.reduce_all(n, PoolKind::Average)),
    ("Relu", |i, n| i.activation(n, Activation::Relu)),
    ("Reshape", |i, n| i.reshape(n)),
    ("Shape", |i, n| i.shape_of(n)),
    ("Sigmoid", |i, n| i.function(n, Function::Sigmoid)),
    ("Slice", |i, n| i.slice(n)),
    ("Softmax", |i, n| i.softmax(n, false)),
    ("Squeeze", |i, n| i.squeeze(n)),
    ("Sub", |i, n| i.arithmetic(n)),
    ("Tanh", |i, n| i.function(n, Function::Tanh)),
    ("Transpose", |i, n| i.transpose(n)),
    ("Unsqueeze", |i, n| i.unsqueeze(n)),
];

/// Where `node` stands, for errors.
pub(super) fn place(index: usize, node: &Node) -> String {
    let writes = node.outputs.first().map_or("", String::as_str);
    format!(
        "operator {index}, {}, which writes `{writes}`",
        node.operator
    )
}

/// Whether `node` is of the standard set of operators.
fn is_standard(node: &Node) -> bool {
    matches!(node.domain.as_str(), "" | "ai.onnx")
}

/// Refuses a model with operators that are not supported, all of them at once.
pub(super) fn check_all(file: &Graph) -> Result<(), Error> {
    let known = |n: &Node| is_standard(n) && OPERATORS.iter().any(|k| k.0 == n.operator);
    let unknown: Vec<(usize, &Node)> = file
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, n)| !known(n))
        .collect();
    let Some(&(index, first)) = unknown.first() else {
        return Ok(());
    };
    let mut kinds: Vec<String> = Vec::new();
    for (_, node) in &unknown {
        let name = match is_standard(node) {
            true => node.operator.clone(),
            false => format!("{} of the domain `{}`", node.operator, node.domain),
        };
        if !kinds.contains(&name) {
            kinds.push(name);
        }
    }
    let advice: Vec<&str> = ADVICE
        .iter()
        .filter(|(names, _)| {
            unknown
                .iter()
                .any(|(_, n)| names.contains(&n.operator.as_str()))
        })
        .map(|(_, advice)| *advice)
        .collect();
    let advice = match advice.is_empty() {
        true => {
            "replace the layers that make them; docs/import.md lists what is supported".to_owned()
        }
        false => advice.join("; "),
    };
    let what = format!(
        "not supported: {}, in {} operators from here on; {advice}",
        kinds.join(", "),
        unknown.len()
    );
    Err(Error::model_file(place(index, first), what))
}

/// What to do about operators that many networks have.
const ADVICE: &[(&[&str], &str)] = &[
    (
        &["LSTM", "GRU", "RNN", "Loop", "Scan"],
        "this is an LSTM, GRU or other recurrent layer: train with convolutions over time in its place (causal, dilated \
         Conv1d reach as far back), which also run as a stream",
    ),
    (
        &[
            "QuantizeLinear",
            "DequantizeLinear",
            "QLinearConv",
            "QLinearMatMul",
            "DynamicQuantizeLinear",
        ],
        "quantized ONNX is not read: export in f32, and let the technique `int8` quantize it, or export int8 to TensorFlow Lite",
    ),
    (
        &["Elu", "Gelu", "Erf", "PRelu", "Selu", "Softplus", "Mish"],
        "use ReLU, LeakyReLU, HardSwish or Sigmoid as activation",
    ),
];
