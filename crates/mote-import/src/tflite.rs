//! TensorFlow Lite models.
//!
//! Activations of TensorFlow Lite are `[1, height, width, channels]`. A network over time has one spatial axis
//! and maps directly. A second, short one (the axes of an accelerometer) is folded into the channels; convolutions that
//! slide along it, too, become ordinary ones with zeros in their weights, pools must not. Reshapes are free, because storage is row-major on both sides.
//!
//! Whatever does not map exactly is an error that names the operator and its place.

mod constants;
mod layers;
mod schema;

use super::builder::Builder;
use mote_model::{Activation, Error, Graph, LeakyRelu, Op, Quant, Shape, Tensor, TensorId};
use schema::{Model, Operator, kind};
use std::collections::HashMap;

/// Reads the model file `bytes` as a network called `name`.
///
/// Supported, in int8 (symmetric weights, per channel or per tensor) and f32: `CONV_2D`, `DEPTHWISE_CONV_2D`,
/// `FULLY_CONNECTED`, `AVERAGE_POOL_2D`, `MAX_POOL_2D`, `MEAN` over time, `ADD`, `PAD` before a convolution,
/// `RELU`, `RELU6`, `LEAKY_RELU`, `SOFTMAX`, `QUANTIZE`, `DEQUANTIZE`, `RESHAPE`, `EXPAND_DIMS`, `SQUEEZE`.
///
/// # Errors
/// [`Error::ModelFile`] when the file is corrupt or uses an operator, type or layout that is not supported;
/// other errors as [`Graph::validate`].
pub fn import(name: &str, bytes: &[u8]) -> Result<Graph, Error> {
    let model = Model::read(bytes)?;
    let &[input] = model.inputs.as_slice() else {
        let what = format!("{}; exactly one is supported", model.inputs.len());
        return Err(Error::model_file("network inputs", what));
    };
    let &[output] = model.outputs.as_slice() else {
        let what = format!("{}; exactly one is supported", model.outputs.len());
        return Err(Error::model_file("network outputs", what));
    };
    let mut importer = Importer {
        model: &model,
        builder: Builder::new(name),
        views: HashMap::new(),
        place: "network inputs".to_owned(),
    };
    importer.input(input)?;
    for (index, operator) in model.operators.iter().enumerate() {
        importer.place = place(index, operator, &model);
        importer.operator(operator)?;
    }
    importer.place = "network outputs".to_owned();
    let output = importer.view(output)?.tensor;
    importer.builder.finish(output)
}

/// `BuiltinOperator`, with the names users know.
const OPERATORS: [(i32, &str); 17] = [
    (0, "ADD"),
    (1, "AVERAGE_POOL_2D"),
    (3, "CONV_2D"),
    (4, "DEPTHWISE_CONV_2D"),
    (6, "DEQUANTIZE"),
    (9, "FULLY_CONNECTED"),
    (17, "MAX_POOL_2D"),
    (19, "RELU"),
    (21, "RELU6"),
    (22, "RESHAPE"),
    (25, "SOFTMAX"),
    (34, "PAD"),
    (40, "MEAN"),
    (43, "SQUEEZE"),
    (70, "EXPAND_DIMS"),
    (98, "LEAKY_RELU"),
    (114, "QUANTIZE"),
];

fn operator_name(operator: &Operator) -> String {
    let known = OPERATORS.iter().find(|(code, _)| *code == operator.code);
    match (operator.custom, known) {
        (Some(custom), _) => format!("custom operator `{custom}`"),
        (None, Some((_, name))) => (*name).to_owned(),
        (None, None) => format!("builtin operator {}", operator.code),
    }
}

/// Where `operator` stands, for errors.
fn place(index: usize, operator: &Operator, model: &Model) -> String {
    let output = operator.outputs.first();
    let tensor = output
        .and_then(|&t| usize::try_from(t).ok())
        .and_then(|t| model.tensors.get(t));
    let writes = tensor.map_or(String::new(), |t| format!(", which writes `{}`", t.name));
    format!("operator {index}, {}{writes}", operator_name(operator))
}

