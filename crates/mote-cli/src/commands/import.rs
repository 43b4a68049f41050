//! `mote import`: a model of another tool, with Mote's techniques, on Mote's boards.

use super::device::print;
use crate::args::{FlashModel, Optimize};
use crate::progress::observer;
use crate::ui::Ui;
use anyhow::Result;
use mote_experiment::{Import, ImportSettings, Imported};
use std::path::PathBuf;
use std::process::ExitCode;

/// Read a TensorFlow Lite or ONNX model, apply techniques, and show what it costs on boards.
///
/// The network is fed with sensor counts, which the device converts: (m/s^2 - mean) / std per channel; those of a task's
/// windows, or random ones. int8 is calibrated on training users of the task. What was imported is left as a deployment in
/// OUT/pipelines/NAME, for `mote export`.
#[derive(clap::Args)]
pub struct Args {
    /// The model, *.tflite or *.lite (int8 or f32), or *.onnx (f32).
    model: PathBuf,
    /// A board of `mote device boards`, or a board file (*.toml); several may be named. Without one, nothing is run.
    #[arg(long, num_args = 1..)]
    board: Vec<String>,
    /// Flash as the board's file describes it, or without wait states: the cycles of the core alone.
    #[arg(long, value_enum, default_value_t)]
    flash_model: FlashModel,
    /// Techniques in order, as in a pipeline: `int8:calibration=mse flatten stream`.
    #[arg(long, num_args = 0.., default_values = ["static-pruning", "flatten", "arena"])]
    techniques: Vec<String>,
    /// What the compiler optimises for.
    #[arg(long, value_enum, default_value_t = Optimize::Speed)]
    optimize: Optimize,
    /// Task whose windows the network reads, and techniques such as int8 and lazy learn from. Without one, the network runs
    /// on random inputs in its own range.
    #[arg(long)]
    task: Option<String>,
    /// Folder that holds the data sets.
    #[arg(long, env = "MOTE_DATA")]
    data: Option<PathBuf>,
    /// Samples per second that the network was trained for.
    #[arg(long, default_value_t = 20.0)]
    rate: f32,
    /// What training subtracted, in m/s^2: one number, or one per channel.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "0",
        allow_hyphen_values = true
    )]
    mean: Vec<f32>,
    /// What training divided by, in m/s^2; 9.80665 for networks that read g.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    std: Vec<f32>,
    /// Folder for images.
    #[arg(long, default_value = "out")]
    out: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    let steps = args.techniques.iter().map(|text| text.parse());
    let settings = ImportSettings {
        model: args.model.clone(),
        techniques: steps.collect::<Result<_, mote_techniques::Error>>()?,
        task: args.task.clone(),
        folder: args.data.clone(),
        rate_hz: args.rate,
        mean: args.mean.clone(),
        std: args.std.clone(),
        boards: args.board.clone(),
        flash_model: args.flash_model.into(),
        optimize: args.optimize.into(),
        out: args.out.clone(),
    };
    let import = Import::read(settings, &observer(ui))?;
    if !args.json {
        show(&import.imported);
    }
    if args.board.is_empty() {
        ui.info("name a board to build and run it: --board stm32l4r5");
    }
    let name = import.imported.model.clone();
    ui.info(format_args!(
        "to take it away: mote export {name} --to c --out {}",
        args.out.display()
    ));
    let imported = import.measure(|board, measured| {
        if !args.json {
            println!();
            print(&name, board, &measured);
        }
    })?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&imported)?);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(imported: &Imported) {
    println!(
        "{}: {} parameters, {} MAC, {} bytes of state and activations",
        imported.model, imported.parameters, imported.macs, imported.arena
    );
    println!(
        "\n  {:<24} {:>12} {:>5} {:>12} {:>10}",
        "layer", "output", "type", "parameters", "MAC"
    );
    for layer in &imported.layers {
        let [time, channels] = layer.output;
        println!(
            "  {:<24} {:>12} {:>5} {:>12} {:>10}",
            layer.name,
            format!("{time} x {channels}"),
            if layer.int8 { "int8" } else { "f32" },
            layer.parameters,
            layer.macs
        );
    }
    for change in &imported.changes {
        println!("\n  {}", change.technique);
        for line in &change.lines {
            println!("    {line}");
        }
    }
}
