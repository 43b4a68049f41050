//! Networks to export.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests"
)]

use mote_codegen::Deployment;
use mote_codegen::self_test::{DECISIONS, Scores, decisions};
use mote_import::tflite::import;
use mote_model::Runtime;
use mote_model::op::FILTER_QUANT;
use mote_model::stream::stream;
use mote_model::{
    Activation, Axis, Concat, Constant, Conv1d, Conv2d, Dense, Exit, Filter, Frontend, Function,
    Graph, Image, LeakyRelu, Node, Op, Pool, Pool2d, PoolKind, Quant, Reshape, Shape, Tensor,
    Transpose, Weights, WithConstants,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A reference network.
pub fn load(name: &str) -> Graph {
    let path = format!(
        "{}/../mote-import/tests/models/{name}.tflite",
        env!("CARGO_MANIFEST_DIR")
    );
    import(name, &std::fs::read(path).unwrap()).unwrap()
}

/// With a sensor in front, scaled so that made-up motion fills the input's grid.
pub fn with_frontend(mut graph: Graph) -> Graph {
    let input = &graph.tensors[graph.input];
    let scale = input.quant.map_or(0.01, |q| q.scale);
    graph.frontend = Some(Frontend {
        offset: (0..input.shape.channels)
            .map(|c| [100, -900, 0][c % 3])
            .collect(),
        scale: (0..input.shape.channels)
            .map(|c| [0.012, 0.02, 0.009][c % 3] * scale)
            .collect(),
    });
    graph
}

/// As it leaves `mote compare`, decided upon every `hop` samples.
pub fn deployment(name: &str, graph: Graph, runtime: Runtime, hop: usize) -> Deployment {
    let window = graph.tensors[graph.input].shape.time;
    Deployment::new(name, graph, runtime, 20.0, window, hop)
}

/// A network that has every int8 operator, with all their options: groups, dilation, padding, odd numbers of channels.
pub fn every_operator() -> Graph {
    let mut random = Random(5);
    let mut graph = Graph::new("every operator", Shape::new(40, 3));
    graph.tensors[0].quant = random.quant();
    let pool = |kind, kernel, stride, padding| {
        Op::Pool(Pool {
            kind,
            kernel,
            stride,
            padding,
        })
    };
    random.push(
        &mut graph,
        Op::Conv1d(conv(6, 5, 1, 1, [2, 2], 1, Activation::Relu)),
    );
    let before = graph.output;
    random.push(
        &mut graph,
        Op::Conv1d(conv(6, 3, 1, 2, [2, 2], 1, Activation::None)),
    );
    let output = graph.tensors.len();
    graph.tensors.push(Tensor {
        shape: graph.tensors[before].shape,
        quant: random.quant(),
    });
    graph.nodes.push(Node {
        name: "sum".into(),
        op: Op::Add(Activation::Relu6),
        inputs: vec![before, graph.output],
        output,
    });
    graph.output = output;
    random.push(&mut graph, pool(PoolKind::Max, 3, 2, [1, 1]));
    random.push(
        &mut graph,
        Op::Conv1d(conv(6, 4, 1, 2, [3, 3], 6, Activation::None)),
    );
    random.push(
        &mut graph,
        Op::Conv1d(conv(9, 3, 2, 1, [1, 0], 3, Activation::Relu6)),
    );
    random.push(&mut graph, Op::Activation(Activation::Relu));
    random.push(&mut graph, Op::LeakyRelu(LeakyRelu { alpha: 0.3 }));
    random.push(&mut graph, pool(PoolKind::Average, 2, 1, [1, 0]));
    let per_step = Dense {
        out_features: 5,
        activation: Activation::None,
        weights: random.weights(5, 9, 4),
    };
    random.push(&mut graph, Op::Dense(per_step));
    random.push(
        &mut graph,
        Op::Dense(Dense {
            out_features: 4,
            activation: Activation::None,
            weights: NO_WEIGHTS,
        }),
    );
    random.push(&mut graph, Op::Softmax);
    let scores = Some(PROBABILITY);
    graph.tensors[graph.output].quant = scores;
    // Where most windows end.
    let exit = Node {
        name: "exit".into(),
        op: Op::Exit(Exit { margin: 0.4 }),
        inputs: vec![graph.output],
        output: graph.tensors.len(),
    };
    graph.nodes.push(exit);
    graph.tensors.push(Tensor {
        shape: Shape::new(1, 4),
        quant: scores,
    });
    let last = graph.tensors.len() - 1;
    graph.nodes.push(Node {
        name: "last".into(),
        op: Op::Softmax,
        inputs: vec![graph.output],
        output: last,
    });
    graph.output = last;
    graph.labels = ["walk", "jog \"up\"", "sit", "ü"]
        .map(String::from)
        .to_vec();
    graph.validate().unwrap();
    with_frontend(graph)
}

/// A network with the operators that only imported ones have: layers over two axes, and what stands between them.
fn imported() -> Graph {
    let mut random = Random(44);
    let mut graph = Graph::new("imported", Shape::new(30, 3));
    graph.tensors[0].quant = random.quant();
    let axis = |input, kernel, stride, padding| Axis {
        input,
        kernel,
        stride,
        dilation: 1,
        padding,
    };
    let image = |axes, channels| Image { axes, channels };
    let conv = |image: Image, out_channels, depthwise, activation| {
        Op::Conv2d(Conv2d {
            image,
            out_channels,
            depthwise,
            activation,
            weights: NO_WEIGHTS,
        })
    };
    let window = [axis(30, 5, 2, [2, 2]), axis(3, 2, 1, [0, 1])];
    let relu = Activation::Relu;
    random.push(&mut graph, conv(image(window, 1), 7, false, relu));
    let window = [axis(15, 3, 1, [1, 1]), axis(3, 3, 1, [1, 1])];
    random.push(
        &mut graph,
        conv(image(window, 7), 7, true, Activation::None),
    );
    let window = [axis(15, 2, 2, [1, 0]), axis(3, 2, 1, [0, 0])];
    let pool = |kind, image| Op::Pool2d(Pool2d { image, kind });
    random.push(&mut graph, pool(PoolKind::Max, image(window, 7)));
    let window = [axis(8, 3, 1, [1, 1]), axis(2, 2, 1, [1, 0])];
    random.push(&mut graph, pool(PoolKind::Average, image(window, 7)));
    let shape = Shape::new(2, 56);
    let turn = Transpose {
        rows: 8,
        columns: 2,
        len: 7,
        shape,
    };
    random.push(&mut graph, Op::Transpose(turn));
    let shape = Shape::new(16, 7);
    random.push(&mut graph, Op::Reshape(Reshape { shape }));
    for kind in [Constant::Mul, Constant::Add, Constant::Sub] {
        let constants = WithConstants {
            kind,
            values: vec![90, -70, 30, 50, 127, -128, 9],
            quant: Quant {
                scale: 0.01,
                zero_point: -20,
            },
            activation: Activation::None,
        };
        random.push(&mut graph, Op::WithConstants(constants));
    }
    let own = graph.output;
    random.push(&mut graph, Op::Function(Function::HardSwish));
    for op in [
        Op::Mul(Activation::None),
        Op::Concat(Concat {
            second: Shape::new(16, 7),
            time: false,
        }),
    ] {
        let channels = if matches!(op, Op::Concat(_)) { 14 } else { 7 };
        let quant = random.quant();
        graph.tensors.push(Tensor {
            shape: Shape::new(16, channels),
            quant,
        });
        let output = graph.tensors.len() - 1;
        graph.nodes.push(Node {
            name: op.name().into(),
            op,
            inputs: vec![graph.output, own],
            output,
        });
        graph.output = output;
    }
    let mean = Pool {
        kind: PoolKind::Mean,
        kernel: 16,
        stride: 1,
        padding: [0, 0],
    };
    random.push(&mut graph, Op::Pool(mean));
    random.push(
        &mut graph,
        Op::Dense(Dense {
            out_features: 4,
            activation: Activation::None,
            weights: NO_WEIGHTS,
        }),
    );
    graph.validate().unwrap();
    with_frontend(graph)
}

/// A network whose pool is a mean onto another grid.
fn mean() -> Graph {
    let mut graph = load("B_int8");
    for node in &mut graph.nodes {
        if let Op::Pool(pool) = &mut node.op {
            pool.kind = PoolKind::Mean;
            graph.tensors[node.output].quant = Some(Quant {
                scale: 0.02,
                zero_point: -90,
            });
        }
    }
    graph
}

/// A separable network without padding, so that it can be streamed too.
fn separable() -> Graph {
    let mut random = Random(33);
    let mut graph = trunk(&mut random, 60);
    let mut add = |op| random.push(&mut graph, op);
    add(Op::Pool(Pool {
        kind: PoolKind::Max,
        kernel: 26,
        stride: 1,
        padding: [0, 0],
    }));
    add(Op::Dense(Dense {
        out_features: 5,
        activation: Activation::None,
        weights: NO_WEIGHTS,
    }));
    add(Op::Softmax);
    graph.tensors[graph.output].quant = Some(PROBABILITY);
    graph.validate().unwrap();
    graph
}

/// The same convolutions over the window that gives one step, whose scores go through a filter; one of its changes is
/// `dearer` than the others.
fn per_step(dearer: f32) -> Graph {
    let mut random = Random(36);
    let mut graph = trunk(&mut random, 11);
    random.push(
        &mut graph,
        Op::Dense(Dense {
            out_features: 5,
            activation: Activation::None,
            weights: NO_WEIGHTS,
        }),
    );
    let mut filter = Filter::fixed(5, 10.0, 0.4);
    filter.costs[7] += dearer;
    graph.push_filter("filter", filter).unwrap();
    graph.validate().unwrap();
    graph
}

/// The same, with probabilities.
fn sure() -> Graph {
    let mut graph = per_step(0.0);
    graph.push_softmax("confidence").unwrap();
    graph.validate().unwrap();
    graph
}

/// A separable network's convolutions over a window of `time` steps.
fn trunk(random: &mut Random, time: usize) -> Graph {
    let mut graph = Graph::new("separable", Shape::new(time, 3));
    graph.tensors[0].quant = random.quant();
    let relu = Activation::Relu;
    let mut add = |op| random.push(&mut graph, op);
    add(Op::Conv1d(conv(8, 5, 1, 1, [0, 0], 1, relu)));
    add(Op::Conv1d(conv(8, 3, 1, 1, [0, 0], 8, Activation::None)));
    add(Op::Conv1d(conv(13, 1, 1, 1, [0, 0], 1, relu)));
    add(Op::Conv1d(conv(13, 4, 2, 1, [0, 0], 13, Activation::None)));
    add(Op::Conv1d(conv(10, 1, 1, 1, [0, 0], 1, Activation::None)));
    add(Op::LeakyRelu(LeakyRelu { alpha: 0.1 }));
    graph
}

/// Until they are drawn.
const NO_WEIGHTS: Weights = Weights::F32 {
    weights: vec![],
    bias: vec![],
};

const PROBABILITY: Quant = Quant {
    scale: 1.0 / 256.0,
    zero_point: -128,
};

fn conv(
    out_channels: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    padding: [usize; 2],
    groups: usize,
    activation: Activation,
) -> Conv1d {
    Conv1d {
        out_channels,
        kernel,
        stride,
        dilation,
        padding,
        groups,
        activation,
        weights: NO_WEIGHTS,
    }
}

/// A small generator, so that one seed makes a whole network.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    fn quant(&mut self) -> Option<Quant> {
        Some(Quant {
            scale: 0.02 + (self.next() % 100) as f32 * 5e-4,
            zero_point: (self.next() % 100) as i8 - 50,
        })
    }

    fn weights(&mut self, outputs: usize, per_output: usize, bits: u8) -> Weights {
        // Both kinds fill their range alike.
        let (limit, grow) = if bits == 4 { (15, 16.0) } else { (255, 1.0) };
        Weights::I8 {
            weights: (0..outputs * per_output)
                .map(|_| (self.next() % limit) as i8)
                .map(|w| w.wrapping_sub((limit / 2) as i8))
                .collect(),
            bits,
            scales: (0..outputs)
                .map(|_| grow * (0.002 + (self.next() % 100) as f32 * 6e-5))
                .collect(),
            bias: (0..outputs)
                .map(|_| (self.next() % 1000) as i32 - 500)
                .collect(),
        }
    }

    /// Appends `op`; its weights are drawn here.
    fn push(&mut self, graph: &mut Graph, mut op: Op) {
        let input = graph.tensors[graph.output].clone();
        match &mut op {
            Op::Conv1d(c) => {
                // Four bits where they are allowed and most of the weights are.
                let bits = if c.kernel == 1 { 4 } else { 8 };
                let taps = c.kernel * input.shape.channels / c.groups;
                c.weights = self.weights(c.out_channels, taps, bits);
            }
            Op::Conv2d(c) => {
                let inputs = if c.depthwise { 1 } else { c.image.channels };
                let [rows, columns] = c.image.axes;
                let taps = rows.kernel * columns.kernel * inputs;
                c.weights = self.weights(c.out_channels, taps, 8);
            }
            Op::Dense(d) if d.weights.is_empty() => {
                d.weights = self.weights(d.out_features, input.shape.len(), 8);
            }
            _ => (),
        }
        let same = match &op {
            Op::Pool(pool) => pool.kind != PoolKind::Mean,
            Op::Pool2d(_) | Op::Reshape(_) | Op::Transpose(_) => true,
            _ => false,
        };
        let name = format!("layer {}", graph.nodes.len());
        let output = graph.push(name, op).unwrap();
        graph.tensors[output].quant = if same { input.quant } else { self.quant() };
    }
}

