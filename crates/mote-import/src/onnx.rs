//! ONNX models, as PyTorch exports them: f32, channels first.
//!
//! The graph reads its input time-major, `[time][channel]`, whatever the layout in the file; weights are rearranged
//! accordingly. Transposing and reshaping cost nothing ([`view`]), clamps and constant factors are folded into the
//! layer before where nobody else reads it, and 2-D convolutions become 1-D ones exactly ([`super::conv`]).
//!
//! Whatever does not map exactly is an error that names the operator and its place.

mod constants;
mod elements;
mod layers;
mod proto;
mod shapes;
mod view;

use super::builder::Builder;
use mote_model::MAX_ELEMENTS;
use mote_model::{Activation, Error, Graph, Op, PoolKind, Tensor};
use prost::Message;
use proto::{Model, Node};
use std::collections::HashMap;
use view::{NO_PADDING, View};

/// Reads the model file `bytes` as a network called `name`.
///
/// Supported, in f32 and with a batch of one: `Conv`, `Gemm`, `MatMul` by a constant, `BatchNormalization`,
/// `MaxPool`, `AveragePool`, `GlobalMaxPool`, `GlobalAveragePool`, `ReduceMean` over time, `Add`, `Sub`, `Mul` and `Div`
/// with one number per channel, `Add` of two tensors, `Relu`, `LeakyRelu`, `Clip` to 0..6, `Softmax`, `Pad` with zeros before a
/// convolution, and what only renames: `Reshape`, `Flatten`, `Squeeze`, `Unsqueeze`, `Transpose`, `Identity`,
/// `Dropout`, `Constant`.
///
/// # Errors
/// [`Error::ModelFile`] when the file is corrupt or uses an operator, type or layout that is not supported; other
/// errors as [`Graph::validate`].
pub fn import(name: &str, bytes: &[u8]) -> Result<Graph, Error> {
    let damaged = |e| Error::model_file("header", format!("this is no ONNX file: {e}"));
    let model = Model::decode(bytes).map_err(damaged)?;
    let Some(file) = &model.graph else {
        return Err(Error::model_file(
            "header",
            "this is no ONNX file: it has no graph",
        ));
    };
    let opset = model.opsets.iter().find(|o| o.domain.is_empty());
    let mut importer = Importer {
        builder: Builder::new(name),
        views: HashMap::new(),
        constants: file
            .constants
            .iter()
            .map(|c| (c.name.as_str(), c))
            .collect(),
        uses: HashMap::new(),
        opset: opset.map_or(0, |o| o.version),
        place: "network inputs".to_owned(),
    };
    for name in file.nodes.iter().flat_map(|n| &n.inputs) {
        *importer.uses.entry(name).or_default() += 1;
    }
    importer.input(file)?;
    for (index, node) in file.nodes.iter().enumerate() {
        importer.place = place(index, node);
        importer.node(node)?;
    }
    importer.place = "network outputs".to_owned();
    let [output] = file.outputs.as_slice() else {
        let what = format!("{}; exactly one is supported", file.outputs.len());
        return importer.fail(what);
    };
    let output = importer.view(&output.name)?.tensor;
    importer.builder.finish(output)
}

/// Operators, as the format names them.
const OPERATORS: [&str; 25] = [
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Clip",
    "Constant",
    "Conv",
    "Div",
    "Dropout",
    "Flatten",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Identity",
    "LeakyRelu",
    "MatMul",
    "MaxPool",
    "Mul",
    "Pad",
    "ReduceMean",
    "Relu",
    "Reshape",
    "Softmax",
    "Squeeze",
    "Sub",
    "Transpose",
];

/// Where `node` stands, for errors.
fn place(index: usize, node: &Node) -> String {
    let writes = node.outputs.first().map_or("", String::as_str);
    format!(
        "operator {index}, {}, which writes `{writes}`",
        node.operator
    )
}

struct Importer<'a> {
    builder: Builder,
    /// By the file's name.
    views: HashMap<&'a str, View>,
    constants: HashMap<&'a str, &'a proto::Tensor>,
    /// Operators that read a value.
    uses: HashMap<&'a str, usize>,
    /// Version of the operators.
    opset: i64,
    place: String,
}

impl<'a> Importer<'a> {
    fn fail<T>(&self, what: impl Into<String>) -> Result<T, Error> {
        Err(self.error(what))
    }

    fn error(&self, what: impl Into<String>) -> Error {
        Error::model_file(&self.place, what)
    }

