//! Operators on each element by itself: constant factors, sums, clamps; and softmax.

use super::Importer;
use super::proto::Node;
use super::view::Axis::Channel;
use super::view::View;
use crate::conv::MAX_WEIGHTS;
use mote_model::{Activation, Conv1d, Error, LeakyRelu, Op, Weights};

impl<'a> Importer<'a> {
    pub(super) fn batch_norm(&mut self, node: &'a Node) -> Result<(), Error> {
        let view = self.view(self.operand(node, 0)?)?;
        let mut values = Vec::new();
        for n in 1..5 {
            let (_, of_channels) = self.floats(self.operand(node, n)?)?;
            if of_channels.len() != view.extent(Channel) {
                return self.fail(format!(
                    "{} values for {} channels",
                    of_channels.len(),
                    view.extent(Channel)
                ));
            }
            values.push(of_channels);
        }
        if view.dims.get(1).is_none_or(|d| d.as_slice() != [Channel]) && view.extent(Channel) > 1 {
            return self.fail("its second dimension is not the channels");
        }
        let [scale, bias, mean, variance] = values.as_slice() else {
            return self.fail("operands are missing");
        };
        let epsilon = self.float(node, "epsilon", 1e-5);
        let factor: Vec<f32> = scale
            .iter()
            .zip(variance)
            .map(|(s, v)| s / (v + epsilon).sqrt())
            .collect();
        let shifts = bias.iter().zip(mean).zip(&factor);
        let shift = shifts.map(|((b, m), f)| b - m * f).collect();
        self.affine(node, view, factor, shift)
    }

    pub(super) fn arithmetic(&mut self, node: &'a Node) -> Result<(), Error> {
        let (a, b) = (self.operand(node, 0)?, self.operand(node, 1)?);
        let operator = node.operator.as_str();
        if self.views.contains_key(a) && self.views.contains_key(b) {
            let (left, right) = (self.view(a)?, self.view(b)?);
            if operator != "Add" || left.size != right.size || left.dims != right.dims {
                return self.fail("of two tensors, only the sum of equal shapes is supported");
            }
            let inputs = vec![left.tensor, right.tensor];
            let view = View::new(0, left.size, left.dims);
            return self.push(node, Op::Add(Activation::None), inputs, view);
        }
        let constant_first = self.constants.contains_key(a);
        let (of_view, of_constant) = if constant_first { (b, a) } else { (a, b) };
        let mut view = self.view(of_view)?;
        if self
            .constant(of_constant)?
            .dims
            .last()
            .is_some_and(|&d| d > 1)
        {
            view = self.channels_last(view);
        }
        let values = self.per_channel(of_constant, &view)?;
        let all = |value: f32| vec![value; values.len()];
        let (factor, shift) = match (operator, constant_first) {
            ("Add", _) => (all(1.0), values),
            ("Mul", _) => (values.clone(), all(0.0)),
            ("Sub", false) => (all(1.0), values.iter().map(|v| -v).collect()),
            ("Sub", true) => (all(-1.0), values),
            (_, false) => (values.iter().map(|v| 1.0 / v).collect(), all(0.0)),
            (_, true) => return self.fail("a constant divided by a tensor is not supported"),
        };
        self.affine(node, view, factor, shift)
    }

