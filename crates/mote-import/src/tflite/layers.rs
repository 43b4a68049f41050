//! The operators.

use super::constants::transpose;
use super::schema::Operator;
use super::{Importer, View, fold};
use crate::conv::{Axis, Conv2d, MAX_WEIGHTS, Window};
use mote_model::{Activation, Conv1d, Dense, Error, Op, Pool, PoolKind, Shape, Tensor, Weights};

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
    fn output([rows, columns]: [Axis; 2]) -> Result<[usize; 2], String> {
        Ok([rows.output()?, columns.output()?])
    }

    /// The shape, over time, of a result of `dims` that was made from an input of height `h_in`: without a height,
    /// time is the width, and stays it.
    fn shape_over_time(&self, h_in: usize, dims: [usize; 3]) -> Result<Shape, Error> {
        match (h_in, dims) {
            (1, [1, w, c]) => Ok(Shape::new(w, c)),
            (1, [h, ..]) => self.fail(format!(
                "makes a height of {h} of 1, which is not supported"
            )),
            (_, [h, w, c]) => Ok(Shape::new(h, w * c)),
        }
    }

    pub(super) fn convolution(
        &mut self,
        operator: &Operator<'a>,
        depthwise: bool,
    ) -> Result<(), Error> {
        let input = self.operand(&operator.inputs, 0)?;
        let view = self.padded_view(input)?;
        self.need_time_axis(&view)?;
        let filter_id = self.operand(&operator.inputs, 1)?;
        let &[first, kh, kw, last] = self.constant_shape(filter_id)?.as_slice() else {
            return self.fail("the filter is not 4-dimensional");
        };
        // Filters are [out, h, w, in / groups]; depthwise ones [1, h, w, out].
        let [h_in, _, channels] = view.dims;
        let (out, per_group) = if depthwise { (last, 1) } else { (first, last) };
        let fits = channels.is_multiple_of(per_group)
            && out.is_multiple_of(channels / per_group)
            && (first == 1 || !depthwise);
        if !fits {
            return self.fail(format!("the filter does not fit {channels} input channels"));
        }
        let dilations = if depthwise { [5, 6] } else { [4, 5] };
        let windows = self.windows(operator, [kh, kw], [1, 2], Some(dilations))?;
        let [rows, columns] = self.axes(operator, &view, windows)?;
        let output = Self::output([rows, columns]);
        let [out_h, out_w] = output.map_err(|e| self.error(e))?;
        let dims = [out_h, out_w, out];
        let shape = self.shape_over_time(h_in, dims)?;
        let bias = operator.inputs.get(2).copied().filter(|&b| b >= 0);
        let axis = if depthwise { 3 } else { 0 };
        let weights = self.weights(input, filter_id, bias, out, axis)?;
        let weights = if depthwise {
            transpose(weights, out)
        } else {
            weights
        };
        let over_width = h_in == 1;
        let [time, width] = if over_width {
            [columns, rows]
        } else {
            [rows, columns]
        };
        let conv = Conv2d {
            time,
            width,
            width_first: over_width,
            channels,
            out,
            per_group,
        };
        let activation = self.fused(operator, if depthwise { 4 } else { 3 })?;
        let lowered = conv.lower(weights, activation);
        let (conv, _) = lowered.map_err(|e| self.error(e))?;
        self.push(operator, Op::Conv1d(conv), vec![view.tensor], shape, dims)
    }

    pub(super) fn pool(&mut self, operator: &Operator<'a>, kind: PoolKind) -> Result<(), Error> {
        let input = self.operand(&operator.inputs, 0)?;
        let view = self.view(input)?;
        self.need_time_axis(&view)?;
        let size = |field| {
            let size = usize::try_from(operator.options.int(field, 0)?).ok();
            size.filter(|s| (1..=1 << 16).contains(s))
                .ok_or_else(|| self.error("the window is empty or huge"))
        };
        let (kw, kh) = (size(3)?, size(4)?);
        let windows = self.windows(operator, [kh, kw], [1, 2], None)?;
        let [rows, columns] = self.axes(operator, &view, windows)?;
        let [h_in, w_in, channels] = view.dims;
        let output = Self::output([rows, columns]);
        let [out_h, out_w] = output.map_err(|e| self.error(e))?;
        let (time, width) = if h_in == 1 {
            (columns, rows)
        } else {
            (rows, columns)
        };
        if !width.is_apart() {
            return self.fail(format!(
                "a {} x {} window slides along both axes of a {h_in} x {w_in} input; pools are supported over one",
                rows.window.size, columns.window.size
            ));
        }
        let pool = Pool {
            kind,
            kernel: time.window.size,
            stride: time.window.stride,
            padding: time.padding,
        };
        let dims = [out_h, out_w, channels];
        let shape = self.shape_over_time(h_in, dims)?;
        let clamp = self.fused(operator, 5)?;
        let mut source = view.tensor;
        let mut op = Op::Pool(pool);
        if clamp != Activation::None {
            let quant = self.builder.graph.tensor(source)?.quant;
            source = self.builder.node(op, vec![source], Tensor { shape, quant });
            op = Op::Activation(clamp);
        }
        self.push(operator, op, vec![source], shape, dims)
    }

    pub(super) fn mean(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let input = self.operand(&operator.inputs, 0)?;
        let view = self.view(input)?;
        self.need_time_axis(&view)?;
        let axes = self.operand(&operator.inputs, 1)?;
        let rank = self.tensor(input)?.shape.len();
        let axes = self.ints(axes)?;
        let axes: Vec<usize> = axes
            .iter()
            .filter_map(|&a| {
                usize::try_from(if a < 0 {
                    i64::from(a) + rank as i64
                } else {
                    a.into()
                })
                .ok()
            })
            .collect();
        // Axes are those of [1, h, w, c], [1, w, c] or [1, c].
        let [h, w, c] = view.dims;
        let spatial = [(h, rank.wrapping_sub(3)), (w, rank.wrapping_sub(2))];
        let covers = spatial
            .iter()
            .all(|(size, axis)| *size == 1 || axes.contains(axis));
        if !covers
            || axes.contains(&(rank.wrapping_sub(1)))
            || axes.contains(&0)
            || (h > 1 && w > 1)
        {
            return self.fail(format!(
                "mean over axes {axes:?}; only the mean over time is supported"
            ));
        }
        let time = h.max(w);
        if c.saturating_mul(time) > MAX_WEIGHTS {
            return self.fail("its input is too large for a microcontroller");
        }
        let output = self.operand(&operator.outputs, 0)?;
        let shape = Shape::new(1, c);
        let op = match self.activation_quant(input)? {
            None => Op::Pool(Pool {
                kind: PoolKind::Average,
                kernel: time,
                stride: 1,
                padding: [0, 0],
            }),
            // Unlike the average pool, MEAN rounds relative to the zero point and may change the scale: it is
            // a depthwise convolution with weights of 1/time.
            Some(_) => Op::Conv1d(Conv1d {
                out_channels: c,
                kernel: time,
                stride: 1,
                dilation: 1,
                padding: [0, 0],
                groups: c,
                activation: Activation::None,
                weights: Weights::I8 {
                    weights: vec![1; c * time],
                    bits: 8,
                    scales: vec![1.0 / time as f32; c],
                    bias: vec![0; c],
                },
            }),
        };
        let dims = self.dims(output)?;
        if fold(dims) != shape {
            return self.fail(format!(
                "the output's shape is {dims:?}; expected one value per channel"
            ));
        }
        self.push(operator, op, vec![view.tensor], shape, dims)
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
        let (shape, dims) = if h * w * c == features {
            (Shape::new(1, out), [1, 1, out])
        } else if h == 1 && c == features {
            // Applied to every time step on its own.
            self.need_time_axis(&view)?;
            (Shape::new(w, out), [1, w, out])
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
        self.push(operator, Op::Dense(dense), vec![view.tensor], shape, dims)
    }

    pub(super) fn add(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let [a, b] = [0, 1].map(|n| {
            self.operand(&operator.inputs, n)
                .and_then(|id| self.view(id))
        });
        let (a, b) = (a?, b?);
        let shape = self.builder.graph.tensor(a.tensor)?.shape;
        if a.dims != b.dims || shape != self.builder.graph.tensor(b.tensor)?.shape {
            return self.fail(format!(
                "adds {:?} and {:?}; broadcasting is not supported",
                a.dims, b.dims
            ));
        }
        let op = Op::Add(self.fused(operator, 0)?);
        self.push(operator, op, vec![a.tensor, b.tensor], shape, a.dims)
    }

    pub(super) fn softmax(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let view = self.view(self.operand(&operator.inputs, 0)?)?;
        let beta = operator.options.float(0)?;
        if beta != 1.0 {
            return self.fail(format!("beta is {beta}; only 1 is supported"));
        }
        let [h, w, _] = view.dims;
        if h * w != 1 {
            return self.fail("softmax per time step is not supported");
        }
        self.element_wise(operator, Op::Softmax)
    }

    pub(super) fn element_wise(&mut self, operator: &Operator<'a>, op: Op) -> Result<(), Error> {
        let view = self.view(self.operand(&operator.inputs, 0)?)?;
        let shape = self.builder.graph.tensor(view.tensor)?.shape;
        self.push(operator, op, vec![view.tensor], shape, view.dims)
    }

    pub(super) fn reshape(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let view = self.view(self.operand(&operator.inputs, 0)?)?;
        let output = self.operand(&operator.outputs, 0)?;
        let dims = self.dims(output)?;
        if dims.iter().product::<usize>() != view.dims.iter().product::<usize>() {
            return self.fail(format!("makes {dims:?} of {:?}", view.dims));
        }
        if self.activation_quant(output)? != self.builder.graph.tensor(view.tensor)?.quant {
            return self.fail("changes the quantization");
        }
        self.views.insert(output, View { dims, ..view });
        Ok(())
    }

    pub(super) fn pad(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let view = self.view(self.operand(&operator.inputs, 0)?)?;
        let paddings = self.ints(self.operand(&operator.inputs, 1)?)?;
        let pairs: Option<Vec<[usize; 2]>> = paddings
            .chunks(2)
            .map(|pair| match pair {
                &[before, after] => {
                    let size = |n: i32| usize::try_from(n).ok().filter(|n| *n <= 1 << 16);
                    Some([size(before)?, size(after)?])
                }
                _ => None,
            })
            .collect();
        let pad = match pairs.as_deref() {
            Some(&[[0, 0], h, w, c]) => [h, w, c],
            Some(&[[0, 0], w, c]) => [[0, 0], w, c],
            _ => return self.fail(format!("paddings {paddings:?} are not supported")),
        };
        let output = self.operand(&operator.outputs, 0)?;
        if self.activation_quant(output)? != self.builder.graph.tensor(view.tensor)?.quant {
            return self.fail("changes the quantization");
        }
        self.views.insert(output, View { pad, ..view });
        Ok(())
    }
}
