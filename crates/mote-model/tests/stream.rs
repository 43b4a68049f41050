//! A stream decides what the windowed network decides, bit for bit, about every window of a recording.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod random_networks;

use mote::{Interpreter, Model, registry};
use mote_import::tflite::import;
use mote_model::session::{Session, compile};
use mote_model::stream::{Schedule, decides_per_step, stream, total_stride};
use mote_model::{
    Activation, Dense, Error, Filter, Frontend, Graph, Op, Pool, PoolKind, Shape, Strategy, blob,
    plan,
};
use proptest::prelude::*;
use random_networks::Random;

fn read(file: &str) -> Vec<u8> {
    std::fs::read(format!(
        "{}/../mote-import/tests/models/{file}",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

fn load(name: &str) -> Graph {
    import(name, &read(&format!("{name}.tflite"))).unwrap()
}

/// A network loaded by the engine.
struct Engine {
    words: Vec<u32>,
    arena: Vec<u32>,
    counts: bool,
}

impl Engine {
    fn new(graph: &Graph, strategy: Strategy) -> Self {
        let plan = plan(graph, strategy).unwrap();
        Self {
            words: blob::to_words(graph, &plan).unwrap(),
            arena: vec![0; plan.arena / 4],
            counts: graph.frontend.is_some(),
        }
    }

    /// The bits of the output, if the samples brought a decision.
    fn run(&mut self, samples: &[i16]) -> Option<Vec<u32>> {
        let model = Model::parse(&self.words).unwrap();
        let network = Interpreter::new(model, registry::ALL).unwrap();
        let arena = &mut self.arena;
        if self.counts {
            network.load_counts(samples, arena).unwrap();
        } else if let Ok(input) = network.input_i8(arena) {
            assert_eq!(input.len(), samples.len());
            input
                .iter_mut()
                .zip(samples)
                .for_each(|(x, &s)| *x = s as i8);
        } else {
            let input = network.input_f32(arena).unwrap();
            assert_eq!(input.len(), samples.len());
            input
                .iter_mut()
                .zip(samples)
                .for_each(|(x, &s)| *x = f32::from(s) / 77.0);
        }
        network
            .run(arena)
            .unwrap()
            .then(|| match network.output_i8(arena) {
                Ok(y) => y.iter().map(|&y| y as u32).collect(),
                Err(_) => network
                    .output_f32(arena)
                    .unwrap()
                    .iter()
                    .map(|y| y.to_bits())
                    .collect(),
            })
    }
}

/// Streams `recording` and compares each decision with the windowed network's. Returns how many there were.
fn check(graph: &Graph, hop: usize, tick: Option<usize>, recording: &[i16]) -> usize {
    let streamed = stream(graph, hop, tick).unwrap();
    let channels = graph.tensors[graph.input].shape.channels;
    let window = graph.tensors[graph.input].shape.len();
    let tick = streamed.tensors[streamed.input].shape.time;
    let schedule = Schedule::of(&streamed).unwrap();
    // No more than a stride and a tick after the window's last sample; and the first decision is about early samples.
    assert!(schedule.first * tick < window / channels + total_stride(graph) + tick);
    assert!(schedule.offset < total_stride(graph).max(tick));
    assert_eq!(schedule.every * tick, hop);
    let mut windowed = Engine::new(graph, Strategy::InPlace);
    let mut decisions = Vec::new();
    for strategy in [
        Strategy::KeepAll,
        Strategy::Lifetimes,
        Strategy::InPlace,
        Strategy::Overlap,
    ] {
        let mut engine = Engine::new(&streamed, strategy);
        let mut found = Vec::new();
        for (run, samples) in recording.chunks_exact(tick * channels).enumerate() {
            if let Some(output) = engine.run(samples) {
                assert_eq!(run + 1, schedule.first + found.len() * schedule.every);
                found.push(output);
            }
        }
        decisions.push(found);
    }
    assert!(decisions.iter().all(|found| *found == decisions[0]));
    let ticks = recording.len() / (tick * channels);
    let expected = (ticks + schedule.every).saturating_sub(schedule.first) / schedule.every;
    assert_eq!(decisions[0].len(), expected);
    // Windows from one decision to the next. A filter without a pool before it takes every step, not the decided ones.
    let stride = total_stride(graph);
    let filter = streamed.nodes.iter().find_map(|node| match &node.op {
        Op::WindowPool(_) => Some(None),
        Op::Filter(filter) => Some(filter.skip),
        _ => None,
    });
    let (window_hop, mut windows) = match filter.flatten() {
        Some(skip) => (stride, schedule.first * tick / stride - skip),
        None => (hop, 1),
    };
    let (mut compared, mut next) = (0, 0);
    for (w, decision) in decisions[0].iter().enumerate() {
        let mut last = None;
        for _ in 0..windows {
            let first = (schedule.offset + next * window_hop) * channels;
            // A decision may come before the window's last sample, when the network does not look at it.
            last = recording
                .get(first..first + window)
                .map(|s| windowed.run(s));
            next += 1;
        }
        if let Some(output) = last {
            assert_eq!(output.as_ref(), Some(decision), "window {w}");
            compared += 1;
        }
        windows = hop / window_hop;
    }
    compared
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn random_networks(
        int8: bool, seed: u64, layers in 0usize..6, ticks in 1usize..4, per_hop in 1usize..5, sensor: bool,
    ) {
        let mut random = Random(seed);
        let mut graph = random.network(int8, layers);
        if random.one_in(2) {
            // Decisions then depend on those before, for windows as for the stream.
            let mut filter = Filter::fixed(3, 4.0, 0.3);
            if random.one_in(2) {
                filter.costs[1] += 0.5;
            }
            graph.push_filter("filter", filter).unwrap();
        }
        graph.validate().unwrap();
        let Shape { time, channels } = graph.tensors[0].shape;
        if sensor {
            graph.frontend = Some(Frontend {
                offset: (0..channels as i16).collect(),
                scale: vec![0.03; channels],
            });
        }
        let tick = ticks * total_stride(&graph);
        let hop = per_hop * tick;
        let samples = (time + 5 * hop + tick) * channels;
        let recording: Vec<i16> = (0..samples).map(|_| i16::from(random.next() as i8)).collect();
        prop_assert!(check(&graph, hop, Some(tick), &recording) >= 5);
    }
}

/// A reference network over a recording made of its golden windows; where these were, the decisions are
/// TensorFlow Lite's.
#[test]
fn network_a_over_a_recording() {
    let graph = load("A_valid_int8_pt");
    let golden: serde_json::Value =
        serde_json::from_slice(&read("A_valid_int8_pt.golden.json")).unwrap();
    let inputs: Vec<Vec<i16>> = serde_json::from_value(golden["inputs"].clone()).unwrap();
    let outputs: Vec<Vec<i8>> = serde_json::from_value(golden["outputs"].clone()).unwrap();
    let recording = inputs.concat();
    assert_eq!(total_stride(&graph), 4);
    for (hop, tick) in [(20, 4), (24, 8), (100, 4)] {
        let streamed = stream(&graph, hop, None).unwrap();
        assert_eq!(streamed.tensors[streamed.input].shape.time, tick);
    }
    for tick in [4, 20] {
        assert_eq!(
            check(&graph, 20, Some(tick), &recording),
            (16 * 100 - 100) / 20
        );
    }
    let streamed = stream(&graph, 100, None).unwrap();
    let offset = Schedule::of(&streamed).unwrap().offset;
    let mut engine = Engine::new(&streamed, Strategy::InPlace);
    let late = [&vec![0; 3 * offset], &recording[..]].concat();
    let found: Vec<Vec<u32>> = late
        .chunks_exact(4 * 3)
        .filter_map(|s| engine.run(s))
        .collect();
    let bits = |y: &Vec<i8>| y.iter().map(|&y| y as u32).collect::<Vec<u32>>();
    assert_eq!(found, outputs.iter().map(bits).collect::<Vec<_>>());
}

/// Types may change on the way.
#[test]
fn conversions_are_carried_over() {
    let mut graph = Graph::new("mixed", Shape::new(20, 2));
    let mut random = Random(1);
    random.convolution(&mut graph, false, [3, 1, 1], 4);
    random.push(&mut graph, Op::Quantize, true, false);
    let pool = Pool {
        kind: PoolKind::Average,
        kernel: 18,
        stride: 1,
        padding: [0, 0],
    };
    random.push(&mut graph, Op::Pool(pool), true, true);
    graph.push("dequantize", Op::Dequantize).unwrap();
    graph.validate().unwrap();
    let recording: Vec<i16> = (0..160).map(|_| i16::from(random.next() as i8)).collect();
    assert_eq!(check(&graph, 5, None, &recording), (80 - 20) / 5 + 1);
}

#[track_caller]
fn says(result: Result<Graph, Error>, parts: &[&str]) {
    let error = result.unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

#[test]
fn what_cannot_run_as_a_stream_is_named() {
    let graph = load("A_valid_int8_pt");
    says(stream(&graph, 22, None), &["hop", "22", "multiple of 4"]);
    says(stream(&graph, 0, None), &["hop"]);
    says(
        stream(&graph, 20, Some(8)),
        &["tick", "8", "multiple of 4", "20"],
    );
    says(stream(&graph, 20, Some(0)), &["tick"]);
    says(
        stream(&load("A_int8"), 20, None),
        &["conv1d", "padding", "valid"],
    );
    // Its columns are flattened.
    says(stream(&load("C24_int8"), 24, None), &["global pool"]);

    let mut slow = Graph::new("slow", Shape::new(600, 1));
    let mean = Pool {
        kind: PoolKind::Average,
        kernel: 600,
        stride: 1,
        padding: [0, 0],
    };
    slow.tensors[0].quant = Random(1).quant(true);
    Random(1).push(&mut slow, Op::Pool(mean), true, true);
    says(
        stream(&slow, 257, None),
        &["257 steps", "256", "more often"],
    );
    stream(&slow, 256, None).unwrap();

    let streamed = stream(&graph, 20, None).unwrap();
    says(stream(&streamed, 20, None), &["stream already"]);

    let mut random = Random(2);
    let mut headless = Graph::new("headless", Shape::new(20, 2));
    random.convolution(&mut headless, false, [3, 1, 1], 4);
    says(stream(&headless, 5, None), &["output", "global pool"]);
    headless.push("softmax", Op::Softmax).unwrap();
    says(
        stream(&headless, 5, None),
        &["softmax", "behind the global pool"],
    );
}

/// One branch needs two steps more before it begins.
#[test]
fn branches_that_lag_are_named() {
    let mut random = Random(3);
    let mut graph = Graph::new("branches", Shape::new(9, 2));
    let pool = |kernel, stride| {
        Op::Pool(Pool {
            kind: PoolKind::Max,
            kernel,
            stride,
            padding: [0, 0],
        })
    };
    graph.push("short", pool(2, 4)).unwrap();
    let short = graph.output;
    graph.output = graph.input;
    graph.push("long", pool(5, 4)).unwrap();
    graph.push("sum", Op::Add(Activation::None)).unwrap();
    graph.nodes.last_mut().unwrap().inputs.push(short);
    random.push(&mut graph, pool(2, 1), false, true);
    says(stream(&graph, 4, None), &["sum", "lags"]);
}

#[test]
fn a_kernel_shorter_than_its_stride_leaves_samples_out() {
    let mut random = Random(4);
    for per_step in [false, true] {
        let mut graph = Graph::new("gaps", Shape::new(if per_step { 5 } else { 20 }, 2));
        random.convolution(&mut graph, false, [5, 1, 1], 4);
        random.convolution(&mut graph, false, [1, 3, 1], 4);
        let time = graph.tensors[graph.output].shape.time;
        let pool = Pool {
            kind: PoolKind::Max,
            kernel: time,
            stride: 1,
            padding: [0, 0],
        };
        random.push(&mut graph, Op::Pool(pool), false, true);
        let recording: Vec<i16> = (0..160).map(|_| i16::from(random.next() as i8)).collect();
        for tick in [3, 6] {
            assert!(check(&graph, 6, Some(tick), &recording) >= 9);
        }
    }
}

/// A window of any length, from one step's receptive field on, is decided about by its last samples.
#[test]
fn longer_windows_end_with_the_last_decision() {
    let mut random = Random(7);
    for strides in [[2, 2, 1], [1, 3, 1], [2, 1, 2]] {
        let mut graph = Graph::new("steps", Shape::new(1, 2));
        let kernels = [5, 4, 3];
        let field = 5 + 3 * strides[0] + 2 * strides[0] * strides[1];
        graph.tensors[0].shape.time = field;
        for (kernel, stride) in kernels.into_iter().zip(strides) {
            random.convolution(&mut graph, false, [kernel, stride, 1], 4);
        }
        let dense = Dense {
            out_features: 3,
            activation: Activation::None,
            weights: random.weights(false, 3, 4),
        };
        graph.push("dense", Op::Dense(dense)).unwrap();
        graph.frontend = Some(Frontend {
            offset: vec![3, -3],
            scale: vec![0.01; 2],
        });
        assert!(decides_per_step(&graph));
        let windowed = compile(&graph).unwrap();
        let mut windowed = Session::new(&windowed).unwrap();
        let stride = total_stride(&graph);
        let samples: Vec<f32> = (0..400).map(|_| 8.0 * random.real()).collect();
        for (hop, tick) in [(1, 1), (2, 1), (2, 2), (4, 2)] {
            let streamed = stream(&graph, hop * stride, Some(tick * stride)).unwrap();
            let schedule = Schedule::of(&streamed).unwrap();
            assert_eq!(schedule.receptive_field, Some(field));
            let streamed = compile(&streamed).unwrap();
            let mut streamed = Session::new(&streamed).unwrap();
            for len in field..field + 30 {
                let window = &samples[..2 * len];
                let last = windowed.classify(&window[2 * (len - field)..]).unwrap();
                assert_eq!(streamed.classify(window).unwrap(), last, "{len}");
            }
            let short = &samples[..2 * (field - 1)];
            assert!(streamed.classify(short).is_err());
        }
    }
}

#[test]
fn nothing_may_lie_over_what_is_kept() {
    let graph = stream(&load("A_valid_int8_pt"), 20, None).unwrap();
    let good = plan(&graph, Strategy::InPlace).unwrap();
    for id in graph.state() {
        let mut bad = good.clone();
        // The input and what is kept are never live together but in a stream.
        bad.offsets[graph.input] = bad.offsets[id];
        let error = blob::to_words(&graph, &bad).unwrap_err().to_string();
        assert!(error.contains("kept from run to run"), "{error}");
    }
    assert_eq!(graph.state().count(), 4);
}
