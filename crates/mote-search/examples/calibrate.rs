//! Measures a set of networks on an emulated core and fits the cost model's coefficients to them.
//!
//! ```text
//! cargo run --release -p mote-search --example calibrate -- --board stm32l4r5 --opt 3 --out crates/mote-search/calibration
//! ```
//!
//! With `--again FILE...` it measures nothing, and fits anew to the measurements in these files.

use mote_codegen::generate;
use mote_device::board::Board;
use mote_device::core::Optimize;
use mote_device::emulator::Windows;
use mote_device::image::FirmwareBuilder;
use mote_device::measure::{Job, measure};
use mote_model::stream::Schedule;
use mote_search::calibration::{SHAPES, Sample};
use mote_search::network::network;
use mote_search::{Calibration, Candidate};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Networks from very small to as large as `mote` trains, plain and separable, over windows and as streams.
const NETWORKS: [&str; 26] = [
    "window=3,net=c8k5s2",
    "window=5,net=c8k5s2-c16k5s2",
    "window=3,net=c12k3-c24k3s2",
    "window=5,pad=same,net=c16k5-c32k5s2-c32k5s2",
    "window=3,pad=same,net=c24k9s2-d48k7s2-d64k5s2-d64k5",
    "window=3,net=c24k9s2-d48k5s2-d64k5-d64k3",
    "window=5,net=c16k7s2-d24k5s2-d32k5",
    "window=4,net=c8k9s2-d16k9s2",
    "window=8,net=c12k5s2-d20k5s2-d28k5-d36k3",
    "window=3,net=d16k5-d32k5s2",
    "window=5,net=c32k5s2-c48k3s2-d80k3",
    "window=6,pad=same,net=c16k3s2-d40k3s2-d40k3-d40k3-d40k3",
    "window=5,net=c8k5s2,run=stream",
    "window=5,net=c8k5s2-c16k5s2,run=stream",
    "window=5,net=c16k5-c32k5s2-c32k5s2,run=stream",
    "window=3,net=c24k9s2-d48k5s2-d64k5-d64k3,run=stream",
    "window=5,net=c16k7s2-d24k5s2-d32k5,run=stream",
    "window=4,net=c8k9s2-d16k9s2,run=stream",
    "window=8,net=c12k5s2-d20k5s2-d28k5-d36k3,run=stream",
    "window=5,net=c32k5s2-d48k3s2-d80k3,run=stream",
    "window=3,net=c12k3-c24k3s2,run=stream",
    "window=10,net=c20k5s2-d40k5s2-d40k5-d40k5-d40k5,run=stream",
    "window=10,net=c10k9s4-c16k5-c24k3,run=stream",
    "window=10,net=c20k9s2-c28k5s2-c36k3,run=stream",
    "window=5,net=d16k5s2-d24k5s2,run=stream",
    "window=4,hop=2,net=c4k3-c8k3s2-d12k3,run=stream",
];

/// Decisions that counts are averaged over.
const DECISIONS: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut board, mut optimize) = ("stm32l4r5".to_owned(), Optimize::Speed);
    let mut out = PathBuf::from("crates/mote-search/calibration");
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--board" => board = value()?,
            "--opt" => optimize = value()?.parse()?,
            "--out" => out = PathBuf::from(value()?),
            "--again" => return arguments.try_for_each(|file| again(&file)),
            other => return Err(format!("`{other}` is not known").into()),
        }
    }
    let board = Board::load(&board)?.without_waiting();
    let builder = FirmwareBuilder::locate()?;
    let mut samples = Vec::new();
    let mut method = String::new();
    for text in NETWORKS {
        let (sample, how) = measured(text.parse()?, &builder, &board, optimize)?;
        let cycles = sample.cycles.as_ref().map(|c| c.iter().sum::<u64>());
        println!(
            "{text}: code {}, model {}, static {}, stack {}, cycles {cycles:?}",
            sample.flash_code, sample.flash_model, sample.ram_static, sample.ram_stack
        );
        samples.push(sample);
        method = how;
    }
    let calibration = Calibration::fit(board.core, optimize, method, samples)?;
    let path = out.join(format!("{}-{optimize}.json", board.core));
    write(&calibration, &path)
}

fn again(file: &str) -> Result<(), Box<dyn Error>> {
    // Coefficients of another version of the model need not be readable.
    let old: serde_json::Value = serde_json::from_str(&fs::read_to_string(file)?)?;
    let part = |name: &str| old[name].clone();
    let calibration = Calibration::fit(
        serde_json::from_value(part("core"))?,
        serde_json::from_value(part("optimize"))?,
        serde_json::from_value(part("method"))?,
        serde_json::from_value(part("samples"))?,
    )?;
    write(&calibration, Path::new(file))
}

fn write(calibration: &Calibration, path: &Path) -> Result<(), Box<dyn Error>> {
    for (figure, misses) in &calibration.misses {
        println!(
            "{figure}: median error {:.1} %, worst {:.1} %, of networks left out",
            misses.median * 100.0,
            misses.worst * 100.0
        );
    }
    fs::write(path, serde_json::to_string_pretty(&calibration)? + "\n")?;
    println!("{}", path.display());
    Ok(())
}

fn measured(
    candidate: Candidate,
    builder: &FirmwareBuilder,
    board: &Board,
    optimize: Optimize,
) -> Result<(Sample, String), Box<dyn Error>> {
    let (graph, runtime) = network(&candidate, SHAPES)?;
    let source = generate(&graph, runtime)?;
    // One run takes the samples of the input: a window, or a tick. They are sensor counts.
    let run = graph.tensor(graph.input)?.shape.len() * size_of::<i16>();
    let schedule = Schedule::of(&graph);
    let (warm_up, per_decision) = schedule.map_or((0, 1), |s| (s.first, s.every));
    let bytes: Vec<u8> = (0..run * (warm_up + DECISIONS * per_decision))
        .map(|i| ((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect();
    let job = Job {
        pipeline: &source,
        board,
        optimize,
        windows: Windows {
            bytes: &bytes,
            window: run,
            warm_up,
            per_decision,
        },
        hop_seconds: Some(candidate.hop_s()),
        stack_limit: None,
    };
    let m = measure(builder, &job)?;
    let cycles = m.figures.cycles.map(|total| {
        let of = |node: &mote_model::Node| {
            let mut layers = m.figures.layers.iter();
            let found = layers.find(|layer| layer.name == node.name);
            found.and_then(|layer| layer.cycles).unwrap_or_default()
        };
        let mut all: Vec<u64> = graph.nodes.iter().map(of).collect();
        all.push(total.saturating_sub(all.iter().sum()));
        all
    });
    let method = format!(
        "footprint elf; stack {}; cycles {}; {}; {}",
        m.provenance.stack, m.provenance.cycles, m.provenance.toolchain, m.provenance.emulator
    );
    let sample = Sample {
        candidate,
        flash_code: m.figures.flash_code.unwrap_or_default(),
        flash_model: m.figures.flash_model.unwrap_or_default(),
        ram_static: m.figures.ram_static.unwrap_or_default(),
        ram_stack: m.figures.ram_stack.unwrap_or_default(),
        cycles,
    };
    Ok((sample, method))
}
