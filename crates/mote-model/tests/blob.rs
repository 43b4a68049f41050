//! The model format and the engine's kernels against plain transcriptions of TensorFlow Lite's reference kernels:
//! one layer of random geometry at a time, int8 bit for bit. And: no damage to a model goes unnoticed, none panics.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mote::quant::Multiplier;
use mote::{Interpreter, Model, registry};
use mote_model::blob::{output_grid, to_words};
use mote_model::{
    Activation, Conv1d, Dense, Frontend, Graph, Op, Quant, Shape, Strategy, Weights, plan,
};
use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;

/// A small generator, so that one seed makes a whole layer.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    fn i8(&mut self) -> i8 {
        self.next() as i8
    }

    /// In -1..1.
    fn real(&mut self) -> f32 {
        (self.next() as f32 / (1u64 << 30) as f32) - 1.0
    }
}

/// Geometry of a convolution.
#[derive(Debug, Clone, Copy)]
struct Geometry {
    time: usize,
    group_inputs: usize,
    group_outputs: usize,
    groups: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    padding: [usize; 2],
    activation: Activation,
}

fn geometry() -> impl Generator<Value = Geometry> {
    let activation = prop_oneof![
        Just(Activation::None),
        Just(Activation::Relu),
        Just(Activation::Relu6)
    ];
    (
        1usize..24,
        prop_oneof![3 => 1usize..9, 1 => 60usize..140],
        1usize..7,
        prop_oneof![3 => Just(1usize), 1 => 2usize..5],
        1usize..7,
        1usize..4,
        prop_oneof![3 => Just(1usize), 1 => 2usize..4],
        [0usize..4, 0usize..4],
        activation,
    )
        .prop_map(
            |(
                time,
                group_inputs,
                group_outputs,
                groups,
                kernel,
                stride,
                dilation,
                padding,
                activation,
            )| {
                Geometry {
                    time,
                    group_inputs,
                    group_outputs,
                    groups,
                    kernel,
                    stride,
                    dilation,
                    padding,
                    activation,
                }
            },
        )
        .prop_filter("the window fits", |g| {
            g.time + g.padding[0] + g.padding[1] > (g.kernel - 1) * g.dilation
        })
}

/// A network of one layer with int8 or f32 tensors.
fn network(input: Shape, op: Op, quant: Option<(Quant, Quant)>) -> Graph {
    let mut graph = Graph::new("one layer", input);
    graph.push("layer", op).unwrap();
    if let Some((input, output)) = quant {
        graph.tensors[0].quant = Some(input);
        graph.tensors[1].quant = Some(output);
    }
    graph
}

/// Output of the engine.
fn run_i8(graph: &Graph, input: &[i8]) -> Vec<i8> {
    let plan = plan(graph, Strategy::KeepAll).unwrap();
    let words = to_words(graph, &plan).unwrap();
    let network = Interpreter::new(Model::parse(&words).unwrap(), registry::ALL_INT8).unwrap();
    let mut arena = vec![0x5a5a_5a5a; network.model().arena_words()];
    network.input_i8(&mut arena).unwrap().copy_from_slice(input);
    network.run(&mut arena).unwrap();
    network.output_i8(&arena).unwrap().to_vec()
}

/// Output of the engine.
fn run_f32(graph: &Graph, input: &[f32]) -> Vec<f32> {
    let plan = plan(graph, Strategy::KeepAll).unwrap();
    let words = to_words(graph, &plan).unwrap();
    let network = Interpreter::new(Model::parse(&words).unwrap(), registry::ALL_F32).unwrap();
    let mut arena = vec![0x5a5a_5a5a; network.model().arena_words()];
    network
        .input_f32(&mut arena)
        .unwrap()
        .copy_from_slice(input);
    network.run(&mut arena).unwrap();
    network.output_f32(&arena).unwrap().to_vec()
}

impl Geometry {
    fn input(&self) -> Shape {
        Shape::new(self.time, self.group_inputs * self.groups)
    }

    fn outputs(&self) -> usize {
        self.group_outputs * self.groups
    }

