//! `mote eval`: a network file on the test users of one fold, by the engine.

use super::explain::on_streams;
use crate::args::{DataArgs, SplitArgs, StreamArgs};
use crate::progress::observer;
use crate::ui::Ui;
use anyhow::{Context, Result, ensure};
use mote_experiment::{Experiment, evaluate};
use mote_model::Graph;
use std::path::PathBuf;
use std::process::ExitCode;

/// Evaluate a network file with the engine.
#[derive(clap::Args)]
pub struct Args {
    /// A network file written by `mote train`.
    network: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    split: SplitArgs,
    /// Fold whose test users are evaluated, counted from 1; the one named at training.
    #[arg(long, default_value_t = 1)]
    fold: usize,
    #[command(flatten)]
    stream: StreamArgs,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    let path = args.network.display();
    let text = std::fs::read_to_string(&args.network)
        .with_context(|| format!("cannot read the network file `{path}`"))?;
    let graph: Graph = serde_json::from_str(&text)
        .with_context(|| format!("`{path}` is not a network file of `mote train`"))?;
    graph
        .validate()
        .with_context(|| format!("the network in `{path}` is not sound"))?;
    let (data, split) = (args.data.settings(), args.split.settings()?);
    let experiment = Experiment::open(&data, &split, PathBuf::new(), 1, &observer(ui))?;
    let windows = experiment.windows();
    ensure!(
        graph.labels == windows.labels,
        "`{path}` tells apart {:?}, the task {} has {:?}: name the task it was trained for",
        graph.labels,
        experiment.task.name,
        windows.labels
    );
    let fold = experiment.fold(args.fold)?;
    let predicted = evaluate::predict(&graph, windows, &fold.test)?;
    let folds = std::slice::from_ref(fold);
    let (metrics, _) = evaluate::metrics(&experiment, folds, &[&predicted.classes])?;
    let streams = match args.stream.settings()? {
        None => None,
        Some(settings) => Some(evaluate::streams(&experiment, fold, &graph, settings)?),
    };
    if args.json {
        let mut figures = serde_json::to_value(&metrics)?;
        if let Some(Ok(stream)) = &streams {
            figures["stream"] = serde_json::to_value(stream)?;
        }
        println!("{}", serde_json::to_string_pretty(&figures)?);
        return Ok(ExitCode::SUCCESS);
    }
    let pooled = metrics.pooled;
    println!(
        "network     {} ({} parameters, {} MAC, {} bytes)",
        graph.name,
        graph.parameters(),
        graph.macs(),
        predicted.bytes
    );
    println!(
        "test users  {:?}, {} windows",
        fold.test_users,
        fold.test.len()
    );
    match &streams {
        Some(Ok(stream)) => {
            println!("on continuous streams");
            on_streams(stream);
            println!("on windows");
        }
        Some(Err(why)) => println!("streams     none: {why}"),
        None => {}
    }
    println!(
        "accuracy    {:.3}\nbalanced    {:.3}\nm-F1        {:.3}",
        pooled.accuracy, pooled.balanced_accuracy, pooled.macro_f1
    );
    if let Some(latency) = predicted.latency_us {
        println!("latency     {latency:.1} us on this machine");
    }
    for class in &metrics.per_class {
        println!(
            "  {:<20} F1 {}",
            class.label,
            class.f1.map_or("-".to_owned(), |f| format!("{f:.3}"))
        );
    }
    Ok(ExitCode::SUCCESS)
}
