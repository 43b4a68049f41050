//! The int8 kernels give the same outputs, bit for bit, in plain code on the host and in assembly on emulated cores:
//! odd channels, single steps, edges, dilation, groups, long fields, blocks of depthwise channels that are not full.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use common::builder;
use mote::{Interpreter, Model, registry};
use mote_codegen::generate;
use mote_device::conformance::{Expected, conformance};
use mote_device::core::{Core, Optimize};
use mote_device::emulator::Windows;
use mote_model::Runtime;
use mote_model::{
    Activation, Conv1d, Dense, Graph, Op, Quant, Shape, Strategy, Weights, blob, plan,
};

const CORES: [Core; 4] = [Core::M0, Core::M4, Core::M33, Core::Rv32imc];

/// A random number that belongs to `i`.
fn noise(i: usize) -> i8 {
    ((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as i8
}

fn weights(outputs: usize, taps: usize) -> Weights {
    Weights::I8 {
        weights: (0..outputs * taps).map(|i| noise(i).max(-127)).collect(),
        bits: 8,
        // Outputs spread about as inputs do.
        scales: vec![0.9 / (taps as f32).sqrt() / 73.0; outputs],
        bias: (0..outputs).map(|i| 20 * i32::from(noise(7 * i))).collect(),
    }
}

/// A convolution with `[kernel, stride, dilation, groups]` over `channels`.
fn conv(
    channels: usize,
    outputs: usize,
    [kernel, stride, dilation, groups]: [usize; 4],
    padding: [usize; 2],
) -> Op {
    Op::Conv1d(Conv1d {
        out_channels: outputs,
        kernel,
        stride,
        dilation,
        padding,
        groups,
        activation: Activation::None,
        weights: weights(outputs, kernel * channels / groups),
    })
}

/// The same with weights of four bits.
fn packed(mut op: Op) -> Op {
    let all = match &mut op {
        Op::Conv1d(conv) => &mut conv.weights,
        Op::Dense(dense) => &mut dense.weights,
        other => panic!("{} has no weights", other.name()),
    };
    if let Weights::I8 {
        weights,
        bits,
        scales,
        ..
    } = all
    {
        *bits = 4;
        weights.iter_mut().for_each(|w| *w /= 16);
        scales.iter_mut().for_each(|s| *s *= 16.0);
    }
    op
}

fn network(name: &str, input: Shape, ops: Vec<Op>) -> Graph {
    let mut graph = Graph::new(name, input);
    for (i, op) in ops.into_iter().enumerate() {
        graph.push(format!("layer{i}"), op).unwrap();
    }
    for (i, tensor) in graph.tensors.iter_mut().enumerate() {
        tensor.quant = Some(Quant {
            scale: 0.1,
            zero_point: noise(i) / 8,
        });
    }
    graph
}

fn networks() -> Vec<Graph> {
    let dense = |inputs, outputs| {
        Op::Dense(Dense {
            out_features: outputs,
            activation: Activation::None,
            weights: weights(outputs, inputs),
        })
    };
    vec![
        network(
            "separable",
            Shape::new(31, 3),
            vec![
                conv(3, 13, [5, 1, 1, 1], [2, 2]),
                conv(13, 13, [5, 2, 1, 13], [2, 2]),
                conv(13, 24, [1, 1, 1, 1], [0, 0]),
                conv(24, 24, [3, 1, 2, 24], [2, 2]),
                conv(24, 7, [1, 1, 1, 1], [0, 0]),
            ],
        ),
        network(
            "edges",
            Shape::new(9, 30),
            vec![
                conv(30, 10, [5, 1, 1, 1], [4, 4]),
                conv(10, 9, [4, 3, 2, 1], [3, 5]),
                conv(9, 12, [3, 1, 1, 3], [1, 1]),
                conv(12, 5, [5, 1, 1, 1], [0, 0]),
            ],
        ),
        network(
            "long fields",
            Shape::new(12, 140),
            vec![conv(140, 9, [5, 1, 1, 1], [2, 2]), dense(108, 11)],
        ),
        network(
            "single step",
            Shape::new(5, 16),
            vec![conv(16, 33, [5, 1, 1, 1], [0, 0])],
        ),
        // Pairs that do not fill the scratch, an odd last channel, edges, dilation, and fields too long to copy.
        network(
            "weights of four bits",
            Shape::new(21, 13),
            vec![
                conv(13, 13, [3, 1, 1, 1], [1, 1]),
                packed(conv(13, 11, [5, 2, 1, 1], [2, 2])),
                conv(11, 11, [3, 1, 1, 11], [1, 1]),
                packed(conv(11, 24, [1, 1, 1, 1], [0, 0])),
                packed(conv(24, 9, [3, 1, 2, 1], [0, 0])),
                packed(conv(9, 40, [6, 1, 1, 1], [3, 2])),
                packed(conv(40, 7, [6, 1, 1, 1], [0, 0])),
                packed(dense(14, 11)),
            ],
        ),
        // Fields of one row that are not contiguous, side by side.
        network(
            "groups of one tap",
            Shape::new(9, 6),
            vec![
                conv(6, 21, [1, 1, 1, 3], [0, 0]),
                conv(21, 6, [1, 2, 1, 1], [1, 2]),
            ],
        ),
        // The last group of taps of the convolution reaches past its input; each step of the dense layer is odd.
        network(
            "dense per step",
            Shape::new(7, 3),
            vec![conv(3, 9, [5, 1, 1, 1], [0, 0]), dense(9, 7)],
        ),
    ]
}

#[test]
fn assembly_and_plain_code_agree() {
    let Some(builder) = builder(&CORES) else {
        return;
    };
    for graph in networks() {
        let plan = plan(&graph, Strategy::Overlap).unwrap();
        let words = blob::to_words(&graph, &plan).unwrap();
        let engine = Interpreter::new(Model::parse(&words).unwrap(), registry::ALL_INT8).unwrap();
        let mut arena = vec![0; plan.arena.div_ceil(4)];
        let window = graph.tensors[graph.input].shape.len();
        let inputs: Vec<i8> = (0..3 * window).map(noise).collect();
        let mut expected = Vec::new();
        for input in inputs.chunks(window) {
            engine.input_i8(&mut arena).unwrap().copy_from_slice(input);
            engine.run(&mut arena).unwrap();
            expected.extend_from_slice(engine.output_i8(&arena).unwrap());
        }
        let distinct: std::collections::BTreeSet<i8> = expected.iter().copied().collect();
        assert!(distinct.len() > 10, "{}: {distinct:?}", graph.name);
        let source = generate(&graph, Runtime::COMPILED).unwrap();
        let bytes: Vec<u8> = inputs.iter().map(|&x| x as u8).collect();
        // A build for size has kernels of its own where there is assembly for whole steps.
        let builds = CORES.map(|core| (core, Optimize::Speed));
        for (core, optimize) in builds.into_iter().chain([(Core::M4, Optimize::Size)]) {
            let differences = conformance(
                &builder,
                &source,
                core,
                optimize,
                Windows::new(&bytes, window),
                Expected::I8(&expected),
            );
            assert_eq!(
                differences.unwrap(),
                [],
                "{} on {core}, {optimize}",
                graph.name
            );
        }
    }
}