/// int8 networks of each kind: padded, separable, streamed, imported.
pub fn networks() -> Vec<Deployment> {
    let stream_every = |name, graph: Graph, hop, tick| {
        let window = graph.tensors[graph.input].shape.time;
        let streamed = stream(&with_frontend(graph), hop, tick).unwrap();
        Deployment::new(name, streamed, Runtime::COMPILED, 20.0, window, hop)
    };
    let stream_of = |name, graph| stream_every(name, graph, 20, None);
    vec![
        deployment("every operator", every_operator(), Runtime::COMPILED, 16),
        deployment("A", with_frontend(load("A_int8")), Runtime::COMPILED, 20),
        stream_of("A stream", load("A_valid_int8_pt")),
        deployment("B", with_frontend(load("B_int8")), Runtime::COMPILED, 100),
        stream_of("B stream", load("B_int8")),
        deployment(
            "separable",
            with_frontend(separable()),
            Runtime::COMPILED,
            30,
        ),
        stream_of("separable stream", separable()),
        stream_every("steps stream", per_step(0.0), 2, None),
        stream_every("pairs stream", per_step(0.5), 12, Some(4)),
        stream_every("sure stream", sure(), 4, Some(2)),
        deployment("filter", with_frontend(per_step(0.5)), Runtime::COMPILED, 3),
        deployment("imported", imported(), Runtime::COMPILED, 30),
        deployment("mean", with_frontend(mean()), Runtime::COMPILED, 20),
        stream_of("mean stream", mean()),
        deployment("A per tensor", load("A_int8_pt"), Runtime::COMPILED, 10),
        deployment("C24", load("C24_int8"), Runtime::COMPILED, 24),
    ]
}

