//! Means and maxima over whole axes.

use super::Importer;
use super::proto::Node;
use super::view::Axis::{Channel, Time, Width};
use super::view::View;
use mote_model::{Error, Op, Pool, PoolKind, Reshape, Shape, Tensor};

impl<'a> Importer<'a> {
    pub(super) fn global_pool(&mut self, node: &'a Node, kind: PoolKind) -> Result<(), Error> {
        let view = self.view(self.operand(node, 0)?)?;
        let (view, _) = self.channels_first(view)?;
        let mut reduced = vec![false, false];
        reduced.resize(view.dims.len(), true);
        self.reduce(node, view, &reduced, true, kind)
    }

    pub(super) fn reduce_all(&mut self, node: &'a Node, kind: PoolKind) -> Result<(), Error> {
        let name = self.operand(node, 0)?;
        let mut view = self.view(name)?;
        let rank = view.dims.len();
        let Some(axes) = self.ints(node, "axes", 1)? else {
            return self.fail("over everything is not supported; name the axes");
        };
        let mut reduced = vec![false; rank];
        for axis in axes {
            let axis = self.axis(axis, rank)?;
            if let Some(r) = reduced.get_mut(axis) {
                *r = true;
            }
        }
        if let [false, true, false] = reduced.as_slice() {
            // The second of three dimensions is time then.
            view = self.channels_last(view);
        }
        let keep = self.int(node, "keepdims", 1) != 0;
        self.reduce(node, view, &reduced, keep, kind)
    }

    /// One value per channel of those over the `reduced` dimensions, which stay with extent 1 or go.
    fn reduce(
        &mut self,
        node: &'a Node,
        view: View,
        reduced: &[bool],
        keep: bool,
        kind: PoolKind,
    ) -> Result<(), Error> {
        let mut dims = Vec::new();
        let mut gone = Vec::new();
        for (dim, reduced) in view.dims.iter().zip(reduced) {
            if *reduced {
                gone.extend(dim.iter().copied());
                if keep {
                    dims.push(Vec::new());
                }
            } else {
                dims.push(dim.clone());
            }
        }
        let [steps, columns, channels] = view.size;
        if gone.contains(&Channel) {
            return self.fail("over the channels is not supported; over time it is");
        }
        let (over_time, over_width) = (gone.contains(&Time), gone.contains(&Width));
        let pool = |kernel| {
            Op::Pool(Pool {
                kind,
                kernel,
                stride: 1,
                padding: [0, 0],
            })
        };
        match (over_time || steps == 1, over_width || columns == 1) {
            (true, true) if over_width && columns > 1 => {
                // Every position is a step.
                let shape = Shape::new(steps * columns, channels);
                let op = Op::Reshape(Reshape { shape });
                let flat = Tensor { shape, quant: None };
                let source = self.builder.node(op, vec![view.tensor], flat);
                let pooled = View::new(source, [1, 1, channels], dims);
                self.push(node, pool(shape.time), vec![source], pooled)
            }
            (true, _) if !over_width || columns == 1 => {
                let pooled = View::new(view.tensor, [1, columns, channels], dims);
                self.push(node, pool(steps), vec![view.tensor], pooled)
            }
            _ => self.fail("only pools over all of time, or all of time and width, are supported"),
        }
    }
}
