//! Operators whose windows slide over time and width: convolutions and pools; dense layers.

use super::constants::transpose;
use super::schema::Operator;
use super::{Importer, View, flat, fold};
use crate::conv::{Axis, Conv2d, MAX_WEIGHTS, Window};
use mote_model::{
    Activation, Conv1d, Dense, Error, Image, Op, Pool, Pool2d, PoolKind, Shape, Tensor, Weights,
};

/// Weights up to which a convolution over two axes becomes one over time, with zeros in it.
const SMALL: usize = 4096;

impl<'a> Importer<'a> {
    /// Reads stride `w`, stride `h`, dilation `w`, dilation `h` from option fields.
    fn windows(
        &self,
        operator: &Operator,
        [kh, kw]: [usize; 2],
        strides: [usize; 2],
        dilations: Option<[usize; 2]>,
    ) -> Result<[Window; 2], Error> {
        let number = |field: usize| {
            let value = operator.options.int(field, 1)?;
            let value = usize::try_from(value)
                .ok()
                .filter(|v| (1..=1 << 16).contains(v));
            value
                .ok_or_else(|| self.error("a stride, window or dilation is zero, negative or huge"))
        };
        let dilation = |n: usize| match dilations.and_then(|d| d.get(n).copied()) {
            Some(field) => number(field),
            None => Ok(1),
        };
        let [w, h] = strides;
        Ok([
            Window {
                size: kh,
                stride: number(h)?,
                dilation: dilation(1)?,
            },
            Window {
                size: kw,
                stride: number(w)?,
                dilation: dilation(0)?,
            },
        ])
    }

    /// The windows of an operator on `view` over height and width, with the padding it asks for.
    fn axes(
        &self,
        operator: &Operator,
        view: &View,
        windows: [Window; 2],
    ) -> Result<[Axis; 2], Error> {
        let same = match operator.options.byte(0)? {
            0 => true,
            1 => false,
            other => return self.fail(format!("padding {other}; expected SAME (0) or VALID (1)")),
        };
        if same && view.block != [1, 1] {
            return self.fail("SAME padding between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND");
        }
        let [h, w, _] = view.dims;
        let [pad_h, pad_w, pad_c] = view.pad;
        if pad_c != [0, 0] {
            return self.fail("its input is padded along the channels");
        }
        let axis = |window: Window, input: usize, [before, after]: [usize; 2]| {
            let [more_before, more_after] = if same {
                window.same_padding(input + before + after)
            } else {
                [0, 0]
            };
            let padding = [before + more_before, after + more_after];
            Axis {
                input,
                window,
                padding,
            }
        };
        let [rows, columns] = windows;
        Ok([axis(rows, h, pad_h), axis(columns, w, pad_w)])
    }

    /// `[height, width]` of the result of a window that slides along both.
    fn output(&self, [rows, columns]: [Axis; 2]) -> Result<[usize; 2], Error> {
        let output = |axis: Axis| axis.output().map_err(|e| self.error(e));
        Ok([output(rows)?, output(columns)?])
    }

    pub(super) fn convolution(
        &mut self,
        operator: &Operator<'a>,
        depthwise: bool,
    ) -> Result<(), Error> {
        let input = self.operand(&operator.inputs, 0)?;
        let view = self.padded_view(input)?;
        let filter_id = self.operand(&operator.inputs, 1)?;
        let &[first, kh, kw, last] = self.constant_shape(filter_id)?.as_slice() else {
            return self.fail("the filter is not 4-dimensional");
        };
        // Filters are [out, h, w, in / groups]; depthwise ones [1, h, w, out].
        let [.., channels] = view.dims;
        let (out, per_group) = if depthwise { (last, 1) } else { (first, last) };
        let fits = channels.is_multiple_of(per_group)
            && out.is_multiple_of(channels / per_group)
            && (first == 1 || !depthwise);
        if !fits {
            return self.fail(format!("the filter does not fit {channels} input channels"));
        }
        let dilations = if depthwise { [5, 6] } else { [4, 5] };
        let mut windows = self.windows(operator, [kh, kw], [1, 2], Some(dilations))?;
        for (window, block) in windows.iter_mut().zip(view.block) {
            if block > 1 && (window.stride, window.dilation) != (1, 1) {
                return self.fail(
                    "has a stride or dilation between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND",
                );
            }
            window.dilation *= block;
        }
        let [mut rows, mut columns] = self.axes(operator, &view, windows)?;
        let output_id = self.operand(&operator.outputs, 0)?;
        if view.block != [1, 1] {
            let [crop_h, crop_w] = self.crops(output_id, view.block)?;
            rows.padding = self.cropped(rows.padding, crop_h)?;
            columns.padding = self.cropped(columns.padding, crop_w)?;
        }
        let [out_h, out_w] = self.output([rows, columns])?;
        let dims = [out_h, out_w, out];
        let bias = operator.inputs.get(2).copied().filter(|&b| b >= 0);
        let axis = if depthwise { 3 } else { 0 };
        let weights = self.weights(input, filter_id, bias, out, axis)?;
        let weights = if depthwise {
            transpose(weights, out)
        } else {
            weights
        };
        let conv = Filter {
            axes: [rows, columns],
            channels,
            out,
            per_group,
            activation: self.fused(operator, if depthwise { 4 } else { 3 })?,
        };
        let (op, source, shape) = self.lower(&view, &conv, dims, weights)?;
        let quant = self.activation_quant(output_id)?;
        if view.block == [1, 1] {
            self.check_output(output_id, dims)?;
        }
        let tensor = self.builder.node(op, vec![source], Tensor { shape, quant });
        let mut result = View::new(tensor, dims);
        result.block = view.block;
        self.views.insert(output_id, result);
        Ok(())
    }

