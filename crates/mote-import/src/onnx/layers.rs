//! Operators that compute.

use super::Importer;
use super::proto::Node;
use super::view::Axis::{Channel, Time, Width};
use super::view::{View, channels_first};
use crate::conv::{Axis, Conv2d, MAX_WEIGHTS, Window};
use mote_model::{Activation, Dense, Error, Op, Pool, PoolKind, Weights};

/// A window of one step.
const POINT: Window = Window {
    size: 1,
    stride: 1,
    dilation: 1,
};

impl<'a> Importer<'a> {
    /// `view` with channels first, and whether its width comes before its time. The input may still be told so.
    fn channels_first(&mut self, mut view: View) -> Result<(View, bool), Error> {
        let rank = view.dims.len();
        let wanted = channels_first(rank).filter(|_| rank > 2);
        let Some(wanted) = wanted else {
            return self.fail(format!("reads {rank} dimensions; expected 3 or 4"));
        };
        let mut turned = wanted.clone();
        turned.swap(rank - 2, rank - 1);
        if view.is(&wanted) {
            return Ok((view, false));
        }
        if rank == 4 && view.is(&turned) {
            return Ok((view, true));
        }
        let anew = View::input(view.tensor, &view.extents());
        let anew = anew.filter(|_| view.may_be_renamed());
        match anew {
            Some(anew) if self.builder.reshape_input(view.tensor, anew.shape()) => view = anew,
            _ => {
                return self.fail(
                    "reads a tensor whose dimensions are not [batch, channels, time]; their order would have to be \
                     changed on the device",
                );
            }
        }
        let width_first = !view.is(&wanted);
        Ok((view, width_first))
    }

    /// `view` with its last dimension as the channels, if it is the input and nobody has read it yet.
    pub(super) fn channels_last(&mut self, view: View) -> View {
        let &[batch, time, channels] = view.extents().as_slice() else {
            return view;
        };
        let anew = View::input(view.tensor, &[batch, channels, time]);
        match anew.filter(|_| view.may_be_renamed()) {
            Some(mut anew) if self.builder.reshape_input(view.tensor, anew.shape()) => {
                anew.dims.swap(1, 2);
                anew
            }
            _ => view,
        }
    }

    /// Windows and padding over time and width.
    fn time_and_width(
        &self,
        node: &'a Node,
        view: &View,
        width_first: bool,
        kernel: &[usize],
    ) -> Result<[Axis; 2], Error> {
        if kernel.len() + 2 != view.dims.len() {
            return self.fail(format!(
                "a window of {kernel:?} over {} dimensions",
                view.dims.len().saturating_sub(2)
            ));
        }
        let [pad_time, pad_width, pad_channels] = view.pad;
        if pad_channels != [0, 0] {
            return self.fail("its input is padded along the channels");
        }
        let mut given = [
            (view.extent(Time), pad_time),
            (view.extent(Width), pad_width),
        ];
        if width_first {
            given.reverse();
        }
        let padded: Vec<usize> = given.iter().map(|(n, [b, a])| n + b + a).collect();
        let windows = self.windows(node, kernel)?;
        let padding = self.padding(node, &windows, &padded)?;
        let mut axes = [Axis {
            input: 1,
            window: POINT,
            padding: [0, 0],
        }; 2];
        let found = given.into_iter().zip(windows).zip(padding);
        for (axis, (((input, [before, after]), window), [b, a])) in axes.iter_mut().zip(found) {
            *axis = Axis {
                input,
                window,
                padding: [before + b, after + a],
            };
        }
        if width_first {
            axes.reverse();
        }
        Ok(axes)
    }