/// What a tensor of the file is in the graph.
#[derive(Clone, Copy)]
struct View {
    tensor: TensorId,
    /// Height, width, channels, as the file sees it.
    dims: [usize; 3],
    /// Zeros before and after, per dimension, that a `PAD` asked for.
    pad: [[usize; 2]; 3],
}

const NO_PADDING: [[usize; 2]; 3] = [[0; 2]; 3];

/// Time and channels of `[height, width, channels]`: time is the height, unless there is none.
fn fold([h, w, c]: [usize; 3]) -> Shape {
    if h == 1 {
        Shape::new(w, c)
    } else {
        Shape::new(h, w * c)
    }
}

struct Importer<'a> {
    model: &'a Model<'a>,
    builder: Builder,
    /// By index of the file's tensor.
    views: HashMap<i32, View>,
    place: String,
}

impl<'a> Importer<'a> {
    fn fail<T>(&self, what: impl Into<String>) -> Result<T, Error> {
        Err(self.error(what))
    }

    fn error(&self, what: impl Into<String>) -> Error {
        Error::model_file(&self.place, what)
    }

    fn input(&mut self, id: i32) -> Result<(), Error> {
        let dims = self.dims(id)?;
        let quant = self.activation_quant(id)?;
        self.builder.graph.tensors = vec![Tensor {
            shape: fold(dims),
            quant,
        }];
        let pad = [[0; 2]; 3];
        self.views.insert(
            id,
            View {
                tensor: 0,
                dims,
                pad,
            },
        );
        Ok(())
    }

    fn operator(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let known = OPERATORS.iter().find(|(code, _)| *code == operator.code);
        let Some((_, name)) = known.filter(|_| operator.custom.is_none()) else {
            let names: Vec<&str> = OPERATORS.iter().map(|(_, name)| *name).collect();
            return self.fail(format!("not supported; these are: {}", names.join(", ")));
        };
        match *name {
            "CONV_2D" => self.convolution(operator, false),
            "DEPTHWISE_CONV_2D" => self.convolution(operator, true),
            "FULLY_CONNECTED" => self.dense(operator),
            "AVERAGE_POOL_2D" => self.pool(operator, mote_model::PoolKind::Average),
            "MAX_POOL_2D" => self.pool(operator, mote_model::PoolKind::Max),
            "MEAN" => self.mean(operator),
            "ADD" => self.add(operator),
            "PAD" => self.pad(operator),
            "RELU" => self.element_wise(operator, Op::Activation(Activation::Relu)),
            "RELU6" => self.element_wise(operator, Op::Activation(Activation::Relu6)),
            "LEAKY_RELU" => {
                let alpha = operator.options.float(0)?;
                self.element_wise(operator, Op::LeakyRelu(LeakyRelu { alpha }))
            }
            "SOFTMAX" => self.softmax(operator),
            "QUANTIZE" => self.element_wise(operator, Op::Quantize),
            "DEQUANTIZE" => self.element_wise(operator, Op::Dequantize),
            _ => self.reshape(operator),
        }
    }

    /// The file's tensor `id`.
    fn tensor(&self, id: i32) -> Result<&'a schema::Tensor<'a>, Error> {
        let index = usize::try_from(id).ok();
        let tensor = index.and_then(|i| self.model.tensors.get(i));
        let tensor = tensor.ok_or_else(|| self.error(format!("there is no tensor {id}")))?;
        if tensor.sparse {
            return self.fail(format!("`{}` is sparse; export it dense", tensor.name));
        }
        Ok(tensor)
    }

    /// Index of the file's tensor at position `n` of `list`.
    fn operand(&self, list: &[i32], n: usize) -> Result<i32, Error> {
        let id = list.get(n).copied().filter(|&id| id >= 0);
        id.ok_or_else(|| self.error(format!("operand {n} is missing")))
    }

