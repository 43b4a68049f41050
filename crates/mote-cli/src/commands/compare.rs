//! `mote compare`: the main job.

use crate::args::{DataArgs, SplitArgs};
use crate::commands::report::print_table;
use crate::experiment::network::Network;
use crate::experiment::{Experiment, classical, device, evaluate, network};
use crate::pipeline::{self, Pipeline};
use crate::ui::Ui;
use anyhow::{Context, Result, ensure};
use mote_device::core::Core;
use mote_device::image::Workshop;
use mote_export::{Deployment, Evidence};
use mote_report::{Data, Epoch, Results, Run};
use mote_train::Trained;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// File in a pipeline's folder that `mote export` reads.
pub const DEPLOYMENT: &str = "deployment.json";

/// Train, compress, evaluate and measure pipelines side by side.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    split: SplitArgs,
    /// Pipelines by name, separated by commas, or an experiment file (*.toml). Default: a whole experiment.
    #[arg(long, conflicts_with = "experiment")]
    pipelines: Option<String>,
    /// A built-in experiment.
    #[arg(long, default_value = "default")]
    experiment: String,
    /// Folder for results.json, report.html, checkpoints and images.
    #[arg(long, default_value = "out")]
    out: PathBuf,
    /// Epochs per network, instead of the network's own setting.
    #[arg(long)]
    epochs: Option<usize>,
    /// Folds worked on at a time; default: the number of cores.
    #[arg(long)]
    threads: Option<usize>,
    /// Boards to measure on, separated by commas: names of `mote device boards`, or board files (*.toml).
    #[arg(long, default_value = "stm32l4r5,microbit", value_delimiter = ',')]
    boards: Vec<String>,
    /// What the compiler optimises the firmware for.
    #[arg(long, value_enum, default_value_t = device::Optimize::Speed)]
    optimize: device::Optimize,
    /// Leave the device columns out.
    #[arg(long)]
    no_device: bool,
    /// Print results.json instead of the table.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    let mut pipelines = match &args.pipelines {
        Some(text) => pipeline::select(text)?,
        None => pipeline::experiment(&args.experiment)?,
    };
    let configs = configs(&pipelines, args)?;
    let threads = args
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    ui.catch_interrupt()?;
    let experiment = Experiment::open(&args.data, &args.split, args.out.clone(), threads, ui)?;
    if experiment.loaded.windows.time == 1 {
        only_classical(&mut pipelines, args, ui)?;
    }
    let boards = if args.no_device {
        Vec::new()
    } else {
        device::boards(&args.boards)?
    };
    let mut networks: BTreeMap<&str, (Network, f64)> = BTreeMap::new();
    let mut results = Results::new(&experiment.task.name, describe(&experiment));
    results.command = std::env::args().collect::<Vec<_>>().join(" ");
    results.seed = experiment.seed;
    results.versions.extend(versions());
    for pipeline in &pipelines {
        let model = pipeline.model.as_str();
        let mut run = if let Some(config) = configs.get(model) {
            if !networks.contains_key(model) {
                let start = Instant::now();
                let trained = network::train(&experiment, model, config, ui)?;
                networks.insert(model, (trained, start.elapsed().as_secs_f64()));
            }
            let (trained, seconds) = networks
                .get(model)
                .context("the network was just trained")?;
            ui.info(format_args!("{}: evaluating in the engine", pipeline.name));
            let outcomes = evaluate::networks(&experiment, pipeline, trained)?;
            let mut run = evaluate::row(&experiment, pipeline, &outcomes)?;
            run.train_seconds = Some(*seconds);
            add_history(&mut run, &trained.folds);
            run.device =
                device::measure(&experiment, pipeline, trained, &boards, args.optimize, ui)?;
            run.folds = experiment.folds.len();
            save_deployment(&experiment, pipeline, trained, &results, &run)?;
            run
        } else {
            ui.info(format_args!("{}: fitting", pipeline.name));
            let mut run = classical::row(&experiment, pipeline, ui)?;
            run.device = device::none_for_classical(&boards, args.optimize);
            run
        };
        run.folds = experiment.folds.len();
        results.runs.push(run);
        // Written after every row, so that an interrupted comparison still leaves what it found.
        mote_report::write_report(&results, &args.out)?;
    }
    let paths = mote_report::write_report(&results, &args.out)?;
    if args.json {
        println!("{}", std::fs::read_to_string(&paths.json)?);
    } else {
        print_table(&results);
    }
    ui.info(format_args!(
        "figures: {}\nreport:  {}",
        paths.json.display(),
        paths.html.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Training settings of every network among the pipelines; fails before any data is read.
fn configs(
    pipelines: &[Pipeline],
    args: &Args,
) -> Result<BTreeMap<String, mote_train::TrainConfig>> {
    let mut configs = BTreeMap::new();
    for pipeline in pipelines
        .iter()
        .filter(|p| classical::kind(&p.model).is_none())
    {
        let config = network::config(&pipeline.model, args.epochs, args.split.seed)
            .with_context(|| format!("pipeline `{}`", pipeline.name))?;
        configs.insert(pipeline.model.clone(), config);
    }
    Ok(configs)
}

/// Tables of features have no time to convolve over: networks among the default pipelines are left out, and
/// one that was asked for is an error.
fn only_classical(pipelines: &mut Vec<Pipeline>, args: &Args, ui: &Ui) -> Result<()> {
    let network = pipelines
        .iter()
        .find(|p| classical::kind(&p.model).is_none());
    let Some(network) = network else {
        return Ok(());
    };
    ensure!(
        args.pipelines.is_none(),
        "pipeline `{}` needs windows over time, and {} is a table of features: use random-forest or lda",
        network.name,
        args.data.task
    );
    ui.info(format_args!(
        "{} is a table of features: networks are left out",
        args.data.task
    ));
    pipelines.retain(|p| classical::kind(&p.model).is_some());
    Ok(())
}

/// Keeps what `mote export` needs: the first fold's network, as it was measured, and the figures of all folds.
pub fn save_deployment(
    experiment: &Experiment,
    pipeline: &Pipeline,
    network: &Network,
    results: &Results,
    run: &Run,
) -> Result<()> {
    let fold = experiment.folds.first().context("there is no fold")?;
    let applied = evaluate::artifact(experiment, pipeline, 0, fold, network)?;
    let artifact = &applied.0;
    let windows = &experiment.loaded.windows;
    let deployment = Deployment {
        evidence: Some(Evidence::new(results, run)),
        ..Deployment::new(
            &pipeline.name,
            artifact.network()?.into_owned(),
            artifact.runtime,
            f64::from(windows.rate_hz),
            windows.time,
            artifact.stream.map_or(windows.hop, |s| s.hop),
        )
    };
    let folder = experiment.out.join("pipelines").join(&pipeline.name);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make `{}`", folder.display()))?;
    deployment.save(&folder.join(DEPLOYMENT))?;
    Ok(())
}

/// What the report says about the data.
pub fn describe(experiment: &Experiment) -> Data {
    let loaded = &experiment.loaded;
    let windows = &loaded.windows;
    let mut users = windows.users.clone();
    users.sort_unstable();
    users.dedup();
    let sampled = windows.time > 1;
    let seconds = |steps: usize| sampled.then(|| steps as f64 / f64::from(windows.rate_hz));
    Data {
        digest: loaded.digest.clone(),
        synthetic: loaded.synthetic,
        source: loaded.source.clone(),
        windows: windows.len(),
        users: users.len(),
        channels: windows.channels,
        rate_hz: sampled.then(|| f64::from(windows.rate_hz)),
        window_s: seconds(windows.time),
        hop_s: seconds(windows.hop),
        labels: windows.labels.clone(),
        records: Some(loaded.account.accepted + loaded.account.rejected()),
        rejected: loaded
            .account
            .rejected
            .iter()
            .map(|(r, &n)| (r.text().to_owned(), n))
            .collect(),
    }
}

/// Versions of the tools behind the figures.
pub fn versions() -> BTreeMap<String, String> {
    let firmware = Workshop::locate().and_then(|w| w.toolchain(Core::M4));
    let known = [
        ("burn", locked_version("burn").map(str::to_owned)),
        ("qemu", mote_device::emulator::version().ok()),
        ("firmware compiler", firmware.ok().map(|t| t.to_string())),
    ];
    known
        .into_iter()
        .filter_map(|(name, version)| Some((name.to_owned(), version?)))
        .collect()
}

/// The version of a dependency this program was built with.
fn locked_version(package: &str) -> Option<&'static str> {
    let lock = include_str!("../../../../Cargo.lock");
    let (_, entry) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    entry.split('"').next()
}

/// Learning curves of a network's folds.
fn add_history(run: &mut Run, trained: &[Trained]) {
    for (fold, trained) in run.fold_results.iter_mut().zip(trained) {
        fold.best_epoch = Some(trained.best_epoch + 1);
        fold.history = trained
            .history
            .iter()
            .map(|e| Epoch {
                epoch: e.epoch + 1,
                loss: Some(e.loss),
                validation_loss: e.validation.map(|v| v.loss),
                validation_macro_f1: e.validation.map(|v| v.macro_f1),
                learning_rate: Some(e.learning_rate),
            })
            .collect();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_of_a_dependency_is_known() {
        assert!(super::locked_version("burn").unwrap().starts_with("0."));
        assert_eq!(super::locked_version("no such package"), None);
    }
}
