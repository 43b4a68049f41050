//! Device figures of TensorFlow Lite networks, and where the time goes.
//!
//! ```text
//! cargo run -p mote-device --example figures -- [--board B]... [--opt s|3|z]... [--compiled|--interpreter|--boxed|--paged BYTES|--halved BYTES] [--hop SAMPLES [--tick SAMPLES]] [-v] NETWORK.tflite...
//! ```
//!
//! Without options: the M4 of an STM32L4R5 and the M0 of a micro:bit, at `s` and `3`, interpreter and compiled. The
//! windows are those of `NETWORK.golden.json` beside it. With `--hop` the networks are streams over a recording made of
//! these windows; figures are per decision. `-v` adds layers, functions and symbols.

use mote_codegen::generate;
use mote_device::board::Board;
use mote_device::core::Optimize;
use mote_device::emulator::Windows;
use mote_device::image::FirmwareBuilder;
use mote_device::measure::{Job, Measurement, measure};
use mote_model::stream::{Schedule, stream};
use mote_model::{PageBuffers, Runtime};
use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let (mut boards, mut levels, mut runtimes, mut networks) = (vec![], vec![], vec![], vec![]);
    let (mut verbose, mut hop, mut tick) = (false, None, None);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--board" => boards.push(arguments.next().ok_or("--board needs a name")?),
            "--opt" => levels.push(arguments.next().ok_or("--opt needs a level")?.parse()?),
            "--compiled" => runtimes.push(Runtime::COMPILED),
            "--boxed" => runtimes.push(Runtime::BASELINE),
            "--interpreter" => runtimes.push(Runtime::INTERPRETER),
            "--paged" | "--halved" => {
                let window = arguments.next().ok_or("a window has bytes")?.parse()?;
                let buffers = match argument.as_str() {
                    "--halved" => PageBuffers::Two,
                    _ => PageBuffers::One,
                };
                runtimes.push(Runtime::COMPILED.paged(window, buffers));
            }
            "--hop" => hop = Some(arguments.next().ok_or("--hop needs samples")?.parse()?),
            "--tick" => tick = Some(arguments.next().ok_or("--tick needs samples")?.parse()?),
            "-v" => verbose = true,
            _ => networks.push(argument),
        }
    }
    if boards.is_empty() {
        boards = vec!["stm32l4r5".to_owned(), "microbit".to_owned()];
    }
    if levels.is_empty() {
        levels = vec![Optimize::Size, Optimize::Speed];
    }
    if runtimes.is_empty() {
        runtimes = vec![Runtime::INTERPRETER, Runtime::COMPILED];
    }
    let builder = FirmwareBuilder::locate()?;
    println!(
        "{:<16} {:<48} {:<10} {:>2} {:>7} {:>7} {:>7} {:>6} {:>6} {:>9} {:>9} {:>6} {:>5}",
        "network",
        "runtime",
        "board",
        "O",
        "code",
        "model",
        "static",
        "stack",
        "heap",
        "instr",
        "cycles",
        "c/MAC",
        "panic"
    );
    for network in &networks {
        let network = Path::new(network);
        let name = network.file_stem().unwrap_or_default().to_string_lossy();
        let mut graph = mote_import::tflite::import(&name, &fs::read(network)?)?;
        let int8 = graph.tensor(graph.input)?.quant.is_some();
        let golden = fs::read(network.with_extension("golden.json"))?;
        let golden: serde_json::Value = serde_json::from_slice(&golden)?;
        let inputs: Vec<Vec<f32>> = serde_json::from_value(golden["inputs"].clone())?;
        let bytes: Vec<u8> = match int8 {
            true => inputs.iter().flatten().map(|&x| x as i8 as u8).collect(),
            false => inputs
                .iter()
                .flatten()
                .flat_map(|x| x.to_le_bytes())
                .collect(),
        };
        let mut windows = Windows::new(&bytes, bytes.len() / inputs.len().max(1));
        let macs = graph.macs();
        if let Some(hop) = hop {
            graph = stream(&graph, hop, tick)?;
            let schedule = Schedule::of(&graph).ok_or("a stream has a schedule")?;
            windows.window = graph.tensor(graph.input)?.bytes();
            windows.warm_up = schedule.first;
            windows.per_decision = schedule.every;
            let whole = (windows.count() - schedule.first) / schedule.every * schedule.every;
            windows.bytes = &bytes[..(schedule.first + whole) * windows.window];
        }
        for &runtime in &runtimes {
            let source = generate(&graph, runtime)?;
            for board in &boards {
                let board = Board::load(board)?;
                for &optimize in &levels {
                    let job = Job {
                        pipeline: &source,
                        board: &board,
                        optimize,
                        windows,
                        hop_seconds: Some(1.0),
                        stack_limit: None,
                    };
                    let m = measure(&builder, &job)?;
                    print_row(&name, runtime, &m, macs);
                    if let Some(loading) = &m.loading {
                        println!(
                            "  {} bytes outside; {loading:?}; {:?}",
                            m.figures.flash_external.unwrap_or_default(),
                            m.figures.latency_ms
                        );
                    }
                    if verbose {
                        print_details(&m);
                    }
                }
            }
        }
    }
    Ok(())
}

fn print_row(name: &str, runtime: Runtime, m: &Measurement, macs: usize) {
    let cycles = m.figures.cycles.map_or("-".to_owned(), |c| c.to_string());
    let per_mac = m
        .figures
        .cycles
        .map_or("-".to_owned(), |c| format!("{:.2}", c as f64 / macs as f64));
    println!(
        "{name:<16} {:<48} {:<10} {:>2} {:>7} {:>7} {:>7} {:>6} {:>6} {:>9} {cycles:>9} {per_mac:>6} {:>5}",
        runtime.to_string(),
        m.figures.board,
        m.figures.optimize,
        m.figures.flash_code.unwrap_or_default(),
        m.figures.flash_model.unwrap_or_default(),
        m.figures.ram_static.unwrap_or_default(),
        m.figures.ram_stack.unwrap_or_default(),
        m.figures.ram_heap.unwrap_or_default(),
        m.figures.instructions.unwrap_or_default(),
        if m.panic_free { "no" } else { "YES" },
    );
}

fn print_details(m: &Measurement) {
    let layers = m.figures.layers.iter();
    let layers = layers.map(|l| (l.cycles, l.instructions.unwrap_or_default(), &l.name));
    let functions = m.functions.iter();
    let functions = functions.map(|f| (f.work.cycles, f.work.instructions, &f.name));
    let tables: [(&str, Vec<_>); 2] = [
        ("layers", layers.collect()),
        ("functions", functions.collect()),
    ];
    for (title, parts) in tables {
        println!("  {title}");
        for (cycles, instructions, name) in parts.iter().filter(|p| p.1 > 0).take(16) {
            let cycles = cycles.unwrap_or_default();
            println!("    {cycles:>9} {instructions:>9} {name}");
        }
    }
    println!("  symbols");
    for symbol in &m.symbols {
        println!(
            "    {:>7} {:<14} {}",
            symbol.size, symbol.section, symbol.name
        );
    }
}
