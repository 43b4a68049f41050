//! What a network that decides at every step costs as a stream, with a filter behind it: memory, and cycles per second.
//!
//! ```text
//! cargo run -p mote-device --example steps -- c24k9s2-d48k7s2-d64k5-d64k5 [--four-bits] [--layers]
//! ```
//!
//! Samples have three axes and come 20 times a second. Weights and samples are random: cycles do not depend on them.

use mote_codegen::generate;
use mote_device::board::Board;
use mote_device::core::Optimize;
use mote_device::emulator::Windows;
use mote_device::image::FirmwareBuilder;
use mote_device::measure::{Job, measure};
use mote_model::cnn::parse_blocks;
use mote_model::stream::{Schedule, stream};
use mote_model::{
    Cnn, Filter, Frontend, Graph, Padding, Quant, Runtime, Shape, Strategy, Weights, cnn, plan,
};
use std::error::Error;

const CHANNELS: usize = 3;
const CLASSES: usize = 5;
const RATE_HZ: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| arguments.iter().any(|a| a == name);
    let blocks = arguments.iter().find(|a| !a.starts_with('-'));
    let blocks = blocks.map_or("c24k9s2-d48k7s2-d64k5-d64k5", String::as_str);
    let cnn = Cnn {
        blocks: parse_blocks(blocks)?,
        padding: Padding::Valid,
        ..Cnn::default()
    };
    let graph = network(&cnn, option("--four-bits"))?;
    let stride = cnn.total_stride();
    let per_second = graph.macs() * RATE_HZ / stride;
    println!(
        "{blocks}: {} samples, {} weights, {} MAC per step, {per_second} without a stream per second",
        cnn.receptive_field(),
        graph.parameters(),
        graph.macs()
    );
    let builder = FirmwareBuilder::locate()?;
    let board = Board::load("stm32l4r5")?.without_waiting();
    for steps in [1, 2] {
        let streamed = stream(&graph, steps * stride, Some(steps * stride))?;
        let schedule = Schedule::of(&streamed).ok_or("a stream has a schedule")?;
        let state: usize = streamed
            .state()
            .map(|id| streamed.tensors.get(id).map_or(0, |t| t.bytes()))
            .sum();
        let arena = plan(&streamed, Strategy::Overlap)?.arena;
        let run = steps * stride * CHANNELS;
        let counts = run * (schedule.first + 2 * schedule.every);
        let bytes: Vec<u8> = (0..counts)
            .flat_map(|i| (i16::from(noise(i)) * 32).to_le_bytes())
            .collect();
        println!(
            "tick of {} samples: {} MAC a second, state {state} B, arena {arena} B",
            steps * stride,
            streamed.macs() * RATE_HZ / (steps * stride),
        );
        for optimize in [Optimize::Size, Optimize::Speed] {
            let job = Job {
                pipeline: &generate(&streamed, Runtime::COMPILED)?,
                board: &board,
                optimize,
                windows: Windows {
                    bytes: &bytes,
                    window: 2 * run,
                    warm_up: schedule.first,
                    per_decision: schedule.every,
                },
                hop_seconds: None,
                stack_limit: None,
            };
            let measurement = measure(&builder, &job)?;
            let figures = &measurement.figures;
            let cycles = figures.cycles.unwrap_or_default() as usize;
            println!(
                "  -O{optimize}: code {} + model {} B flash, static {} + stack {} B RAM, {} cycles a second",
                figures.flash_code.unwrap_or_default(),
                figures.flash_model.unwrap_or_default(),
                figures.ram_static.unwrap_or_default(),
                figures.ram_stack.unwrap_or_default(),
                cycles * RATE_HZ / (steps * stride),
            );
            if option("--layers") {
                for (layer, node) in figures.layers.iter().zip(&streamed.nodes) {
                    let (cycles, macs) = (layer.cycles.unwrap_or(0), streamed.node_macs(node));
                    println!("    {:<28} {cycles:>7} cycles {macs:>7} MAC", layer.name);
                }
                for part in &measurement.functions {
                    println!("    {part:?}");
                }
                for symbol in &measurement.symbols {
                    println!("    {symbol:?}");
                }
                for section in &measurement.sections {
                    println!("    {section:?}");
                }
            }
        }
    }
    Ok(())
}

/// Builds the int8 network over a window of its receptive field, with a filter.
fn network(cnn: &Cnn, four_bits: bool) -> Result<Graph, mote_model::Error> {
    let input = Shape::new(cnn.receptive_field(), CHANNELS);
    let layers = cnn.layers(input)?;
    let of_layer = |layer: &cnn::ConvLayer| {
        let packed = four_bits && layer.geometry.is_pointwise();
        let bits = if packed { 4 } else { 8 };
        weights(layer.out_channels, layer.fan_in(), bits)
    };
    let convolutions = layers.iter().map(of_layer).collect();
    let head = weights(CLASSES, cnn.features_shape(input)?.channels, 8);
    let mut graph = cnn::graph("steps", input, &layers, convolutions, head)?;
    for tensor in &mut graph.tensors {
        tensor.quant = Some(Quant {
            scale: 0.05,
            zero_point: -128,
        });
    }
    graph.frontend = Some(Frontend {
        offset: vec![0; CHANNELS],
        scale: vec![0.002; CHANNELS],
    });
    graph.push_filter("filter", Filter::fixed(CLASSES, 150.0, 0.3))?;
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
