//! Checks of a whole [`Graph`].

use crate::shapes::output_shape;
use crate::{Error, Graph, Node, Op, PoolKind, Quant, Shape, TensorId, Weights};
use mote::format::MAX_TAPS_I4;
use mote::kernels::conv1d_i4::LIMIT;
use mote::kernels::window_pool::MAX_SUM;
use std::collections::HashSet;

/// Scale and zero point the int8 softmax always writes.
pub const SOFTMAX_QUANT: Quant = Quant {
    scale: 1.0 / 256.0,
    zero_point: -128,
};

/// Largest number of elements of one tensor: anything above cannot be meant for a microcontroller, and sums
/// of lengths below it cannot overflow.
pub const MAX_ELEMENTS: usize = 1 << 28;

impl Graph {
    /// Checks that the nodes can run one after the other: every tensor exists, is written exactly once
    /// (the input and the second input of [`Op::WindowPool`]: never), and is written before it is read.
    ///
    /// # Errors
    /// The first violation, with the node's name.
    pub fn check_order(&self) -> Result<(), Error> {
        self.tensor(self.input)?;
        self.tensor(self.output)?;
        for (id, tensor) in self.tensors.iter().enumerate() {
            let Shape { time, channels } = tensor.shape;
            let elements = time.checked_mul(channels);
            if !elements.is_some_and(|n| (1..=MAX_ELEMENTS).contains(&n)) {
                let what = format!(
                    "tensor {id} is {time} x {channels}; expected 1 to {MAX_ELEMENTS} elements"
                );
                return Err(Error::network("tensors", what));
            }
        }
        let mut written = vec![false; self.tensors.len()];
        // What a pool of a stream remembers is there from the beginning.
        let pools = self
            .nodes
            .iter()
            .filter(|n| matches!(n.op, Op::WindowPool(_)));
        let remembered = pools.filter_map(|n| n.inputs.get(1));
        for &id in remembered.chain([&self.input]) {
            if let Some(w) = written.get_mut(id) {
                *w = true;
            }
        }
        for node in &self.nodes {
            for &input in &node.inputs {
                self.tensor(input)?;
                if written.get(input) != Some(&true) {
                    let what =
                        format!("tensor {input} is read before any layer writes it; reorder");
                    return Err(Error::invalid(&node.name, "inputs", what));
                }
            }
            self.tensor(node.output)?;
            if matches!(node.op, Op::Exit(_)) {
                if node.output != self.output || written.get(self.output) == Some(&true) {
                    let what =
                        "an early exit writes the network's output, before the last layer does";
                    return Err(Error::invalid(&node.name, "output", what));
                }
                continue;
            }
            match written.get_mut(node.output) {
                Some(w) if !*w => *w = true,
                _ => {
                    let what = format!("tensor {} is written twice", node.output);
                    return Err(Error::invalid(&node.name, "output", what));
                }
            }
        }
        match written.iter().position(|w| !w) {
            Some(id) => Err(Error::network(
                "tensors",
                format!("tensor {id} is written by no layer; remove it"),
            )),
            None => Ok(()),
        }
    }

    /// Checks everything the engine, the planner and the code generator rely on: order, shapes, lengths of
    /// weights, quantization, front end and labels.
    ///
    /// # Errors
    /// The first violation, with the layer and the field it is in.
    pub fn validate(&self) -> Result<(), Error> {
        self.check_order()?;
        self.check_frontend()?;
        let outputs = self.tensor(self.output)?.shape.len();
        if !self.labels.is_empty() && self.labels.len() != outputs {
            let what = format!("{} names for {outputs} outputs", self.labels.len());
            return Err(Error::network("labels", what));
        }
        for (id, tensor) in self.tensors.iter().enumerate() {
            let scale = tensor.quant.map_or(1.0, |q| q.scale);
            if !positive(scale) {
                let what = format!("tensor {id} has scale {scale}; expected a positive number");
                return Err(Error::network("tensors", what));
            }
        }
        let mut names = HashSet::new();
        for node in &self.nodes {
            if !names.insert(node.name.as_str()) {
                return Err(Error::invalid(
                    &node.name,
                    "name",
                    "used twice; layer names must differ",
                ));
            }
            self.check_node(node)?;
        }
        self.check_stream()
    }

