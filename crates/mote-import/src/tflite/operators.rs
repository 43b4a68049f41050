//! The operators that are supported, and which function imports each.

use super::schema::{Model, Operator};
use super::{Importer, names};
use mote_model::{Activation, Constant, Error, Function, LeakyRelu, Op, PoolKind};

/// Imports one operator.
type Import = for<'i, 'a> fn(&'i mut Importer<'a>, &Operator<'a>) -> Result<(), Error>;

/// `BuiltinOperator`, and what imports it. One line is all that makes an operator known.
pub(super) const OPERATORS: &[(i32, Import)] = &[
    (0, |i, o| i.with_constant_or(o, Constant::Add)),
    (1, |i, o| i.pool(o, PoolKind::Average)),
    (2, |i, o| i.concatenation(o)),
    (3, |i, o| i.convolution(o, false)),
    (4, |i, o| i.convolution(o, true)),
    (6, |i, o| i.dequantize(o)),
    (9, |i, o| i.dense(o)),
    (14, |i, o| {
        i.element_wise(o, Op::Function(Function::Sigmoid))
    }),
    (17, |i, o| i.pool(o, PoolKind::Max)),
    (18, |i, o| i.with_constant_or(o, Constant::Mul)),
    (19, |i, o| {
        i.element_wise(o, Op::Activation(Activation::Relu))
    }),
    (21, |i, o| {
        i.element_wise(o, Op::Activation(Activation::Relu6))
    }),
    (22, |i, o| i.reshape(o)),
    (25, |i, o| i.softmax(o)),
    (28, |i, o| i.element_wise(o, Op::Function(Function::Tanh))),
    (34, |i, o| i.pad(o)),
    (36, |i, o| i.gather(o)),
    (37, |i, o| i.batch_to_space(o)),
    (38, |i, o| i.space_to_batch(o)),
    (39, |i, o| i.transpose(o)),
    (40, |i, o| i.reduce(o, PoolKind::Mean)),
    (41, |i, o| i.with_constant_or(o, Constant::Sub)),
    (42, |i, o| i.divide(o)),
    (43, |i, o| i.reshape(o)),
    (45, |i, o| i.strided_slice(o)),
    (50, |i, o| i.log_softmax(o)),
    (53, |i, o| i.cast(o)),
    (60, |i, o| i.pad(o)),
    (70, |i, o| i.reshape(o)),
    (77, |i, o| i.shape_of(o)),
    (81, |i, o| i.product(o)),
    (82, |i, o| i.reduce(o, PoolKind::Max)),
    (83, |i, o| i.pack(o)),
    (98, |i, o| {
        let alpha = o.options.float(0)?;
        i.element_wise(o, Op::LeakyRelu(LeakyRelu { alpha }))
    }),
    (114, |i, o| i.quantize(o)),
    (117, |i, o| {
        i.element_wise(o, Op::Function(Function::HardSwish))
    }),
];

/// The name of `operator`, as users know it.
fn name(operator: &Operator) -> String {
    match operator.custom {
        Some(custom) => format!("custom operator `{custom}`"),
        None => names::operator(operator.code),
    }
}

/// Where `operator` stands, for errors.
pub(super) fn place(index: usize, operator: &Operator, model: &Model) -> String {
    let output = operator.outputs.first();
    let tensor = output
        .and_then(|&t| usize::try_from(t).ok())
        .and_then(|t| model.tensors.get(t));
    let writes = tensor.map_or(String::new(), |t| format!(", which writes `{}`", t.name));
    format!("operator {index}, {}{writes}", name(operator))
}

/// Refuses a model with operators that are not supported, all of them at once.
pub(super) fn check_all(model: &Model) -> Result<(), Error> {
    let known = |o: &Operator| o.custom.is_none() && OPERATORS.iter().any(|k| k.0 == o.code);
    let unknown: Vec<(usize, &Operator)> = model
        .operators
        .iter()
        .enumerate()
        .filter(|(_, o)| !known(o))
        .collect();
    let Some(&(index, first)) = unknown.first() else {
        return Ok(());
    };
    let mut kinds: Vec<String> = Vec::new();
    for (_, operator) in &unknown {
        let name = name(operator);
        if !kinds.contains(&name) {
            kinds.push(name);
        }
    }
    let advice: Vec<&str> = ADVICE
        .iter()
        .filter(|(codes, _)| unknown.iter().any(|(_, o)| codes.contains(&o.code)))
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
    Err(Error::model_file(place(index, first, model), what))
}

/// What to do about operators that many networks have.
const ADVICE: &[(&[i32], &str)] = &[
    (
        &[16, 24, 35, 44, 46, 52, 119],
        "this is an LSTM, GRU or other recurrent layer: train with convolutions over time in its place (causal, dilated \
         Conv1D reach as far back), which also run as a stream",
    ),
    (
        &[126],
        "this is attention, or a product of two activations: pool over time in its place",
    ),
    (
        &[54, 111, 150],
        "use ReLU, LeakyReLU or HardSwish as activation",
    ),
    (
        &[12, 32],
        "this is a custom or TensorFlow operator: convert with built-in operators only",
    ),
];
