//! ONNX models, as PyTorch exports them: f32, channels first.
//!
//! The graph reads its input time-major, `[time][channel]`, whatever the layout in the file; weights are rearranged
//! accordingly. Transposing and reshaping cost nothing ([`view`]), clamps and constant factors are folded into the
//! layer before where nobody else reads it, and 2-D convolutions become 1-D ones exactly ([`super::conv`]).
//!
//! Whatever does not map exactly is an error that names the operator and its place.

mod constants;
mod elements;
mod external;
mod integers;
mod join;
mod layers;
mod operators;
mod proto;
mod reduce;
mod shapes;
mod view;

use super::builder::Builder;
use crate::{Element, Imported, Port};
use mote_model::MAX_ELEMENTS;
use mote_model::{Error, Graph, Op, Tensor};
use prost::Message;
use proto::{Model, Node};
use std::collections::HashMap;
use std::path::Path;
use view::{NO_PADDING, View};

/// Reads the model file `bytes` as a network called `name`.
///
/// `docs/import.md` lists the supported operators, in f32 and with a batch of one or any size.
///
/// # Errors
/// [`Error::ModelFile`] when the file is corrupt or uses an operator, type or layout that is not supported; other
/// errors as [`Graph::validate`].
pub fn import(name: &str, bytes: &[u8]) -> Result<Graph, Error> {
    Ok(read(name, bytes, None)?.graph)
}

/// As [`import`], with what the file says about its input and output. Weights that lie in another file are read from
/// `folder`.
///
/// # Errors
/// As [`import`]; when there is no folder, or a file is missing there.
pub fn read(name: &str, bytes: &[u8], folder: Option<&Path>) -> Result<Imported, Error> {
    let damaged = |e| Error::model_file("header", format!("this is no ONNX file: {e}"));
    let mut model = Model::decode(bytes).map_err(damaged)?;
    external::load(&mut model, folder)?;
    let Some(file) = &model.graph else {
        return Err(Error::model_file(
            "header",
            "this is no ONNX file: it has no graph",
        ));
    };
    operators::check_all(file)?;
    let opset = model.opsets.iter().find(|o| o.domain.is_empty());
    let mut importer = Importer {
        builder: Builder::new(name),
        views: HashMap::new(),
        constants: file
            .constants
            .iter()
            .map(|c| (c.name.as_str(), c))
            .collect(),
        integers: HashMap::new(),
        columns: HashMap::new(),
        uses: HashMap::new(),
        input_order: Vec::new(),
        opset: opset.map_or(0, |o| o.version),
        place: "network inputs".to_owned(),
    };
    for name in file.nodes.iter().flat_map(|n| &n.inputs) {
        *importer.uses.entry(name).or_default() += 1;
    }
    for output in &file.outputs {
        *importer.uses.entry(&output.name).or_default() += 1;
    }
    let dims = importer.input(file)?;
    for (index, node) in file.nodes.iter().enumerate() {
        importer.place = operators::place(index, node);
        importer.node(node)?;
    }
    importer.place = "network outputs".to_owned();
    let [output] = file.outputs.as_slice() else {
        let what = format!("{}; exactly one is supported", file.outputs.len());
        return importer.fail(what);
    };
    let view = importer.view(&output.name)?;
    let output = Port {
        element: Element::F32,
        dims: view.extents(),
        order: view.file_order(),
    };
    let input = Port {
        element: Element::F32,
        dims,
        order: std::mem::take(&mut importer.input_order),
    };
    Ok(Imported {
        graph: importer.builder.finish(view.tensor)?,
        input,
        output,
    })
}

struct Importer<'a> {
    builder: Builder,
    /// By the file's name.
    views: HashMap<&'a str, View>,
    constants: HashMap<&'a str, &'a proto::Tensor>,
    /// Integers that are known now and feed shapes.
    integers: HashMap<&'a str, Vec<i64>>,
    /// Columns of those integers that stand in rows.
    columns: HashMap<&'a str, usize>,
    /// For each element of the graph's input, its place in the file's.
    input_order: Vec<usize>,
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

    fn input(&mut self, file: &'a proto::Graph) -> Result<Vec<usize>, Error> {
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
        let view = extents
            .as_deref()
            .and_then(|extents| View::input(0, extents));
        let small = |v: &View| v.size.iter().product::<usize>() <= MAX_ELEMENTS;
        let Some(view) = view.filter(small) else {
            return self.fail(format!(
                "`{name}` must be [1, channels, time] or [1, channels, time, width] with numbers for all but the \
                 batch; export with a fixed shape"
            ));
        };
        self.builder.reshape_input(0, view.shape());
        self.input_order = view.file_order();
        self.views.insert(name, view);
        Ok(extents.unwrap_or_default())
    }

    fn node(&mut self, node: &'a Node) -> Result<(), Error> {
        let known = operators::OPERATORS.iter().find(|k| k.0 == node.operator);
        let Some((_, import)) = known else {
            return self.fail("not supported");
        };
        let further = node.outputs.iter().skip(1);
        if further
            .into_iter()
            .any(|o| self.uses.contains_key(o.as_str()))
        {
            return self.fail("its second output is used, which is not supported");
        }
        import(self, node)
    }

    pub(super) fn identity(&mut self, node: &'a Node) -> Result<(), Error> {
        let name = self.operand(node, 0)?;
        if let Some(constant) = self.constants.get(name).copied() {
            self.constants.insert(self.output(node)?, constant);
            return Ok(());
        }
        if let Some(values) = self.integers.get(name).cloned() {
            self.integers.insert(self.output(node)?, values);
            return Ok(());
        }
        let view = self.padded_view(name)?;
        self.rename(node, view)
    }

    pub(super) fn constant_node(&mut self, node: &'a Node) -> Result<(), Error> {
        let output = self.output(node)?;
        if let Some(value) = self
            .attribute(node, "value")
            .and_then(|a| a.tensor.as_ref())
        {
            self.constants.insert(output, value);
            return Ok(());
        }
        let int = self.attribute(node, "value_int").map(|a| vec![a.int]);
        let ints = self.attribute(node, "value_ints").map(|a| a.ints.clone());
        match int.or(ints) {
            Some(values) => {
                self.integers.insert(output, values);
                Ok(())
            }
            None => self
                .fail("only constants given as `value`, `value_int` or `value_ints` are supported"),
        }
    }

    /// Makes `anew` of the input, which `old` sees with the same dimensions: nobody has read it yet, so that it may be
    /// stored as is convenient. Whether that was possible.
    fn rename_input(&mut self, old: &View, anew: &View) -> bool {
        let places = old.file_order();
        let wanted = anew.file_order();
        if !old.may_be_renamed() || places.len() != wanted.len() {
            return false;
        }
        let mut stored = vec![0; places.len()];
        for (at, &place) in places.iter().enumerate() {
            if let Some(slot) = stored.get_mut(place) {
                *slot = at;
            }
        }
        let file = |place: &usize| {
            let at = stored.get(*place)?;
            self.input_order.get(*at).copied()
        };
        let order: Option<Vec<usize>> = wanted.iter().map(file).collect();
        let Some(order) = order.filter(|_| self.builder.reshape_input(old.tensor, anew.shape()))
        else {
            return false;
        };
        self.input_order = order;
        true
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
                "`{name}` is padded; Pad is supported before convolutions and pools only"
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