    /// What is remembered from run to run: by whom, and that every run gets there.
    fn check_stream(&self) -> Result<(), Error> {
        let mut nodes = self.nodes.iter();
        for node in nodes.by_ref() {
            let Op::WindowPool(pool) = &node.op else {
                continue;
            };
            let fail = |what: &str| Err(Error::invalid(&node.name, "state", what));
            let &[x, state] = node.inputs.as_slice() else {
                return fail("missing; the second input holds it");
            };
            let expected = pool.state(self.tensor(x)?);
            if *self.tensor(state)? != expected {
                return fail(&format!(
                    "the second input is {:?}; expected {expected:?}",
                    self.tensor(state)?
                ));
            }
            let int8_sums = pool.kind == PoolKind::Average && expected.quant.is_some();
            if int8_sums && pool.hop.min(pool.steps) > MAX_SUM {
                return fail(&format!(
                    "{} steps from window to window; int8 sums are kept over no more than {MAX_SUM}: decide more \
                     often, or use strides",
                    pool.hop
                ));
            }
            let reads = self.nodes.iter().flat_map(|n| &n.inputs);
            let readers = reads.filter(|&&i| i == state).count();
            if readers != 1 || state == self.input || state == self.output {
                return fail("the second input is used elsewhere too; give it a tensor of its own");
            }
            break;
        }
        match nodes.find(|n| matches!(n.op, Op::History(_) | Op::WindowPool(_))) {
            Some(node) => Err(Error::invalid(
                &node.name,
                "order",
                "it comes after the pool of the stream, where most runs end, and would miss steps; put it before",
            )),
            None => Ok(()),
        }
    }

    fn check_frontend(&self) -> Result<(), Error> {
        let Some(frontend) = &self.frontend else {
            return Ok(());
        };
        let channels = self.tensor(self.input)?.shape.channels;
        if frontend.offset.len() != channels || frontend.scale.len() != channels {
            let what = format!(
                "{} offsets and {} scales for {channels} channels",
                frontend.offset.len(),
                frontend.scale.len()
            );
            return Err(Error::network("frontend", what));
        }
        match frontend.scale.iter().find(|&&s| !positive(s)) {
            Some(s) => Err(Error::network(
                "frontend",
                format!("scale {s}; expected a positive number"),
            )),
            None => Ok(()),
        }
    }

    fn check_node(&self, node: &Node) -> Result<(), Error> {
        let arity = match node.op {
            Op::Add(_) | Op::WindowPool(_) => 2,
            _ => 1,
        };
        let &[first, ..] = node.inputs.as_slice() else {
            return Err(Error::invalid(&node.name, "inputs", "none"));
        };
        if node.inputs.len() != arity {
            let what = format!("{}; {} takes {arity}", node.inputs.len(), node.op.name());
            return Err(Error::invalid(&node.name, "inputs", what));
        }
        let input = self.tensor(first)?;
        let expected = output_shape(&node.name, &node.op, input.shape)?;
        let found = self.tensor(node.output)?.shape;
        if found != expected {
            let what = format!(
                "{} x {}; the operator makes {} x {}",
                found.time, found.channels, expected.time, expected.channels
            );
            return Err(Error::invalid(&node.name, "output shape", what));
        }
        if let Op::Pool(p) = &node.op
            && p.padding.iter().any(|&pad| pad >= p.kernel)
        {
            let what = format!(
                "{:?} leaves a window of {} without any input",
                p.padding, p.kernel
            );
            return Err(Error::invalid(&node.name, "padding", what));
        }
        for &other in node.inputs.iter().skip(1) {
            let is_sum = matches!(node.op, Op::Add(_));
            if is_sum && self.tensor(other)?.shape != input.shape {
                return Err(Error::invalid(&node.name, "inputs", "shapes differ"));
            }
        }
        self.check_quant(node, first)?;
        match &node.op {
            Op::Conv1d(c) => {
                let per_output = c
                    .kernel
                    .saturating_mul(input.shape.channels / c.groups.max(1));
                check_weights(&node.name, &c.weights, c.out_channels, per_output)?;
                check_bits(&node.name, &c.weights, c.groups, per_output)
            }
            Op::Dense(d) => {
                let per_output = if d.is_per_step(input.shape) {
                    input.shape.channels
                } else {
                    input.shape.len()
                };
                check_weights(&node.name, &d.weights, d.out_features, per_output)?;
                check_bits(&node.name, &d.weights, 1, per_output)
            }
            _ => Ok(()),
        }
    }

