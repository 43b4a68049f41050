//! Cycles per multiplication of TensorFlow Lite networks on a board: the core's, those it waits for flash, and both.
//!
//! ```text
//! cargo xtask bench cycles [--board NAME] [--clock MHZ] [--optimize 3] [--layers] [--functions] [MODEL.tflite ...]
//! ```
//!
//! Without a model, networks A and B of the importer's tests. Inputs are random: cycles do not depend on them.

use mote_codegen::generate;
use mote_device::board::Board;
use mote_device::emulator::Windows;
use mote_device::image::FirmwareBuilder;
use mote_device::measure::{Job, Measurement, measure};
use mote_model::{Graph, Runtime};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// What the command line asks for.
struct Args {
    board: Board,
    optimize: mote_device::core::Optimize,
    layers: bool,
    functions: bool,
    models: Vec<PathBuf>,
}

fn arguments() -> Result<Args, Box<dyn Error>> {
    let mut args = Args {
        board: Board::load("stm32l4r5")?,
        optimize: "3".parse()?,
        layers: false,
        functions: false,
        models: Vec::new(),
    };
    let mut clock = None;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("`{word}` needs a value"));
        match word.as_str() {
            "--board" => args.board = Board::load(&value()?)?,
            "--clock" => clock = Some(value()?.parse()?),
            "--optimize" => args.optimize = value()?.parse()?,
            "--layers" => args.layers = true,
            "--functions" => args.functions = true,
            model => args.models.push(model.into()),
        }
    }
    args.board.clock_mhz = clock.unwrap_or(args.board.clock_mhz);
    if args.models.is_empty() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mote-import/tests/models");
        let known = ["A_int8.tflite", "A_valid_int8_pt.tflite", "B_int8.tflite"];
        args.models = known.map(|name| models.join(name)).to_vec();
    }
    Ok(args)
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = arguments()?;
    let builder = FirmwareBuilder::locate()?;
    println!(
        "{} at {} MHz, -O{}; cycles per MAC: core + waiting for flash = both",
        args.board.title, args.board.clock_mhz, args.optimize
    );
    for path in &args.models {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let bytes = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let graph = mote_import::tflite::import(&name, &bytes)?;
        let measured = measure_on(&builder, &args, &graph)?;
        print(&args, &name, &graph, &measured);
    }
    Ok(())
}

fn measure_on(
    builder: &FirmwareBuilder,
    args: &Args,
    graph: &Graph,
) -> Result<Measurement, Box<dyn Error>> {
    let run = graph.tensor(graph.input)?.bytes();
    // The second run finds the caches as they are when one decision follows another.
    let bytes: Vec<u8> = (0..2 * run)
        .map(|i| match run.is_multiple_of(4) && i % 4 == 3 {
            // A small exponent, in case these are floats.
            true => 0,
            false => (i * 37) as u8,
        })
        .collect();
    let job = Job {
        pipeline: &generate(graph, Runtime::COMPILED)?,
        board: &args.board,
        optimize: args.optimize,
        windows: Windows {
            bytes: &bytes,
            window: run,
            warm_up: 1,
            per_decision: 1,
        },
        hop_seconds: None,
        stack_limit: None,
    };
    Ok(measure(builder, &job)?)
}

fn print(args: &Args, name: &str, graph: &Graph, measured: &Measurement) {
    let all: u64 = graph.nodes.iter().map(|n| graph.node_macs(n) as u64).sum();
    let line = |name: &str, macs: u64, cycles: u64, flash: u64, weights: u64| {
        let each = |n: u64| n as f64 / macs.max(1) as f64;
        println!(
            "{name:<34} {macs:>9} MAC {cycles:>9} cycles {flash:>8} waiting, {weights:>8} for weights; {:.3} + {:.3} = {:.3}",
            each(cycles - flash),
            each(flash),
            each(cycles)
        );
    };
    let f = &measured.figures;
    let some = |n: Option<u64>| n.unwrap_or(0);
    let (cycles, flash) = (some(f.cycles), some(f.cycles_flash));
    line(name, all, cycles, flash, some(f.cycles_flash_weights));
    if args.layers {
        for layer in &f.layers {
            let node = graph.nodes.iter().find(|n| n.name == layer.name);
            let macs = node.map_or(0, |n| graph.node_macs(n) as u64);
            let flash = some(layer.cycles_flash);
            let weights = some(layer.cycles_flash_weights);
            line(
                &format!("  {}", layer.name),
                macs,
                some(layer.cycles),
                flash,
                weights,
            );
        }
    }
    if args.functions {
        for part in measured.functions.iter().take(12) {
            println!(
                "    {:<60} {:>8} bytes {:>9} cycles {:>8} waiting",
                part.name,
                part.bytes.unwrap_or(0),
                some(part.work.cycles),
                some(part.work.waiting)
            );
        }
    }
}
