//! `mote compare`: the main job.

use crate::args::{DataArgs, SplitArgs, threads};
use crate::commands::report::print_table;
use crate::experiment::network::Network;
use crate::experiment::plan::{hop, window_s};
use crate::experiment::pool::Pool;
use crate::experiment::rows::Rows;
use crate::experiment::{Experiment, classical, device, evaluate, network};
use crate::pipeline::{self, Pipeline};
use crate::ui::Ui;
use anyhow::{Context, Result, ensure};
use mote_codegen::{Deployment, Evidence};
use mote_device::core::Core;
use mote_device::image::Workshop;
use mote_report::{Data, Results, Run};
use mote_search::export;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

/// File in a pipeline's folder that `mote export` reads.
pub const DEPLOYMENT: &str = "deployment.json";

/// Train, compress, evaluate and measure pipelines side by side.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub split: SplitArgs,
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
    pub epochs: Option<usize>,
    /// Folds worked on at a time; default: the number of cores.
    #[arg(long)]
    threads: Option<usize>,
    /// Boards to measure on, separated by commas: names of `mote device boards`, or board files (*.toml).
    #[arg(long, default_value = "stm32l4r5,microbit", value_delimiter = ',')]
    pub boards: Vec<String>,
    /// What the compiler optimises the firmware for.
    #[arg(long, value_enum, default_value_t = device::Optimize::Speed)]
    pub optimize: device::Optimize,
    /// Smooth decisions, too: each from the mean of the last so many outputs within a recording. Reported apart.
    #[arg(long, value_name = "WINDOWS", value_parser = clap::value_parser!(u16).range(2..))]
    smooth: Option<u16>,
    /// Leave the device columns out.
    #[arg(long)]
    no_device: bool,
    /// Print results.json instead of the table.
    #[arg(long)]
    json: bool,
}

impl Args {
    /// The pipelines to compare.
    pub fn chosen(&self) -> Result<Vec<Pipeline>> {
        match &self.pipelines {
            Some(text) => pipeline::select(text),
            None => pipeline::experiment(&self.experiment),
        }
    }
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    let mut pipelines = args.chosen()?;
    check(&pipelines, args)?;
    ui.catch_interrupt()?;
    let pool = Pool::new(
        args.data.clone(),
        args.split.clone(),
        args.out.clone(),
        threads(args.threads),
        ui,
    );
    // The window of the comparison is the one that rows without a window of their own have.
    let own: Vec<_> = pipelines.iter().map(window_s).collect();
    let common = own.iter().copied().min_by_key(Option::is_some).flatten();
    let experiment = pool.get(common)?;
    if experiment.loaded.windows.time == 1 {
        only_classical(&mut pipelines, args, ui)?;
    }
    let boards = if args.no_device {
        Vec::new()
    } else {
        device::boards(&args.boards)?
    };
    let mut rows = Rows::new(pool, args.epochs, boards, args.optimize, ui);
    rows.smooth = args.smooth.map(usize::from);
    let mut results = Results::new(&experiment.task.name, describe(&experiment));
    results.command = command();
    results.seed = experiment.seed;
    results.versions.extend(versions());
    for pipeline in &pipelines {
        let row = rows.row(pipeline)?;
        if let Some(network) = &row.network {
            save_deployment(
                &row.experiment,
                &row.pipeline,
                &network.0,
                &results,
                &row.run,
            )?;
        }
        results.runs.push(row.run);
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

/// The command line that repeats this run.
pub fn command() -> String {
    export::command_line(&std::env::args().collect::<Vec<_>>())
}

/// Fails where a pipeline names a network that is not there, before any data is read.
fn check(pipelines: &[Pipeline], args: &Args) -> Result<()> {
    let networks = pipelines.iter().filter(|p| p.spec.is_none());
    for pipeline in networks.filter(|p| classical::kind(&p.model).is_none()) {
        network::config(&pipeline.model, args.epochs, args.split.seed)
            .with_context(|| format!("pipeline `{}`", pipeline.name))?;
    }
    Ok(())
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
        evidence: Some(Evidence {
            // A pipeline may bring a window of its own.
            data: describe(experiment),
            ..Evidence::new(results, run)
        }),
        ..Deployment::new(
            &pipeline.name,
            artifact.network()?.into_owned(),
            artifact.runtime,
            f64::from(windows.rate_hz),
            windows.time,
            hop(experiment, pipeline.spec.as_ref(), artifact),
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
    Data {
        digest: loaded.digest.clone(),
        synthetic: loaded.synthetic,
        source: loaded.source.clone(),
        windows: windows.len(),
        users: users.len(),
        channels: windows.channels,
        rate_hz: (windows.time > 1).then(|| f64::from(windows.rate_hz)),
        window_s: experiment.seconds(windows.time),
        hop_s: experiment.seconds(windows.hop),
        labels: windows.labels.clone(),
        records: Some(loaded.ingest.accepted + loaded.ingest.rejected()),
        rejected: loaded
            .ingest
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

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_of_a_dependency_is_known() {
        assert!(super::locked_version("burn").unwrap().starts_with("0."));
        assert_eq!(super::locked_version("no such package"), None);
    }
}