    /// The convolution over time or, where that would cost many zeros, over two axes; what it reads and the shape of what
    /// it makes.
    fn lower(
        &mut self,
        view: &View,
        filter: &Filter,
        dims: [usize; 3],
        weights: Weights,
    ) -> Result<(Op, usize, Shape), Error> {
        let &Filter {
            axes: [rows, columns],
            channels,
            out,
            per_group,
            activation,
        } = filter;
        let ([h, w, _], [out_h, out_w, _]) = (view.dims, dims);
        let own = self.builder.graph.tensor(view.tensor)?.shape;
        let over_width = h == 1;
        let [time, width] = if over_width {
            [columns, rows]
        } else {
            [rows, columns]
        };
        let count = |columns: usize| weights.len().saturating_mul(columns);
        let point = rows.is_pointwise() && columns.is_pointwise();
        if point && h > 1 && w > 1 && (own == flat(view.dims) || count(w) > SMALL) {
            // Every position by itself.
            let conv = Conv1d {
                out_channels: out,
                kernel: 1,
                stride: 1,
                dilation: 1,
                padding: [0, 0],
                groups: channels / per_group,
                activation,
                weights,
            };
            let source = self.shaped(view, flat(view.dims))?;
            return Ok((Op::Conv1d(conv), source, flat(dims)));
        }
        let conv = Conv2d {
            time,
            width,
            width_first: over_width,
            channels,
            out,
            per_group,
        };
        let keeps_axis = h > 1 || out_h == 1;
        let positions = if over_width { out_h } else { out_w };
        let apart = width.is_apart();
        let dense = positions
            .saturating_mul(out)
            .saturating_mul(time.window.size)
            .saturating_mul(width.input)
            .saturating_mul(channels);
        let size = if apart { count(positions) } else { dense };
        let field = rows.window.size * columns.window.size * channels;
        let own_kernel = per_group == 1 && out == channels;
        let long = !own_kernel && field > mote_model::Conv2d::MAX_FIELD && weights.bits() != 32;
        if keeps_axis && (apart && (w == 1 || h == 1 || size <= SMALL * 4) || size <= SMALL || long)
        {
            let lowered = conv.lower(weights, activation);
            let (conv, _) = lowered.map_err(|e| self.error(e))?;
            let source = self.shaped(view, fold(view.dims))?;
            let shape = if h == 1 {
                Shape::new(out_w, out)
            } else {
                Shape::new(out_h, out_w * out)
            };
            return Ok((Op::Conv1d(conv), source, shape));
        }
        if long {
            return self.fail(format!(
                "a window of {field} elements is too long for int8 sums"
            ));
        }
        let depthwise = own_kernel && channels > 1;
        let weights = match depthwise {
            true => weights,
            false if field.saturating_mul(out) > MAX_WEIGHTS => {
                return self.fail("its weights are too large for a microcontroller");
            }
            false => conv.ungrouped(weights),
        };
        let image = Image {
            axes: [rows.into(), columns.into()],
            channels,
        };
        let conv = mote_model::Conv2d {
            image,
            out_channels: out,
            depthwise,
            activation,
            weights,
        };
        Ok((Op::Conv2d(conv), view.tensor, flat(dims)))
    }

    pub(super) fn pool(&mut self, operator: &Operator<'a>, kind: PoolKind) -> Result<(), Error> {
        let input = self.operand(&operator.inputs, 0)?;
        let view = self.view(input)?;
        let size = |field| {
            let size = usize::try_from(operator.options.int(field, 0)?).ok();
            size.filter(|s| (1..=1 << 16).contains(s))
                .ok_or_else(|| self.error("the window is empty or huge"))
        };
        let (kw, kh) = (size(3)?, size(4)?);
        let windows = self.windows(operator, [kh, kw], [1, 2], None)?;
        let [rows, columns] = self.axes(operator, &view, windows)?;
        let [h_in, w_in, channels] = view.dims;
        let [out_h, out_w] = self.output([rows, columns])?;
        let dims = [out_h, out_w, channels];
        let (time, width) = if h_in == 1 {
            (columns, rows)
        } else {
            (rows, columns)
        };
        let (op, source, shape) = if width.is_apart() {
            let pool = Pool {
                kind,
                kernel: time.window.size,
                stride: time.window.stride,
                padding: time.padding,
            };
            let source = self.shaped(&view, fold(view.dims))?;
            let shape = match h_in {
                1 => Shape::new(out_w, channels),
                _ => Shape::new(out_h, out_w * channels),
            };
            (Op::Pool(pool), source, shape)
        } else if rows.covers_all() && columns.covers_all() {
            let pool = Pool {
                kind,
                kernel: h_in * w_in,
                stride: 1,
                padding: [0, 0],
            };
            let source = self.shaped(&view, flat(view.dims))?;
            (Op::Pool(pool), source, Shape::new(1, channels))
        } else {
            let image = Image {
                axes: [rows.into(), columns.into()],
                channels,
            };
            let pool = Pool2d { image, kind };
            (Op::Pool2d(pool), view.tensor, flat(dims))
        };
        let clamp = self.fused(operator, 5)?;
        if clamp == Activation::None {
            return self.push(operator, op, vec![source], shape, dims);
        }
        let quant = self.builder.graph.tensor(source)?.quant;
        let pooled = self.builder.node(op, vec![source], Tensor { shape, quant });
        self.push(operator, Op::Activation(clamp), vec![pooled], shape, dims)
    }

