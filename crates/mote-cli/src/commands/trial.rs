//! `mote trial`: one candidate of a search, as a command line of its own.

use crate::args::TrialArgs;
use crate::progress::observer;
use crate::ui::Ui;
use anyhow::{Context, Result};
use mote_experiment::Trials;
use mote_search::Candidate;
use std::path::PathBuf;
use std::process::ExitCode;

/// One candidate of a search: train, compress, evaluate; the record goes to standard output, as one line of JSON.
///
/// Every record of `mote fit` holds the command that repeats it. `mote fit --export-trials` writes many for another
/// machine, `mote fit --collect` merges what they leave.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  mote trial --task motionsense/6 --data DIR --spec window=5,pad=valid,net=c16k7s2-d32k5s2-d48k5,qat=5,run=stream

A spec is a list of name=value: window and hop in seconds; pad=valid or same; net=BLOCK-BLOCK-..., where c24k9s2 is a
convolution of 24 channels, 9 taps, stride 2, and d48k5 a depthwise-separable one; epochs; then, each off when left
out: contrastive=EPOCHS pca=COMPONENTS prune=PERCENT qat=EPOCHS bits=4 run=stream exit=lazy page=BYTES.")]
pub struct Args {
    /// The candidate.
    #[arg(long)]
    spec: Candidate,
    /// Folds that are trained and tested, the first ones; default: all.
    #[arg(long)]
    try_folds: Option<usize>,
    /// Percent of the candidate's epochs.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    percent: u32,
    /// Build and run the firmware, too.
    #[arg(long)]
    measure: bool,
    /// Write the record into this file.
    #[arg(long)]
    record: Option<PathBuf>,
    #[command(flatten)]
    common: TrialArgs,
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    ui.catch_interrupt()?;
    let common = &args.common;
    let trials = Trials::new(common.settings()?, None, common.repeat(), &observer(ui))?;
    let record = trials.one(&args.spec, args.try_folds, args.percent, args.measure)?;
    let line = record.line();
    println!("{line}");
    if let Some(path) = &args.record {
        std::fs::write(path, line + "\n")
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
