//! Networks that consume samples as they arrive.
//!
//! [`stream`] rewrites a network over windows into one that is run once per *tick* of a few samples. Each windowed
//! operator gets the last steps of the ticks before in front of the new ones ([`History`]), and the global pool
//! keeps sums instead of steps ([`WindowPool`]). Neither a whole window nor a whole activation ever exists,
//! every step is computed once however much windows overlap, and what comes behind the pool runs once per
//! decision. The result is a [`Graph`] like any other: it is planned, written, generated and run as they are.
//!
//! # The rule at the edges
//!
//! A stream has no edges, so windows must not have any either: every windowed operator has no padding ("valid"), in
//! training, in evaluation and here. Then decision `w` is, bit for bit, the output of the windowed network for
//! the samples `w * hop .. w * hop + window`.
//!
//! # Delay
//!
//! What a history holds before the stream begins is no sample. The steps computed from it come first, and the pool
//! skips them. With strides, a few more steps are kept than the kernel needs, so that their number is whole: that
//! is a delay, known from the beginning. See [`Schedule`].

use crate::op::Streaming;
use crate::shapes::output_shape;
use crate::{
    Error, Filter, Graph, History, Node, Op, PoolKind, Shape, Tensor, TensorId, WindowPool,
};

/// When a stream's runs give decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Runs up to the first decision, the one that gives it included.
    pub first: usize,
    /// Runs from one decision to the next.
    pub every: usize,
}

impl Schedule {
    /// The schedule of `graph`; `None` when it is not a stream.
    pub fn of(graph: &Graph) -> Option<Self> {
        graph.nodes.iter().find_map(|node| {
            let pool = match &node.op {
                Op::WindowPool(pool) => pool,
                // Without a pool before it, a filter lets every run decide that is not skipped.
                Op::Filter(Filter {
                    skip: Some(skip), ..
                }) => {
                    return Some(Self {
                        first: skip + 1,
                        every: 1,
                    });
                }
                _ => return None,
            };
            let steps = graph.tensor(*node.inputs.first()?).ok()?.shape.time;
            Some(Self {
                first: (pool.skip + pool.steps).div_ceil(steps),
                every: pool.hop / steps,
            })
        })
    }
}

/// Samples per step of the input of `graph`'s global pool: hop and tick are multiples of it.
pub fn total_stride(graph: &Graph) -> usize {
    let mut rates = vec![1usize; graph.tensors.len()];
    for node in &graph.nodes {
        let input = node.inputs.first().and_then(|&i| graph.tensors.get(i));
        let streaming = input.map(|t| node.op.with(|op| op.streaming(t.shape)));
        let stride = match streaming {
            Some(Streaming::Windowed { stride, .. }) => stride,
            _ => 1,
        };
        let rate = node.inputs.iter().filter_map(|&i| rates.get(i)).max();
        let rate = rate.copied().unwrap_or(1).saturating_mul(stride);
        if let Some(slot) = rates.get_mut(node.output) {
            *slot = rate;
        }
    }
    rates.into_iter().max().unwrap_or(1)
}

/// The network that consumes `tick` samples per run and decides every `hop` samples about the last window, as
/// `graph` decides about one whole window.
///
/// Without `tick`, it is twice [`total_stride`] where that divides the hop, else [`total_stride`], the smallest one.
/// Convolutions load their weights once for two steps: with two steps per tick at the pool, a decision takes a sixth
/// (network A on a Cortex-M4) to a third (network B) fewer cycles, for two more rows per layer. Ticks of a whole hop
/// save little on top of that, and double the memory.
///
/// # Errors
/// When `graph` is not valid; when it cannot run as a stream (padding, no global pool, an operator before it that
/// needs all steps at once, a sum of branches that lag behind each other); when hop or tick does not fit the
/// strides. The message names layer and field and says what to do.
pub fn stream(graph: &Graph, hop: usize, tick: Option<usize>) -> Result<Graph, Error> {
    graph.validate()?;
    let stride = total_stride(graph);
    let tick = tick.unwrap_or(match hop.is_multiple_of(stride.saturating_mul(2)) {
        true => 2 * stride,
        false => stride,
    });
    if hop == 0 || !hop.is_multiple_of(stride) {
        let what = format!("{hop} samples; the network's strides ask for a multiple of {stride}");
        return Err(Error::network("hop", what));
    }
    if tick == 0 || !tick.is_multiple_of(stride) || !hop.is_multiple_of(tick) {
        let what = format!(
            "{tick} samples; expected a multiple of {stride} (the network's strides) that divides the hop of {hop}"
        );
        return Err(Error::network("tick", what));
    }
    let mut writer = Writer::new(graph, hop, tick)?;
    for node in &graph.nodes {
        writer.rewrite(node)?;
    }
    writer.finish()
}

