//! Outputs that lie over inputs: random networks give the same outputs, bit for bit, as with a buffer per tensor.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mote::format::MAX_TAPS_I4;
use mote::{Interpreter, Model, View, registry};
use mote_model::blob::to_words;
use mote_model::shapes::output_shape;
use mote_model::{
    Activation, Conv1d, Dense, Graph, Node, Op, Plan, Pool, PoolKind, Quant, Shape, Strategy,
    Tensor, Weights, plan,
};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::Strategy as Generator;

const QUANT: Quant = Quant {
    scale: 0.1,
    zero_point: -7,
};

/// Values of weights and inputs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    /// Int8 weights of one group take four bits half of the time.
    fn weights(&mut self, int8: bool, groups: usize, outputs: usize, taps: usize) -> Weights {
        let bits = match groups == 1 && taps <= MAX_TAPS_I4 && self.next().is_multiple_of(2) {
            true => 4,
            false => 8,
        };
        let mut values = || (self.next() % 255) as i8;
        if int8 {
            Weights::I8 {
                weights: (0..outputs * taps)
                    .map(|_| {
                        if bits == 4 {
                            values() % 8
                        } else {
                            values().max(-127)
                        }
                    })
                    .collect(),
                bits,
                scales: vec![0.02; outputs],
                bias: (0..outputs).map(|_| 10 * i32::from(values())).collect(),
            }
        } else {
            let mut real = || f32::from(values()) / 128.0;
            Weights::F32 {
                weights: (0..outputs * taps).map(|_| real()).collect(),
                bias: (0..outputs).map(|_| real()).collect(),
            }
        }
    }
}

/// One random node.
#[derive(Debug, Clone)]
enum Layer {
    Conv {
        outputs: usize,
        kernel: usize,
        stride: usize,
        dilation: usize,
        padding: [usize; 2],
        groups: Groups,
    },
    PerStep {
        outputs: usize,
    },
    Dense {
        outputs: usize,
    },
    Pool {
        kind: PoolKind,
        kernel: usize,
        stride: usize,
        padding: usize,
    },
    Clamp,
    Add {
        with: Index,
    },
}

#[derive(Debug, Clone, Copy)]
enum Groups {
    One,
    Two,
    Depthwise,
}

fn layer() -> impl Generator<Value = Layer> {
    let groups = prop_oneof![
        4 => Just(Groups::One),
        1 => Just(Groups::Two),
        3 => Just(Groups::Depthwise),
    ];
    let conv = (
        1usize..21,
        1usize..6,
        1usize..4,
        prop_oneof![4 => Just(1usize), 1 => Just(2usize)],
        [0usize..4, 0usize..4],
        groups,
    );
    let kind = prop_oneof![Just(PoolKind::Max), Just(PoolKind::Average)];
    prop_oneof![
        8 => conv.prop_map(|(outputs, kernel, stride, dilation, padding, groups)| Layer::Conv {
            outputs,
            kernel,
            stride,
            dilation,
            padding,
            groups,
        }),
        1 => (1usize..20).prop_map(|outputs| Layer::PerStep { outputs }),
        1 => (1usize..8).prop_map(|outputs| Layer::Dense { outputs }),
        3 => (kind, 1usize..5, 1usize..4, 0usize..2).prop_map(|(kind, kernel, stride, padding)| {
            Layer::Pool { kind, kernel, stride, padding }
        }),
        1 => Just(Layer::Clamp),
        2 => any::<Index>().prop_map(|with| Layer::Add { with }),
    ]
}