/// The confidence in each decision, and its class.
fn confidences(deployment: &Deployment) -> Vec<(f32, usize)> {
    let graph = &deployment.graph;
    let quant = graph.tensors[graph.output].quant;
    let of = |decision: Scores| {
        let class = decision.class();
        let reals: Vec<f32> = match (decision, quant) {
            (Scores::I8(scores), Some(Quant { scale, zero_point })) => {
                let zero = f32::from(zero_point);
                scores
                    .iter()
                    .map(|&s| scale * (f32::from(s) - zero))
                    .collect()
            }
            (Scores::F32(scores), _) => scores,
            (Scores::I8(_), None) => panic!("int8 scores have a grid"),
        };
        let best = reals[class];
        // Levels of a filter say nothing but by how much one leads.
        let confidence = match quant == Some(FILTER_QUANT) {
            true => {
                let others = reals.iter().enumerate().filter(|&(k, _)| k != class);
                best - others
                    .map(|(_, &real)| real)
                    .fold(f32::NEG_INFINITY, f32::max)
            }
            false => best,
        };
        (confidence, class)
    };
    decisions(deployment).unwrap().into_iter().map(of).collect()
}

/// A confidence that about half of the decisions have.
pub fn medium_confidence(deployment: &Deployment) -> f32 {
    let mut all: Vec<f32> = confidences(deployment).into_iter().map(|c| c.0).collect();
    all.sort_by(f32::total_cmp);
    // The least of them may be the medium one, too.
    let least = all[0];
    all.into_iter()
        .skip(DECISIONS / 2)
        .find(|&c| c > least)
        .unwrap()
}