/// How a tensor comes in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// Some steps per tick.
    Steps {
        /// Samples per step.
        rate: usize,
        /// Steps before the first one of the stream.
        delay: usize,
    },
    /// Whole, once per decision: behind the pool.
    Whole,
}

/// A stream in the making.
struct Writer<'g> {
    graph: &'g Graph,
    hop: usize,
    out: Graph,
    /// Number in the stream of each tensor of the windowed network, and how it comes.
    places: Vec<Option<(TensorId, Flow)>>,
}

impl<'g> Writer<'g> {
    fn new(graph: &'g Graph, hop: usize, tick: usize) -> Result<Self, Error> {
        let input = graph.tensor(graph.input)?;
        let mut out = Graph::new(&graph.name, Shape::new(tick, input.shape.channels));
        out.frontend.clone_from(&graph.frontend);
        out.labels.clone_from(&graph.labels);
        for tensor in &mut out.tensors {
            tensor.quant = input.quant;
        }
        let mut places = vec![None; graph.tensors.len()];
        if let Some(place) = places.get_mut(graph.input) {
            *place = Some((out.input, Flow::Steps { rate: 1, delay: 0 }));
        }
        Ok(Self {
            graph,
            hop,
            out,
            places,
        })
    }

    fn finish(mut self) -> Result<Graph, Error> {
        let (output, flow) = self.place(self.graph.output)?;
        if flow != Flow::Whole {
            let what = "there is no global pool before it, and a stream needs one to know where a window ends";
            return Err(Error::network("output", what));
        }
        self.out.output = output;
        self.out.validate()?;
        Ok(self.out)
    }

    fn place(&self, id: TensorId) -> Result<(TensorId, Flow), Error> {
        let count = self.places.len();
        let place = self.places.get(id).copied().flatten();
        place.ok_or(Error::NoTensor { id, count })
    }

    fn rewrite(&mut self, node: &Node) -> Result<(), Error> {
        let fail = |field, what: &str| Err(Error::invalid(&node.name, field, what));
        let first = node.inputs.first().copied().unwrap_or(self.graph.input);
        let (input, flow) = self.place(first)?;
        if let Op::Filter(filter) = &node.op {
            return self.filter(node, filter, input, flow);
        }
        let mut inputs = vec![input];
        for &other in node.inputs.iter().skip(1) {
            let (other, other_flow) = self.place(other)?;
            if other_flow != flow {
                let what = "one branch lags behind the other in a stream; give both the same kernels and strides";
                return fail("inputs", what);
            }
            inputs.push(other);
        }
        let shape = self.graph.tensor(first)?.shape;
        match (node.op.with(|op| op.streaming(shape)), flow) {
            (Streaming::Never(why), _) => fail("operator", why),
            (_, Flow::Whole) | (Streaming::PerStep, _) => {
                self.push(node, node.op.clone(), inputs, flow)
            }
            // All steps at once, and there is only one: the network decides at every step, or at one of each hop.
            (Streaming::WholeWindow(_), Flow::Steps { rate, delay }) if shape.time == 1 => {
                let filtered = self
                    .graph
                    .nodes
                    .iter()
                    .any(|n| matches!(n.op, Op::Filter(_)));
                if filtered && self.hop == rate {
                    // The filter skips what began before the stream.
                    return self.push(node, node.op.clone(), inputs, flow);
                }
                let gated = self.gate(node, input, [rate, delay])?;
                self.push(node, node.op.clone(), vec![gated], Flow::Whole)
            }
            (Streaming::WholeWindow(why), _) => fail("inputs", why),
            (Streaming::GlobalPool(kind), Flow::Steps { rate, delay }) => {
                let pool = WindowPool {
                    kind,
                    steps: shape.time,
                    hop: self.hop / rate,
                    skip: delay,
                };
                let state = pool.state(self.out.tensor(input)?);
                inputs.push(self.add(state));
                self.push(node, Op::WindowPool(pool), inputs, Flow::Whole)
            }
            (
                Streaming::Windowed {
                    span,
                    stride,
                    padding,
                },
                Flow::Steps { rate, delay },
            ) => self.windowed(node, [span, stride], padding, input, [rate, delay]),
        }
    }

