//! Runs a graph on this computer, in the same engine and arithmetic as on the device.
//!
//! [`compile`] writes the model as it lies in flash, and a [`Session`] runs it.

use crate::stream::Schedule;
use crate::{Error, Graph, Op, Quant, Shape, Strategy, TensorId, blob::to_words, plan, sensor};
use mote::kernels::argmax;
use mote::{Interpreter, Model, StepOutcome, View, registry};

/// Writes the model that the engine reads, as it lies in flash.
///
/// # Errors
/// When the network is not sound.
pub fn compile(graph: &Graph) -> Result<Compiled, Error> {
    let words = to_words(graph, &plan(graph, Strategy::Overlap)?)?;
    let outputs = graph.nodes.iter().map(|n| n.output).collect();
    Ok(Compiled {
        network: graph.name.clone(),
        words,
        outputs,
        grids: graph.tensors.iter().map(|t| t.quant).collect(),
        input: graph.input,
        shape: graph.tensor(graph.input)?.shape,
        output: graph.output,
        probabilities: graph
            .nodes
            .last()
            .is_some_and(|node| matches!(node.op, Op::Softmax)),
        stream: Schedule::of(graph),
    })
}

/// A network in the engine's format.
#[derive(Debug, Clone)]
pub struct Compiled {
    network: String,
    words: Vec<u32>,
    outputs: Vec<TensorId>,
    grids: Vec<Option<Quant>>,
    input: TensorId,
    /// What one run takes: a window, or a tick.
    shape: Shape,
    output: TensorId,
    /// Whether the last layer is a softmax.
    probabilities: bool,
    stream: Option<Schedule>,
}

impl Compiled {
    /// Returns the bytes of flash that the model takes.
    pub fn bytes(&self) -> usize {
        self.words.len() * 4
    }

    /// Returns the real numbers that `scores` stand for.
    pub fn reals(&self, scores: &Scores) -> Vec<f32> {
        match scores {
            Scores::F32(scores) => scores.clone(),
            Scores::I8(scores) => self.dequantized(self.output, scores).collect(),
        }
    }

    /// Returns the real numbers that the int8 `values` of `tensor` stand for.
    fn dequantized<'v>(
        &self,
        tensor: TensorId,
        values: &'v [i8],
    ) -> impl Iterator<Item = f32> + use<'v> {
        let grid = self.grids.get(tensor).copied().flatten();
        let (scale, zero) = grid.map_or((1.0, 0), |q| (q.scale, q.zero_point));
        let steps = values.iter().map(move |&q| i32::from(q) - i32::from(zero));
        steps.map(move |steps| scale * steps as f32)
    }

    /// Returns the probability that the network gives to its decision; `None` when its scores are no probabilities.
    pub fn confidence(&self, scores: &Scores) -> Option<f32> {
        let reals = self.probabilities.then(|| self.reals(scores))?;
        reals.into_iter().reduce(f32::max)
    }
}

/// A network's output: one score per class.
#[derive(Debug, Clone, PartialEq)]
pub enum Scores {
    /// Of an f32 network.
    F32(Vec<f32>),
    /// Of an int8 network, on the output tensor's grid.
    I8(Vec<i8>),
}

impl Scores {
    /// Returns the number of scores.
    pub fn len(&self) -> usize {
        match self {
            Scores::F32(scores) => scores.len(),
            Scores::I8(scores) => scores.len(),
        }
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the index of the largest score; the first of several equal ones.
    pub fn class(&self) -> usize {
        match self {
            Scores::F32(scores) => argmax(scores),
            Scores::I8(scores) => argmax(scores),
        }
    }
}

/// The network's answer for one window.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// One score per class.
    pub scores: Scores,
    /// Whether an early exit ended the run.
    pub early: bool,
}

impl Decision {
    /// Returns the index of the largest score; the first of several equal ones.
    pub fn class(&self) -> usize {
        self.scores.class()
    }
}

