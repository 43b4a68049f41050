//! Reference networks give the same outputs on the host and on every emulated core.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{builder, noise, steps};
use mote::{Interpreter, Model, registry};
use mote_codegen::generate;
use mote_device::conformance::{Expected, conformance};
use mote_device::core::{Core, Optimize};
use mote_device::emulator::Windows;
use mote_device::image::FirmwareBuilder;
use mote_model::stream::{Schedule, stream};
use mote_model::{Backend, Runtime};
use mote_model::{Graph, Op, Strategy, Weights, blob, plan};
use std::fs;
use std::path::Path;

const CORES: [Core; 6] = [
    Core::M0,
    Core::M3,
    Core::M4,
    Core::M7,
    Core::M33,
    Core::Rv32imc,
];

struct Network {
    graph: Graph,
    inputs: Vec<Vec<f32>>,
}

fn network(name: &str) -> Network {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mote-import/tests/models");
    let tflite = fs::read(models.join(format!("{name}.tflite"))).unwrap();
    let golden = fs::read(models.join(format!("{name}.golden.json"))).unwrap();
    let golden: serde_json::Value = serde_json::from_slice(&golden).unwrap();
    Network {
        graph: mote_import::tflite::import(name, &tflite).unwrap(),
        inputs: serde_json::from_value(golden["inputs"].clone()).unwrap(),
    }
}

/// The network as a stream, over a recording made of its windows.
fn streamed(network: Network) -> Network {
    let graph = stream(&network.graph, 20, None).unwrap();
    let tick = graph.tensor(graph.input).unwrap().shape.len();
    let recording = network.inputs.concat();
    Network {
        graph,
        inputs: recording.chunks_exact(tick).map(<[f32]>::to_vec).collect(),
    }
}

/// Networks that decide at every step with filters behind them: over windows, and as streams of one and two steps.
fn filtered(int8: bool) -> Vec<Network> {
    let windowed = [steps(int8, 0.0), steps(int8, 0.5)];
    let streams = [(0.0, 4, 4), (0.5, 8, 8), (0.5, 8, 4)];
    let streams = streams.map(|(dearer, hop, tick)| {
        let graph = stream(&steps(int8, dearer), hop, Some(tick)).unwrap();
        // The first steps do not count.
        assert!(Schedule::of(&graph).unwrap().first > 1);
        graph
    });
    let graphs = windowed.into_iter().chain(streams);
    let network = |graph: Graph| {
        let run = graph.tensor(graph.input).unwrap().shape.len();
        let sample = |i: usize| f32::from(noise(i / 40)) / 2.0 + f32::from(noise(i)) / 2.0;
        let samples: Vec<f32> = (0..40 * run).map(|i| sample(i).trunc()).collect();
        Network {
            graph,
            inputs: samples.chunks_exact(run).map(<[f32]>::to_vec).collect(),
        }
    };
    graphs.map(network).collect()
}

/// The network with weights of four bits in all convolutions but the first.
fn mixed(mut network: Network) -> Network {
    for node in network.graph.nodes.iter_mut().skip(1) {
        if let Op::Conv1d(conv) = &mut node.op
            && let Weights::I8 {
                weights,
                bits,
                scales,
                ..
            } = &mut conv.weights
        {
            *bits = 4;
            weights.iter_mut().for_each(|w| *w /= 16);
            scales.iter_mut().for_each(|s| *s *= 16.0);
        }
    }
    network.graph.name.push_str(" mixed");
    network
}

/// Outputs of all windows.
enum Outputs {
    I8(Vec<i8>),
    F32(Vec<f32>),
}

impl Outputs {
    fn expected(&self) -> Expected<'_> {
        match self {
            Outputs::I8(values) => Expected::I8(values),
            Outputs::F32(values) => Expected::F32(values),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Outputs::I8(values) => values.is_empty(),
            Outputs::F32(values) => values.is_empty(),
        }
    }
}

impl Network {
    fn is_int8(&self, tensor: usize) -> bool {
        self.graph.tensor(tensor).unwrap().quant.is_some()
    }

