//! Operators that compute.

use super::Importer;
use super::proto::Node;
use super::view::Axis::{Channel, Time, Width};
use super::view::{View, channels_first};
use crate::conv::{Axis, Conv2d, MAX_WEIGHTS, Window};
use mote_model::{
    Activation, Dense, Error, Image, Op, Pool, Pool2d, PoolKind, Reshape, Shape, Tensor, Weights,
};

/// Weights up to which a convolution over two axes becomes one over time, with zeros in it.
const SMALL: usize = 4096;

/// A window of one step.
const POINT: Window = Window {
    size: 1,
    stride: 1,
    dilation: 1,
};

impl<'a> Importer<'a> {
    /// `view` with channels first, and whether its width comes before its time. The input may still be told so.
    pub(super) fn channels_first(&mut self, mut view: View) -> Result<(View, bool), Error> {
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
        match anew {
            Some(anew) if self.rename_input(&view, &anew) => view = anew,
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
        let Some(mut anew) = View::input(view.tensor, &[batch, channels, time]) else {
            return view;
        };
        anew.dims.swap(1, 2);
        match self.rename_input(&view, &anew) {
            true => anew,
            false => view,
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
        let columns = size[1].clone().map_err(|e| self.error(e))?;
        let lowered = columns
            .saturating_mul(out)
            .saturating_mul(time.window.size)
            .saturating_mul(width.input)
            .saturating_mul(channels);
        let field = taps.saturating_mul(channels).saturating_mul(out);
        if !width.is_apart() && !width_first && lowered > SMALL && field <= MAX_WEIGHTS {
            let steps = size[0].clone().map_err(|e| self.error(e))?;
            let depthwise = per_group == 1 && out == channels && channels > 1;
            let weights = Weights::F32 { weights, bias };
            let image = Image {
                axes: [time.into(), width.into()],
                channels,
            };
            let layer = mote_model::Conv2d {
                image,
                out_channels: out,
                depthwise,
                activation: Activation::None,
                weights: match depthwise {
                    true => weights,
                    false => conv.ungrouped(weights),
                },
            };
            let result = self.like(&view, width_first, [steps, columns, out]);
            return self.push_image(node, Op::Conv2d(layer), &view, result);
        }
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
        if time.window.dilation != 1 || width.window.dilation != 1 {
            return self.fail("pools with a dilation are not supported");
        }
        let counts_padding = self.int(node, "count_include_pad", 0) != 0;
        let padded = time.padding != [0, 0] || width.padding != [0, 0];
        if kind == PoolKind::Average && counts_padding && padded {
            return self.fail("count_include_pad with padding is not supported");
        }
        let output = |axis: Axis| axis.output().map_err(|e| self.error(e));
        let (steps, columns) = (output(time)?, output(width)?);
        let adds_window = |axis: Axis| {
            let [before, after] = axis.padding;
            !(axis.input + before + after - axis.window.size).is_multiple_of(axis.window.stride)
        };
        if self.int(node, "ceil_mode", 0) != 0 && (adds_window(time) || adds_window(width)) {
            return self.fail("ceil_mode is not supported where it adds a window");
        }
        let [_, _, channels] = view.size;
        let pooled = self.like(&view, width_first, [steps, columns, channels]);
        if !width.is_apart() || width.padding != [0, 0] {
            let image = Image {
                axes: [time.into(), width.into()],
                channels,
            };
            return self.push_image(node, Op::Pool2d(Pool2d { image, kind }), &view, pooled);
        }
        let pool = Op::Pool(Pool {
            kind,
            kernel: time.window.size,
            stride: time.window.stride,
            padding: time.padding,
        });
        self.push(node, pool, vec![view.tensor], pooled)
    }

    /// Adds a layer over two axes, whose result has a step per position, and puts its columns into the channels again.
    fn push_image(
        &mut self,
        node: &'a Node,
        op: Op,
        view: &View,
        result: View,
    ) -> Result<(), Error> {
        let [steps, columns, channels] = result.size;
        if columns == 1 {
            return self.push(node, op, vec![view.tensor], result);
        }
        let positions = Tensor {
            shape: Shape::new(steps * columns, channels),
            quant: None,
        };
        let source = self.builder.node(op, vec![view.tensor], positions);
        let shape = result.shape();
        self.push(node, Op::Reshape(Reshape { shape }), vec![source], result)
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
