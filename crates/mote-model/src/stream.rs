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
//! the samples `offset + w * hop .. offset + w * hop + window`, with the offset of the [`Schedule`].
//!
//! # Networks that decide at every step
//!
//! A windowed network whose last layers see one step needs no pool: its window is the receptive field of that step. As a
//! stream it decides at every step; one step of each hop is let through, or a [`Filter`](crate::Filter) takes them all.
//!
//! # What comes before the first sample
//!
//! A history keeps exactly the steps that the next output needs, so that every step ends with the newest sample. What it
//! holds before the stream begins is no sample: the steps computed from it are skipped, and give no decision. The first
//! step that is computed from samples alone may begin some samples behind the first, fewer than a stride: the offset.

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
    /// Samples before those that the first decision is about.
    pub offset: usize,
    /// Samples that a decision is about, when that is one step; `None` when a pool gathers the steps of a window.
    pub receptive_field: Option<usize>,
}

impl Schedule {
    /// Of a network over whole windows: each run decides.
    pub const WINDOWS: Self = Self {
        first: 1,
        every: 1,
        offset: 0,
        receptive_field: None,
    };

    /// The schedule of `graph`; `None` when it is not a stream.
    pub fn of(graph: &Graph) -> Option<Self> {
        let clocks = clocks(graph);
        let mut schedule: Option<Self> = None;
        for node in &graph.nodes {
            let (skip, steps, hop) = match &node.op {
                Op::WindowPool(pool) => (pool.skip, pool.steps, Some(pool.hop)),
                Op::Filter(filter) => (filter.skip.unwrap_or(0), 1, None),
                _ => continue,
            };
            let input = *node.inputs.first()?;
            let per_run = graph.tensor(input).ok()?.shape.time;
            let every = hop.map_or(1, |hop| hop / per_run);
            match &mut schedule {
                // Behind a filter that takes every step, a pool lets one of each hop pass.
                Some(schedule) => schedule.every *= every,
                None if hop.is_none() && !is_stream(graph) => return None,
                None => {
                    let clock = clocks.get(input)?;
                    schedule = Some(Self {
                        first: (skip + steps).div_ceil(per_run),
                        every,
                        offset: clock.start(skip),
                        receptive_field: (steps == 1).then(|| clock.depth - clock.lag),
                    });
                }
            }
        }
        schedule
    }
}

/// Whether `graph` remembers samples or steps from run to run.
fn is_stream(graph: &Graph) -> bool {
    graph.nodes.iter().any(|node| match &node.op {
        Op::History(_) | Op::WindowPool(_) => true,
        Op::Filter(filter) => filter.skip.is_some(),
        _ => false,
    })
}

/// When the steps of a tensor come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Clock {
    /// Samples per step.
    rate: usize,
    /// Samples from the first one that a step is computed from to the last one that has come by then.
    depth: usize,
    /// How many of them, the last ones, it is not computed from: where strides are longer than kernels.
    lag: usize,
}

impl Clock {
    /// Of the samples themselves.
    const SAMPLES: Self = Self {
        rate: 1,
        depth: 1,
        lag: 0,
    };

    /// Behind a history of `keep` steps.
    fn kept(self, keep: usize) -> Self {
        Self {
            depth: self.depth.saturating_add(keep.saturating_mul(self.rate)),
            ..self
        }
    }

    /// Behind a window of `span` steps, history included, that moves on by `stride`.
    fn windowed(self, span: usize, stride: usize) -> Self {
        let more = stride.saturating_sub(1).saturating_mul(self.rate);
        let lag = stride.saturating_sub(span).saturating_mul(self.rate);
        Self {
            rate: self.rate.saturating_mul(stride),
            depth: self.depth.saturating_add(more),
            lag: self.lag.saturating_add(lag),
        }
    }

    /// Steps at the beginning of the stream that are computed from what is no sample.
    fn skip(self) -> usize {
        self.depth.div_ceil(self.rate.max(1)).saturating_sub(1)
    }

    /// The first sample that step `step` is computed from.
    fn start(self, step: usize) -> usize {
        let end = step.saturating_add(1).saturating_mul(self.rate);
        end.saturating_sub(self.depth)
    }
}

