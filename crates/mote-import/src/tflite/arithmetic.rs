//! Sums, products and changes of grid.

use super::schema::{Operator, kind};
use super::{Importer, View, flat};
use mote_model::{
    Activation, Constant, Conv1d, Error, Op, Shape, TensorId, Weights, WithConstants,
};

impl<'a> Importer<'a> {
    /// A sum, difference or product: of a tensor and a constant, or of two tensors.
    pub(super) fn with_constant_or(
        &mut self,
        operator: &Operator<'a>,
        kind: Constant,
    ) -> Result<(), Error> {
        let folded = self.fold_ints(operator, |importer, operator| {
            let [a, b] = [0, 1].map(|n| {
                importer
                    .operand(&operator.inputs, n)
                    .and_then(|id| importer.ints(id))
            });
            let (a, b) = (a?, b?);
            let count = a.len().max(b.len());
            let pairs = a.iter().cycle().zip(b.iter().cycle()).take(count);
            Ok(pairs
                .map(|(&a, &b)| match kind {
                    Constant::Mul => a.wrapping_mul(b),
                    Constant::Add => a.wrapping_add(b),
                    Constant::Sub => a.wrapping_sub(b),
                })
                .collect())
        })?;
        if folded {
            return Ok(());
        }
        let activation = self.fused(operator, 0)?;
        let [a, b] = [0, 1].map(|n| self.operand(&operator.inputs, n));
        let (a, b) = (a?, b?);
        match (self.is_constant(a), self.is_constant(b)) {
            (false, false) => self.of_two(operator, kind, [a, b], activation),
            (false, true) => self.constant(operator, kind, a, b, activation, false),
            (true, false) => self.constant(operator, kind, b, a, activation, true),
            (true, true) => self.fail("of two constants; export with constant folding"),
        }
    }

    pub(super) fn divide(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let activation = self.fused(operator, 0)?;
        let [a, b] = [0, 1].map(|n| self.operand(&operator.inputs, n));
        let (a, b) = (a?, b?);
        if self.is_constant(a) || !self.is_constant(b) {
            return self.fail("only division by constants is supported");
        }
        let view = self.view(a)?;
        if self.builder.graph.tensor(view.tensor)?.quant.is_some() {
            return self.fail("division in int8 is not supported; multiply by the reciprocal");
        }
        let factors = self.per_channel(b, &view)?;
        let factors: Vec<f32> = factors.iter().map(|f| 1.0 / f).collect();
        let shifts = vec![0.0; factors.len()];
        self.affine(operator, view, factors, shifts, activation)
    }

    /// A sum or product of two tensors.
    fn of_two(
        &mut self,
        operator: &Operator<'a>,
        kind: Constant,
        [a, b]: [i32; 2],
        activation: Activation,
    ) -> Result<(), Error> {
        let (mut a, mut b) = (self.view(a)?, self.view(b)?);
        if a.dims == b.dims {
            let shape = self.builder.graph.tensor(a.tensor)?.shape;
            let other = self.shaped(&b, shape)?;
            let op = match kind {
                Constant::Add => Op::Add(activation),
                Constant::Mul => Op::Mul(activation),
                Constant::Sub if self.builder.graph.tensor(other)?.quant.is_none() => {
                    let negated = self.builder.scaled(other, -1.0)?;
                    let inputs = vec![a.tensor, negated];
                    return self.push(operator, Op::Add(activation), inputs, shape, a.dims);
                }
                Constant::Sub => {
                    return self.fail(
                        "the difference of two tensors is not supported in int8; add one that a layer has negated",
                    );
                }
            };
            return self.push(operator, op, vec![a.tensor, other], shape, a.dims);
        }
        if kind == Constant::Mul {
            // One value per channel for all positions.
            if a.dims.iter().product::<usize>() < b.dims.iter().product::<usize>() {
                std::mem::swap(&mut a, &mut b);
            }
            let [.., c] = a.dims;
            if b.dims == [1, 1, c] {
                let shape = flat(a.dims);
                let inputs = vec![self.shaped(&a, shape)?, self.shaped(&b, Shape::new(1, c))?];
                return self.push(operator, Op::Mul(activation), inputs, shape, a.dims);
            }
        }
        self.fail(format!(
            "of {:?} and {:?}; only a product with one value per channel is repeated",
            a.dims, b.dims
        ))
    }

    /// The tensor `id` and the constant `constant`, which comes `first` or second.
    fn constant(
        &mut self,
        operator: &Operator<'a>,
        kind: Constant,
        id: i32,
        constant: i32,
        activation: Activation,
        first: bool,
    ) -> Result<(), Error> {
        let view = self.view(id)?;
        let quant = self.builder.graph.tensor(view.tensor)?.quant;
        if quant.is_some() {
            return self.constant_i8(operator, kind, view, constant, activation, first);
        }
        let values = self.per_channel(constant, &view)?;
        let all = |value: f32| vec![value; values.len()];
        let (factors, shifts) = match (kind, first) {
            (Constant::Mul, _) => (values.clone(), all(0.0)),
            (Constant::Add, _) => (all(1.0), values),
            (Constant::Sub, false) => (all(1.0), values.iter().map(|v| -v).collect()),
            (Constant::Sub, true) => (all(-1.0), values),
        };
        self.affine(operator, view, factors, shifts, activation)
    }

