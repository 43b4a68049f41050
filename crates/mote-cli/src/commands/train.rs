//! `mote train`: one network, written to a file; or the final model of a pipeline that was compared.

use super::compare::show_final;
use crate::args::{DataArgs, SplitArgs};
use crate::progress::observer;
use crate::ui::Ui;
use anyhow::{Context, Result};
use mote_experiment::{Experiment, Finalist, TrainedNetwork, network};
use std::path::PathBuf;
use std::process::ExitCode;

/// Train one network and write it to a file; or, with --final, the network that is deployed.
///
/// `--final PIPELINE` trains a pipeline that `mote compare` or `mote fit` left in --out once more, on all users: as long as
/// the folds, with the recorded settings and techniques. `mote export` takes that network from then on.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  mote compare --task motionsense/6 --data DIR
  mote train --final cnn-int8-stream
  mote export cnn-int8-stream --to rust")]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    split: SplitArgs,
    /// Train the final model of this pipeline of OUT/results.json; all settings but --data are the recorded ones.
    #[arg(
        long = "final",
        value_name = "PIPELINE",
        conflicts_with_all = [
            "model", "epochs", "fold", "save", "task", "window", "overlap", "rate", "split", "folds", "seed",
        ]
    )]
    final_model: Option<String>,
    /// A network preset, or a network file (*.toml) with the fields of `TrainConfig`.
    #[arg(long, default_value = "cnn")]
    model: String,
    /// Epochs, instead of the network's own setting.
    #[arg(long)]
    epochs: Option<usize>,
    /// Fold to train on, counted from 1; its test users stay unseen.
    #[arg(long, default_value_t = 1)]
    fold: usize,
    /// Folder for checkpoints; with --final, that of the comparison.
    #[arg(long, default_value = "out")]
    out: PathBuf,
    /// The network file to write.
    #[arg(long, default_value = "out/network.json")]
    save: PathBuf,
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    if let Some(pipeline) = &args.final_model {
        return train_final(args, pipeline, ui);
    }
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

fn train_final(args: &Args, pipeline: &str, ui: &Ui) -> Result<ExitCode> {
    let path = args.out.join("results.json");
    let results = mote_report::read(&path)?;
    let place = || format!("`{}`", path.display());
    let mut finalist = Finalist::new(&results, pipeline)
        .with_context(place)?
        .with_out(args.out.clone());
    if let Some(data) = &args.data.data {
        finalist = finalist.with_data(data.clone());
    }
    ui.catch_interrupt()?;
    show_final(&finalist.train(&observer(ui))?, &args.out, ui);
    Ok(ExitCode::SUCCESS)
}
