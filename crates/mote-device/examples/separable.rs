//! Cycles of every layer of a separable network, the kind that Mote trains by default: 60x3 to 5 classes, int8.
//!
//! ```text
//! cargo run --release -p mote-device --example separable -- [--four-bits]
//! ```
//!
//! With `--four-bits`, weights of pointwise convolutions are packed. Weights and windows are random: cycles do not
//! depend on them.

use mote_codegen::generate;
use mote_device::board::Board;
use mote_device::core::Optimize;
use mote_device::emulator::Windows;
use mote_device::image::FirmwareBuilder;
use mote_device::measure::{Job, measure};
use mote_model::{Block, Cnn, Graph, Quant, Runtime, Shape, Weights, cnn};
use std::error::Error;

const INPUT: Shape = Shape {
    time: 60,
    channels: 3,
};
const CLASSES: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let graph = network(std::env::args().any(|a| a == "--four-bits"))?;
    let builder = FirmwareBuilder::locate()?;
    let bytes: Vec<u8> = (0..4 * INPUT.len()).map(|i| noise(i) as u8).collect();
    for optimize in [Optimize::Size, Optimize::Speed] {
        let job = Job {
            pipeline: &generate(&graph, Runtime::COMPILED)?,
            board: &Board::load("stm32l4r5")?.without_waiting(),
            optimize,
            windows: Windows::new(&bytes, INPUT.len()),
            hop_seconds: None,
            stack_limit: None,
        };
        let figures = measure(&builder, &job)?.figures;
        println!("-O{optimize}: {:?} cycles", figures.cycles);
        for (layer, node) in figures.layers.iter().zip(&graph.nodes) {
            let (cycles, macs) = (layer.cycles.unwrap_or_default(), graph.node_macs(node));
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
    let architecture = Cnn {
        blocks: vec![
            Block::plain(24, 5, 2),
            Block::separable(48, 5, 2),
            Block::separable(64, 5, 2),
            Block::separable(64, 5, 1),
        ],
        ..Cnn::default()
    };
    let layers = architecture.layers(INPUT)?;
    let of_layer = |layer: &cnn::ConvLayer| {
        let packed = four_bits && layer.geometry.is_pointwise();
        weights(
            layer.out_channels,
            layer.fan_in(),
            if packed { 4 } else { 8 },
        )
    };
    let convolutions = layers.iter().map(of_layer).collect();
    let head = weights(CLASSES, 64, 8);
    let mut graph = cnn::graph("separable", INPUT, &layers, convolutions, head)?;
    for tensor in &mut graph.tensors {
        tensor.quant = Some(Quant {
            scale: 0.05,
            zero_point: -128,
        });
    }
    Ok(graph)
}

fn weights(outputs: usize, taps: usize, bits: u8) -> Weights {
    let range = if bits == 4 { 16 } else { 1 };
    Weights::I8 {
        weights: (0..outputs * taps)
            .map(|i| noise(i).max(-127) / range)
            .collect(),
        bits,
        scales: vec![0.01; outputs],
        bias: vec![100; outputs],
    }
}

/// Returns a random number that belongs to `i`.
fn noise(i: usize) -> i8 {
    ((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as i8
}
