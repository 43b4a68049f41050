//! Mote's engine and tract on the host: one window of the same networks.
//!
//! ```text
//! cargo xtask bench tract
//! ```
//!
//! Both start from the same `.tflite` file: Mote reads it, and tract is given what Mote read as an ONNX model. Nothing
//! is timed before it has given the golden outputs of TensorFlow Lite's reference kernels. Each engine runs on one
//! thread and is built once. Mote's time includes copying the window into its arena; tract is handed a ready tensor.
//! tract chooses its kernels for the processor it runs on; Mote's are compiled for the processor cargo is told of.
//! tract's ONNX reader has no quantized average pool, so Mote's int8 stands beside it, not against it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that cannot start should say where"
)]

mod onnx;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use mote::{Interpreter, Model, registry};
use mote_import::tflite::import;
use mote_model::{Graph, Shape, Strategy, blob, plan};
use serde::Deserialize;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use tract_onnx::prelude::*;

const NETWORKS: [&str; 3] = ["A", "B", "C24"];
const ENGINES: [&str; 3] = ["mote-f32", "tract-f32", "mote-int8"];
/// Largest difference from a golden f32 output.
const TOLERANCE: f32 = 1e-4;

/// Input windows and the outputs they should have; int8 values as they are.
#[derive(Deserialize)]
struct Golden {
    inputs: Vec<Vec<f32>>,
    outputs: Vec<Vec<f32>>,
}

impl Golden {
    /// Stops where an output of `run` is not the golden one.
    fn check(&self, engine: &str, allowed: f32, mut run: impl FnMut(&[f32]) -> Vec<f32>) {
        assert!(!self.inputs.is_empty() && self.inputs.len() == self.outputs.len());
        for (input, expected) in self.inputs.iter().zip(&self.outputs) {
            let found = run(input);
            assert_eq!(found.len(), expected.len());
            for (f, e) in found.iter().zip(expected) {
                assert!((f - e).abs() <= allowed, "{engine} gives {f}, not {e}");
            }
        }
    }
}

fn main() {
    let results = Path::new(env!("CARGO_TARGET_TMPDIR")).join("criterion");
    let mut criterion = Criterion::default()
        .output_directory(&results)
        .configure_from_args();
    let mut rows = Vec::new();
    for name in NETWORKS {
        for engine in ENGINES {
            // What is not timed in this run must not appear in its table.
            let _ = fs::remove_file(estimates(&results, name, engine));
        }
        let (graph, golden) = read(&format!("{name}_f32"));
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(graph.macs() as u64));
        mote_f32(&mut group, &graph, &golden);
        tract_f32(&mut group, &graph, &golden).unwrap();
        let (int8, golden) = read(&format!("{name}_int8"));
        mote_int8(&mut group, &int8, &golden);
        group.finish();
        rows.push((name, graph.macs()));
    }
    criterion.final_summary();

    println!("\n| network | MACs | Mote f32 | tract f32 | tract / Mote | Mote int8 |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (name, macs) in rows {
        let [mote, tract, int8] = ENGINES.map(|engine| median(&estimates(&results, name, engine)));
        let time = |t: Option<f64>| t.map_or("-".to_owned(), |ns| format!("{:.1} µs", ns / 1e3));
        let ratio = mote.zip(tract).map(|(mote, tract)| tract / mote);
        println!(
            "| {name} | {macs} | {} | {} | {} | {} |",
            time(mote),
            time(tract),
            ratio.map_or("-".to_owned(), |r| format!("{r:.2}")),
            time(int8),
        );
    }
}

/// A reference network, and what it should give.
fn read(name: &str) -> (Graph, Golden) {
    let models =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/mote-import/tests/models");
    let file = fs::read(models.join(format!("{name}.tflite"))).unwrap();
    let golden = fs::read(models.join(format!("{name}.golden.json"))).unwrap();
    (
        import(name, &file).unwrap(),
        serde_json::from_slice(&golden).unwrap(),
    )
}