    fn op(&self, weights: Weights) -> Op {
        Op::Conv1d(Conv1d {
            out_channels: self.outputs(),
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            padding: self.padding,
            groups: self.groups,
            activation: self.activation,
            weights,
        })
    }

    /// Calls `tap` with output step, output channel, weight and input element of every tap inside the input.
    fn taps(&self, mut tap: impl FnMut(usize, usize, usize, usize)) {
        let span = (self.kernel - 1) * self.dilation;
        let steps = (self.time + self.padding[0] + self.padding[1] - span - 1) / self.stride + 1;
        let channels = self.group_inputs * self.groups;
        for t in 0..steps {
            for o in 0..self.outputs() {
                for k in 0..self.kernel {
                    let at = t * self.stride + k * self.dilation;
                    let Some(at) = at.checked_sub(self.padding[0]).filter(|&a| a < self.time)
                    else {
                        continue;
                    };
                    for i in 0..self.group_inputs {
                        let weight = (o * self.kernel + k) * self.group_inputs + i;
                        let first = o / self.group_outputs * self.group_inputs;
                        tap(t, o, weight, at * channels + first + i);
                    }
                }
            }
        }
    }
}

/// Quantization of input and output and weights, so that outputs use their range and sometimes leave it.
fn quantized(r: &mut Random, outputs: usize, taps: usize) -> (Quant, Quant, Weights) {
    let input = Quant {
        scale: 0.05,
        zero_point: r.i8(),
    };
    let scales: Vec<f32> = (0..outputs)
        .map(|_| 0.005 + 0.01 * r.real().abs())
        .collect();
    let spread = 0.05 * 0.015 * 64.0 * 64.0 * (taps as f32).sqrt();
    let output = Quant {
        scale: spread / 100.0,
        zero_point: r.i8(),
    };
    let weights = Weights::I8 {
        weights: (0..outputs * taps).map(|_| r.i8().max(-127)).collect(),
        bits: 8,
        scales,
        bias: (0..outputs).map(|_| (r.real() * 20_000.0) as i32).collect(),
    };
    (input, output, weights)
}

