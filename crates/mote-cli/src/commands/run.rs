//! `mote run`: a model on inputs of the user, compared with what is expected.

use super::device::print;
use crate::args::{FlashModel, Optimize};
use crate::ui::Ui;
use anyhow::Result;
use mote_device::board::Board;
use mote_device::measure::Measurement;
use mote_experiment::{Outputs, Rows, run_model, run_on_board};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Rows that are shown.
const SHOWN: usize = 8;

/// Run a model on arrays of inputs; compare its outputs, or give its accuracy. Exit code 1 when outputs differ.
///
/// Inputs are `[n, ...]` in the model's own order and type; those of a deployment are windows in m/s^2. With --board the
/// model runs on the emulated board as well, every input, and its outputs must be those of this computer.
#[derive(clap::Args)]
pub struct Args {
    /// The model: *.tflite, *.lite, *.onnx, a deployment.json, or a *.mote of `mote export --to blob`.
    model: PathBuf,
    /// Inputs: *.npz (FILE.npz:NAME for one of several arrays), *.npy or *.csv.
    #[arg(long)]
    inputs: String,
    /// Outputs to compare with, in such a file.
    #[arg(long)]
    expect: Option<String>,
    /// How far an output may be off; default: not at all for integers, 1e-4 of the largest for f32.
    #[arg(long)]
    tolerance: Option<f32>,
    /// Class numbers or one-hot rows, in such a file, to give the accuracy.
    #[arg(long)]
    labels: Option<String>,
    /// A board of `mote device boards`, or a board file (*.toml), to run the model on, emulated.
    #[arg(long)]
    board: Option<String>,
    /// Flash as the board's file describes it, or without wait states: the cycles of the core alone.
    #[arg(long, value_enum, default_value_t)]
    flash_model: FlashModel,
    /// What the compiler optimises for.
    #[arg(long, value_enum, default_value_t = Optimize::Speed)]
    optimize: Optimize,
    /// Folder for images.
    #[arg(long, default_value = "out")]
    out: PathBuf,
    /// All outputs, as JSON.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    outputs: &'a Outputs,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a Measurement>,
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    let inputs = Rows::read(&args.inputs)?;
    let mut outputs = run_model(&args.model, &inputs)?;
    if let Some(expected) = &args.expect {
        outputs.compare(&Rows::read(expected)?, args.tolerance)?;
    }
    if let Some(labels) = &args.labels {
        outputs.judge(&Rows::read(labels)?)?;
    }
    let device = match &args.board {
        None => None,
        Some(name) => {
            let model = mote_device::flash::FlashModel::from(args.flash_model);
            let board = model.apply(Board::load(name)?);
            let optimize = args.optimize.into();
            let measured = run_on_board(&args.model, &inputs, &board, optimize, &args.out)?;
            Some((board, measured))
        }
    };
    if args.json {
        let report = Report {
            outputs: &outputs,
            device: device.as_ref().map(|(_, measured)| &measured.mean),
        };
        println!("{}", serde_json::to_string(&report)?);
    } else {
        for row in outputs.outputs.iter().take(SHOWN) {
            let row: Vec<String> = row.iter().map(f32::to_string).collect();
            println!("{}", row.join(", "));
        }
        if let Some(more) = outputs.outputs.len().checked_sub(SHOWN).filter(|&n| n > 0) {
            ui.info(format_args!("{more} more; all of them with --json"));
        }
        if let Some(accuracy) = outputs.accuracy {
            println!("accuracy {accuracy:.4}");
        }
        if let Some(d) = outputs.difference {
            println!(
                "{} of {} outputs differ by more than {}, the largest difference is {}",
                d.wrong, d.compared, d.tolerance, d.largest
            );
            println!(
                "{} of {} rows have their largest output in another place",
                d.other_class,
                outputs.outputs.len()
            );
        }
        if let Some((board, measured)) = &device {
            println!();
            let name = args.model.file_stem().unwrap_or_default().to_string_lossy();
            print(&name, board, measured);
        }
    }
    Ok(match outputs.agree() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