/// A network with its plan, as words that the engine reads in place.
fn words(graph: &Graph) -> Vec<u32> {
    blob::to_words(graph, &plan(graph, Strategy::Overlap).unwrap()).unwrap()
}

fn mote_f32(group: &mut BenchmarkGroup<WallTime>, graph: &Graph, golden: &Golden) {
    let words = words(graph);
    let network = Interpreter::new(Model::parse(&words).unwrap(), registry::ALL).unwrap();
    let mut arena = vec![0; network.model().arena_words()];
    let run = |arena: &mut [u32], window: &[f32]| {
        network.input_f32(arena).unwrap().copy_from_slice(window);
        network.run(arena).unwrap();
    };
    golden.check("Mote", TOLERANCE, |window| {
        run(&mut arena, window);
        network.output_f32(&arena).unwrap().to_vec()
    });
    let window = &golden.inputs[0];
    group.bench_function("mote-f32", |b| {
        b.iter(|| run(&mut arena, black_box(window)))
    });
}

fn mote_int8(group: &mut BenchmarkGroup<WallTime>, graph: &Graph, golden: &Golden) {
    let words = words(graph);
    let network = Interpreter::new(Model::parse(&words).unwrap(), registry::ALL).unwrap();
    let mut arena = vec![0; network.model().arena_words()];
    let run = |arena: &mut [u32], window: &[i8]| {
        network.input_i8(arena).unwrap().copy_from_slice(window);
        network.run(arena).unwrap();
    };
    let steps = |window: &[f32]| -> Vec<i8> { window.iter().map(|&v| v as i8).collect() };
    golden.check("Mote", 0.0, |window| {
        run(&mut arena, &steps(window));
        let outputs = network.output_i8(&arena).unwrap().iter();
        outputs.map(|&q| f32::from(q)).collect()
    });
    let window = steps(&golden.inputs[0]);
    group.bench_function("mote-int8", |b| {
        b.iter(|| run(&mut arena, black_box(&window)))
    });
}

fn tract_f32(
    group: &mut BenchmarkGroup<WallTime>,
    graph: &Graph,
    golden: &Golden,
) -> TractResult<()> {
    let model = onnx::model(graph).expect("an f32 network that ONNX can hold");
    let model = tract_onnx::onnx()
        .model_for_proto_model(&model)?
        .into_optimized()?;
    let mut state = model.into_runnable()?.spawn()?;
    let shape = graph.tensor(graph.input).unwrap().shape;
    golden.check("tract", TOLERANCE, |window| {
        let outputs = state.run(tvec!(tensor(shape, window).unwrap())).unwrap();
        let outputs = outputs[0].try_as_plain_ram().unwrap();
        outputs.as_slice::<f32>().unwrap().to_vec()
    });
    let window = tensor(shape, &golden.inputs[0])?;
    group.bench_function("tract-f32", |b| {
        b.iter(|| state.run(tvec!(black_box(window.clone()))).unwrap());
    });
    Ok(())
}

/// A window `[time][channels]` as tract takes it, `[1][channels][time]`.
fn tensor(shape: Shape, window: &[f32]) -> TractResult<TValue> {
    let turned: Vec<f32> = (0..window.len())
        .map(|i| window[i % shape.time * shape.channels + i / shape.time])
        .collect();
    Ok(Tensor::from_shape(&[1, shape.channels, shape.time], &turned)?.into_tvalue())
}

/// Where criterion leaves its figures.
fn estimates(results: &Path, network: &str, engine: &str) -> PathBuf {
    results
        .join(network)
        .join(engine)
        .join("new/estimates.json")
}

/// Nanoseconds; none when nothing was timed.
fn median(estimates: &Path) -> Option<f64> {
    let text = fs::read(estimates).ok()?;
    let estimates: serde_json::Value = serde_json::from_slice(&text).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
