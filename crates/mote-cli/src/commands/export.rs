//! `mote export`: a pipeline leaves Mote.

use crate::ui::Ui;
use anyhow::Result;
use mote_codegen::{Target, export};
use mote_experiment::deployment;
use std::path::PathBuf;
use std::process::ExitCode;

/// Write a pipeline of a comparison as a Rust crate, as C, or as a model file, with its model card.
///
/// Every neural pipeline of `mote compare` leaves a deployment behind: the network of the first fold as it ran on the
/// device, and what is known about it. `mote compare --final` and `mote train --final` leave the final model, trained on
/// all users, which is taken where it is. What is exported builds in an empty directory, without Mote, and brings a
/// self-test that compares it with the engine, bit for bit.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A pipeline by name, as `mote compare` left it below --out; or a deployment.json.
    run: String,
    /// rust (a `no_std` crate), c (a header and a source) or blob (a model file).
    #[arg(long)]
    to: Target,
    /// Folder to write into; default: NAME-TARGET in the current one.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Folder of the comparison.
    #[arg(long, default_value = "out")]
    out: PathBuf,
    /// Print the paths written as JSON.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  mote export cnn-int8-stream --to rust                 crate in ./cnn-int8-stream-rust
  mote export cnn-int8-flat --to c --dir firmware/har   har.h and har.c of a windowed pipeline
  mote export out/pipelines/cnn-int8-flat/deployment.json --to blob";

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    let (deployment, path) = deployment::open(&args.out, &args.run)?;
    let dir = args.dir.clone().unwrap_or_else(|| {
        let target = match args.to {
            Target::Rust => "rust",
            Target::C => "c",
            Target::Blob => "blob",
        };
        PathBuf::from(format!("{}-{target}", deployment.name))
    });
    let written = export(&deployment, args.to, &dir)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&written)?);
        return Ok(ExitCode::SUCCESS);
    }
    for path in &written {
        println!("{}", path.display());
    }
    ui.info(format_args!(
        "{}: {}, of {}; the figures are in {}",
        deployment.name,
        deployment.which(),
        path.display(),
        dir.join("MODEL_CARD.md").display()
    ));
    Ok(ExitCode::SUCCESS)
}