    /// `x * factor + shift` per channel: in the layer before, if it has no clamp and nobody else reads it.
    fn affine(
        &mut self,
        node: &'a Node,
        view: View,
        factor: Vec<f32>,
        shift: Vec<f32>,
    ) -> Result<(), Error> {
        let [_, columns, channels] = view.size;
        let graph = &mut self.builder.graph;
        let last = graph.nodes.iter_mut().find(|n| n.output == view.tensor);
        let weights = match last.map(|n| &mut n.op).filter(|_| !view.shared) {
            Some(Op::Conv1d(c)) if c.activation == Activation::None => Some(&mut c.weights),
            Some(Op::Dense(d)) if d.activation == Activation::None => Some(&mut d.weights),
            _ => None,
        };
        if let Some(Weights::F32 { weights, bias }) = weights {
            let each = (weights.len() / bias.len().max(1)).max(1);
            let pairs = factor.iter().zip(&shift).cycle();
            for ((row, b), (f, s)) in weights.chunks_mut(each).zip(bias).zip(pairs) {
                row.iter_mut().for_each(|w| *w *= f);
                *b = *b * f + s;
            }
            return self.rename(node, view);
        }
        if columns.saturating_mul(channels) > MAX_WEIGHTS {
            return self.fail("its input is too large for a microcontroller");
        }
        let conv = Conv1d {
            out_channels: columns * channels,
            kernel: 1,
            stride: 1,
            dilation: 1,
            padding: [0, 0],
            groups: columns * channels,
            activation: Activation::None,
            weights: Weights::F32 {
                weights: factor.repeat(columns),
                bias: shift.repeat(columns),
            },
        };
        let result = View::new(0, view.size, view.dims);
        self.push(node, Op::Conv1d(conv), vec![view.tensor], result)
    }

    pub(super) fn clip(&mut self, node: &'a Node) -> Result<(), Error> {
        let low = self.number(node, "min", 1)?;
        let high = self.number(node, "max", 2)?;
        match (low, high) {
            (Some(0.0), None) => self.activation(node, Activation::Relu),
            (Some(0.0), Some(high)) if high >= f32::MAX => self.activation(node, Activation::Relu),
            (Some(0.0), Some(6.0)) => self.activation(node, Activation::Relu6),
            _ => self.fail(format!(
                "clips to {low:?}..{high:?}; only 0..6 and 0.. are supported"
            )),
        }
    }

    /// A clamp: of the layer before, if it has none and nobody else reads it.
    pub(super) fn activation(&mut self, node: &'a Node, clamp: Activation) -> Result<(), Error> {
        let view = self.view(self.operand(node, 0)?)?;
        let graph = &mut self.builder.graph;
        let last = graph.nodes.iter_mut().find(|n| n.output == view.tensor);
        let own = match last.map(|n| &mut n.op).filter(|_| !view.shared) {
            Some(Op::Conv1d(c)) => Some(&mut c.activation),
            Some(Op::Dense(d)) => Some(&mut d.activation),
            Some(Op::Add(activation)) => Some(activation),
            _ => None,
        };
        match own {
            Some(own) if *own == Activation::None => {
                *own = clamp;
                self.rename(node, view)
            }
            _ => {
                let result = View::new(0, view.size, view.dims);
                self.push(node, Op::Activation(clamp), vec![view.tensor], result)
            }
        }
    }

    pub(super) fn leaky_relu(&mut self, node: &'a Node) -> Result<(), Error> {
        let view = self.view(self.operand(node, 0)?)?;
        let alpha = self.float(node, "alpha", 0.01);
        let result = View::new(0, view.size, view.dims);
        let op = Op::LeakyRelu(LeakyRelu { alpha });
        self.push(node, op, vec![view.tensor], result)
    }

    pub(super) fn softmax(&mut self, node: &'a Node) -> Result<(), Error> {
        let view = self.view(self.operand(node, 0)?)?;
        let rank = view.dims.len();
        let default = if self.opset < 13 { 1 } else { -1 };
        let axis = self.axis(self.int(node, "axis", default), rank)?;
        let elsewhere = view.dims.iter().enumerate().any(|(i, dim)| {
            // Until version 13, everything from `axis` on was one dimension.
            let inside = i == axis || self.opset < 13 && i > axis;
            !inside && !dim.is_empty()
        });
        if elsewhere {
            return self.fail("softmax over a part of its input is not supported");
        }
        let result = View::new(0, view.size, view.dims);
        self.push(node, Op::Softmax, vec![view.tensor], result)
    }
}