    pub(super) fn convolution(&mut self, node: &'a Node) -> Result<(), Error> {
        let view = self.padded_view(self.operand(node, 0)?)?;
        let (view, width_first) = self.channels_first(view)?;
        let filter = self.operand(node, 1)?;
        let (dims, values) = self.floats(filter)?;
        let [out, per_group, kernel @ ..] = dims.as_slice() else {
            return self.fail(format!("`{filter}` is no filter"));
        };
        let (out, per_group, channels) = (*out, *per_group, view.extent(Channel));
        let groups = self.int(node, "group", 1);
        let fits = channels.is_multiple_of(per_group)
            && usize::try_from(groups).ok() == Some(channels / per_group)
            && out.is_multiple_of(channels / per_group);
        if !fits {
            return self.fail(format!(
                "the filter {dims:?} in {groups} groups does not fit {channels} input channels"
            ));
        }
        let [time, width] = self.time_and_width(node, &view, width_first, kernel)?;
        let bias = match self.optional(node, 2) {
            Some(name) => self.floats(name)?.1,
            None => vec![0.0; out],
        };
        if bias.len() != out {
            return self.fail(format!("{} biases for {out} channels", bias.len()));
        }
        // [out][in / groups][kernel] to [out][kernel][in / groups].
        let taps: usize = kernel.iter().product();
        let field = (0..taps).flat_map(|tap| (0..per_group).map(move |i| i * taps + tap));
        let field: Vec<usize> = field.collect();
        let weights = rearranged(&values, &field);
        let size = [time.output(), width.output()];
        let conv = Conv2d {
            time,
            width,
            width_first,
            channels,
            out,
            per_group,
        };
        let lowered = conv.lower(Weights::F32 { weights, bias }, Activation::None);
        let (conv, columns) = lowered.map_err(|e| self.error(e))?;
        let [steps, _] = size;
        let steps = steps.map_err(|e| self.error(e))?;
        let view_after = self.like(&view, width_first, [steps, columns, out]);
        self.push(node, Op::Conv1d(conv), vec![view.tensor], view_after)
    }

    /// A view of `size` with the dimensions of `view`, which has channels first.
    fn like(&self, view: &View, width_first: bool, size: [usize; 3]) -> View {
        let mut dims = channels_first(view.dims.len()).unwrap_or_default();
        if let ([_, _, a, b], true) = (dims.as_mut_slice(), width_first) {
            std::mem::swap(a, b);
        }
        View::new(view.tensor, size, dims)
    }

    pub(super) fn pool(&mut self, node: &'a Node, kind: PoolKind) -> Result<(), Error> {
        let view = self.view(self.operand(node, 0)?)?;
        let (view, width_first) = self.channels_first(view)?;
        let kernel = self.attribute(node, "kernel_shape");
        let kernel = kernel.map_or(&[][..], |a| a.ints.as_slice());
        let kernel: Vec<usize> = kernel
            .iter()
            .map(|&k| usize::try_from(k).unwrap_or(0))
            .collect();
        let [time, width] = self.time_and_width(node, &view, width_first, &kernel)?;
        if time.window.dilation != 1 || !width.is_apart() || width.padding != [0, 0] {
            return self.fail("pools are supported over time only, and without dilation");
        }
        let counts_padding = self.int(node, "count_include_pad", 0) != 0;
        if kind == PoolKind::Average && counts_padding && time.padding != [0, 0] {
            return self.fail("count_include_pad with padding is not supported");
        }
        let steps = time.output().map_err(|e| self.error(e))?;
        let [before, after] = time.padding;
        let rest = (time.input + before + after - time.window.size) % time.window.stride;
        if self.int(node, "ceil_mode", 0) != 0 && rest != 0 {
            return self.fail("ceil_mode is not supported where it adds a window");
        }
        let pool = Op::Pool(Pool {
            kind,
            kernel: time.window.size,
            stride: time.window.stride,
            padding: time.padding,
        });
        let [_, width, channels] = view.size;
        let pooled = self.like(&view, width_first, [steps, width, channels]);
        self.push(node, pool, vec![view.tensor], pooled)
    }

    pub(super) fn global_pool(&mut self, node: &'a Node, kind: PoolKind) -> Result<(), Error> {
        let view = self.view(self.operand(node, 0)?)?;
        let (view, _) = self.channels_first(view)?;
        let reduced = vec![false, false, true, true];
        self.reduce(node, view, &reduced, true, kind)
    }

