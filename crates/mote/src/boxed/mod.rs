//! The baseline: what a straight port of the Python program to a microcontroller gives.
//!
//! With [`Settings::BASELINE`], [`Network::new`] loads everything onto the heap: every layer becomes a boxed
//! [`Layer`] that owns a copy of its weights, every tensor gets a buffer of its own, kept for the whole run, and
//! the labels become strings. All operators are registered, used or not. [`Network::run`] calls the layers one
//! after the other through their vtables, and allocates nothing. Other [`Settings`] take single properties away,
//! to see what each is worth.
//!
//! Nothing else separates it from the other ways to run a network: it reads the same model format and calls the
//! same kernels, so that its outputs are those of [`crate::Interpreter`], bit for bit.

mod buffer;
pub mod layer;

pub use buffer::{Buffer, Cells};
pub(crate) use layer::Loaded;
pub use layer::{Keep, Kind, Layer};

use crate::format::FRONTEND_WORDS;
use crate::kernels::frontend::Frontend;
use crate::{Error, Model, Node, StepOutcome, Tensor};

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::hint::black_box;

/// How a network is loaded: the properties that techniques change.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'s> {
    /// The operators that are linked: [`layer::ALL`], or the ones in use.
    pub kinds: &'static [Kind],
    /// Where weights stay.
    pub keep: Keep,
    /// Whether a layer and its tensors are loaded when the run first reaches them, and not at start.
    pub lazy: bool,
    /// Names of the classes; may be empty.
    pub labels: &'s [&'s str],
}

impl Settings<'_> {
    /// The baseline: every operator, weights on the heap, all loaded at start, no labels.
    pub const BASELINE: Self = Self {
        kinds: layer::ALL,
        keep: Keep::Copied,
        lazy: false,
        labels: &[],
    };
}

/// A network, loaded.
pub struct Network {
    model: Model<'static>,
    kinds: &'static [Kind],
    keep: Keep,
    steps: Vec<Step>,
    /// One per tensor of the model, from when it is first needed.
    buffers: Vec<Option<Buffer>>,
    sensor: Option<Sensor>,
    labels: Vec<String>,
}

/// A step of the model and its layer, once it is loaded.
struct Step {
    node: Node<'static>,
    layer: Option<Box<dyn Layer>>,
}

/// The front end, with the window it converts.
struct Sensor {
    /// Sensor counts, time-major.
    counts: Vec<i16>,
    parameters: Vec<[u32; FRONTEND_WORDS]>,
    zero_point: i8,
}

impl Network {
    /// Loads `model`, the words of a model in Mote's format, as `settings` say. The model's plan of the arena is
    /// not used.
    ///
    /// Like the collections it is made of, it ends in the allocation error handler when the heap is full.
    ///
    /// # Errors
    /// As [`Model::parse`] and [`crate::Interpreter::new`]; those of a layer that is loaded later come from
    /// [`Network::run`].
    pub fn new(model: &'static [u32], settings: Settings<'_>) -> Result<Self, Error> {
        // As if it came from a file. A compiler that sees the words drops the operators they do not name, and
        // what that saves is a technique of its own.
        let model = Model::parse(black_box(model))?;
        let tensor = model.input()?;
        let mut network = Self {
            model,
            kinds: settings.kinds,
            keep: settings.keep,
            steps: Vec::with_capacity(model.nodes().len()),
            buffers: model.tensors().map(|_| None).collect(),
            sensor: model.frontend().map(|words| Sensor::new(words, &tensor)),
            labels: settings.labels.iter().map(|&label| label.into()).collect(),
        };
        for node in model.nodes() {
            let [first, second, output] = node.tensors();
            if output == first || output == second {
                return Err(Error::Corrupt);
            }
            network.steps.push(Step { node, layer: None });
        }
        let [input, output] = model.ports();
        network.allocate([input, output])?;
        if !settings.lazy {
            for index in 0..network.steps.len() {
                network.load(index)?;
            }
        }
        Ok(network)
    }

    /// Loads the layer of step `index` and makes its tensors, unless that is done.
    fn load(&mut self, index: usize) -> Result<(), Error> {
        let Some(step) = self.steps.get_mut(index).filter(|s| s.layer.is_none()) else {
            return Ok(());
        };
        step.layer = Some(layer::load(&step.node, self.kinds, self.keep)?);
        let tensors = step.node.tensors();
        self.allocate(tensors)
    }

    /// Makes the buffers of `tensors` that are not there yet.
    fn allocate<const N: usize>(&mut self, tensors: [u8; N]) -> Result<(), Error> {
        for number in tensors {
            if let Some(slot @ None) = self.buffers.get_mut(usize::from(number)) {
                *slot = Some(Buffer::new(&self.model.tensor(number)?));
            }
        }
        Ok(())
    }

