//! Running a network on the host, in the same engine and arithmetic as on the device.

use crate::Error;
use mote::kernels::argmax;
use mote::{Interpreter, Model, View, registry};
use mote_model::{Graph, Strategy, TensorId, blob::to_words, plan, sensor};

/// The model that the engine reads, as it would lie in flash.
///
/// # Errors
/// When the network is not sound.
pub fn compile(graph: &Graph) -> Result<Compiled, Error> {
    let words = to_words(graph, &plan(graph, Strategy::InPlace)?)?;
    let outputs = graph.nodes.iter().map(|n| n.output).collect();
    Ok(Compiled {
        network: graph.name.clone(),
        words,
        outputs,
        input: graph.input,
    })
}

/// A network in the engine's format.
#[derive(Debug, Clone)]
pub struct Compiled {
    network: String,
    words: Vec<u32>,
    outputs: Vec<TensorId>,
    input: TensorId,
}

impl Compiled {
    /// Bytes of flash the model takes.
    pub fn bytes(&self) -> usize {
        self.words.len() * 4
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

/// The engine with a network and its arena.
pub struct Host<'c> {
    compiled: &'c Compiled,
    interpreter: Interpreter<'c>,
    arena: Vec<u32>,
    counts: Vec<i16>,
}

impl<'c> Host<'c> {
    /// Checks the model and makes its arena.
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

    /// Loads a window, `[time][channel]` in m/s^2, through the sensor.
    fn load(&mut self, window: &[f32]) -> Result<(), Error> {
        self.counts.clear();
        self.counts
            .extend(window.iter().map(|&x| sensor::counts(x)));
        self.interpreter
            .load_counts(&self.counts, &mut self.arena)
            .map_err(|error| Error::engine(self.compiled, error))
    }

    /// The network's output for a window of `time * channels` values, `[time][channel]` in m/s^2.
    ///
    /// # Errors
    /// [`Error::Engine`] when the window has the wrong length.
    pub fn scores(&mut self, window: &[f32]) -> Result<Scores, Error> {
        self.load(window)?;
        self.interpreter
            .run(&mut self.arena)
            .and_then(|()| match self.interpreter.model().output()?.elem {
                mote::Elem::F32 => Ok(Scores::F32(
                    self.interpreter.output_f32(&self.arena)?.to_vec(),
                )),
                mote::Elem::I8 => Ok(Scores::I8(
                    self.interpreter.output_i8(&self.arena)?.to_vec(),
                )),
            })
            .map_err(|error| Error::engine(self.compiled, error))
    }

    /// Index of the largest score for a window, as [`Host::scores`]; the first of several.
    ///
    /// # Errors
    /// As [`Host::scores`].
    pub fn classify(&mut self, window: &[f32]) -> Result<usize, Error> {
        Ok(match self.scores(window)? {
            Scores::F32(scores) => argmax(&scores),
            Scores::I8(scores) => argmax(&scores),
        })
    }

    /// Runs an f32 network and shows every tensor's values to `observe`.
    ///
    /// # Errors
    /// [`Error::Engine`] when the window has the wrong length or the network is not f32.
    pub fn run_observed(
        &mut self,
        window: &[f32],
        mut observe: impl FnMut(TensorId, &[f32]),
    ) -> Result<(), Error> {
        self.load(window)?;
        let fail = |error| Error::engine(self.compiled, error);
        observe(
            self.compiled.input,
            self.interpreter.input_f32(&mut self.arena).map_err(fail)?,
        );
        self.interpreter
            .run_observed(&mut self.arena, |node, view| {
                if let (Some(&tensor), View::F32(values)) = (self.compiled.outputs.get(node), view)
                {
                    observe(tensor, values);
                }
            })
            .map_err(fail)
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