/// TensorFlow Lite: requantize, add the zero point, clamp.
fn finish(acc: i32, real: f64, output: Quant, activation: Activation) -> i8 {
    let grid = output_grid(output, activation);
    let q = Multiplier::from_real(real).apply(acc) + i32::from(output.zero_point);
    q.clamp(i32::from(grid.low), i32::from(grid.high)) as i8
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn convolution_int8_is_exact(g in geometry(), seed: u64) {
        let mut r = Random(seed);
        let taps = g.kernel * g.group_inputs;
        let (input, output, weights) = quantized(&mut r, g.outputs(), taps);
        let x: Vec<i8> = (0..g.input().len()).map(|_| r.i8()).collect();
        let graph = network(g.input(), g.op(weights.clone()), Some((input, output)));
        let Weights::I8 { weights, scales, bias, .. } = weights else { unreachable!() };
        let mut sums: Vec<i32> = bias.iter().copied().cycle()
            .take(graph.tensors[1].shape.len()).collect();
        g.taps(|t, o, w, i| {
            sums[t * g.outputs() + o] +=
                i32::from(weights[w]) * (i32::from(x[i]) - i32::from(input.zero_point));
        });
        let expected: Vec<i8> = sums.iter().zip(scales.iter().cycle()).map(|(&acc, &scale)| {
            let real = f64::from(input.scale) * f64::from(scale) / f64::from(output.scale);
            finish(acc, real, output, g.activation)
        }).collect();
        prop_assert_eq!(run_i8(&graph, &x), expected);
    }

    #[test]
    fn convolution_f32_agrees(g in geometry(), seed: u64) {
        let mut r = Random(seed);
        let weights: Vec<f32> =
            (0..g.outputs() * g.kernel * g.group_inputs).map(|_| r.real()).collect();
        let bias: Vec<f32> = (0..g.outputs()).map(|_| r.real()).collect();
        let x: Vec<f32> = (0..g.input().len()).map(|_| r.real()).collect();
        let op = g.op(Weights::F32 { weights: weights.clone(), bias: bias.clone() });
        let graph = network(g.input(), op, None);
        let mut sums: Vec<f64> = bias.iter().map(|&b| f64::from(b)).cycle()
            .take(graph.tensors[1].shape.len()).collect();
        g.taps(|t, o, w, i| sums[t * g.outputs() + o] += f64::from(weights[w]) * f64::from(x[i]));
        for (y, sum) in run_f32(&graph, &x).into_iter().zip(sums) {
            let expected = match g.activation {
                Activation::None => sum,
                Activation::Relu => sum.max(0.0),
                Activation::Relu6 => sum.clamp(0.0, 6.0),
            };
            prop_assert!((f64::from(y) - expected).abs() < 1e-4, "{y} {expected}");
        }
    }

    #[test]
    fn dense_int8_rounds_once(inputs in 1usize..1200, outputs in 1usize..8, seed: u64) {
        let mut r = Random(seed);
        let (input, output, weights) = quantized(&mut r, outputs, inputs);
        let x: Vec<i8> = (0..inputs).map(|_| r.i8()).collect();
        let op = Op::Dense(Dense {
            out_features: outputs,
            activation: Activation::None,
            weights: weights.clone(),
        });
        let graph = network(Shape::new(1, inputs), op, Some((input, output)));
        let Weights::I8 { weights, scales, bias, .. } = weights else { unreachable!() };
        let expected: Vec<i8> = weights.chunks(inputs).zip(scales).zip(bias).map(|((w, scale), bias)| {
            let acc = w.iter().zip(&x).fold(i64::from(bias), |acc, (&w, &x)| {
                acc + i64::from(w) * (i64::from(x) - i64::from(input.zero_point))
            });
            let real = f64::from(input.scale) * f64::from(scale) / f64::from(output.scale);
            let m = Multiplier::from_real(real);
            let shift = 31 - m.exponent;
            let q = (acc * i64::from(m.value) + (1 << (shift - 1))) >> shift;
            (q + i64::from(output.zero_point)).clamp(-128, 127) as i8
        }).collect();
        prop_assert_eq!(run_i8(&graph, &x), expected);
    }

    #[test]
    fn add_int8_is_exact(len in 1usize..40, seed: u64) {
        let mut r = Random(seed);
        let quant = |r: &mut Random| Quant { scale: 0.01 + r.real().abs(), zero_point: r.i8() };
        let [a, b, sum] = [quant(&mut r), quant(&mut r), quant(&mut r)];
        // Both operands are made of the one input, by activations that change the grid.
        let mut graph = Graph::new("sum", Shape::new(len, 1));
        let first = graph.push("first", Op::Activation(Activation::None)).unwrap();
        let second = graph.push("second", Op::Activation(Activation::None)).unwrap();
        graph.push("sum", Op::Add(Activation::Relu)).unwrap();
        graph.nodes[2].inputs = vec![first, second];
        for (tensor, q) in graph.tensors.iter_mut().zip([a, a, b, sum]) {
            tensor.quant = Some(q);
        }
        let x: Vec<i8> = (0..len).map(|_| r.i8()).collect();
        let requantize = |q: i32, from: Quant, to: Quant| {
            let real = f64::from(from.scale) / f64::from(to.scale);
            finish(q - i32::from(from.zero_point), real, to, Activation::None)
        };
        let [sa, sb, so] = [a, b, sum].map(|q| f64::from(q.scale));
        let twice = 2.0 * sa.max(sb);
        let scaled = |q: i8, of: Quant, scale: f64| {
            Multiplier::from_real(scale / twice).apply((i32::from(q) - i32::from(of.zero_point)) << 20)
        };
        let expected: Vec<i8> = x.iter().map(|&q| {
            let other = requantize(i32::from(q), a, b);
            let acc = scaled(q, a, sa) + scaled(other, b, sb);
            finish(acc, twice / (f64::from(1 << 20) * so), sum, Activation::Relu)
        }).collect();
        prop_assert_eq!(run_i8(&graph, &x), expected);
    }
}

