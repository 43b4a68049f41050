//! `mote train`: one network, written to a file.

use crate::args::{DataArgs, SplitArgs};
use crate::progress::observer;
use crate::ui::Ui;
use anyhow::{Context, Result};
use mote_experiment::{Experiment, TrainedNetwork, network};
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
    let observer = observer(ui);
    let (data, split) = (args.data.settings(), args.split.settings()?);
    let experiment = Experiment::open(&data, &split, args.out.clone(), 1, &observer)?;
    let fold = experiment.fold(args.fold)?.clone();
    let experiment = experiment.with_folds(vec![fold]);
    let trained = TrainedNetwork::train(&experiment, &args.model, &config, &observer)?;
    let graph = &trained.folds[0].graph;
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
