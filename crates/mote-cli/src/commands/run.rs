//! `mote run`: a model on inputs of the user, compared with what is expected.

use crate::ui::Ui;
use anyhow::Result;
use mote_experiment::{Rows, run_model};
use std::path::PathBuf;
use std::process::ExitCode;

/// Rows that are shown.
const SHOWN: usize = 8;

/// Run a model on arrays of inputs; compare its outputs, or give its accuracy. Exit code 1 when outputs differ.
///
/// Inputs are `[n, ...]` in the model's own order and type; those of a deployment are windows in m/s^2.
#[derive(clap::Args)]
pub struct Args {
    /// The model: *.tflite, *.lite, *.onnx, or a deployment.json.
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
    /// All outputs, as JSON.
    #[arg(long)]
    json: bool,
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
    if args.json {
        println!("{}", serde_json::to_string(&outputs)?);
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
        }
    }
    Ok(match outputs.agree() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