/// The operator that `layer` is over `input`.
fn op(layer: &Layer, input: Shape, int8: bool, random: &mut Random) -> Op {
    let activation = Activation::Relu;
    match *layer {
        Layer::Conv {
            outputs,
            kernel,
            stride,
            dilation,
            padding,
            groups,
        } => {
            let groups = match groups {
                Groups::Two if input.channels.is_multiple_of(2) => 2,
                Groups::Depthwise => input.channels,
                _ => 1,
            };
            let out_channels = if groups > 2 || input.channels == groups {
                groups
            } else {
                outputs.next_multiple_of(groups)
            };
            let fits = (input.time + padding[0] + padding[1]).div_ceil(dilation);
            let kernel = kernel.min(fits);
            let taps = kernel * input.channels / groups;
            Op::Conv1d(Conv1d {
                out_channels,
                kernel,
                stride,
                dilation,
                padding,
                groups,
                activation,
                weights: random.weights(int8, groups, out_channels, taps),
            })
        }
        Layer::PerStep { outputs } if input.time > 1 => Op::Dense(Dense {
            out_features: outputs,
            activation,
            weights: random.weights(int8, 1, outputs, input.channels),
        }),
        Layer::PerStep { outputs } | Layer::Dense { outputs } => Op::Dense(Dense {
            out_features: outputs,
            activation,
            weights: random.weights(int8, 1, outputs, input.len()),
        }),
        Layer::Pool {
            kind,
            kernel,
            stride,
            padding,
        } => {
            let kernel = kernel.min(input.time);
            Op::Pool(Pool {
                kind,
                kernel,
                stride,
                padding: [padding.min(kernel - 1); 2],
            })
        }
        Layer::Clamp => Op::Activation(activation),
        Layer::Add { .. } => Op::Add(activation),
    }
}

/// A network of `layers`, each behind one of the last `recent` tensors (1: a chain).
fn build(
    input: Shape,
    int8: bool,
    recent: usize,
    layers: &[(usize, Layer)],
    random: &mut Random,
) -> Graph {
    let quant = int8.then_some(QUANT);
    let mut graph = Graph::new("random", input);
    graph.tensors[0].quant = quant;
    for (i, (from, layer)) in layers.iter().enumerate() {
        let count = graph.tensors.len();
        let lowest = count.saturating_sub(recent);
        let from = lowest + from % (count - lowest);
        let shape = graph.tensors[from].shape;
        let mut inputs = vec![from];
        if let Layer::Add { with } = layer {
            let same: Vec<usize> = (0..count)
                .filter(|&t| graph.tensors[t].shape == shape)
                .collect();
            inputs.push(same[with.index(same.len())]);
        }
        let name = format!("layer{i}");
        let op = op(layer, shape, int8, random);
        let shape = output_shape(&name, &op, shape).unwrap();
        graph.tensors.push(Tensor { shape, quant });
        graph.nodes.push(Node {
            name,
            op,
            inputs,
            output: count,
        });
        graph.output = count;
    }
    graph
}

/// Bits of every node's output, run on an arena full of garbage.
fn run(graph: &Graph, plan: &Plan, garbage: u32, random: &mut Random) -> Vec<Vec<u32>> {
    let words = to_words(graph, plan).unwrap();
    let network = Interpreter::new(Model::parse(&words).unwrap(), registry::ALL).unwrap();
    let mut arena = vec![garbage; network.model().arena_words()];
    if let Ok(input) = network.input_i8(&mut arena) {
        input.fill_with(|| random.next() as i8);
    }
    if let Ok(input) = network.input_f32(&mut arena) {
        input.fill_with(|| random.next() as i8 as f32 / 64.0);
    }
    let mut outputs = Vec::new();
    network
        .run_observed(&mut arena, |_, view| {
            outputs.push(match view {
                View::I8(y) => y.iter().map(|&y| y as u8 as u32).collect(),
                View::F32(y) => y.iter().map(|y| y.to_bits()).collect(),
            })
        })
        .unwrap();
    outputs
}

fn assert_same(graph: &Graph, seed: u64) {
    let expected = run(
        graph,
        &plan(graph, Strategy::KeepAll).unwrap(),
        0,
        &mut Random(seed),
    );
    for garbage in [0x7f80_0001, 0xa5a5_a5a5] {
        for strategy in [Strategy::InPlace, Strategy::Overlap] {
            let plan = plan(graph, strategy).unwrap();
            let outputs = run(graph, &plan, garbage, &mut Random(seed));
            assert_eq!(outputs, expected, "{strategy:?}: {:?}", plan.rows());
        }
    }
}