    fn constant_i8(
        &mut self,
        operator: &Operator<'a>,
        kind: Constant,
        view: View,
        constant: i32,
        activation: Activation,
        first: bool,
    ) -> Result<(), Error> {
        if first && kind == Constant::Sub {
            return self.fail("a constant less a tensor is not supported in int8; negate it with the layer before");
        }
        let tensor = self.tensor(constant)?;
        if tensor.kind != kind::INT8 {
            return self.fail(format!("the constant `{}` is not int8", tensor.name));
        }
        let Some(quant) = self.activation_quant(constant)? else {
            return self.fail(format!("the constant `{}` has no scale", tensor.name));
        };
        let values: Vec<i8> = tensor.data.iter().map(|&b| b.cast_signed()).collect();
        let values = self.spread(constant, &view, values)?;
        let shape = self.constant_shape_of(&view, values.len());
        let source = self.shaped(&view, shape)?;
        let op = Op::WithConstants(WithConstants {
            kind,
            values,
            quant,
            activation,
        });
        self.push(operator, op, vec![source], shape, view.dims)
    }

    /// The shape under which `count` constants are one per channel.
    fn constant_shape_of(&self, view: &View, count: usize) -> Shape {
        let own = self.builder.graph.tensor(view.tensor).map(|t| t.shape);
        match own {
            Ok(own) if own.channels == count => own,
            _ => {
                let len = view.dims.iter().product::<usize>();
                Shape::new(len / count.max(1), count)
            }
        }
    }

    /// Values of the constant `id`, one per channel of `view`, or per element.
    fn per_channel(&self, id: i32, view: &View) -> Result<Vec<f32>, Error> {
        let values = self.floats(id)?;
        self.spread(id, view, values)
    }

    /// `values` of the constant `id`: one per channel of `view`, or per column and channel, or per element.
    fn spread<T: Copy>(&self, id: i32, view: &View, values: Vec<T>) -> Result<Vec<T>, Error> {
        let [h, w, c] = view.dims;
        let shape = self.tensor(id)?.shape.clone();
        if let &[one] = values.as_slice() {
            let own = self.builder.graph.tensor(view.tensor)?.shape;
            return Ok(vec![one; own.channels]);
        }
        // From behind, dimensions are those of the tensor or one.
        let dims = [h, w, c];
        let mut behind = shape.iter().rev();
        let mut extents = [1usize; 3];
        for extent in extents.iter_mut().rev() {
            *extent = behind
                .next()
                .and_then(|&d| usize::try_from(d).ok())
                .unwrap_or(1);
        }
        let fits = extents.iter().zip(dims).all(|(&e, d)| e == d || e == 1)
            && behind.all(|&d| d == 1)
            && extents.iter().product::<usize>() == values.len();
        let [eh, ew, ec] = extents;
        // Repeated over what is in front of them only.
        let suffix = fits && (ec == c || c == 1) && (ew == w || eh == 1) && (ew == w || ew == 1);
        let plain = match (eh == h, ew == w) {
            (true, true) | (false, _) => true,
            (true, false) => h == 1,
        };
        if suffix && plain && values.len() <= crate::conv::MAX_WEIGHTS {
            return Ok(values);
        }
        if fits && ec == 1 && ew == w && w > 1 && h == 1 && c > 1 {
            return self.fail("one constant per step is not supported; one per channel is");
        }
        self.fail(format!(
            "a constant of shape {shape:?} for {dims:?}; one number, or one per channel is supported"
        ))
    }

    /// `x * factor + shift` per channel in f32: in the layer before, if it has no clamp and nobody else reads it, else as
    /// a depthwise convolution of one tap.
    fn affine(
        &mut self,
        operator: &Operator<'a>,
        view: View,
        factors: Vec<f32>,
        shifts: Vec<f32>,
        activation: Activation,
    ) -> Result<(), Error> {
        let readers = self.readers(view.tensor);
        if self
            .builder
            .fold_affine(view.tensor, readers, &factors, &shifts, activation)
        {
            return self.rename(operator, view);
        }
        let channels = factors.len();
        let shape = self.constant_shape_of(&view, channels);
        let source = self.shaped(&view, shape)?;
        let conv = Conv1d {
            out_channels: channels,
            kernel: 1,
            stride: 1,
            dilation: 1,
            padding: [0, 0],
            groups: channels,
            activation,
            weights: Weights::F32 {
                weights: factors,
                bias: shifts,
            },
        };
        self.push(operator, Op::Conv1d(conv), vec![source], shape, view.dims)
    }

    /// Counts the operators that read `tensor` in the file, under any name.
    fn readers(&self, tensor: TensorId) -> usize {
        let named = |id: &i32| self.views.get(id).is_some_and(|v| v.tensor == tensor);
        let read = self.model.operators.iter().flat_map(|o| &o.inputs);
        let outputs = self.model.outputs.iter();
        let names = self.views.values().filter(|v| v.tensor == tensor).count();
        // Renaming reads once per further name.
        (read.filter(|&id| named(id)).count() + outputs.filter(|&id| named(id)).count() + 1)
            .saturating_sub(names)
    }

    pub(super) fn quantize(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let view = self.view(self.operand(&operator.inputs, 0)?)?;
        let output = self.operand(&operator.outputs, 0)?;
        let from = self.builder.graph.tensor(view.tensor)?.quant;
        match (from, self.activation_quant(output)?) {
            (None, Some(_)) => self.element_wise(operator, Op::Quantize),
            (from, to) if from == to => self.rename(operator, view),
            (Some(_), Some(_)) => self.element_wise(operator, Op::Activation(Activation::None)),
            _ => self.fail("makes no int8"),
        }
    }

    pub(super) fn dequantize(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let input = self.operand(&operator.inputs, 0)?;
        if !self.views.contains_key(&input) && self.is_constant(input) {
            let output = self.operand(&operator.outputs, 0)?;
            self.halves.insert(output, input);
            return Ok(());
        }
        let view = self.view(input)?;
        match self.builder.graph.tensor(view.tensor)?.quant {
            None => self.rename(operator, view),
            Some(_) => self.element_wise(operator, Op::Dequantize),
        }
    }
}