    /// Appends the filter over decisions. Decisions from before the stream are skipped: by the pool before it, or by
    /// the filter when there is none.
    fn filter(
        &mut self,
        node: &Node,
        filter: &Filter,
        input: TensorId,
        flow: Flow,
    ) -> Result<(), Error> {
        let skip = match flow {
            Flow::Whole => 0,
            Flow::Steps { delay, .. } => delay,
        };
        let filter = Filter {
            skip: Some(skip),
            ..filter.clone()
        };
        let state = filter.state(self.out.tensor(input)?);
        let inputs = vec![input, self.add(state)];
        self.push(node, Op::Filter(filter), inputs, Flow::Whole)
    }

    /// Lets one step of each hop pass to `node`, and none that began before the stream: the maximum of one step.
    fn gate(
        &mut self,
        node: &Node,
        input: TensorId,
        [rate, delay]: [usize; 2],
    ) -> Result<TensorId, Error> {
        let &Tensor { shape, quant } = self.out.tensor(input)?;
        let pool = WindowPool {
            kind: PoolKind::Max,
            steps: 1,
            hop: self.hop / rate,
            skip: delay,
        };
        let state = pool.state(self.out.tensor(input)?);
        let state = self.add(state);
        let output = self.add(Tensor {
            shape: Shape::new(1, shape.channels),
            quant,
        });
        self.out.nodes.push(Node {
            name: format!("{}_step", node.name),
            op: Op::WindowPool(pool),
            inputs: vec![input, state],
            output,
        });
        Ok(output)
    }

    /// A node whose window spans some steps and moves on by some, with what it needs of earlier ticks before it.
    fn windowed(
        &mut self,
        node: &Node,
        [span, stride]: [usize; 2],
        padding: [usize; 2],
        input: TensorId,
        [rate, delay]: [usize; 2],
    ) -> Result<(), Error> {
        let fail = |field, what| Err(Error::invalid(&node.name, field, what));
        if padding != [0, 0] {
            let what =
                format!("{padding:?}; a stream has no edges: train with padding = \"valid\"");
            return fail("padding", what);
        }
        // The first window of the stream begins on a multiple of the stride, counted with all that comes before.
        let least = span.saturating_sub(stride);
        let keep = least + (stride - (delay + least) % stride) % stride;
        if keep >= span {
            let what = format!(
                "a window of {span} steps that moves on by {stride} cannot follow a delay of {delay} steps; \
                 make the kernel as long as the stride"
            );
            return fail("stride", what);
        }
        let mut inputs = vec![input];
        if keep > 0 {
            let &Tensor { shape, quant } = self.out.tensor(input)?;
            let history = self.add(Tensor {
                shape: Shape::new(shape.time + keep, shape.channels),
                quant,
            });
            self.out.nodes.push(Node {
                name: format!("{}_history", node.name),
                op: Op::History(History { keep }),
                inputs,
                output: history,
            });
            inputs = vec![history];
        }
        let flow = Flow::Steps {
            rate: rate * stride,
            delay: (delay + keep) / stride,
        };
        self.push(node, node.op.clone(), inputs, flow)
    }

    fn push(
        &mut self,
        node: &Node,
        op: Op,
        inputs: Vec<TensorId>,
        flow: Flow,
    ) -> Result<(), Error> {
        let first = inputs.first().copied().unwrap_or(self.out.input);
        let shape = output_shape(&node.name, &op, self.out.tensor(first)?.shape)?;
        let quant = self.graph.tensor(node.output)?.quant;
        let output = self.add(Tensor { shape, quant });
        if let Some(place) = self.places.get_mut(node.output) {
            *place = Some((output, flow));
        }
        self.out.nodes.push(Node {
            name: node.name.clone(),
            op,
            inputs,
            output,
        });
        Ok(())
    }

    fn add(&mut self, tensor: Tensor) -> TensorId {
        self.out.tensors.push(tensor);
        self.out.tensors.len() - 1
    }
}