    /// Outputs of the engine on the host.
    fn on_host(&self) -> Outputs {
        let plan = plan(&self.graph, Strategy::Overlap).unwrap();
        let words = blob::to_words(&self.graph, &plan).unwrap();
        let engine = Interpreter::new(Model::parse(&words).unwrap(), registry::ALL).unwrap();
        let mut arena = vec![0; plan.arena.div_ceil(4)];
        let mut outputs = if self.is_int8(self.graph.output) {
            Outputs::I8(Vec::new())
        } else {
            Outputs::F32(Vec::new())
        };
        for input in &self.inputs {
            if let Ok(slots) = engine.input_i8(&mut arena) {
                slots.iter_mut().zip(input).for_each(|(s, &x)| *s = x as i8);
            } else {
                engine.input_f32(&mut arena).unwrap().copy_from_slice(input);
            }
            if engine.run(&mut arena).unwrap() {
                match &mut outputs {
                    Outputs::I8(values) => values.extend(engine.output_i8(&arena).unwrap()),
                    Outputs::F32(values) => values.extend(engine.output_f32(&arena).unwrap()),
                }
            }
        }
        outputs
    }

    /// The windows as the device reads them.
    fn bytes(&self) -> Vec<u8> {
        let values = self.inputs.iter().flatten();
        if self.is_int8(self.graph.input) {
            values.map(|&x| x as i8 as u8).collect()
        } else {
            values.flat_map(|x| x.to_le_bytes()).collect()
        }
    }
}

fn check(
    builder: &FirmwareBuilder,
    network: &Network,
    runtime: Runtime,
    core: Core,
    expected: Expected<'_>,
) {
    let source = generate(&network.graph, runtime).unwrap();
    let bytes = network.bytes();
    let windows = Windows::new(&bytes, bytes.len() / network.inputs.len());
    let name = &network.graph.name;
    let differences = conformance(builder, &source, core, Optimize::Speed, windows, expected);
    assert_eq!(differences.unwrap(), [], "{name} {runtime:?} on {core}");
}

/// Whether every network and runtime is to run on every core (`cargo xtask conformance`), or a small set.
fn full() -> bool {
    std::env::var_os("MOTE_CONFORMANCE").is_some_and(|v| v == "full")
}

/// What runs where: interpreted everywhere (streams on an M4 and an M0), compiled code and boxed layers on these two.
/// Compiled code is all of one type.
fn runs(network: &Network) -> Vec<(Runtime, Core)> {
    let is_stream = Schedule::of(&network.graph).is_some();
    let converts = network.graph.converts();
    [Runtime::INTERPRETER, Runtime::COMPILED, Runtime::BASELINE]
        .iter()
        .filter(|runtime| !(runtime.backend == Backend::Compiled && converts))
        .flat_map(|&runtime| CORES.map(|core| (runtime, core)))
        .filter(|&(runtime, core)| {
            let everywhere = runtime == Runtime::INTERPRETER && !is_stream;
            full() || everywhere || matches!(core, Core::M4 | Core::M0)
        })
        .collect()
}

/// The networks, the small set first: one over windows and as a stream.
fn networks(small: &str, rest: &[&str]) -> Vec<Network> {
    let rest = rest.iter().copied().filter(|_| full());
    [network(small), streamed(network(small))]
        .into_iter()
        .chain(rest.map(network))
        .collect()
}

fn all_agree(networks: Vec<Network>) {
    let Some(builder) = builder(&CORES) else {
        return;
    };
    for network in networks {
        let host = network.on_host();
        assert!(!host.is_empty());
        let runs = runs(&network);
        for &(runtime, core) in &runs {
            check(&builder, &network, runtime, core, host.expected());
        }
        let is_stream = Schedule::of(&network.graph).is_some();
        let name = &network.graph.name;
        eprintln!(
            "{name}, stream: {is_stream}: {} runs agree with the host",
            runs.len()
        );
    }
}

#[test]
fn int8_is_the_same_bit_for_bit_on_every_core() {
    let rest = [
        "A_int8",
        "A_int8_pt",
        "A_valid_int8_pt",
        "B_int8_pt",
        "C24_int8",
        "ops_int8",
        "head_int8",
    ];
    all_agree(networks("B_int8", &rest));
}

#[test]
fn mixed_precision_is_the_same_bit_for_bit_on_every_core() {
    let small = || mixed(network("B_int8"));
    all_agree(vec![small(), streamed(small())]);
}

#[test]
fn filters_are_the_same_bit_for_bit_on_every_core() {
    all_agree(filtered(true));
}

#[test]
fn filters_in_f32_are_the_same_within_tolerance() {
    // Each takes long where floats are emulated.
    all_agree(filtered(false).into_iter().skip(1).step_by(2).collect());
}

#[test]
fn f32_is_the_same_within_tolerance() {
    all_agree(networks(
        "B_f32",
        &["A_f32", "C24_f32", "ops_f32", "head_f32"],
    ));
}
