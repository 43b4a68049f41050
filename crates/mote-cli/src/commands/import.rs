//! `mote import`: a model of another tool, with Mote's techniques, on Mote's boards.

use super::device::print;
use crate::args::{DataArgs, SplitArgs};
use crate::experiment::Experiment;
use crate::experiment::device::Optimize;
use crate::experiment::plan::hop;
use crate::experiment::prepared::Prepared;
use crate::ui::Ui;
use anyhow::{Context as _, Result, ensure};
use mote_device::board::Board;
use mote_device::image::Workshop;
use mote_device::measure::Measurement;
use mote_model::{Frontend, Graph, SENSOR_G_PER_COUNT};
use mote_techniques::{Artifact, Change, Context};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Read a TensorFlow Lite or ONNX model, apply techniques, and show what it costs on boards.
///
/// The network is fed with windows of a task, converted from sensor counts on the device: (m/s^2 - mean) / std per
/// channel. int8 is calibrated on training users of the task.
#[derive(clap::Args)]
pub struct Args {
    /// The model, *.tflite (int8 or f32) or *.onnx (f32).
    model: PathBuf,
    /// A board of `mote device boards`, or a board file (*.toml); several may be named. Without one, nothing is run.
    #[arg(long, num_args = 1..)]
    board: Vec<String>,
    /// Techniques in order, as in a pipeline: `int8:calibration=mse flatten stream`.
    #[arg(long, num_args = 0.., default_values = ["static-pruning", "flatten", "arena"])]
    techniques: Vec<String>,
    /// What the compiler optimises for.
    #[arg(long, value_enum, default_value_t = Optimize::Speed)]
    optimize: Optimize,
    /// Task whose windows the network reads.
    #[arg(long, default_value = "synthetic/6")]
    task: String,
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

/// What is known of the network and of each board.
#[derive(Serialize)]
struct Imported {
    model: String,
    parameters: usize,
    macs: usize,
    layers: Vec<Layer>,
    changes: Vec<Change>,
    /// Bytes of state and activations.
    arena: usize,
    devices: Vec<Measurement>,
}

#[derive(Serialize)]
struct Layer {
    name: String,
    operator: &'static str,
    /// Time steps and channels of the result.
    output: [usize; 2],
    int8: bool,
    parameters: usize,
    macs: usize,
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    let bytes = std::fs::read(&args.model)
        .with_context(|| format!("cannot read the model `{}`", args.model.display()))?;
    let mut graph = mote_import::by_name(&args.model, &bytes)
        .with_context(|| args.model.display().to_string())?;
    let input = graph.tensor(graph.input)?.shape;
    graph.frontend = Some(frontend(args, input.channels)?);
    graph.validate()?;
    let boards: Vec<Board> = args
        .board
        .iter()
        .map(|name| Ok(Board::load(name)?))
        .collect::<Result<_>>()?;

    let data = DataArgs {
        task: args.task.clone(),
        data: args.data.clone(),
        window: input.time as f32 / args.rate,
        overlap: 0.5,
        rate: args.rate,
    };
    let split = SplitArgs {
        split: "group".to_owned(),
        folds: 2,
        seed: 1,
    };
    let experiment = Experiment::open(&data, &split, args.out.clone(), 1, ui)?;
    let windows = &experiment.loaded.windows;
    ensure!(
        (windows.time, windows.channels) == (input.time, input.channels),
        "the network reads {} steps of {} channels, the windows of {} have {} of {}",
        input.time,
        input.channels,
        args.task,
        windows.time,
        windows.channels
    );
    let fold = experiment.folds.first().context("there is no fold")?;
    let context = Context {
        windows,
        train: &fold.train,
        seed: experiment.seed,
        training: None,
    };
    let mut artifact = Artifact::baseline(graph);
    let mut changes = Vec::new();
    for step in &args.techniques {
        changes.push(mote_techniques::apply(step, &mut artifact, &context)?);
    }

    let network = artifact.network()?;
    let mut imported = Imported {
        model: network.name.clone(),
        parameters: network.parameters(),
        macs: network.macs(),
        layers: layers(&network),
        changes,
        arena: artifact.runtime.plan(&network)?.arena,
        devices: Vec::new(),
    };
    if !args.json {
        show(&imported);
    }
    if boards.is_empty() {
        ui.info("name a board to build and run it: --board stm32l4r5");
    } else {
        let prepared = Prepared::new(
            &experiment,
            &imported.model,
            &artifact,
            &fold.test,
            hop(&experiment, None, &artifact),
        )?;
        let workshop = Workshop::locate()?;
        for board in &boards {
            let measured = prepared.measure(&workshop, board, args.optimize)?.mean;
            if !args.json {
                println!();
                print(&imported.model, board, &measured);
            }
            imported.devices.push(measured);
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&imported)?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Counts of the sensor to what the network was trained on.
fn frontend(args: &Args, channels: usize) -> Result<Frontend> {
    let per_channel = |what: &str, values: &[f32]| -> Result<Vec<f32>> {
        match values {
            &[value] => Ok(vec![value; channels]),
            many => {
                ensure!(
                    many.len() == channels,
                    "--{what} has {} numbers for {channels} channels",
                    many.len()
                );
                Ok(many.to_vec())
            }
        }
    };
    let count = SENSOR_G_PER_COUNT * mote_data::STANDARD_GRAVITY;
    let std = per_channel("std", &args.std)?;
    ensure!(
        std.iter().all(|s| *s > 0.0),
        "--std {:?}: expected positive numbers",
        args.std
    );
    let mean = per_channel("mean", &args.mean)?;
    Ok(Frontend {
        offset: mean.iter().map(|m| (m / count).round() as i16).collect(),
        scale: std.iter().map(|s| count / s).collect(),
    })
}

fn layers(graph: &Graph) -> Vec<Layer> {
    let layer = |node: &mote_model::Node| {
        let output = graph.tensors.get(node.output)?;
        Some(Layer {
            name: node.name.clone(),
            operator: node.op.name(),
            output: [output.shape.time, output.shape.channels],
            int8: output.quant.is_some(),
            parameters: node.op.weights().map_or(0, mote_model::Weights::len),
            macs: graph.node_macs(node),
        })
    };
    graph.nodes.iter().filter_map(layer).collect()
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