    pub(super) fn reduce_mean(&mut self, node: &'a Node) -> Result<(), Error> {
        let view = self.view(self.operand(node, 0)?)?;
        let rank = view.dims.len();
        let Some(axes) = self.ints(node, "axes", 1)? else {
            return self.fail("a mean over everything is not supported; name the axes");
        };
        let mut reduced = vec![false; rank];
        for axis in axes {
            let axis = self.axis(axis, rank)?;
            if let Some(r) = reduced.get_mut(axis) {
                *r = true;
            }
        }
        let keep = self.int(node, "keepdims", 1) != 0;
        self.reduce(node, view, &reduced, keep, PoolKind::Average)
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
        let over = |axis, extent| extent == 1 || gone.contains(&axis);
        if gone.contains(&Channel) || !over(Time, steps) || !over(Width, columns) {
            return self.fail("only pools over all of time are supported");
        }
        let pool = Op::Pool(Pool {
            kind,
            kernel: steps,
            stride: 1,
            padding: [0, 0],
        });
        let pooled = View::new(view.tensor, [1, columns, channels], dims.clone());
        self.push(node, pool, vec![view.tensor], pooled)?;
        if columns == 1 {
            return Ok(());
        }
        if kind == PoolKind::Max || channels.saturating_mul(channels * columns) > MAX_WEIGHTS {
            return self.fail("the largest of several columns is not supported");
        }
        // The mean over columns, which lie in the channels, is a layer of its own.
        let own = |o: usize| {
            (0..columns * channels).map(move |i| match i % channels == o {
                true => 1.0 / columns as f32,
                false => 0.0,
            })
        };
        let dense = Dense {
            out_features: channels,
            activation: Activation::None,
            weights: Weights::F32 {
                weights: (0..channels).flat_map(own).collect(),
                bias: vec![0.0; channels],
            },
        };
        let input = self.view(self.output(node)?)?.tensor;
        let mean = View::new(input, [1, 1, channels], dims);
        self.push(node, Op::Dense(dense), vec![input], mean)
    }

    pub(super) fn gemm(&mut self, node: &'a Node) -> Result<(), Error> {
        if self.int(node, "transA", 0) != 0 {
            return self.fail("transA is not supported");
        }
        let name = self.operand(node, 1)?;
        let (dims, mut values) = self.floats(name)?;
        let &[rows, columns] = dims.as_slice() else {
            return self.fail(format!("`{name}` is not a matrix"));
        };
        let (out, features) = match self.int(node, "transB", 0) {
            0 => {
                values = transposed(&values, columns);
                (columns, rows)
            }
            _ => (rows, columns),
        };
        let alpha = self.float(node, "alpha", 1.0);
        values.iter_mut().for_each(|w| *w *= alpha);
        let beta = self.float(node, "beta", 1.0);
        let bias = match self.optional(node, 2) {
            Some(name) => {
                let (_, values) = self.floats(name)?;
                match values.as_slice() {
                    &[value] => vec![beta * value; out],
                    many if many.len() == out => many.iter().map(|b| beta * b).collect(),
                    many => return self.fail(format!("{} biases for {out} outputs", many.len())),
                }
            }
            None => vec![0.0; out],
        };
        self.dense(node, values, bias, features)
    }

    pub(super) fn mat_mul(&mut self, node: &'a Node) -> Result<(), Error> {
        let name = self.operand(node, 1)?;
        let (dims, values) = self.floats(name)?;
        let &[features, out] = dims.as_slice() else {
            return self.fail(format!("`{name}` is not a matrix"));
        };
        let weights = transposed(&values, out);
        self.dense(node, weights, vec![0.0; out], features)
    }

    /// A dense layer over the last dimension, `weights` being `[out][features]`.
    fn dense(
        &mut self,
        node: &'a Node,
        weights: Vec<f32>,
        bias: Vec<f32>,
        features: usize,
    ) -> Result<(), Error> {
        let view = self.view(self.operand(node, 0)?)?;
        let view = self.channels_last(view);
        let Some((last, others)) = view.dims.split_last() else {
            return self.fail("reads a tensor without dimensions");
        };
        let extents = view.extents();
        if extents.last() != Some(&features) {
            return self.fail(format!("{features} weights per output for {extents:?}"));
        }
        let per_step = match others.concat().as_slice() {
            [] => false,
            [Time] => true,
            _ => return self.fail("only channels, or all of a window, go through a dense layer"),
        };
        let order = view.order(last, [Time, Width, Channel]);
        let out = bias.len();
        let steps = if per_step { view.extent(Time) } else { 1 };
        let mut dims = others.to_vec();
        dims.push(vec![Channel]);
        let dense = Dense {
            out_features: out,
            activation: Activation::None,
            weights: Weights::F32 {
                weights: rearranged(&weights, &order),
                bias,
            },
        };
        let result = View::new(view.tensor, [steps, 1, out], dims);
        self.push(node, Op::Dense(dense), vec![view.tensor], result)
    }
}

/// `[rows][columns]` to `[columns][rows]`.
fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let column = |c: usize| values.iter().skip(c).step_by(columns.max(1)).copied();
    (0..columns).flat_map(column).collect()
}

/// Rows as long as `order`, each with its values in that order.
fn rearranged(values: &[f32], order: &[usize]) -> Vec<f32> {
    values
        .chunks_exact(order.len().max(1))
        .flat_map(|row| order.iter().filter_map(|&i| row.get(i).copied()))
        .collect()
}
