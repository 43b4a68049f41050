//! The baseline: what a straight port of the Python program to a microcontroller gives.
//!
//! With [`Settings::BASELINE`], [`Network::new`] loads everything onto the heap: every layer becomes a boxed
//! [`Layer`] that owns a copy of its weights, every tensor gets a buffer of its own, kept for the whole run, and
//! the labels become strings. All operators are registered, used or not. [`Network::run`] calls the layers one
//! after the other through their vtables, and allocates nothing. Other [`Settings`] take single properties away,
//! to see what each is worth.
//!
//! Nothing else separates it from the other ways to run a network: it reads the same model format and calls the
//! same kernels, so that its outputs are those of [`mote::Interpreter`], bit for bit.
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

mod buffer;
pub mod layers;

pub use buffer::{Buffer, Cells};
pub use layers::{Keep, Kind, Layer};

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::hint::black_box;
use mote::format::FRONTEND_WORDS;
use mote::kernels::frontend::Frontend;
use mote::registry::Flow;
use mote::{Error, Model, Node, Tensor};

/// How a network is loaded: the properties that techniques change.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'s> {
    /// The operators that are linked: [`layers::ALL`], or the ones in use.
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
        kinds: layers::ALL,
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
    /// As [`Model::parse`] and [`mote::Interpreter::new`]; those of a layer that is loaded later come from
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
        step.layer = Some(layers::load(&step.node, self.kinds, self.keep)?);
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
    /// [`mote::Interpreter::run`] does.
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
                Flow::Continue => (),
                Flow::Decided => return Ok(true),
                Flow::Waiting => return Ok(false),
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
fn mote_step(step: &Step, buffers: &mut [Option<Buffer>]) -> Result<Flow, Error> {
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
mod tests {
    extern crate std;

    use super::*;
    use mote::{Interpreter, registry};
    use mote_model::stream::stream;
    use mote_model::{Activation, Conv1d, Graph, Op, PoolKind, Quant, Shape, Strategy, Weights};
    use mote_model::{blob, import, plan};

    fn load(name: &str) -> Graph {
        let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../mote-model/tests/models");
        let bytes = std::fs::read(std::format!("{models}/{name}.tflite")).unwrap();
        import::tflite::import(name, &bytes).unwrap()
    }

    /// The f32 operator no reference network has.
    fn depthwise() -> Graph {
        let mut graph = Graph::new("depthwise", Shape::new(8, 3));
        let conv = Conv1d {
            out_channels: 3,
            kernel: 2,
            stride: 1,
            dilation: 1,
            padding: [0, 0],
            groups: 3,
            activation: Activation::None,
            weights: Weights::F32 {
                weights: vec![1.0, -2.0, 3.0, -4.0, 5.0, -6.0],
                bias: vec![0.5, -0.5, 0.25],
            },
        };
        graph.push("depthwise", Op::Conv1d(conv)).unwrap();
        graph
    }

    /// `graph` as a stream that decides in every run, with pools of `kind`.
    fn streamed(mut graph: Graph, kind: PoolKind) -> Graph {
        for node in &mut graph.nodes {
            if let Op::Pool(pool) = &mut node.op {
                pool.kind = kind;
            }
        }
        stream(&graph, 20, Some(20)).unwrap()
    }

    fn words(graph: &Graph) -> Vec<u32> {
        blob::to_words(graph, &plan(graph, Strategy::InPlace).unwrap()).unwrap()
    }

    /// Sample `i` of window `n`, over the whole range.
    fn sample(n: usize, i: usize) -> i16 {
        let x = (n * 7919 + i * 104_729) % 65_521;
        ((x * x % 65_521) as i32 - 32_760) as i16
    }

    /// Runs both on the same windows and compares their outputs bit for bit.
    fn agrees_with_the_interpreter(words: Vec<u32>) {
        let words: &'static [u32] = words.leak();
        for (kinds, keep, lazy) in [
            (layers::ALL, Keep::Copied, false),
            (layers::ALL, Keep::InPlace, true),
        ] {
            let settings = Settings {
                kinds,
                keep,
                lazy,
                labels: &[],
            };
            agrees(words, settings);
        }
    }

    fn agrees(words: &'static [u32], settings: Settings<'_>) {
        let model = Model::parse(words).unwrap();
        let engine = Interpreter::new(model, registry::ALL).unwrap();
        let mut arena = vec![0; model.arena_words()];
        let mut network = Network::new(words, settings).unwrap();
        let len = model.input().unwrap().len();
        let mut outputs = Vec::new();
        for n in 0..8 {
            let window: Vec<i16> = (0..len).map(|i| sample(n, i)).collect();
            if model.frontend().is_some() {
                engine.load_counts(&window, &mut arena).unwrap();
                network.counts().unwrap().copy_from_slice(&window);
            } else if let Ok(input) = network.input_i8() {
                let theirs = engine.input_i8(&mut arena).unwrap();
                for ((x, y), w) in input.iter_mut().zip(theirs).zip(window) {
                    (*x, *y) = ((w / 256) as i8, (w / 256) as i8);
                }
            } else {
                let input = network.input_f32().unwrap();
                let theirs = engine.input_f32(&mut arena).unwrap();
                for ((x, y), w) in input.iter_mut().zip(theirs).zip(window) {
                    (*x, *y) = (f32::from(w) * 1e-3, f32::from(w) * 1e-3);
                }
            }
            let decided = engine.run(&mut arena).unwrap();
            assert_eq!(network.run(), Ok(decided));
            if !decided {
                continue;
            }
            let output: Vec<u32> = match engine.output_i8(&arena) {
                Ok(theirs) => {
                    assert_eq!(network.output_i8().unwrap(), theirs);
                    theirs.iter().map(|&y| y as u32).collect()
                }
                Err(_) => {
                    let bits = |y: &[f32]| y.iter().map(|y| y.to_bits()).collect::<Vec<u32>>();
                    let theirs = bits(engine.output_f32(&arena).unwrap());
                    assert_eq!(bits(network.output_f32().unwrap()), theirs);
                    theirs
                }
            };
            outputs.push(output);
        }
        outputs.dedup();
        assert!(outputs.len() > 1, "windows must not all look the same");
    }

    /// Means over time, which are the output when one leads clearly; otherwise they are clamped first.
    fn exiting(quant: Option<Quant>) -> Graph {
        let mut graph = Graph::new("exit", Shape::new(2, 3));
        let pool = mote_model::Pool {
            kind: PoolKind::Average,
            kernel: 2,
            stride: 1,
            padding: [0, 0],
        };
        let scores = graph.push("means", Op::Pool(pool)).unwrap();
        graph
            .push("clamp", Op::Activation(Activation::Relu))
            .unwrap();
        let exit = mote_model::Node {
            name: "exit".into(),
            op: Op::Exit(mote_model::Exit { margin: 20.0 }),
            inputs: vec![scores],
            output: graph.output,
        };
        graph.nodes.insert(1, exit);
        for tensor in &mut graph.tensors {
            tensor.quant = quant;
        }
        graph
    }

    #[test]
    fn an_early_exit_leaves_its_scores_unclamped() {
        let words = words(&exiting(None)).leak();
        let mut network = Network::new(words, Settings::BASELINE).unwrap();
        let mut outputs = |x: f32| {
            let window = [-1.0, 0.0, x, -1.0, 0.0, x];
            network.input_f32().unwrap().copy_from_slice(&window);
            assert_eq!(network.run(), Ok(true));
            network.output_f32().unwrap().to_vec()
        };
        assert_eq!(outputs(30.0), [-1.0, 0.0, 30.0]);
        assert_eq!(outputs(10.0), [0.0, 0.0, 10.0]);
    }

    #[test]
    fn a_lazy_network_loads_what_a_run_reaches() {
        let words = words(&exiting(None)).leak();
        let settings = Settings {
            lazy: true,
            ..Settings::BASELINE
        };
        let mut network = Network::new(words, settings).unwrap();
        let loaded = |n: &Network| n.steps.iter().filter(|s| s.layer.is_some()).count();
        assert_eq!(loaded(&network), 0);
        network.input_f32().unwrap().fill(0.0);
        if let Some(x) = network.input_f32().unwrap().last_mut() {
            *x = 100.0;
        }
        network.run().unwrap();
        assert_eq!(loaded(&network), 2);
        network.input_f32().unwrap().fill(0.0);
        network.run().unwrap();
        assert_eq!(loaded(&network), 3);
    }

    #[test]
    fn outputs_are_the_interpreters() {
        let names = ["A_int8", "A_f32", "B_int8", "B_f32", "ops_int8", "ops_f32"];
        let mut graphs: Vec<Graph> = names.map(load).into();
        graphs.extend([load("head_int8"), depthwise()]);
        for kind in [PoolKind::Max, PoolKind::Average] {
            graphs.extend(["B_int8", "B_f32"].map(|name| streamed(load(name), kind)));
        }
        graphs.extend([
            exiting(None),
            exiting(Some(Quant {
                scale: 0.5,
                zero_point: 3,
            })),
        ]);
        let mut seen = Vec::new();
        for graph in &graphs {
            let words = words(graph);
            seen.extend(Model::parse(&words).unwrap().nodes().map(|node| node.op()));
            agrees_with_the_interpreter(words);
        }
        let unseen = registry::ALL
            .iter()
            .map(|k| k.op)
            .filter(|op| !seen.contains(op));
        assert_eq!(unseen.collect::<Vec<u8>>(), []);
    }

    #[test]
    fn the_front_end_is_the_interpreters() {
        for name in ["B_int8", "B_f32"] {
            let mut graph = load(name);
            graph.frontend = Some(mote_model::Frontend {
                offset: vec![100, -4000, 0],
                scale: vec![1e-3, 2e-3, 0.5e-3],
            });
            agrees_with_the_interpreter(words(&graph));
        }
    }

    #[test]
    fn labels_are_kept() {
        let words = words(&load("B_int8"));
        let settings = Settings {
            labels: &["walking", "standing"],
            ..Settings::BASELINE
        };
        let network = Network::new(words.leak(), settings).unwrap();
        assert_eq!(network.labels(), ["walking", "standing"]);
    }

    #[test]
    fn what_the_interpreter_refuses_is_refused() {
        let mut words = words(&load("B_int8"));
        let error = |words: &[u32]| Network::new(words.to_vec().leak(), Settings::BASELINE).err();
        assert_eq!(error(&words[..20]), Some(Error::Length));
        // The first node's operator, behind header and tensors.
        let tensors = Model::parse(&words).unwrap().tensors().count();
        words[8 + 2 * tensors] |= 0xff;
        let last = words.len() - 1;
        words[last] = mote::crc32(&words[..last]);
        assert_eq!(error(&words), Some(Error::UnsupportedOp));
    }

    #[test]
    fn a_layer_that_writes_its_own_input_is_refused() {
        let mut words = words(&load("B_int8"));
        let tensors = Model::parse(&words).unwrap().tensors().count();
        let [op, input, second, _] = words[8 + 2 * tensors].to_le_bytes();
        words[8 + 2 * tensors] = u32::from_le_bytes([op, input, second, input]);
        let last = words.len() - 1;
        words[last] = mote::crc32(&words[..last]);
        let network = Network::new(words.leak(), Settings::BASELINE);
        assert_eq!(network.err(), Some(Error::Corrupt));
    }
}
