//! Networks that have every operator, for the tests of this crate.

use mote_model::stream::stream;
use mote_model::{
    Activation, Conv1d, Exit, Filter, Graph, Node, Op, Pool, PoolKind, Quant, Shape, Strategy,
    Weights,
};
use mote_model::{blob, plan};
use std::vec;
use std::vec::Vec;

/// Networks that have every operator between them.
pub(crate) fn graphs() -> Vec<Graph> {
    let names = [
        "A_int8",
        "A_f32",
        "B_int8",
        "B_f32",
        "ops_int8",
        "ops_f32",
        "leaky_int8",
        "leaky_f32",
    ];
    let mut graphs: Vec<Graph> = names.map(load).into();
    graphs.extend([load("head_int8"), depthwise(), packed()]);
    for kind in [PoolKind::Max, PoolKind::Average] {
        graphs.extend(["B_int8", "B_f32"].map(|name| streamed(load(name), kind)));
    }
    for dearer in [0.0, 0.5] {
        graphs.extend(["B_int8", "B_f32"].map(|name| filtered(load(name), dearer)));
    }
    graphs.extend([
        exiting(None),
        exiting(Some(Quant {
            scale: 0.5,
            zero_point: 3,
        })),
    ]);
    graphs
}

/// A reference network.
pub(crate) fn load(name: &str) -> Graph {
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../mote-import/tests/models");
    let bytes = std::fs::read(std::format!("{models}/{name}.tflite")).unwrap();
    mote_import::tflite::import(name, &bytes).unwrap()
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

/// A convolution whose weights are stored in four bits.
fn packed() -> Graph {
    let mut graph = Graph::new("packed", Shape::new(9, 3));
    let conv = Conv1d {
        out_channels: 5,
        kernel: 4,
        stride: 2,
        dilation: 1,
        padding: [1, 1],
        groups: 1,
        activation: Activation::Relu,
        weights: Weights::I8 {
            weights: (0..60).map(|i| i * 2 % 15 - 7).collect(),
            bits: 4,
            scales: vec![0.02; 5],
            bias: vec![100, -100, 0, 7, 30],
        },
    };
    graph.push("packed", Op::Conv1d(conv)).unwrap();
    for (tensor, zero_point) in graph.tensors.iter_mut().zip([3, -100]) {
        let scale = 0.1;
        tensor.quant = Some(Quant { scale, zero_point });
    }
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

/// `graph` with a filter over its decisions, one of whose changes is `dearer` than the others.
fn filtered(mut graph: Graph, dearer: f32) -> Graph {
    let classes = graph.tensors[graph.output].shape.len();
    let mut filter = Filter::fixed(classes, 30.0, 0.3);
    filter.costs[1] += dearer;
    graph.push_filter("filter", filter).unwrap();
    graph
}

/// The model of `graph`.
pub(crate) fn words(graph: &Graph) -> Vec<u32> {
    blob::to_words(graph, &plan(graph, Strategy::InPlace).unwrap()).unwrap()
}

/// Means over time, which are the output when one leads clearly; otherwise they are clamped first.
pub(crate) fn exiting(quant: Option<Quant>) -> Graph {
    let mut graph = Graph::new("exit", Shape::new(2, 3));
    let pool = Pool {
        kind: PoolKind::Average,
        kernel: 2,
        stride: 1,
        padding: [0, 0],
    };
    let scores = graph.push("means", Op::Pool(pool)).unwrap();
    graph
        .push("clamp", Op::Activation(Activation::Relu))
        .unwrap();
    let exit = Node {
        name: "exit".into(),
        op: Op::Exit(Exit { margin: 20.0 }),
        inputs: vec![scores],
        output: graph.output,
    };
    graph.nodes.insert(1, exit);
    for tensor in &mut graph.tensors {
        tensor.quant = quant;
    }
    graph
}