    /// Height, width and channels of tensor `id`; missing ones are 1.
    fn dims(&self, id: i32) -> Result<[usize; 3], Error> {
        let tensor = self.tensor(id)?;
        let shape: Option<Vec<usize>> = tensor
            .shape
            .iter()
            .map(|&d| {
                usize::try_from(d)
                    .ok()
                    .filter(|d| (1..=1 << 20).contains(d))
            })
            .collect();
        let dims = match shape.as_deref() {
            Some(&[c] | &[1, c]) => Some([1, 1, c]),
            Some(&[1, w, c]) => Some([1, w, c]),
            Some(&[1, h, w, c]) => Some([h, w, c]),
            _ => None,
        };
        let small = |d: &[usize; 3]| d.iter().product::<usize>() <= mote_model::MAX_ELEMENTS;
        dims.filter(small).ok_or_else(|| {
            self.error(format!(
                "shape {:?} of `{}`; expected a batch of 1 and at most height, width and channels",
                tensor.shape, tensor.name
            ))
        })
    }

    /// Element type and quantization of activation `id`.
    fn activation_quant(&self, id: i32) -> Result<Option<Quant>, Error> {
        let tensor = self.tensor(id)?;
        match (
            tensor.kind,
            tensor.scale.as_slice(),
            tensor.zero_point.as_slice(),
        ) {
            (kind::FLOAT32, ..) => Ok(None),
            (kind::INT8, &[scale], &[zero_point]) if i8::try_from(zero_point).is_ok() => {
                Ok(i8::try_from(zero_point)
                    .ok()
                    .map(|zero_point| Quant { scale, zero_point }))
            }
            (kind::INT8, ..) => self.fail(format!(
                "`{}` needs one scale and one zero point within int8",
                tensor.name
            )),
            (other, ..) => self.fail(format!(
                "`{}` has element type {other}; only float32 (0) and int8 (9) are supported",
                tensor.name
            )),
        }
    }

    /// The activation that the file's tensor `id` stands for.
    fn view(&self, id: i32) -> Result<View, Error> {
        let view = self.padded_view(id)?;
        if view.pad != NO_PADDING {
            let name = self.tensor(id)?.name;
            return self.fail(format!(
                "`{name}` is padded; PAD is supported before convolutions only"
            ));
        }
        Ok(view)
    }

    /// As [`Self::view`], for an operator that can pad by itself.
    fn padded_view(&self, id: i32) -> Result<View, Error> {
        let name = self.tensor(id)?.name;
        self.views.get(&id).copied().ok_or_else(|| {
            self.error(format!(
                "`{name}` is not computed by an earlier operator; constants are supported as weights only"
            ))
        })
    }

    /// Makes sure that the time axis of `view` is that of its tensor.
    fn need_time_axis(&mut self, view: &View) -> Result<(), Error> {
        let shape = fold(view.dims);
        if self.builder.graph.tensor(view.tensor)?.shape == shape {
            return Ok(());
        }
        if !self.builder.reshape_input(view.tensor, shape) {
            return self.fail("reads a reshaped tensor, whose time axis is lost");
        }
        Ok(())
    }

    /// Adds a node and registers its result as the operator's output, with dimensions `dims`.
    fn push(
        &mut self,
        operator: &Operator,
        op: Op,
        inputs: Vec<TensorId>,
        shape: Shape,
        dims: [usize; 3],
    ) -> Result<(), Error> {
        let id = self.operand(&operator.outputs, 0)?;
        let found = self.dims(id)?;
        if found != dims {
            return self.fail(format!(
                "the output's shape is {found:?}; expected {dims:?}"
            ));
        }
        let quant = self.activation_quant(id)?;
        let tensor = self.builder.node(op, inputs, Tensor { shape, quant });
        let pad = NO_PADDING;
        self.views.insert(id, View { tensor, dims, pad });
        Ok(())
    }

    /// The clamp fused into an operator, from option `field`.
    fn fused(&self, operator: &Operator, field: usize) -> Result<Activation, Error> {
        match operator.options.byte(field)? {
            0 => Ok(Activation::None),
            1 => Ok(Activation::Relu),
            3 => Ok(Activation::Relu6),
            other => self.fail(format!(
                "fused activation {other}; only none (0), RELU (1) and RELU6 (3) are supported"
            )),
        }
    }
}