/// The engine with one network and its arena.
pub struct Session<'c> {
    compiled: &'c Compiled,
    interpreter: Interpreter<'c>,
    arena: Vec<u32>,
    counts: Vec<i16>,
}

impl<'c> Session<'c> {
    /// Checks the model and allocates its arena.
    ///
    /// # Errors
    /// [`Error::Engine`] when the engine refuses the model.
    pub fn new(compiled: &'c Compiled) -> Result<Self, Error> {
        let fail = |error| Error::engine(compiled, error);
        let model = Model::parse(&compiled.words).map_err(fail)?;
        let arena = vec![0; model.arena_words()];
        let interpreter = Interpreter::new(model, registry::ALL).map_err(fail)?;
        Ok(Self {
            compiled,
            interpreter,
            arena,
            counts: Vec::new(),
        })
    }

    /// Returns another session of the same network, with an arena of its own.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn again(&self) -> Result<Self, Error> {
        Self::new(self.compiled)
    }

    /// Converts a window, `[time][channel]` in m/s^2, into sensor counts.
    fn sense(&mut self, window: &[f32]) {
        self.counts.clear();
        self.counts
            .extend(window.iter().map(|&x| sensor::counts(x)));
    }

    /// Writes the sensor counts into the network's input.
    fn load(&mut self) -> Result<(), mote::Error> {
        self.interpreter.load_counts(&self.counts, &mut self.arena)
    }

    /// Runs the network on a window of `time * channels` values, `[time][channel]` in m/s^2. A stream or a filter
    /// starts anew with every window. A stream that [decides about one step](Schedule::receptive_field) takes windows of any length from its
    /// receptive field on: the last decision counts, which is about the last samples of the window.
    ///
    /// # Errors
    /// [`Error::Engine`] when the window has the wrong length.
    pub fn classify(&mut self, window: &[f32]) -> Result<Decision, Error> {
        self.sense(window);
        let end = match self.compiled.stream {
            None => {
                // A filter knows nothing of windows before.
                self.arena.fill(0);
                self.load()
                    .and_then(|()| self.interpreter.run_outcome(&mut self.arena))
            }
            Some(schedule) => self.run_stream(schedule),
        };
        end.and_then(|end| {
            Ok(Decision {
                scores: self.scores()?,
                early: end == StepOutcome::Exited,
            })
        })
        .map_err(|error| Error::engine(self.compiled, error))
    }

    /// Feeds the window tick by tick to a new stream: up to its first decision, or, when it decides at every step, to
    /// the end of the window.
    fn run_stream(&mut self, schedule: Schedule) -> Result<StepOutcome, mote::Error> {
        let mut window = core::mem::take(&mut self.counts);
        let input = self.interpreter.model().input()?;
        let (tick, channels) = (input.len(), input.channels.max(1));
        if tick == 0 || !window.len().is_multiple_of(channels) {
            return Err(mote::Error::BufferLength);
        }
        let first = schedule.first * tick;
        // What is put in front of the window and behind, no decision that counts is about.
        match schedule.receptive_field {
            None => {
                window.splice(..0, core::iter::repeat_n(0, schedule.offset * channels));
                window.resize(first, 0);
            }
            Some(field) if window.len() < field * channels => {
                return Err(mote::Error::BufferLength);
            }
            Some(field) => {
                let (hop, len) = (schedule.every * tick, window.len());
                let end = (schedule.offset + field) * channels;
                let hops = len.saturating_sub(end) / hop;
                window.drain(..len.saturating_sub(end + hops * hop));
                window.splice(..0, core::iter::repeat_n(0, end.saturating_sub(len)));
                window.resize(first + hops * hop, 0);
            }
        }
        self.arena.fill(0);
        let mut end = StepOutcome::NeedMoreSamples;
        for samples in window.chunks_exact(tick) {
            self.counts.clear();
            self.counts.extend_from_slice(samples);
            self.load()?;
            end = self.interpreter.run_outcome(&mut self.arena)?;
        }
        match end {
            StepOutcome::NeedMoreSamples => Err(mote::Error::BufferLength),
            end => Ok(end),
        }
    }

    fn scores(&self) -> Result<Scores, mote::Error> {
        Ok(match self.interpreter.model().output()?.elem {
            mote::Elem::F32 => Scores::F32(self.interpreter.output_f32(&self.arena)?.to_vec()),
            mote::Elem::I8 => Scores::I8(self.interpreter.output_i8(&self.arena)?.to_vec()),
        })
    }

    /// Runs the network on the sensor counts of the next tick of a stream, or of the next window of a recording, where a
    /// filter goes on from the decision before. Returns `None` while there is no decision.
    ///
    /// # Errors
    /// [`Error::Engine`] when a tick or window has the wrong length.
    pub fn tick(&mut self, counts: &[i16]) -> Result<Option<Scores>, Error> {
        self.counts.clear();
        self.counts.extend_from_slice(counts);
        self.decide()
    }

    /// Runs the network over a recording, `[time][channel]` in m/s^2, going on from what it remembers. Returns each
    /// decision with the number of the sample that brought it. A network over windows decides every `hop` samples; a
    /// stream decides when it does.
    pub fn decisions<'s>(
        &'s mut self,
        recording: &'s [f32],
        hop: usize,
    ) -> impl Iterator<Item = Result<(usize, Scores), Error>> + use<'s, 'c> {
        let shape = self.compiled.shape;
        let step = match self.compiled.stream {
            Some(_) => shape.time,
            None => hop.max(1),
        };
        let runs = recording
            .windows(shape.len())
            .step_by(step * shape.channels);
        runs.enumerate().filter_map(move |(run, samples)| {
            self.sense(samples);
            let scores = self.decide().transpose()?;
            Some(scores.map(|scores| (run * step + shape.time - 1, scores)))
        })
    }

    /// Runs the network on the counts at hand.
    fn decide(&mut self) -> Result<Option<Scores>, Error> {
        self.load()
            .and_then(|()| self.interpreter.run(&mut self.arena))
            .and_then(|decided| decided.then(|| self.scores()).transpose())
            .map_err(|error| Error::engine(self.compiled, error))
    }

    /// Runs every layer on a window and shows the real values of each tensor to `observe`, in the order in which the
    /// engine writes them.
    ///
    /// # Errors
    /// [`Error::Engine`] when the window has the wrong length.
    pub fn run_observed(
        &mut self,
        window: &[f32],
        mut observe: impl FnMut(TensorId, &[f32]),
    ) -> Result<(), Error> {
        self.sense(window);
        let compiled = self.compiled;
        let mut reals = Vec::new();
        let mut show = |tensor: TensorId, view: View<'_>| match view {
            View::F32(values) => observe(tensor, values),
            View::I8(values) => {
                reals.clear();
                reals.extend(compiled.dequantized(tensor, values));
                observe(tensor, &reals);
            }
        };
        let mut run = || -> Result<(), mote::Error> {
            self.interpreter
                .load_counts(&self.counts, &mut self.arena)?;
            let view = match self.interpreter.model().input()?.elem {
                mote::Elem::F32 => View::F32(self.interpreter.input_f32(&mut self.arena)?),
                mote::Elem::I8 => View::I8(self.interpreter.input_i8(&mut self.arena)?),
            };
            show(compiled.input, view);
            self.interpreter
                .run_observed(&mut self.arena, |node, view| {
                    if let Some(&tensor) = compiled.outputs.get(node) {
                        show(tensor, view);
                    }
                })
        };
        run().map_err(|error| Error::engine(compiled, error))
    }
}

impl Error {
    fn engine(compiled: &Compiled, error: mote::Error) -> Self {
        Error::Engine {
            network: compiled.network.clone(),
            error,
        }
    }
}
