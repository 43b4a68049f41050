//! Operators on each element by itself: constant factors, sums, clamps; and softmax.

use super::Importer;
use super::proto::Node;
use super::view::Axis::Channel;
use super::view::View;
use crate::conv::MAX_WEIGHTS;
use mote_model::{Activation, Conv1d, Error, Function, LeakyRelu, Op, Weights};

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
        if self.fold_arithmetic(node)? {
            return Ok(());
        }
        let (a, b) = (self.operand(node, 0)?, self.operand(node, 1)?);
        let operator = node.operator.as_str();
        if self.views.contains_key(a) && self.views.contains_key(b) {
            return self.of_two(node, a, b);
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

    /// A sum, difference or product of two tensors.
    fn of_two(&mut self, node: &'a Node, a: &str, b: &str) -> Result<(), Error> {
        let (mut left, mut right) = (self.view(a)?, self.view(b)?);
        let alike = left.size == right.size && left.dims == right.dims;
        let op = match node.operator.as_str() {
            "Add" => Op::Add(Activation::None),
            "Mul" => Op::Mul(Activation::None),
            "Sub" if alike => {
                let tensor = self.builder.scaled(right.tensor, -1.0)?;
                right = View { tensor, ..right };
                Op::Add(Activation::None)
            }
            _ => {
                return self
                    .fail("of two tensors, only sums, differences and products are supported");
            }
        };
        if !alike && node.operator == "Mul" {
            // One value per channel for all steps.
            if left.shape().len() < right.shape().len() {
                std::mem::swap(&mut left, &mut right);
            }
            let [steps, width, channels] = left.size;
            let at = |view: &View| {
                view.dims
                    .iter()
                    .rev()
                    .position(|d| d.as_slice() == [Channel])
            };
            if right.size != [1, 1, channels] || width != 1 || steps == 1 || at(&left) != at(&right)
            {
                return self.fail("only one value per channel is repeated over the steps");
            }
        } else if !alike {
            return self.fail("of two tensors of different shapes is not supported");
        }
        let view = View::new(0, left.size, left.dims.clone());
        self.push(node, op, vec![left.tensor, right.tensor], view)
    }

    pub(super) fn negate(&mut self, node: &'a Node) -> Result<(), Error> {
        let view = self.view(self.operand(node, 0)?)?;
        let channels = view.extent(Channel);
        self.affine(node, view, vec![-1.0; channels], vec![0.0; channels])
    }

    /// A function of each element.
    pub(super) fn function(&mut self, node: &'a Node, function: Function) -> Result<(), Error> {
        let view = self.view(self.operand(node, 0)?)?;
        let result = View::new(0, view.size, view.dims);
        self.push(node, Op::Function(function), vec![view.tensor], result)
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
        let readers = if view.shared { 2 } else { 1 };
        let fold = |b: &mut crate::builder::Builder| {
            b.fold_affine(view.tensor, readers, &factor, &shift, Activation::None)
        };
        if fold(&mut self.builder) {
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
            Some(Op::Conv2d(c)) => Some(&mut c.activation),
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

    pub(super) fn softmax(&mut self, node: &'a Node, log: bool) -> Result<(), Error> {
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
        let result = View::new(0, view.size, view.dims.clone());
        self.push(node, Op::Softmax, vec![view.tensor], result)?;
        if !log {
            return Ok(());
        }
        let softmax = self.view(self.output(node)?)?.tensor;
        let result = View::new(0, view.size, view.dims);
        self.push(node, Op::Function(Function::Log), vec![softmax], result)
    }
}
