//! Checks of a whole [`Graph`].

use crate::op::{Grids, Site};
use crate::shapes::output_shape;
use crate::{Error, Graph, Node, Op, PoolKind, Quant, Shape, Tensor, Weights};
use mote::kernels::window_pool::MAX_SUM;
use std::collections::HashSet;

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
        // What a pool of a stream or a filter remembers is there from the beginning.
        let keepers = self
            .nodes
            .iter()
            .filter(|n| matches!(n.op, Op::WindowPool(_) | Op::Filter(_)));
        let remembered = keepers.filter_map(|n| n.inputs.get(1));
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

    /// Checks what is remembered from run to run: by whom, and that every run gets there.
    fn check_stream(&self) -> Result<(), Error> {
        let mut ended = false;
        for node in &self.nodes {
            match &node.op {
                // It thins out decisions, and counts them from the first one.
                Op::WindowPool(pool) if ended && pool.steps == 1 => {
                    self.check_state(node, |x| pool.state(x))?;
                }
                Op::History(_) | Op::WindowPool(_) if ended => {
                    return Err(Error::invalid(
                        &node.name,
                        "order",
                        "it comes after the pool or filter of the stream, where most runs end, and would miss steps; \
                         put it before",
                    ));
                }
                Op::WindowPool(pool) => {
                    let state = self.check_state(node, |x| pool.state(x))?;
                    let int8_sums = pool.kind != PoolKind::Max && state.quant.is_some();
                    if int8_sums && pool.hop.min(pool.steps) > MAX_SUM {
                        let what = format!(
                            "{} steps from window to window; int8 sums are kept over no more than {MAX_SUM}: decide \
                             more often, or use strides",
                            pool.hop
                        );
                        return Err(Error::invalid(&node.name, "state", what));
                    }
                    ended = true;
                }
                Op::Filter(filter) => {
                    self.check_state(node, |x| filter.state(x))?;
                    if self.has_exits() {
                        return Err(Error::invalid(
                            &node.name,
                            "order",
                            "an early exit ends a run before the filter, which would miss decisions; use one of both",
                        ));
                    }
                    ended = true;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks that the second input of `node` is the state that it `expects` for its first, and is no one else's.
    fn check_state(
        &self,
        node: &Node,
        expects: impl FnOnce(&Tensor) -> Tensor,
    ) -> Result<Tensor, Error> {
        let fail = |what: &str| Err(Error::invalid(&node.name, "state", what));
        let &[x, state] = node.inputs.as_slice() else {
            return fail("missing; the second input holds it");
        };
        let expected = expects(self.tensor(x)?);
        if *self.tensor(state)? != expected {
            return fail(&format!(
                "the second input is {:?}; expected {expected:?}",
                self.tensor(state)?
            ));
        }
        let reads = self.nodes.iter().flat_map(|n| &n.inputs);
        let readers = reads.filter(|&&i| i == state).count();
        if readers != 1 || state == self.input || state == self.output {
            return fail("the second input is used elsewhere too; give it a tensor of its own");
        }
        Ok(expected)
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
        let arity = node.op.with(|op| op.inputs());
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
        let site = Site {
            node: &node.name,
            input,
            second: self.tensor(node.second_input())?,
            output: self.tensor(node.output)?,
        };
        check_grids(node, &site)?;
        node.op.with(|op| op.check(&site))
    }
}

/// Checks element types and quantization on both sides of `node`.
fn check_grids(node: &Node, site: &Site<'_>) -> Result<(), Error> {
    let fail = |what: &str| Err(site.error("quantization", what));
    let (input, output) = (site.input.quant, site.output.quant);
    if site.second.quant.is_some() != input.is_some() {
        return fail("one input is int8 and the other f32");
    }
    let grids = node.op.with(|op| op.grids());
    match grids {
        Grids::Quantizes if input.is_some() || output.is_none() => {
            return fail("quantize reads f32 and writes int8");
        }
        Grids::Dequantizes if input.is_none() || output.is_some() => {
            return fail("dequantize reads int8 and writes f32");
        }
        Grids::Quantizes | Grids::Dequantizes => return Ok(()),
        Grids::Free | Grids::Same | Grids::Fixed(_) => {}
    }
    if input.is_some() != output.is_some() {
        return fail("int8 on one side and f32 on the other; only quantize and dequantize convert");
    }
    match node.op.weights() {
        Some(Weights::I8 { .. }) if input.is_none() => {
            return fail("int8 weights on f32 tensors");
        }
        Some(Weights::F32 { .. }) if input.is_some() => {
            return fail("f32 weights on int8 tensors");
        }
        _ => {}
    }
    match grids {
        Grids::Fixed(grid) if output.is_some_and(|q| q != grid) => {
            let Quant { scale, zero_point } = grid;
            fail(&format!(
                "the int8 {} writes scale 1/{} and zero point {zero_point}",
                node.op.name(),
                1.0 / scale
            ))
        }
        Grids::Same if input != output => {
            fail("it does not requantize: input and output must have one scale and zero point")
        }
        _ => Ok(()),
    }
}

fn positive(x: f32) -> bool {
    x.is_finite() && x > 0.0
}
