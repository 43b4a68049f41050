//! Every contradiction in a network is found, and named with its layer and field.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use mote_import::tflite::import;
use mote_model::{
    Activation, Conv1d, Frontend, Graph, Op, Pool, PoolKind, Quant, Shape, Tensor, Weights,
};

fn load(name: &str) -> Graph {
    let path = format!(
        "{}/../mote-import/tests/models/{name}.tflite",
        env!("CARGO_MANIFEST_DIR")
    );
    import(name, &std::fs::read(path).unwrap()).unwrap()
}

fn conv(graph: &mut Graph, node: usize) -> &mut Conv1d {
    match &mut graph.nodes[node].op {
        Op::Conv1d(c) => c,
        other => panic!("{other:?}"),
    }
}

/// The error after `change` was done to network B, which was valid before.
fn broken(name: &str, change: impl Fn(&mut Graph)) -> String {
    let mut graph = load(name);
    graph.validate().unwrap();
    change(&mut graph);
    graph.validate().unwrap_err().to_string()
}

fn int8(change: impl Fn(&mut Graph)) -> String {
    broken("B_int8", change)
}

/// `error` has all of `parts`.
#[track_caller]
fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

#[test]
fn order_and_tensors() {
    says(
        &int8(|g| g.nodes.swap(0, 1)),
        &["conv1d_2", "inputs", "before"],
    );
    says(
        &int8(|g| g.nodes[1].output = 1),
        &["conv1d_2", "output", "written twice"],
    );
    says(
        &int8(|g| g.nodes[1].inputs[0] = 99),
        &["tensor 99", "does not exist"],
    );
    says(&int8(|g| g.output = 99), &["tensor 99"]);
    says(
        &int8(|g| g.nodes[0].output = 0),
        &["conv1d_1", "written twice"],
    );
    says(
        &int8(|g| g.tensors.push(g.tensors[0].clone())),
        &["tensor 5", "written by no layer"],
    );
    says(
        &int8(|g| g.tensors[0].shape.time = 0),
        &["tensor 0", "0 x 3"],
    );
    says(
        &int8(|g| g.tensors[0].shape = Shape::new(usize::MAX, 2)),
        &["tensor 0"],
    );
    says(
        &int8(|g| g.nodes[1].inputs.clear()),
        &["conv1d_2", "inputs"],
    );
    says(
        &int8(|g| g.nodes[1].inputs.push(0)),
        &["conv1d_2", "inputs", "takes 1"],
    );
    says(
        &int8(|g| g.nodes[1].name = "conv1d_1".into()),
        &["conv1d_1", "name", "twice"],
    );
}

#[test]
fn shapes() {
    says(
        &int8(|g| g.tensors[1].shape.time = 47),
        &["conv1d_1", "output shape", "47 x 8", "48 x 8"],
    );
    says(&int8(|g| conv(g, 0).stride = 0), &["conv1d_1", "window"]);
    says(
        &int8(|g| conv(g, 0).kernel = usize::MAX),
        &["conv1d_1", "window"],
    );
    says(
        &int8(|g| conv(g, 0).dilation = usize::MAX),
        &["conv1d_1", "window"],
    );
    says(&int8(|g| conv(g, 0).groups = 2), &["conv1d_1", "groups"]);
    let padded = |g: &mut Graph| {
        if let Op::Pool(p) = &mut g.nodes[2].op {
            (p.padding, p.kernel, p.stride) = ([22, 0], 22, 23);
        }
        g.tensors[3].shape.time = 1;
    };
    says(&int8(padded), &["average_pool_1", "without any input"]);
}

