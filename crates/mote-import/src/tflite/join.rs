//! Several tensors side by side.

use super::schema::Operator;
use super::{Importer, View, fold};
use mote_model::{Concat, Error, Op, Shape, Tensor, TensorId};

impl<'a> Importer<'a> {
    pub(super) fn concatenation(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        if self.fold_ints(operator, |importer, operator| {
            let mut all = Vec::new();
            for &id in &operator.inputs {
                all.extend(importer.ints(id)?);
            }
            Ok(all)
        })? {
            return Ok(());
        }
        if self.fused(operator, 1)? != mote_model::Activation::None {
            return self
                .fail("a fused activation is not supported; export it as a layer of its own");
        }
        let first = self.operand(&operator.inputs, 0)?;
        let rank = self.tensor(first)?.shape.len();
        let axis = self.axis(operator.options.int(0, 0)?, rank)?;
        let Some(axis) = axis else {
            return self.fail("joins batches, which is not supported");
        };
        let views: Vec<View> = operator
            .inputs
            .iter()
            .map(|&id| self.view(id))
            .collect::<Result<_, _>>()?;
        let Some((&head, rest)) = views.split_first() else {
            return self.fail("joins nothing");
        };
        // Rows that the tensors have in common, and steps or channels that are put side by side.
        let layout = |dims: [usize; 3]| -> (Shape, bool) {
            let [h, w, c] = dims;
            match axis {
                0 => (Shape::new(h, w * c), true),
                1 if h == 1 => (Shape::new(w, c), true),
                1 => (Shape::new(h, w * c), false),
                _ => (Shape::new(h * w, c), false),
            }
        };
        let output = self.operand(&operator.outputs, 0)?;
        let quant = self.activation_quant(output)?;
        let (shape, time) = layout(head.dims);
        let mut dims = head.dims;
        let mut joined: TensorId = self.shaped(&head, shape)?;
        let mut whole = shape;
        for view in rest {
            let same = dims
                .iter()
                .zip(view.dims)
                .enumerate()
                .all(|(i, (&a, b))| i == axis || a == b);
            if !same {
                return self.fail(format!(
                    "joins {dims:?} and {:?} along axis {axis}",
                    view.dims
                ));
            }
            let (second, _) = layout(view.dims);
            let other = self.shaped(view, second)?;
            whole = match time {
                true => Shape::new(whole.time + second.time, whole.channels),
                false => Shape::new(whole.time, whole.channels + second.channels),
            };
            let op = Op::Concat(Concat { second, time });
            let tensor = Tensor {
                shape: whole,
                quant,
            };
            joined = self.builder.node(op, vec![joined, other], tensor);
            if let Some((d, more)) = dims.get_mut(axis).zip(view.dims.get(axis)) {
                *d += more;
            }
        }
        self.check_output(output, dims)?;
        let mut view = View::new(joined, dims);
        // The usual time axis again, where that is another one.
        if whole != fold(dims) && whole.time == 1 {
            view.tensor = self.shaped(&view, fold(dims))?;
        }
        self.rename(operator, view)
    }
}