proptest! {
    #[test]
    fn chains_give_the_same_outputs(
        (time, channels, int8) in (1usize..40, 1usize..20, any::<bool>()),
        layers in prop::collection::vec((any::<usize>(), layer()), 1..7),
        seed: u64,
    ) {
        let mut random = Random(seed);
        assert_same(&build(Shape::new(time, channels), int8, 1, &layers, &mut random), seed);
    }

    #[test]
    fn branches_give_the_same_outputs(
        (time, channels, int8) in (1usize..20, 1usize..9, any::<bool>()),
        layers in prop::collection::vec((any::<usize>(), layer()), 2..10),
        seed: u64,
    ) {
        let mut random = Random(seed);
        assert_same(&build(Shape::new(time, channels), int8, 3, &layers, &mut random), seed);
    }

    /// One kernel, its output exactly as far over its input as the kernel promises.
    #[test]
    fn kernels_keep_their_promise(
        (time, channels, int8) in (2usize..60, 1usize..24, any::<bool>()),
        layer in layer(),
        seed: u64,
    ) {
        let mut random = Random(seed);
        let layers = [(0, layer)];
        let graph = build(Shape::new(time, channels), int8, 1, &layers, &mut random);
        assert_same(&graph, seed);
        let plan = plan(&graph, Strategy::Overlap).unwrap();
        prop_assert_eq!((plan.arena, plan.optimal), (plan.peak_lower_bound, true));
    }
}

fn chain(layers: &[Layer], input: Shape) -> Graph {
    let layers: Vec<_> = layers.iter().map(|l| (0, l.clone())).collect();
    let mut graph = build(input, true, 1, &layers, &mut Random(1));
    for node in &mut graph.nodes {
        if let Op::Conv1d(conv) = &mut node.op
            && let Weights::I8 { bits, .. } = &mut conv.weights
        {
            *bits = 8;
        }
    }
    graph
}

fn conv(outputs: usize, stride: usize, padding: [usize; 2]) -> Layer {
    Layer::Conv {
        outputs,
        kernel: 5,
        stride,
        dilation: 1,
        padding,
        groups: Groups::One,
    }
}

#[test]
fn three_convolutions_take_little_more_than_the_largest_tensor() {
    let graph = chain(
        &[
            conv(16, 1, [2, 2]),
            conv(32, 2, [1, 2]),
            conv(32, 2, [1, 2]),
        ],
        Shape::new(100, 3),
    );
    let arena = |strategy| plan(&graph, strategy).unwrap().arena;
    assert_eq!(arena(Strategy::Lifetimes), 3200);
    assert_eq!(arena(Strategy::Overlap), 1756);
}

#[test]
fn a_plan_that_reaches_too_far_is_refused() {
    let graph = chain(&[conv(8, 2, [2, 2]), conv(8, 1, [0, 0])], Shape::new(40, 8));
    let good = plan(&graph, Strategy::Overlap).unwrap();
    to_words(&graph, &good).unwrap();
    for tensor in 0..graph.tensors.len() {
        // One word closer to its neighbour, above or below.
        let refused = [-4isize, 4].into_iter().any(|by| {
            let mut plan = good.clone();
            plan.arena += 4;
            match plan.offsets[tensor].checked_add_signed(by) {
                Some(offset) => plan.offsets[tensor] = offset,
                None => return false,
            }
            to_words(&graph, &plan).is_err_and(|e| e.to_string().contains("each other's way"))
        });
        assert!(refused, "tensor {tensor}: {:?}", good.rows());
    }
}

#[test]
fn an_input_needed_later_is_not_written_over() {
    let mut graph = chain(&[Layer::Clamp], Shape::new(10, 4));
    let mut plan = plan(&graph, Strategy::Overlap).unwrap();
    assert_eq!(plan.arena, 40);
    to_words(&graph, &plan).unwrap();
    // The input is read again, by a sum.
    graph.tensors.push(graph.tensors[0].clone());
    graph.nodes.push(Node {
        name: "sum".into(),
        op: Op::Add(Activation::None),
        inputs: vec![1, 0],
        output: 2,
    });
    graph.output = 2;
    plan.offsets.push(0);
    let error = to_words(&graph, &plan).unwrap_err().to_string();
    assert!(
        error.contains("tensor 0") && error.contains("tensor 1"),
        "{error}"
    );
}
