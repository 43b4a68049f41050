//! Networks that have every operator, for the tests of this crate.

use mote_model::stream::stream;
use mote_model::{
    Activation, Axis, Concat, Constant, Conv1d, Conv2d, Exit, Filter, Function, Graph, Image, Node,
    Op, Pool, Pool2d, PoolKind, Quant, Reshape, Shape, Strategy, Tensor, Transpose, Weights,
    WithConstants,
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
    graphs.extend([
        load("head_int8"),
        depthwise(false),
        depthwise(true),
        packed(),
    ]);
    for kind in [PoolKind::Max, PoolKind::Average, PoolKind::Mean] {
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
    for quant in [
        None,
        Some(Quant {
            scale: 0.1,
            zero_point: 3,
        }),
    ] {
        graphs.push(image(quant));
    }
    graphs
}

/// Operators that only imported networks have, over an image of 6 x 4 positions of 2 channels.
fn image(quant: Option<Quant>) -> Graph {
    let weights = |count: usize, outputs: usize| match quant {
        None => Weights::F32 {
            weights: (0..count).map(|i| (i % 7) as f32 * 0.1 - 0.3).collect(),
            bias: vec![0.5; outputs],
        },
        Some(_) => Weights::I8 {
            weights: (0..count).map(|i| (i * 37 % 255) as i8 / 2).collect(),
            bits: 8,
            scales: vec![0.004; outputs],
            bias: vec![9; outputs],
        },
    };
    let axis = |input, kernel, stride| Axis {
        input,
        kernel,
        stride,
        dilation: 1,
        padding: [1, 0],
    };
    let image = |rows, columns, channels| Image {
        axes: [axis(rows, 2, 1), axis(columns, 2, 2)],
        channels,
    };
    let mut graph = Graph::new("image", Shape::new(24, 2));
    let conv = Conv2d {
        image: image(6, 4, 2),
        out_channels: 5,
        depthwise: false,
        activation: Activation::Relu6,
        weights: weights(5 * 8, 5),
    };
    graph.push("conv", Op::Conv2d(conv)).unwrap();
    let conv = Conv2d {
        image: image(6, 2, 5),
        out_channels: 5,
        depthwise: true,
        activation: Activation::None,
        weights: weights(5 * 4, 5),
    };
    graph.push("depthwise", Op::Conv2d(conv)).unwrap();
    let kind = PoolKind::Max;
    let image = image(6, 1, 5);
    graph
        .push("max", Op::Pool2d(Pool2d { image, kind }))
        .unwrap();
    let kind = PoolKind::Average;
    graph
        .push("average", Op::Pool2d(Pool2d { image, kind }))
        .unwrap();
    let shape = Shape::new(5, 6);
    let turn = Transpose {
        rows: 6,
        columns: 5,
        len: 1,
        shape,
    };
    graph.push("turn", Op::Transpose(turn)).unwrap();
    let shape = Shape::new(10, 3);
    graph
        .push("reshape", Op::Reshape(Reshape { shape }))
        .unwrap();
    if let Some(quant) = quant {
        for kind in [Constant::Mul, Constant::Add, Constant::Sub] {
            let constants = WithConstants {
                kind,
                values: vec![9, -7, 3],
                quant,
                activation: Activation::Relu,
            };
            let name = std::format!("{kind:?}");
            graph.push(name, Op::WithConstants(constants)).unwrap();
        }
    }
    let own = graph.output;
    let functions = [
        ("sigmoid", Function::Sigmoid),
        ("log", Function::Log),
        ("tanh", Function::Tanh),
        ("hard_swish", Function::HardSwish),
        (
            "hard_sigmoid",
            Function::HardSigmoid {
                slope: 0.2,
                shift: 0.4,
            },
        ),
    ];
    for (name, function) in functions {
        graph.push(name, Op::Function(function)).unwrap();
    }
    let second = Shape::new(10, 3);
    for (name, op, shape) in [
        ("mul", Op::Mul(Activation::Relu), second),
        (
            "channels",
            Op::Concat(Concat {
                second,
                time: false,
            }),
            Shape::new(10, 6),
        ),
    ] {
        graph.tensors.push(Tensor { shape, quant: None });
        let output = graph.tensors.len() - 1;
        graph.nodes.push(Node {
            name: name.into(),
            op,
            inputs: vec![graph.output, own],
            output,
        });
        graph.output = output;
    }
    let pool = Pool {
        kind: PoolKind::Mean,
        kernel: 10,
        stride: 1,
        padding: [0, 0],
    };
    graph.push("mean", Op::Pool(pool)).unwrap();
    for tensor in &mut graph.tensors {
        tensor.quant = quant;
    }
    graph
}

/// A reference network.
pub(crate) fn load(name: &str) -> Graph {
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../mote-import/tests/models");
    let bytes = std::fs::read(std::format!("{models}/{name}.tflite")).unwrap();
    mote_import::tflite::import(name, &bytes).unwrap()
}

/// Depthwise layers, which no reference network has in f32.
fn depthwise(int8: bool) -> Graph {
    let mut graph = Graph::new("depthwise", Shape::new(8, 3));
    let weights = match int8 {
        false => Weights::F32 {
            weights: vec![1.0, -2.0, 3.0, -4.0, 5.0, -6.0],
            bias: vec![0.5, -0.5, 0.25],
        },
        true => Weights::I8 {
            weights: vec![100, -20, 30, -40, 50, -60],
            bits: 8,
            scales: vec![0.01; 3],
            bias: vec![5, -5, 2],
        },
    };
    let conv = Conv1d {
        out_channels: 3,
        kernel: 2,
        stride: 1,
        dilation: 1,
        padding: [0, 0],
        groups: 3,
        activation: Activation::None,
        weights,
    };
    graph.push("depthwise", Op::Conv1d(conv)).unwrap();
    if int8 {
        for tensor in &mut graph.tensors {
            tensor.quant = Some(Quant {
                scale: 0.1,
                zero_point: 3,
            });
        }
    }
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