#[test]
fn parameters() {
    let edit = |change: fn(&mut Vec<i8>, &mut Vec<f32>, &mut Vec<i32>)| {
        int8(|g| match &mut conv(g, 1).weights {
            Weights::I8 {
                weights,
                scales,
                bias,
                ..
            } => change(weights, scales, bias),
            Weights::F32 { .. } => panic!("not int8"),
        })
    };
    says(
        &edit(|w, _, _| w.truncate(7)),
        &["conv1d_2", "weights", "7 values", "expected 640"],
    );
    says(
        &edit(|_, s, _| s.truncate(1)),
        &["conv1d_2", "scales", "expected 16"],
    );
    says(
        &edit(|_, _, b| b.push(1)),
        &["conv1d_2", "bias", "17 values"],
    );
    says(
        &edit(|_, s, _| s[3] = 0.0),
        &["conv1d_2", "scales", "positive"],
    );
    says(
        &edit(|_, s, _| s[3] = f32::NAN),
        &["conv1d_2", "scales", "NaN"],
    );
    let bits = |g: &mut Graph, n: usize, value: u8| match &mut conv(g, n).weights {
        Weights::I8 { bits, .. } => *bits = value,
        Weights::F32 { .. } => panic!("not int8"),
    };
    says(&int8(|g| bits(g, 1, 4)), &["conv1d_2", "4 bits", "-7 to 7"]);
    says(&int8(|g| bits(g, 1, 5)), &["conv1d_2", "5 bits"]);
    let error = broken("B_f32", |g| match &mut conv(g, 0).weights {
        Weights::F32 { bias, .. } => bias[0] = f32::INFINITY,
        Weights::I8 { .. } => panic!("not f32"),
    });
    says(&error, &["conv1d_1", "bias", "inf"]);
}

#[test]
fn quantization() {
    says(
        &int8(|g| g.tensors[1].quant = None),
        &["conv1d_1", "quantization", "f32"],
    );
    let scale = |s| {
        move |g: &mut Graph| {
            g.tensors[1].quant = Some(Quant {
                scale: s,
                zero_point: 0,
            })
        }
    };
    says(&int8(scale(0.0)), &["tensor 1", "scale 0"]);
    says(&int8(scale(f32::INFINITY)), &["tensor 1", "inf"]);
    let pool = |g: &mut Graph| {
        g.tensors[3].quant = Some(Quant {
            scale: 1.0,
            zero_point: 0,
        })
    };
    says(&int8(pool), &["average_pool_1", "does not requantize"]);
    says(
        &broken("B_f32", |g| {
            conv(g, 0).weights = conv(&mut load("B_int8"), 0).weights.clone()
        }),
        &["conv1d_1", "int8 weights on f32"],
    );
    says(
        &int8(|g| conv(g, 0).weights = conv(&mut load("B_f32"), 0).weights.clone()),
        &["conv1d_1", "f32 weights on int8"],
    );
    let softmax = |g: &mut Graph| {
        let output = g.output;
        g.tensors[output].quant = Some(Quant {
            scale: 0.1,
            zero_point: 0,
        });
    };
    says(&broken("A_int8", softmax), &["softmax_1", "1/256"]);
}

#[test]
fn residual_sums() {
    let mut graph = Graph::new("sum", Shape::new(8, 2));
    let pool = Pool {
        kind: PoolKind::Max,
        kernel: 2,
        stride: 2,
        padding: [0, 0],
    };
    graph
        .push("relu", Op::Activation(Activation::Relu))
        .unwrap();
    graph.push("sum", Op::Add(Activation::None)).unwrap();
    says(
        &graph.validate().unwrap_err().to_string(),
        &["sum", "inputs", "takes 2"],
    );
    graph.nodes[1].inputs.push(0);
    graph.validate().unwrap();
    graph.tensors.push(Tensor {
        shape: Shape::new(4, 2),
        quant: None,
    });
    graph.nodes.insert(1, graph.nodes[0].clone());
    graph.nodes[1].name = "pool".into();
    graph.nodes[1].op = Op::Pool(pool);
    graph.nodes[1].output = 3;
    graph.nodes[2].inputs[1] = 3;
    says(
        &graph.validate().unwrap_err().to_string(),
        &["sum", "inputs", "shapes differ"],
    );
}

#[test]
fn front_end_and_labels() {
    let frontend = |channels: usize, scale: f32| {
        move |g: &mut Graph| {
            g.frontend = Some(Frontend {
                offset: vec![0; 3],
                scale: vec![scale; channels],
            });
        }
    };
    says(&int8(frontend(2, 1.0)), &["frontend", "3 channels"]);
    says(&int8(frontend(3, -1.0)), &["frontend", "positive"]);
    says(
        &int8(|g| g.labels = vec!["walk".into()]),
        &["labels", "6 outputs"],
    );
}