    pub(super) fn dense(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let input = self.operand(&operator.inputs, 0)?;
        let view = self.view(input)?;
        if operator.options.byte(1)? != 0 {
            return self.fail("shuffled weights are not supported; export with the default format");
        }
        let filter = self.operand(&operator.inputs, 1)?;
        let &[out, features] = self.constant_shape(filter)?.as_slice() else {
            return self.fail("the weights are not 2-dimensional");
        };
        let bias = operator.inputs.get(2).copied().filter(|&b| b >= 0);
        let weights = self.weights(input, filter, bias, out, 0)?;
        let activation = self.fused(operator, 0)?;
        let [h, w, c] = view.dims;
        let (source, shape, dims) = if h * w * c == features {
            (view.tensor, Shape::new(1, out), [1, 1, out])
        } else if c == features {
            // Applied to every position on its own.
            let source = self.shaped(&view, flat(view.dims))?;
            (source, Shape::new(h * w, out), [h, w, out])
        } else {
            return self.fail(format!(
                "{features} weights per output for an input of {h} x {w} x {c}"
            ));
        };
        let dense = Dense {
            out_features: out,
            activation,
            weights,
        };
        self.push(operator, Op::Dense(dense), vec![source], shape, dims)
    }

    /// Writes a padded tensor: a depthwise convolution of one tap, which is exact.
    pub(super) fn pad_now(&mut self, view: &View) -> Result<View, Error> {
        let [h, w, c] = view.dims;
        let [pad_h, pad_w, pad_c] = view.pad;
        if view.block != [1, 1] {
            return self.fail("between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND, where only a convolution may stand");
        }
        let one_axis = pad_c == [0, 0] && (pad_h == [0, 0] || pad_w == [0, 0]);
        if !one_axis {
            return self.fail(
                "its input is padded along two axes; that is supported before convolutions only",
            );
        }
        let dims = [h + pad_h[0] + pad_h[1], w + pad_w[0] + pad_w[1], c];
        // Along the height, time steps have all columns; along the width there is one row, or each has its own.
        let (padding, shape) = match pad_w {
            [0, 0] => (pad_h, Shape::new(h, w * c)),
            _ if h == 1 => (pad_w, Shape::new(w, c)),
            _ => {
                return self.fail("its input is padded along the second axis; that is supported before convolutions only");
            }
        };
        let quant = self.builder.graph.tensor(view.tensor)?.quant;
        let source = self.shaped(view, shape)?;
        let channels = shape.channels;
        let weights = match quant {
            None => Weights::F32 {
                weights: vec![1.0; channels],
                bias: vec![0.0; channels],
            },
            // Of 1, but factors are below one.
            Some(_) => Weights::I8 {
                weights: vec![64; channels],
                bits: 8,
                scales: vec![1.0 / 64.0; channels],
                bias: vec![0; channels],
            },
        };
        let conv = Conv1d {
            out_channels: channels,
            kernel: 1,
            stride: 1,
            dilation: 1,
            padding,
            groups: channels,
            activation: Activation::None,
            weights,
        };
        let shape = Shape::new(shape.time + padding[0] + padding[1], channels);
        let tensor = self
            .builder
            .node(Op::Conv1d(conv), vec![source], Tensor { shape, quant });
        Ok(View::new(tensor, dims))
    }

    /// `padding` less `crop`.
    fn cropped(&self, padding: [usize; 2], crop: [usize; 2]) -> Result<[usize; 2], Error> {
        let [before, after] = padding;
        let less = before.checked_sub(crop[0]).zip(after.checked_sub(crop[1]));
        less.map(|(b, a)| [b, a]).ok_or_else(|| {
            self.error(format!(
                "BATCH_TO_SPACE_ND behind it crops {crop:?} of a padding of {padding:?}"
            ))
        })
    }
}

/// A convolution over height and width.
struct Filter {
    axes: [Axis; 2],
    channels: usize,
    out: usize,
    per_group: usize,
    activation: Activation,
}