/// The clock of each tensor of a network, windowed or a stream.
fn clocks(graph: &Graph) -> Vec<Clock> {
    let mut clocks = vec![Clock::SAMPLES; graph.tensors.len()];
    let is_stream = is_stream(graph);
    for node in &graph.nodes {
        let input = node.inputs.first().and_then(|&i| graph.tensors.get(i));
        let known = node.inputs.iter().filter_map(|&i| clocks.get(i));
        let clock = known.max_by_key(|clock| clock.rate).copied();
        let clock = clock.unwrap_or(Clock::SAMPLES);
        let streaming = input.map(|t| node.op.with(|op| op.streaming(t.shape)));
        let clock = match (&node.op, streaming) {
            (Op::History(history), _) => clock.kept(history.keep),
            // In a stream, also one that covers all that a run has is no global pool.
            (Op::Pool(pool), _) if is_stream => clock.windowed(pool.kernel, pool.stride),
            (_, Some(Streaming::Windowed { span, stride, .. })) => clock.windowed(span, stride),
            _ => clock,
        };
        if let Some(slot) = clocks.get_mut(node.output) {
            *slot = clock;
        }
    }
    clocks
}

/// Samples per step of the last tensor that comes in steps: hop and tick are multiples of it.
pub fn total_stride(graph: &Graph) -> usize {
    let rates = clocks(graph).into_iter().map(|clock| clock.rate);
    rates.max().unwrap_or(1)
}

/// Whether `graph`, a network over windows, decides about one step, without a pool over several.
pub fn decides_per_step(graph: &Graph) -> bool {
    let pools = graph.nodes.iter().any(|node| {
        let input = node.inputs.first().and_then(|&i| graph.tensors.get(i));
        input.is_some_and(|tensor| {
            let streaming = node.op.with(|op| op.streaming(tensor.shape));
            matches!(streaming, Streaming::GlobalPool(_)) && tensor.shape.time > 1
        })
    });
    let output = graph.tensors.get(graph.output);
    !pools && output.is_some_and(|tensor| tensor.shape.time == 1)
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
/// When `graph` is not valid; when it cannot run as a stream (padding, several steps without a global pool behind them, an
/// operator before it that needs all steps at once, a sum of branches that lag behind each other); when hop or tick does
/// not fit the strides. The message names layer and field and says what to do.
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
    Steps(Clock),
    /// Whole, once per decision: behind the pool.
    Whole,
}

