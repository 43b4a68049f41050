//! Means and maxima over whole axes; softmax.

use super::schema::Operator;
use super::{Importer, View, flat};
use mote_model::{Activation, Error, Function, Op, Pool, PoolKind, Shape, Tensor, Transpose};

impl<'a> Importer<'a> {
    pub(super) fn reduce(&mut self, operator: &Operator<'a>, kind: PoolKind) -> Result<(), Error> {
        let input = self.operand(&operator.inputs, 0)?;
        let view = self.view(input)?;
        let rank = self.tensor(input)?.shape.len();
        let axes = self.ints(self.operand(&operator.inputs, 1)?)?;
        let [h, w, c] = view.dims;
        let mut reduced = [false; 3];
        for axis in axes {
            match self.axis(axis, rank)? {
                None => {}
                Some(axis) => {
                    if let Some(r) = reduced.get_mut(axis) {
                        *r = true;
                    }
                }
            }
        }
        let [over_h, over_w, over_c] = reduced;
        if over_c && c > 1 {
            return self.fail("over the channels; only time and width are supported");
        }
        let (over_h, over_w) = (over_h && h > 1, over_w && w > 1);
        let quant = self.builder.graph.tensor(view.tensor)?.quant;
        // A mean in f32 is an average pool.
        let kind = match (kind, quant) {
            (PoolKind::Mean, None) => PoolKind::Average,
            (kind, _) => kind,
        };
        let pool = |kernel| {
            Op::Pool(Pool {
                kind,
                kernel,
                stride: 1,
                padding: [0, 0],
            })
        };
        match (over_h, over_w) {
            (true, false) => {
                let source = self.shaped(&view, Shape::new(h, w * c))?;
                self.push(
                    operator,
                    pool(h),
                    vec![source],
                    Shape::new(1, w * c),
                    [1, w, c],
                )
            }
            (false, true) if h > 1 => {
                let shape = Shape::new(w, h * c);
                let turn = Transpose {
                    rows: h,
                    columns: w,
                    len: c,
                    shape,
                };
                let op = Op::Transpose(turn);
                let source = self
                    .builder
                    .node(op, vec![view.tensor], Tensor { shape, quant });
                self.push(
                    operator,
                    pool(w),
                    vec![source],
                    Shape::new(1, h * c),
                    [h, 1, c],
                )
            }
            (true, true) | (false, true) => {
                let source = self.shaped(&view, flat(view.dims))?;
                self.push(
                    operator,
                    pool(h * w),
                    vec![source],
                    Shape::new(1, c),
                    [1, 1, c],
                )
            }
            // Over nothing but axes of one.
            (false, false) => {
                let shape = self.builder.graph.tensor(view.tensor)?.shape;
                let op = Op::Activation(Activation::None);
                self.push(operator, op, vec![view.tensor], shape, view.dims)
            }
        }
    }

    /// Height (0), width (1) or channels (2) that dimension `axis` of a tensor of `rank` is; `None` for the batch.
    pub(super) fn axis(&self, axis: i32, rank: usize) -> Result<Option<usize>, Error> {
        let positive = match axis < 0 {
            true => i64::from(axis) + rank as i64,
            false => i64::from(axis),
        };
        let at = usize::try_from(positive)
            .ok()
            .filter(|at| *at < rank.max(1));
        let at = at.ok_or_else(|| self.error(format!("axis {axis} of {rank} dimensions")))?;
        // The last three dimensions, of which a batch is none.
        Ok((at + 3).checked_sub(rank).filter(|_| at > 0 || rank == 1))
    }

    pub(super) fn softmax(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let beta = operator.options.float(0)?;
        if beta != 1.0 {
            return self.fail(format!("beta is {beta}; only 1 is supported"));
        }
        self.one_step(operator)?;
        self.element_wise(operator, Op::Softmax)
    }

    pub(super) fn log_softmax(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let view = self.one_step(operator)?;
        let tensor = self.builder.graph.tensor(view.tensor)?.clone();
        if tensor.quant.is_some() {
            return self
                .fail("LOG_SOFTMAX in int8 is not supported; end in a softmax, or in scores");
        }
        let shape = tensor.shape;
        let softmax = self.builder.node(Op::Softmax, vec![view.tensor], tensor);
        let log = Op::Function(Function::Log);
        self.push(operator, log, vec![softmax], shape, view.dims)
    }

    /// The operand, which must be one step only.
    fn one_step(&mut self, operator: &Operator<'a>) -> Result<View, Error> {
        let view = self.view(self.operand(&operator.inputs, 0)?)?;
        let [h, w, _] = view.dims;
        match h * w {
            1 => Ok(view),
            steps => self.fail(format!(
                "softmax of each of {steps} steps is not supported; over all classes of one decision it is"
            )),
        }
    }
}
