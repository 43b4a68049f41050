//! Tensors side by side, and parts of tensors.

use super::Importer;
use super::proto::Node;
use super::view::Axis::{Channel, Time, Width};
use super::view::View;
use mote_model::{Concat, Error, Op, Shape, Tensor};

impl<'a> Importer<'a> {
    pub(super) fn concat(&mut self, node: &'a Node) -> Result<(), Error> {
        if node.inputs.iter().all(|name| self.is_integers(name)) {
            let mut all = Vec::new();
            for name in &node.inputs {
                all.extend(self.integers_of(name)?);
            }
            return self.put_integers(node, all);
        }
        let views: Vec<View> = node
            .inputs
            .iter()
            .map(|name| self.view(name))
            .collect::<Result<_, _>>()?;
        let Some((head, rest)) = views.split_first() else {
            return self.fail("joins nothing");
        };
        let axis = self.axis(self.int(node, "axis", 0), head.dims.len())?;
        // Which axis of the graph grows: that of the dimension in any of the tensors.
        let grown: Vec<_> = views
            .iter()
            .filter_map(|v| v.dims.get(axis))
            .flatten()
            .copied()
            .collect();
        let along = match grown.as_slice() {
            [] => Channel,
            [first, others @ ..] if others.iter().all(|a| a == first) => *first,
            _ => {
                return self.fail(
                    "joins tensors whose dimensions are several axes; join before flattening",
                );
            }
        };
        let flat_only = views
            .iter()
            .all(|v| v.dims.get(axis).is_none_or(|d| d.len() <= 1));
        if !flat_only || along == Width {
            return self.fail("joins along an axis that is not time or channels");
        }
        let mut joined = head.clone();
        for view in rest {
            let same = [Time, Width, Channel]
                .iter()
                .all(|&a| a == along || joined.extent(a) == view.extent(a));
            let others = joined.dims.iter().zip(&view.dims).enumerate();
            let alike = others.into_iter().all(|(i, (a, b))| i == axis || a == b);
            if !same || !alike || joined.size[1] != 1 {
                return self.fail(format!(
                    "joins {:?} and {:?}, which is not supported",
                    joined.extents(),
                    view.extents()
                ));
            }
            let [steps, width, channels] = joined.size;
            let time = along == Time;
            let size = match time {
                true => [steps + view.size[0], width, channels],
                false => [steps, width, channels + view.size[2]],
            };
            let [steps, _, channels] = size;
            let op = Op::Concat(Concat {
                second: view.shape(),
                time,
            });
            let tensor = Tensor {
                shape: Shape::new(steps, channels),
                quant: None,
            };
            let mut dims = joined.dims.clone();
            if let Some(dim) = dims.get_mut(axis) {
                *dim = vec![along];
            }
            let id = self
                .builder
                .node(op, vec![joined.tensor, view.tensor], tensor);
            joined = View::new(id, size, dims);
        }
        self.rename(node, joined)
    }

    /// The part from `start` to `end` of dimension `axis`, which must be time; or its element `one`. What only the padding of a
    /// convolution made is not computed.
    pub(super) fn cut(
        &mut self,
        view: View,
        axis: usize,
        start: i64,
        end: i64,
        one: Option<i64>,
    ) -> Result<View, Error> {
        let extent = view.extents().get(axis).copied().unwrap_or(1);
        let len = extent as i64;
        let place = |at: i64| if at < 0 { at.saturating_add(len) } else { at }.clamp(0, len);
        let (start, end) = match one {
            Some(at) => {
                let at = if at < 0 { at + len } else { at };
                (at, at + 1)
            }
            None => (place(start), place(end)),
        };
        if start < 0 || start >= end || end > len {
            return self.fail(format!("takes {start}..{end} of {len}"));
        }
        if start == 0 && end == len {
            return Ok(view);
        }
        if view.dims.get(axis).is_none_or(|d| d.as_slice() != [Time]) {
            return self.fail(format!(
                "takes {start}..{end} of {len}; only steps over time are taken, not channels: use two layers in their place"
            ));
        }
        let [_, width, channels] = view.size;
        let kept = (end - start) as usize;
        let cut = [start as usize, (len - end) as usize];
        let size = [kept, width, channels];
        let shape = Shape::new(kept, width * channels);
        if !view.shared && self.builder.cut(view.tensor, cut, shape) {
            return Ok(View::new(view.tensor, size, view.dims));
        }
        match self.builder.slice(view.tensor, start as usize, kept) {
            Some(tensor) => Ok(View::new(tensor, size, view.dims)),
            None => self.fail(format!(
                "takes {start}..{end} of {len}: at most 255 steps may be left out on a side"
            )),
        }
    }
}