/// A stream in the making.
struct Writer<'g> {
    graph: &'g Graph,
    hop: usize,
    tick: usize,
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
        places[graph.input] = Some((out.input, Flow::Steps(Clock::SAMPLES)));
        Ok(Self {
            graph,
            hop,
            tick,
            out,
            places,
        })
    }

    fn finish(mut self) -> Result<Graph, Error> {
        let (mut output, flow) = self.place(self.graph.output)?;
        if let Flow::Steps(clock) = flow {
            if self.graph.tensor(self.graph.output)?.shape.time > 1 {
                let what = "there is no global pool before it, and a stream needs one to know where a window ends";
                return Err(Error::network("output", what));
            }
            let last = self.graph.nodes.last();
            output = self.gate(last.map_or("", |n| &n.name), output, clock)?;
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
        let (input, flow) = self.place(node.first_input())?;
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
        let shape = self.graph.tensor(node.first_input())?.shape;
        match (node.op.with(|op| op.streaming(shape)), flow) {
            (Streaming::Never(why), _) => fail("operator", why),
            (_, Flow::Whole) | (Streaming::PerStep, _) => {
                self.push(node, node.op.clone(), inputs, flow)
            }
            // A single step is the whole window.
            (Streaming::WholeWindow(_), Flow::Steps(clock)) if shape.time == 1 => {
                let gated = self.gate(&node.name, input, clock)?;
                self.push(node, node.op.clone(), vec![gated], Flow::Whole)
            }
            (Streaming::WholeWindow(why), _) => fail("inputs", why),
            // The mean or maximum of a single step is that step.
            (Streaming::GlobalPool(_), Flow::Steps(_)) if shape.time == 1 => {
                self.put(node.output, input, flow);
                Ok(())
            }
            (Streaming::GlobalPool(kind), Flow::Steps(clock)) => {
                let pool = WindowPool {
                    kind,
                    steps: shape.time,
                    hop: self.hop / clock.rate,
                    skip: clock.skip(),
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
                Flow::Steps(clock),
            ) => self.windowed(node, [span, stride], padding, input, clock),
        }
    }

    /// Appends the filter over decisions, which takes every step that the network decides about. Those that began before
    /// the stream are skipped: by the pool before the filter, or by the filter when there is none.
    fn filter(
        &mut self,
        node: &Node,
        filter: &Filter,
        input: TensorId,
        flow: Flow,
    ) -> Result<(), Error> {
        let time = self.graph.tensor(node.first_input())?.shape.time;
        let skip = match flow {
            Flow::Whole => 0,
            Flow::Steps(_) if time > 1 => {
                let what = "there is no global pool before it, and a stream needs one to know where a window ends";
                return Err(Error::invalid(&node.name, "inputs", what));
            }
            Flow::Steps(clock) => clock.skip(),
        };
        let filter = Filter {
            skip: Some(skip),
            ..filter.clone()
        };
        let state = filter.state(self.out.tensor(input)?);
        let inputs = vec![input, self.add(state)];
        self.push(node, Op::Filter(filter), inputs, Flow::Whole)?;
        if flow != Flow::Whole && self.hop > self.tick {
            let (output, _) = self.place(node.output)?;
            let gated = self.pass(&node.name, output, self.hop / self.tick, 0)?;
            self.put(node.output, gated, Flow::Whole);
        }
        Ok(())
    }

    /// Lets one step of each hop pass on the way to `node`, and none that began before the stream.
    fn gate(&mut self, node: &str, input: TensorId, clock: Clock) -> Result<TensorId, Error> {
        let steps = self.out.tensor(input)?.shape.time;
        // The last step of a run decides, which is about the newest samples.
        let skip = (clock.skip() + 1).next_multiple_of(steps) - 1;
        self.pass(node, input, self.hop / clock.rate, skip)
    }

    /// Lets one of `hop` steps of `input` pass, behind the first `skip`: the maximum of one step.
    fn pass(
        &mut self,
        node: &str,
        input: TensorId,
        hop: usize,
        skip: usize,
    ) -> Result<TensorId, Error> {
        let steps = self.out.tensor(input)?.clone();
        let pool = WindowPool {
            kind: PoolKind::Max,
            steps: 1,
            hop,
            skip,
        };
        let state = self.add(pool.state(&steps));
        let output = self.add(Tensor {
            shape: Shape::new(1, steps.shape.channels),
            quant: steps.quant,
        });
        self.out.nodes.push(Node {
            name: format!("{node}_step"),
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
        clock: Clock,
    ) -> Result<(), Error> {
        if padding != [0, 0] {
            let what =
                format!("{padding:?}; a stream has no edges: train with padding = \"valid\"");
            return Err(Error::invalid(&node.name, "padding", what));
        }
        let keep = span.saturating_sub(stride);
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
        let flow = Flow::Steps(clock.kept(keep).windowed(span, stride));
        self.push(node, node.op.clone(), inputs, flow)
    }

    fn push(
        &mut self,
        node: &Node,
        op: Op,
        inputs: Vec<TensorId>,
        flow: Flow,
    ) -> Result<(), Error> {
        let shape = output_shape(&node.name, &op, self.out.tensor(inputs[0])?.shape)?;
        let quant = self.graph.tensor(node.output)?.quant;
        let output = self.add(Tensor { shape, quant });
        self.put(node.output, output, flow);
        self.out.nodes.push(Node {
            name: node.name.clone(),
            op,
            inputs,
            output,
        });
        Ok(())
    }

    /// Notes that tensor `id` of the windowed network is `output` in the stream.
    fn put(&mut self, id: TensorId, output: TensorId, flow: Flow) {
        self.places[id] = Some((output, flow));
    }

    fn add(&mut self, tensor: Tensor) -> TensorId {
        self.out.tensors.push(tensor);
        self.out.tensors.len() - 1
    }
}
