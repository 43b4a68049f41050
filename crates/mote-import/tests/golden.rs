//! Imported networks, run by the engine, against the outputs of TensorFlow Lite's reference kernels: int8 bit
//! for bit, f32 to 1e-6 relative to the largest output; and against those of ONNX Runtime, to 1e-5, because constant
//! factors are folded into weights on import.
//!
//! One thing these outputs show that the documentation does not: `FULLY_CONNECTED` rounds once,
//! `(acc * multiplier + 2^(30 + shift)) >> (31 + shift)`, while convolutions round twice. (With `shift > 0` this is
//! `(floor(acc * multiplier / 2^31) + 2^(shift - 1)) >> shift`.) In 12,000 random outputs of the dense layers of A and
//! B the two differ in 10 to 25, and TensorFlow Lite always has the single rounding.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mote::{Interpreter, Model, View, registry};
use mote_import::{onnx, tflite};
use mote_model::plan::{Options, plan_with};
use mote_model::{Graph, Strategy, blob};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    dtype: String,
    inputs: Vec<Vec<f32>>,
    outputs: Vec<Vec<f32>>,
}

fn read(file: String) -> Vec<u8> {
    let path = format!("{}/tests/models/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

/// Output of the last node, whatever its type.
fn run(network: &Interpreter, arena: &mut [u32], input: &[f32]) -> Vec<f32> {
    let window = input.iter();
    match network.input_i8(arena) {
        Ok(slots) => slots
            .iter_mut()
            .zip(window)
            .for_each(|(s, &x)| *s = x as i8),
        Err(_) => {
            let slots = network.input_f32(arena).unwrap();
            slots.iter_mut().zip(window).for_each(|(s, &x)| *s = x);
        }
    }
    let mut result = Vec::new();
    network
        .run_observed(arena, |_, view| {
            result = match view {
                View::I8(y) => y.iter().map(|&q| f32::from(q)).collect(),
                View::F32(y) => y.to_vec(),
            }
        })
        .unwrap();
    result
}

fn check(name: &str, exact: bool) {
    let graph = tflite::import(name, &read(format!("{name}.tflite"))).unwrap();
    compare(name, &graph, if exact { 0.0 } else { 1e-6 });
}

fn check_onnx(name: &str) -> Graph {
    let graph = onnx::import(name, &read(format!("{name}.onnx"))).unwrap();
    compare(name, &graph, 1e-5);
    graph
}

/// Outputs within `tolerance` of the largest, under every plan.
fn compare(name: &str, graph: &Graph, tolerance: f32) {
    let exact = tolerance == 0.0;
    let golden: Golden = serde_json::from_slice(&read(format!("{name}.golden.json"))).unwrap();
    assert!(golden.inputs.len() >= 8 && golden.inputs.len() == golden.outputs.len());
    for strategy in [
        Strategy::KeepAll,
        Strategy::Lifetimes,
        Strategy::InPlace,
        Strategy::Overlap,
    ] {
        let plan = plan_with(
            graph,
            Options {
                strategy,
                keep_input: false,
            },
        )
        .unwrap();
        let words = blob::to_words(graph, &plan).unwrap();
        let network = Interpreter::new(Model::parse(&words).unwrap(), registry::ALL).unwrap();
        assert_eq!(network.model().arena_len(), plan.arena);
        // Left-overs of an earlier run must not matter.
        let mut arena = vec![0x5a5a_5a5a; plan.arena / 4];
        for (input, expected) in golden.inputs.iter().zip(&golden.outputs) {
            assert_eq!(input.len(), graph.tensor(graph.input).unwrap().shape.len());
            let found = run(&network, &mut arena, input);
            if exact {
                assert_eq!(&found, expected, "{name} {strategy:?}");
            } else {
                let largest = expected.iter().fold(0.0f32, |m, e| m.max(e.abs()));
                for (f, e) in found.iter().zip(expected) {
                    assert!(
                        (f - e).abs() <= tolerance * largest,
                        "{name} {strategy:?}: {f} and {e}"
                    );
                }
                assert_eq!(found.len(), expected.len());
            }
        }
    }
    assert_eq!(
        golden.dtype == "int8",
        exact && graph.tensors.iter().all(|t| t.quant.is_some())
    );
}

#[test]
fn network_a() {
    check("A_f32", false);
    check("A_int8", true);
    check("A_int8_pt", true);
    check("A_valid_int8_pt", true);
}

#[test]
fn network_b() {
    check("B_f32", false);
    check("B_int8", true);
    check("B_int8_pt", true);
}

#[test]
fn network_c24_with_its_columns_as_groups() {
    check("C24_f32", false);
    check("C24_int8", true);
}

/// Depthwise, pointwise, dilated, grouped and per-step dense layers, padding, pools, residual sum, clamps.
#[test]
fn one_of_each_operator() {
    check("ops_f32", false);
    check("ops_int8", true);
}

#[test]
fn mean_dense_softmax() {
    check("head_f32", false);
    check("head_int8", true);
}

#[test]
fn leaky_relu() {
    check("leaky_f32", false);
    check("leaky_int8", true);
    check_onnx("leaky");
}

/// A residual block with batch norms, all of which go into the layer before, but one behind a pool.
#[test]
fn onnx_channels_first() {
    let graph = check_onnx("cnn");
    let operators: Vec<&str> = graph.nodes.iter().map(|n| n.op.name()).collect();
    assert_eq!(
        operators,
        [
            "conv1d",
            "depthwise_conv1d",
            "conv1d",
            "add",
            "max_pool",
            "depthwise_conv1d",
            "dense",
            "dense",
            "softmax"
        ]
    );
}

/// Filters along time over columns, along both, and grouped ones as wide as the image.
#[test]
fn onnx_images() {
    check_onnx("image");
}

#[test]
fn onnx_steps_first() {
    check_onnx("steps");
}