    /// Runs the network on what is in its input. Returns whether the output holds a new decision, as
    /// [`crate::Interpreter::run`] does.
    ///
    /// # Errors
    /// [`Error::ElementType`] or [`Error::BufferLength`] for a model that contradicts itself.
    pub fn run(&mut self) -> Result<bool, Error> {
        let [input, _] = self.model.ports();
        if let (Some(sensor), Some(Some(input))) =
            (&self.sensor, self.buffers.get_mut(usize::from(input)))
        {
            sensor.convert(input.cells())?;
        }
        for index in 0..self.steps.len() {
            self.load(index)?;
            let step = self.steps.get(index).ok_or(Error::Corrupt)?;
            match mote_step(step, &mut self.buffers)? {
                StepOutcome::Continue => (),
                StepOutcome::Exited => return Ok(true),
                StepOutcome::NeedMoreSamples => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The window of sensor counts, time-major, to be filled before a run.
    ///
    /// # Errors
    /// [`Error::NoFrontend`].
    pub fn counts(&mut self) -> Result<&mut [i16], Error> {
        let sensor = self.sensor.as_mut().ok_or(Error::NoFrontend)?;
        Ok(&mut sensor.counts)
    }

    /// The input tensor, to be filled before a run when there is no front end.
    ///
    /// # Errors
    /// [`Error::ElementType`] when it is f32.
    pub fn input_i8(&mut self) -> Result<&mut [i8], Error> {
        let [input, _] = self.model.ports();
        match self.buffers.get_mut(usize::from(input)) {
            Some(Some(Buffer::I8(values))) => Ok(values),
            _ => Err(Error::ElementType),
        }
    }

    /// The input tensor, to be filled before a run when there is no front end.
    ///
    /// # Errors
    /// [`Error::ElementType`] when it is int8.
    pub fn input_f32(&mut self) -> Result<&mut [f32], Error> {
        let [input, _] = self.model.ports();
        match self.buffers.get_mut(usize::from(input)) {
            Some(Some(Buffer::F32(values))) => Ok(values),
            _ => Err(Error::ElementType),
        }
    }

    /// The output tensor, after a run.
    ///
    /// # Errors
    /// [`Error::ElementType`] when it is f32.
    pub fn output_i8(&self) -> Result<&[i8], Error> {
        match self.output() {
            Some(Buffer::I8(values)) => Ok(values),
            _ => Err(Error::ElementType),
        }
    }

    /// The output tensor, after a run.
    ///
    /// # Errors
    /// [`Error::ElementType`] when it is int8.
    pub fn output_f32(&self) -> Result<&[f32], Error> {
        match self.output() {
            Some(Buffer::F32(values)) => Ok(values),
            _ => Err(Error::ElementType),
        }
    }

    fn output(&self) -> Option<&Buffer> {
        let [_, output] = self.model.ports();
        self.buffers.get(usize::from(output))?.as_ref()
    }

    /// Names of the classes, in the order of the output; empty when the network has none.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }
}

impl Sensor {
    fn new(parameters: &[[u32; FRONTEND_WORDS]], input: &Tensor) -> Self {
        Self {
            counts: vec![0; input.len()],
            parameters: parameters.to_vec(),
            zero_point: input.zero_point,
        }
    }

    fn convert(&self, input: Cells<'_>) -> Result<(), Error> {
        let frontend = Frontend::new(&self.parameters);
        match input {
            Cells::F32(input) => frontend.run_f32(&self.counts, input),
            Cells::I8(input) => frontend.run_i8(&self.counts, self.zero_point, input),
        }
    }
}

/// Runs one layer. A function of its own, so that a profiler can watch its address and tell the layers apart.
#[inline(never)]
fn mote_step(step: &Step, buffers: &mut [Option<Buffer>]) -> Result<StepOutcome, Error> {
    let layer = step.layer.as_ref().ok_or(Error::Corrupt)?;
    let [first, second, output] = step.node.tensors().map(usize::from);
    if first == second {
        let [x, y] = disjoint(buffers, [first, output])?;
        layer.forward([x, x], y)
    } else {
        let [a, b, y] = disjoint(buffers, [first, second, output])?;
        layer.forward([a, b], y)
    }
}

fn disjoint<const N: usize>(
    buffers: &mut [Option<Buffer>],
    indices: [usize; N],
) -> Result<[Cells<'_>; N], Error> {
    let mut cells = [Cells::I8(&[]); N];
    let found = buffers
        .get_disjoint_mut(indices)
        .map_err(|_| Error::Corrupt)?;
    for (cells, buffer) in cells.iter_mut().zip(found) {
        *cells = buffer.as_mut().ok_or(Error::Corrupt)?.cells();
    }
    Ok(cells)
}

#[cfg(test)]
mod tests;
