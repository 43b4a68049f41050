//! Cycles of every layer of a separable network, the kind that Mote trains by default: 60x3 to 5 classes, int8.
//!
//! ```text
//! cargo run --release -p mote-device --example separable -- [--four-bits]
//! ```
//!
//! With `--four-bits`, weights of pointwise convolutions are packed. Weights and windows are random: cycles do not depend on them.

use mote_codegen::generate;
use mote_device::board::Board;
use mote_device::core::Optimize;
use mote_device::emulator::Windows;
use mote_device::image::FirmwareBuilder;
use mote_device::measure::{Job, measure};
use mote_model::Runtime;
use mote_model::{Activation, Conv1d, Dense, Graph, Op, Pool, PoolKind, Quant, Shape, Weights};
use std::error::Error;

/// Channels and stride of each block; the first is a plain convolution.
const BLOCKS: [(usize, usize); 4] = [(24, 2), (48, 2), (64, 2), (64, 1)];
const KERNEL: usize = 5;
const TIME: usize = 60;
const AXES: usize = 3;
const CLASSES: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let graph = network(std::env::args().any(|a| a == "--four-bits"))?;
    let builder = FirmwareBuilder::locate()?;
    let source = generate(&graph, Runtime::COMPILED)?;
    let bytes: Vec<u8> = (0..4 * TIME * AXES).map(noise).map(|x| x as u8).collect();
    let board = Board::load("stm32l4r5")?;
    for optimize in [Optimize::Size, Optimize::Speed] {
        let m = measure(
            &builder,
            &Job {
                pipeline: &source,
                board: &board,
                optimize,
                windows: Windows::new(&bytes, TIME * AXES),
                hop_seconds: None,
                stack_limit: None,
            },
        )?;
        println!(
            "opt {optimize}: code {}, model {}, static {}, stack {}, cycles {}",
            m.figures.flash_code.unwrap_or_default(),
            m.figures.flash_model.unwrap_or_default(),
            m.figures.ram_static.unwrap_or_default(),
            m.figures.ram_stack.unwrap_or_default(),
            m.figures.cycles.unwrap_or_default()
        );
        for (layer, node) in m.figures.layers.iter().zip(&graph.nodes) {
            let cycles = layer.cycles.unwrap_or_default();
            let macs = graph.node_macs(node);
            let each = cycles as f64 / macs.max(1) as f64;
            println!(
                "  {:<28} {cycles:>7} cycles {macs:>7} MAC {each:>7.2}",
                layer.name
            );
        }
    }
    Ok(())
}

fn network(four_bits: bool) -> Result<Graph, mote_model::Error> {
    let mut graph = Graph::new("separable", Shape::new(TIME, AXES));
    let mut channels = AXES;
    for (block, (outputs, stride)) in BLOCKS.into_iter().enumerate() {
        if block > 0 {
            let depthwise = conv(&graph, channels, KERNEL, stride, channels)?;
            graph.push(format!("depthwise_{block}"), depthwise)?;
            let mut pointwise = conv(&graph, outputs, 1, 1, 1)?;
            if let Op::Conv1d(conv) = &mut pointwise
                && let Weights::I8 { weights, bits, .. } = &mut conv.weights
                && four_bits
            {
                *bits = 4;
                weights.iter_mut().for_each(|w| *w /= 16);
            }
            graph.push(format!("pointwise_{block}"), pointwise)?;
        } else {
            let first = conv(&graph, outputs, KERNEL, stride, 1)?;
            graph.push("conv", first)?;
        }
        channels = outputs;
    }
    let time = graph.tensor(graph.output)?.shape.time;
    let pool = Pool {
        kind: PoolKind::Average,
        kernel: time,
        stride: 1,
        padding: [0, 0],
    };
    graph.push("pool", Op::Pool(pool))?;
    let dense = Dense {
        out_features: CLASSES,
        activation: Activation::None,
        weights: weights(CLASSES, channels),
    };
    graph.push("dense", Op::Dense(dense))?;
    for tensor in &mut graph.tensors {
        tensor.quant = Some(Quant {
            scale: 0.05,
            zero_point: -128,
        });
    }
    Ok(graph)
}

/// A convolution of "same" padding behind the graph's output.
fn conv(
    graph: &Graph,
    outputs: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
) -> Result<Op, mote_model::Error> {
    let input = graph.tensor(graph.output)?.shape;
    let padded = ((input.time.div_ceil(stride) - 1) * stride + kernel).saturating_sub(input.time);
    Ok(Op::Conv1d(Conv1d {
        out_channels: outputs,
        kernel,
        stride,
        dilation: 1,
        padding: [padded / 2, padded - padded / 2],
        groups,
        activation: Activation::Relu,
        weights: weights(outputs, kernel * input.channels / groups),
    }))
}

fn weights(outputs: usize, taps: usize) -> Weights {
    Weights::I8 {
        weights: (0..outputs * taps).map(|i| noise(i).max(-127)).collect(),
        bits: 8,
        scales: vec![0.01; outputs],
        bias: vec![100; outputs],
    }
}

/// A random number that belongs to `i`.
fn noise(i: usize) -> i8 {
    ((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as i8
}