/// Two layers, front end, int8.
fn small_model() -> Vec<u32> {
    let mut r = Random(3);
    let (input, output, weights) = quantized(&mut r, 4, 9);
    let mut graph = Graph::new("small", Shape::new(8, 3));
    graph.frontend = Some(Frontend {
        offset: vec![1, -2, 3],
        scale: vec![0.001; 3],
    });
    let conv = Conv1d {
        out_channels: 4,
        kernel: 3,
        stride: 2,
        dilation: 1,
        padding: [1, 1],
        groups: 1,
        activation: Activation::Relu,
        weights,
    };
    graph.push("conv", Op::Conv1d(conv)).unwrap();
    graph.push("softmax", Op::Softmax).unwrap();
    let scores = Quant {
        scale: 1.0 / 256.0,
        zero_point: -128,
    };
    for (tensor, q) in graph.tensors.iter_mut().zip([input, output, scores]) {
        tensor.quant = Some(q);
    }
    to_words(&graph, &plan(&graph, Strategy::Lifetimes).unwrap()).unwrap()
}

/// Whether `words` is accepted and then runs.
fn runs(words: &[u32]) -> bool {
    let Ok(network) = Model::parse(words).and_then(|m| Interpreter::new(m, registry::ALL)) else {
        return false;
    };
    if network.model().arena_words() > 1 << 20 {
        return false;
    }
    let mut arena = vec![0; network.model().arena_words()];
    let counts = [100; 24];
    let _ = network.load_counts(&counts, &mut arena);
    network.run(&mut arena).unwrap();
    true
}

#[test]
fn damage_is_noticed() {
    let words = small_model();
    assert!(runs(&words));
    for len in 0..words.len() {
        assert!(
            Model::parse(&words[..len]).is_err(),
            "truncated to {len} words"
        );
    }
    let mut longer = words.clone();
    longer.push(0);
    assert!(Model::parse(&longer).is_err());
    for bit in 0..words.len() * 32 {
        let mut damaged = words.clone();
        damaged[bit / 32] ^= 1 << (bit % 32);
        assert!(Model::parse(&damaged).is_err(), "bit {bit}");
    }
}

#[test]
fn bytes_are_checked_too() {
    let words = small_model();
    let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    // A copy with room to shift by one.
    let mut room = vec![0u32; words.len() + 1];
    let room: &mut [u8] = bytemuck::cast_slice_mut(&mut room);
    room[..bytes.len()].copy_from_slice(&bytes);
    assert!(Model::from_bytes(&room[..bytes.len()]).is_ok());
    assert!(matches!(
        Model::from_bytes(&room[..bytes.len() - 1]),
        Err(mote::Error::Length)
    ));
    room.copy_within(..bytes.len(), 1);
    assert!(matches!(
        Model::from_bytes(&room[1..=bytes.len()]),
        Err(mote::Error::Misaligned)
    ));
}

#[test]
fn missing_operators_and_short_arenas_are_errors() {
    let words = small_model();
    let model = Model::parse(&words).unwrap();
    let missing = Interpreter::new(model, &[registry::CONV_I8]);
    assert_eq!(missing.err(), Some(mote::Error::UnsupportedOp));
    let network = Interpreter::new(model, registry::ALL).unwrap();
    let mut arena = vec![0; model.arena_words() - 1];
    assert_eq!(network.run(&mut arena), Err(mote::Error::ArenaTooSmall));
    let mut arena = vec![0; model.arena_words()];
    let short = network.load_counts(&[0; 23], &mut arena);
    assert_eq!(short, Err(mote::Error::BufferLength));
    assert_eq!(network.input_f32(&mut arena), Err(mote::Error::ElementType));
}

proptest! {
    /// A wrong model with a right checksum: refused, or run without a panic.
    #[test]
    fn malformed_models_never_panic(at: prop::sample::Index, word: u32, low_bits: bool) {
        let mut words = small_model();
        let last = words.len() - 1;
        let at = at.index(last);
        words[at] = if low_bits { words[at] ^ (word & 0x0303_0303) } else { word };
        words[last] = mote::crc32(&words[..last]);
        runs(&words);
    }
}