/// What a deployment that reports only changes says about its decisions: the class, or that it is not sure below the
/// confidence `least`.
pub fn reports(deployment: &Deployment, least: f32) -> Vec<Option<usize>> {
    let decisions = confidences(deployment).into_iter();
    let mut reports: Vec<Option<usize>> = decisions
        .map(|(confidence, class)| (confidence >= least).then_some(class))
        .collect();
    reports.dedup();
    reports
}

/// One line per decision: class and scores.
pub fn expected(deployment: &Deployment) -> String {
    let decisions = decisions(deployment).unwrap();
    let classes: BTreeSet<usize> = decisions.iter().map(Scores::class).collect();
    assert!(classes.len() > 1, "{}: {classes:?}", deployment.name);
    let line = |scores: &Scores| match scores {
        Scores::I8(values) => format!("{} {values:?}\n", scores.class()),
        Scores::F32(values) => format!("{} {values:?}\n", scores.class()),
    };
    decisions.iter().map(line).collect()
}

/// The name of the exported crate, with `separator` between words.
pub fn crate_name(deployment: &Deployment, separator: &str) -> String {
    format!("mote {}", deployment.name)
        .to_lowercase()
        .replace(' ', separator)
}

/// A directory of its own for the test `name`, kept so that the next run compiles less.
pub fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("export")
        .join(name)
}