    fn input(&mut self, file: &'a proto::Graph) -> Result<(), Error> {
        // Old files list constants as inputs, too.
        let given = |v: &&proto::Value| !self.constants.contains_key(v.name.as_str());
        let inputs: Vec<&proto::Value> = file.inputs.iter().filter(given).collect();
        let &[input] = inputs.as_slice() else {
            let what = format!("{}; exactly one is supported", inputs.len());
            return self.fail(what);
        };
        let name = &input.name;
        let tensor = input.kind.as_ref().and_then(|k| k.tensor.as_ref());
        let shape = tensor.and_then(|t| t.shape.as_ref());
        let (Some(tensor), Some(shape)) = (tensor, shape) else {
            return self.fail(format!("`{name}` has no shape; export with a fixed one"));
        };
        if tensor.kind != proto::kind::FLOAT {
            return self.fail(format!(
                "`{name}` has element type {}; only float (1) is supported, int8 is made here",
                tensor.kind
            ));
        }
        // A batch of any size is run one window at a time.
        let extent = |(i, d): (usize, &proto::Dim)| match d.value {
            Some(n @ 1..=0x10_0000) => usize::try_from(n).ok(),
            None | Some(0) if i == 0 => Some(1),
            _ => None,
        };
        let extents: Option<Vec<usize>> = shape.dims.iter().enumerate().map(extent).collect();
        let view = extents.and_then(|extents| View::input(0, &extents));
        let small = |v: &View| v.size.iter().product::<usize>() <= MAX_ELEMENTS;
        let Some(view) = view.filter(small) else {
            return self.fail(format!(
                "`{name}` must be [1, channels, time] or [1, channels, time, width] with numbers for all but the \
                 batch; export with a fixed shape"
            ));
        };
        self.builder.reshape_input(0, view.shape());
        self.views.insert(name, view);
        Ok(())
    }

    fn node(&mut self, node: &'a Node) -> Result<(), Error> {
        if !matches!(node.domain.as_str(), "" | "ai.onnx") {
            return self.fail(format!("domain `{}` is not supported", node.domain));
        }
        if node
            .outputs
            .iter()
            .skip(1)
            .any(|o| self.uses.contains_key(o.as_str()))
        {
            return self.fail("its second output is used, which is not supported");
        }
        match node.operator.as_str() {
            "Conv" => self.convolution(node),
            "Gemm" => self.gemm(node),
            "MatMul" => self.mat_mul(node),
            "BatchNormalization" => self.batch_norm(node),
            "MaxPool" => self.pool(node, PoolKind::Max),
            "AveragePool" => self.pool(node, PoolKind::Average),
            "GlobalMaxPool" => self.global_pool(node, PoolKind::Max),
            "GlobalAveragePool" => self.global_pool(node, PoolKind::Average),
            "ReduceMean" => self.reduce_mean(node),
            "Add" | "Sub" | "Mul" | "Div" => self.arithmetic(node),
            "Relu" => self.activation(node, Activation::Relu),
            "LeakyRelu" => self.leaky_relu(node),
            "Clip" => self.clip(node),
            "Softmax" => self.softmax(node),
            "Pad" => self.pad(node),
            "Reshape" => self.reshape(node),
            "Flatten" => self.flatten(node),
            "Squeeze" => self.squeeze(node),
            "Unsqueeze" => self.unsqueeze(node),
            "Transpose" => self.transpose(node),
            "Identity" | "Dropout" => {
                let view = self.padded_view(self.operand(node, 0)?)?;
                self.rename(node, view)
            }
            "Constant" => {
                let value = self
                    .attribute(node, "value")
                    .and_then(|a| a.tensor.as_ref());
                let Some(value) = value else {
                    return self.fail("only constants given as `value` are supported");
                };
                self.constants.insert(self.output(node)?, value);
                Ok(())
            }
            _ => self.fail(format!(
                "not supported; these are: {}",
                OPERATORS.join(", ")
            )),
        }
    }

    fn output(&self, node: &'a Node) -> Result<&'a str, Error> {
        let name = node.outputs.first().map(String::as_str);
        name.ok_or_else(|| self.error("it has no output"))
    }

    /// The value `name`.
    fn view(&self, name: &str) -> Result<View, Error> {
        let view = self.padded_view(name)?;
        if view.pad != NO_PADDING {
            return self.fail(format!(
                "`{name}` is padded; Pad is supported before convolutions only"
            ));
        }
        Ok(view)
    }

    /// As [`Self::view`], for an operator that can pad by itself.
    fn padded_view(&self, name: &str) -> Result<View, Error> {
        let view = self.views.get(name).cloned();
        let mut view = view.ok_or_else(|| {
            self.error(format!(
                "`{name}` is not computed by an earlier operator; constants are supported as parameters only"
            ))
        })?;
        view.shared |= self.uses.get(name).is_some_and(|&n| n > 1);
        Ok(view)
    }

    /// Makes `view` the operator's result, without computing anything.
    fn rename(&mut self, node: &'a Node, view: View) -> Result<(), Error> {
        self.views.insert(self.output(node)?, view);
        Ok(())
    }

    /// Adds a node that reads `inputs`, and makes its result, of the size and dimensions of `view`, the operator's.
    fn push(
        &mut self,
        node: &'a Node,
        op: Op,
        inputs: Vec<usize>,
        mut view: View,
    ) -> Result<(), Error> {
        let elements = view.size.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        if elements.is_none_or(|n| n > MAX_ELEMENTS) {
            return self.fail(format!("its result of {:?} is too large", view.size));
        }
        let tensor = Tensor {
            shape: view.shape(),
            quant: None,
        };
        view.tensor = self.builder.node(op, inputs, tensor);
        self.rename(node, view)
    }
}
