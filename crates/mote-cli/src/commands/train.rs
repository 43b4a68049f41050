//! `mote train`: one network, written to a file.

use crate::args::{DataArgs, SplitArgs};
use crate::experiment::{Experiment, network};
use crate::ui::Ui;
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::ExitCode;

/// Train one network and write it to a file.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    split: SplitArgs,
    /// A network preset, or a network file (*.toml) with the fields of `TrainConfig`.
    #[arg(long, default_value = "cnn")]
    model: String,
    /// Epochs, instead of the network's own setting.
    #[arg(long)]
    epochs: Option<usize>,
    /// Fold to train on, counted from 1; its test users stay unseen.
    #[arg(long, default_value_t = 1)]
    fold: usize,
    /// Folder for checkpoints.
    #[arg(long, default_value = "out")]
    out: PathBuf,
    /// The network file to write.
    #[arg(long, default_value = "out/network.json")]
    save: PathBuf,
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    let config = network::config(&args.model, args.epochs, args.split.seed)?;
    ui.catch_interrupt()?;
    let mut experiment = Experiment::open(&args.data, &args.split, args.out.clone(), 1, ui)?;
    let count = experiment.folds.len();
    let fold = args
        .fold
        .checked_sub(1)
        .filter(|&i| i < count)
        .with_context(|| format!("--fold {}: there are folds 1 to {count}", args.fold))?;
    experiment.folds = vec![experiment.folds.swap_remove(fold)];
    let trained = network::train(&experiment, &args.model, &config, ui)?;
    let graph = &trained.folds.first().context("nothing was trained")?.graph;
    if let Some(folder) = args.save.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create `{}`", folder.display()))?;
    }
    std::fs::write(&args.save, serde_json::to_vec(graph)?)
        .with_context(|| format!("cannot write `{}`", args.save.display()))?;
    ui.info(format_args!(
        "{}: {} parameters, {} MAC",
        args.save.display(),
        graph.parameters(),
        graph.macs()
    ));
    Ok(ExitCode::SUCCESS)
}
