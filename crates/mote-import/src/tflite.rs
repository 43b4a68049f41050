//! TensorFlow Lite models.
//!
//! Activations of TensorFlow Lite are `[1, height, width, channels]`. A network over time has one spatial axis
//! and maps directly. A second, short one (the axes of an accelerometer) is folded into the channels where that costs
//! little ([`super::conv`]); otherwise every position is a step, and layers slide over two axes. Reshapes are free,
//! because storage is row-major on both sides.
//!
//! Whatever does not map exactly is an error that names the operator and its place.

mod arithmetic;
mod constants;
mod join;
mod names;
mod operators;
mod reduce;
mod rename;
mod schema;
mod windows;

use super::builder::Builder;
use super::{Element, Imported, Port};
use mote_model::{Activation, Error, Op, Quant, Reshape, Shape, Tensor, TensorId};
use operators::OPERATORS;
use schema::{Model, Operator, kind};
use std::collections::HashMap;

/// Reads the model file `bytes` as a network called `name`.
///
/// `docs/import.md` lists the supported operators, in int8 (symmetric weights, per channel or per tensor) and f32.
/// Weights of float16, and of int8 between f32 activations, become f32.
///
/// # Errors
/// [`Error::ModelFile`] when the file is corrupt or uses an operator, type or layout that is not supported;
/// other errors as [`Graph::validate`](mote_model::Graph::validate).
pub fn import(name: &str, bytes: &[u8]) -> Result<mote_model::Graph, Error> {
    Ok(read(name, bytes)?.graph)
}

/// As [`import`], with what the file says about its input and output.
///
/// # Errors
/// As [`import`].
pub fn read(name: &str, bytes: &[u8]) -> Result<Imported, Error> {
    let model = Model::read(bytes)?;
    let one = |what: &'static str, ids: &[i32]| match ids {
        &[id] => Ok(id),
        ids => {
            let text = format!("{}; exactly one is supported", ids.len());
            Err(Error::model_file(what, text))
        }
    };
    let input_id = one("network inputs", &model.inputs)?;
    let output_id = one("network outputs", &model.outputs)?;
    operators::check_all(&model)?;
    let mut importer = Importer {
        model: &model,
        builder: Builder::new(name),
        views: HashMap::new(),
        ints: HashMap::new(),
        halves: HashMap::new(),
        place: "network inputs".to_owned(),
    };
    importer.input(input_id)?;
    let input = importer.port(input_id)?;
    for (index, operator) in model.operators.iter().enumerate() {
        importer.place = operators::place(index, operator, &model);
        importer.operator(operator)?;
    }
    importer.place = "network outputs".to_owned();
    let view = importer.view(output_id)?;
    let output = importer.port(output_id)?;
    Ok(Imported {
        graph: importer.builder.finish(view.tensor)?,
        input,
        output,
    })
}

/// What a tensor of the file is in the graph.
#[derive(Clone, Copy)]
struct View {
    tensor: TensorId,
    /// Height, width, channels, as the file sees it.
    dims: [usize; 3],
    /// Zeros before and after, per dimension, that a `PAD` asked for.
    pad: [[usize; 2]; 3],
    /// Height and width of the blocks that a `SPACE_TO_BATCH_ND` made: the dilation of the convolution behind it.
    block: [usize; 2],
}

const NO_PADDING: [[usize; 2]; 3] = [[0; 2]; 3];

impl View {
    const fn new(tensor: TensorId, dims: [usize; 3]) -> Self {
        Self {
            tensor,
            dims,
            pad: NO_PADDING,
            block: [1, 1],
        }
    }

    /// Whether it is a tensor as it stands, neither padded nor cut into blocks.
    fn is_plain(&self) -> bool {
        self.pad == NO_PADDING && self.block == [1, 1]
    }
}

/// Time and channels of `[height, width, channels]`: time is the height, unless there is none.
fn fold([h, w, c]: [usize; 3]) -> Shape {
    if h == 1 {
        Shape::new(w, c)
    } else {
        Shape::new(h, w * c)
    }
}