    /// Element types and quantization on both sides of `node`.
    fn check_quant(&self, node: &Node, first: TensorId) -> Result<(), Error> {
        let fail = |what: &str| Err(Error::invalid(&node.name, "quantization", what));
        let input = self.tensor(first)?.quant;
        let output = self.tensor(node.output)?.quant;
        for &other in node.inputs.iter().skip(1) {
            if self.tensor(other)?.quant.is_some() != input.is_some() {
                return fail("one input is int8 and the other f32");
            }
        }
        match &node.op {
            Op::Quantize if input.is_some() || output.is_none() => {
                return fail("quantize reads f32 and writes int8");
            }
            Op::Dequantize if input.is_none() || output.is_some() => {
                return fail("dequantize reads int8 and writes f32");
            }
            Op::Quantize | Op::Dequantize => return Ok(()),
            _ => {}
        }
        if input.is_some() != output.is_some() {
            return fail(
                "int8 on one side and f32 on the other; only quantize and dequantize convert",
            );
        }
        let int8_weights = match node.op.weights() {
            Some(Weights::I8 { .. }) => Some(true),
            Some(Weights::F32 { .. }) => Some(false),
            None => None,
        };
        match int8_weights {
            Some(true) if input.is_none() => return fail("int8 weights on f32 tensors"),
            Some(false) if input.is_some() => return fail("f32 weights on int8 tensors"),
            _ => {}
        }
        match node.op {
            Op::Softmax if output.is_some_and(|q| q != SOFTMAX_QUANT) => {
                fail("the int8 softmax writes scale 1/256 and zero point -128")
            }
            Op::Pool(_) | Op::WindowPool(_) | Op::History(_) | Op::Exit(_) if input != output => {
                fail("it does not requantize: input and output must have one scale and zero point")
            }
            _ => Ok(()),
        }
    }
}

fn positive(x: f32) -> bool {
    x.is_finite() && x > 0.0
}

/// Checks lengths and values of the parameters of a layer of `outputs` channels with `per_output` weights each.
fn check_weights(
    node: &str,
    weights: &Weights,
    outputs: usize,
    per_output: usize,
) -> Result<(), Error> {
    let length = |field, found: usize, expected: usize| {
        if found == expected {
            Ok(())
        } else {
            let what = format!("{found} values; expected {expected}");
            Err(Error::invalid(node, field, what))
        }
    };
    let not_finite = |field, values: &[f32]| match values.iter().find(|v| !v.is_finite()) {
        Some(v) => Err(Error::invalid(
            node,
            field,
            format!("contains {v}; expected finite numbers"),
        )),
        None => Ok(()),
    };
    match weights {
        Weights::F32 { weights, bias } => {
            length("weights", weights.len(), outputs.saturating_mul(per_output))?;
            length("bias", bias.len(), outputs)?;
            not_finite("weights", weights)?;
            not_finite("bias", bias)
        }
        Weights::I8 {
            weights,
            scales,
            bias,
            bits: _,
        } => {
            length("weights", weights.len(), outputs.saturating_mul(per_output))?;
            length("scales", scales.len(), outputs)?;
            length("bias", bias.len(), outputs)?;
            match scales.iter().find(|&&s| !positive(s)) {
                Some(s) => {
                    let what = format!("contains {s}; expected positive numbers");
                    Err(Error::invalid(node, "scales", what))
                }
                None => Ok(()),
            }
        }
    }
}

/// Checks that int8 weights fit the bits they are to take in the model, `per_output` of them in `groups` groups.
fn check_bits(
    node: &str,
    weights: &Weights,
    groups: usize,
    per_output: usize,
) -> Result<(), Error> {
    let fail = |what: String| Err(Error::invalid(node, "weights", what));
    match weights {
        Weights::F32 { .. } | Weights::I8 { bits: 8, .. } => Ok(()),
        Weights::I8 {
            bits: 4, weights, ..
        } => {
            if groups != 1 || per_output > MAX_TAPS_I4 {
                return fail(format!(
                    "{per_output} per channel in {groups} groups; 4 bits go with up to {MAX_TAPS_I4} in one group: \
                     take 8"
                ));
            }
            match weights.iter().find(|w| !(-LIMIT..=LIMIT).contains(*w)) {
                Some(w) => fail(format!(
                    "contain {w}; of 4 bits they are -{LIMIT} to {LIMIT}"
                )),
                None => Ok(()),
            }
        }
        Weights::I8 { bits, .. } => fail(format!("of {bits} bits; there are 8 and 4")),
    }
}