/// Every position of `[height, width, channels]` as a step.
fn flat([h, w, c]: [usize; 3]) -> Shape {
    Shape::new(h * w, c)
}

/// Height, width and channels of a shape with a batch of one; missing ones are 1.
fn dims_of(shape: &[i32]) -> Option<[usize; 3]> {
    let extent = |&d: &i32| {
        let extent = usize::try_from(d).ok();
        extent.filter(|d| (1..=1 << 20).contains(d))
    };
    let shape: Vec<usize> = shape.iter().map(extent).collect::<Option<_>>()?;
    let ones = shape.iter().take_while(|&&d| d == 1).count();
    // A batch of one, and what else says nothing. Without a batch, there are steps and channels.
    let skipped = ones.min(shape.len().saturating_sub(3).max(1));
    match shape.get(skipped..)? {
        [] => Some([1, 1, 1]),
        [c] => Some([1, 1, *c]),
        [w, c] => Some([1, *w, *c]),
        [h, w, c] => Some([*h, *w, *c]),
        _ => None,
    }
}

struct Importer<'a> {
    model: &'a Model<'a>,
    builder: Builder,
    /// By index of the file's tensor.
    views: HashMap<i32, View>,
    /// Numbers that are known now and feed shapes, by index of the file's tensor.
    ints: HashMap<i32, Vec<i32>>,
    /// The float16 constants that tensors were converted from.
    halves: HashMap<i32, i32>,
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
        self.views.insert(id, View::new(0, dims));
        Ok(())
    }

    /// What the file says about its tensor `id`.
    fn port(&self, id: i32) -> Result<Port, Error> {
        let tensor = self.tensor(id)?;
        let element = match tensor.kind {
            kind::INT8 => Element::I8,
            kind::UINT8 => Element::U8,
            _ => Element::F32,
        };
        let dims = tensor.shape.iter();
        Ok(Port {
            element,
            dims: dims.map(|&d| usize::try_from(d).unwrap_or(1)).collect(),
            order: (0..self.dims(id)?.iter().product()).collect(),
        })
    }

    fn operator(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let known = OPERATORS.iter().find(|known| known.0 == operator.code);
        match known.filter(|_| operator.custom.is_none()) {
            Some((_, import)) => import(self, operator),
            None => self.fail("not supported"),
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

    /// Whether the file's tensor `id` is known now.
    fn is_constant(&self, id: i32) -> bool {
        !self.views.contains_key(&id)
            && (self.halves.contains_key(&id)
                || self.tensor(id).is_ok_and(|tensor| !tensor.data.is_empty()))
    }

    /// Height, width and channels of tensor `id`; missing ones are 1.
    fn dims(&self, id: i32) -> Result<[usize; 3], Error> {
        let tensor = self.tensor(id)?;
        let dims = dims_of(&tensor.shape);
        let small = |d: &[usize; 3]| d.iter().product::<usize>() <= mote_model::MAX_ELEMENTS;
        dims.filter(small).ok_or_else(|| {
            self.error(format!(
                "shape {:?} of `{}`; expected a batch of 1 and at most height, width and channels",
                tensor.shape, tensor.name
            ))
        })
    }

    /// Element type and quantization of activation `id`. Unsigned bytes are signed ones, 128 lower.
    fn activation_quant(&self, id: i32) -> Result<Option<Quant>, Error> {
        let tensor = self.tensor(id)?;
        let lower = match tensor.kind {
            kind::FLOAT32 => return Ok(None),
            kind::INT8 => 0,
            kind::UINT8 => 128,
            other => {
                return self.fail(format!(
                    "`{}` is {}; activations may be float32, int8, and uint8 at the ends of an int8 network",
                    tensor.name,
                    names::element(other)
                ));
            }
        };
        if let (&[scale], &[zero]) = (tensor.scale.as_slice(), tensor.zero_point.as_slice()) {
            let zero = zero.checked_sub(lower).and_then(|z| i8::try_from(z).ok());
            if let Some(zero_point) = zero {
                return Ok(Some(Quant { scale, zero_point }));
            }
        }
        self.fail(format!(
            "`{}` needs one scale and one zero point within int8",
            tensor.name
        ))
    }

    /// The activation that the file's tensor `id` stands for.
    fn view(&mut self, id: i32) -> Result<View, Error> {
        let view = self.padded_view(id)?;
        if view.is_plain() {
            return Ok(view);
        }
        let plain = self.pad_now(&view)?;
        self.views.insert(id, plain);
        Ok(plain)
    }

    /// As [`Self::view`], for an operator that can pad by itself.
    fn padded_view(&self, id: i32) -> Result<View, Error> {
        let name = self.tensor(id)?.name;
        self.views.get(&id).copied().ok_or_else(|| {
            self.error(format!(
                "`{name}` is not computed by an earlier operator; constants are supported as parameters only"
            ))
        })
    }

    /// The tensor of `view` with `shape`: itself, or its elements under another shape.
    fn shaped(&mut self, view: &View, shape: Shape) -> Result<TensorId, Error> {
        let Tensor { shape: own, quant } = *self.builder.graph.tensor(view.tensor)?;
        if own == shape || self.builder.reshape_input(view.tensor, shape) {
            return Ok(view.tensor);
        }
        let op = Op::Reshape(Reshape { shape });
        Ok(self
            .builder
            .node(op, vec![view.tensor], Tensor { shape, quant }))
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
        self.check_output(id, dims)?;
        let quant = self.activation_quant(id)?;
        let tensor = self.builder.node(op, inputs, Tensor { shape, quant });
        self.views.insert(id, View::new(tensor, dims));
        Ok(())
    }

    /// Refuses an output whose elements are not those of `dims`.
    fn check_output(&self, id: i32, dims: [usize; 3]) -> Result<(), Error> {
        let found = self.dims(id)?;
        // What is not known in the file: an extent, or how many steps have become a batch.
        let signature = &self.tensor(id)?.signature;
        let steps_in_batch = signature.first() == Some(&-1) && found.last() == dims.last();
        let open = signature.iter().skip(1).any(|&d| d == -1) || steps_in_batch;
        if open || found.iter().product::<usize>() == dims.iter().product::<usize>() {
            return Ok(());
        }
        self.fail(format!(
            "the output's shape is {found:?}; expected {dims:?}"
        ))
    }

    /// Makes `view` the operator's output, without computing anything.
    fn rename(&mut self, operator: &Operator, view: View) -> Result<(), Error> {
        let id = self.operand(&operator.outputs, 0)?;
        if self.activation_quant(id)? != self.builder.graph.tensor(view.tensor)?.quant {
            return self.fail("changes the quantization");
        }
        self.views.insert(id, view);
        Ok(())
    }

    /// Adds a node on each element.
    fn element_wise(&mut self, operator: &Operator<'a>, op: Op) -> Result<(), Error> {
        let view = self.view(self.operand(&operator.inputs, 0)?)?;
        let shape = self.builder.graph.tensor(view.tensor)?.shape;
        self.push(operator, op, vec![view.tensor], shape, view.dims)
    }

    /// The clamp fused into an operator, from option `field`.
    fn fused(&self, operator: &Operator, field: usize) -> Result<Activation, Error> {
        match operator.options.byte(field)? {
            0 => Ok(Activation::None),
            1 => Ok(Activation::Relu),
            3 => Ok(Activation::Relu6),
            other => {
                let names = ["", "", "RELU_N1_TO_1", "", "TANH", "SIGN_BIT"];
                let index = usize::try_from(other).ok();
                let name = index.and_then(|i| names.get(i)).copied();
                self.fail(format!(
                    "the fused activation {} is not supported; RELU and RELU6 are: export it as a layer of its own",
                    name.unwrap_or("is unknown and")
                ))
            }
        }
    }
}
