//! `mote fit`: the pipeline that fits a board and a budget, found and proven.

mod show;

use crate::args::threads;
use crate::commands::compare;
use crate::experiment::trials::{Common, Trials};
use crate::ui::Ui;
use anyhow::{Context, Result, ensure};
use mote_report::Results;
use mote_search::{
    Effort, Figures, Goal, Limits, Near, Objective, Outcome, Record, Search, Settings, Space, Spec,
    Store, collect, export, limits, preset, presets,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Find the pipeline that fits a board and a budget, and prove it on the emulated core.
///
/// Candidates are networks, windows, trainings, compressions and ways to run. What cannot fit is sorted out by a cost
/// model before anything is trained; many are tried briefly, the better ones longer, the best ones on all folds; the
/// front that is left is built and run as firmware. The same command after Ctrl-C goes on where it stopped.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mote fit --task motionsense/6 --data DIR --board nrf52840 --flash 32K --ram 2K --latency 5ms
  mote fit --task wisdm-2019-watch/5 --data DIR --min-f1 0.88 --minimize ram --budget 1h
  mote fit --task motionsense/6 --data DIR --preset balanced        no search
  mote fit --export-trials jobs --candidates 200; (cd jobs; sbatch slurm.sh); mote fit --collect jobs/records

When nothing keeps all limits it shows what comes closest and the limit that binds, and ends with exit code 1.")]
pub struct Args {
    #[command(flatten)]
    pub common: Common,
    /// Most flash, code and model: 32K.
    #[arg(long, value_parser = limits::bytes)]
    flash: Option<u64>,
    /// Most RAM, statics, stack and heap: 2K.
    #[arg(long, value_parser = limits::bytes)]
    ram: Option<u64>,
    /// Longest decision: 5ms. Without, a decision takes no longer than the hop.
    #[arg(long, value_parser = limits::milliseconds)]
    latency: Option<f64>,
    /// Most power on average: 1mW.
    #[arg(long, value_parser = limits::milliwatts)]
    power: Option<f64>,
    /// Least macro-averaged F1.
    #[arg(long)]
    min_f1: Option<f64>,
    /// What is to be small: ram, flash, energy or latency. Default: the highest m-F1 is best.
    #[arg(long)]
    minimize: Option<Objective>,
    /// Window lengths to choose from, in seconds.
    #[arg(long, value_delimiter = ',', default_value = "3,5,10")]
    window: Vec<f64>,
    /// Seconds between two decisions, 1 if left out; presets keep their own when it is left out.
    #[arg(long)]
    hop: Option<f64>,
    /// Epochs of training to choose from.
    #[arg(long, value_delimiter = ',', default_value = "15,30")]
    epochs: Vec<usize>,
    /// Contrastive pretraining and teachers, too; they take several times as long.
    #[arg(long)]
    slow_training: bool,
    /// Weights may lie in a storage outside the image, too.
    #[arg(long)]
    paging: bool,
    /// Time to search: 20m, 2h. Measuring the front comes on top.
    #[arg(long, value_parser = limits::seconds, default_value = "20m")]
    budget: f64,
    /// Candidates that are proposed, at most.
    #[arg(long, default_value_t = 1000)]
    candidates: usize,
    /// Evaluate and measure this preset instead of searching: smallest, fastest, most-accurate or balanced.
    #[arg(long)]
    preset: Option<String>,
    /// Write trials to be run elsewhere into this folder, and do nothing else: a shell script and a Slurm array job.
    #[arg(long, conflicts_with = "preset")]
    export_trials: Option<PathBuf>,
    /// Merge the records that trials left in this folder; with `--candidates 0` nothing more is tried.
    #[arg(long)]
    collect: Option<PathBuf>,
    /// Leave the measurement on the emulated board out.
    #[arg(long)]
    no_device: bool,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

/// Seconds between two decisions, unless asked for others.
const HOP_S: f64 = 1.0;

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    let common = &args.common;
    let space = space(args)?;
    let mut first: Vec<Spec> = match &args.preset {
        Some(name) => vec![preset(name)?.spec],
        None => presets()?.into_iter().map(|p| p.spec).collect(),
    };
    if args.hop.is_some() {
        for spec in &mut first {
            spec.hop_ms = space.hop_ms;
        }
    }
    ui.catch_interrupt()?;
    let path = common.out.join("fit").join("trials.jsonl");
    let (store, mut known) = Store::open(&path)?;
    if let Some(folder) = &args.collect {
        let collected = collect(folder)?;
        ui.info(format_args!("{} records collected", collected.len()));
        for record in collected {
            if !known.contains(&record) {
                store.add(&record)?;
                known.push(record);
            }
        }
    }
    let trials = Trials::new(common, Some(store), ui)?;
    let example = first.first().context("there is no candidate")?;
    let experiment = trials.experiment(example)?;
    let (shapes, context) = (trials.shapes(&experiment), trials.context(&experiment));
    known.retain(|r| r.context == context);
    if !known.is_empty() {
        ui.info(format_args!("{} trials are known already", known.len()));
    }
    let settings = settings(args, &trials, space, first, experiment.folds.len());
    ui.info(format_args!("limits: {}", settings.goal.limits));
    let stop = ui.stop();
    let predict = |spec: &Spec| trials.predict(spec, shapes);
    if let Some(folder) = &args.export_trials {
        return export_trials(
            args,
            &settings,
            Search::new(&settings, predict, known),
            folder,
            ui,
        );
    }
    let mut outcome = Search::new(&settings, predict, known).run(&trials, |status| {
        show::progress(status, ui);
        !stop.load(Ordering::SeqCst)
    })?;
    let names = if args.no_device {
        BTreeMap::new()
    } else {
        prove(args, &settings.goal, &trials, &mut outcome, ui)?
    };
    if args.json {
        let json = show::json(&outcome, &names)?;
        println!("{}", serde_json::to_string_pretty(&json)?);
    } else {
        show::print(&outcome, &names, &common.out);
    }
    ui.info(format_args!("trials:  {}", path.display()));
    Ok(match outcome.best {
        Some(_) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    })
}

fn space(args: &Args) -> Result<Space> {
    let milliseconds = |seconds: f64, option: &str| -> Result<u32> {
        ensure!(
            (0.001..=3600.0).contains(&seconds),
            "{option} {seconds}: give seconds from 0.001 to 3600"
        );
        Ok((seconds * 1e3).round() as u32)
    };
    ensure!(
        !args.epochs.contains(&0),
        "--epochs 0: a network is trained for at least one epoch"
    );
    let windows = args.window.iter().map(|&s| milliseconds(s, "--window"));
    Ok(Space {
        windows_ms: windows.collect::<Result<_>>()?,
        hop_ms: milliseconds(args.hop.unwrap_or(HOP_S), "--hop")?,
        epochs: args.epochs.clone(),
        slow_training: args.slow_training,
        paging: args.paging,
        ..Space::default()
    })
}

fn settings(
    args: &Args,
    trials: &Trials<'_>,
    space: Space,
    mut first: Vec<Spec>,
    folds: usize,
) -> Settings {
    let board = &trials.board;
    let least = |asked: Option<u64>, there_is: u32| {
        let there_is = u64::from(there_is) * 1024;
        Some(asked.map_or(there_is, |a| a.min(there_is)))
    };
    let hop_ms = args.hop.unwrap_or(HOP_S) * 1e3;
    let limits = Limits {
        flash: least(args.flash, board.flash_kib),
        ram: least(args.ram, board.ram_kib),
        latency_ms: Some(args.latency.map_or(hop_ms, |l| l.min(hop_ms))),
        power_mw: args.power,
        min_f1: args.min_f1,
    };
    let whole = Effort {
        folds,
        percent: 100,
    };
    let effort = |share: usize, percent| Effort {
        folds: share.min(folds),
        percent,
    };
    let mut efforts = match args.preset {
        Some(_) => vec![whole],
        None => vec![effort(1, 20), effort(2, 40), whole],
    };
    efforts.dedup();
    let mut candidates = args.candidates;
    if args.preset.is_some() {
        candidates = first.len();
    } else {
        // A preset with another window is another candidate.
        for spec in &mut first {
            if !space.windows_ms.contains(&spec.window_ms) {
                spec.window_ms = space
                    .windows_ms
                    .iter()
                    .copied()
                    .max()
                    .unwrap_or(spec.window_ms);
            }
        }
    }
    Settings {
        goal: Goal {
            limits,
            objective: args.minimize,
        },
        space,
        first,
        efforts,
        generation: 8.min(candidates),
        seed: args.common.split.seed,
        threads: threads(args.common.threads),
        budget: Duration::from_secs_f64(args.budget),
        candidates,
    }
}

/// Builds and runs the front as firmware, and writes results.json, report.html and what `mote export` needs. Candidates
/// are called by their preset's name, or `fit-1`, `fit-2` and so on: these names come back.
fn prove(
    args: &Args,
    goal: &Goal,
    trials: &Trials<'_>,
    outcome: &mut Outcome,
    ui: &Ui,
) -> Result<BTreeMap<Spec, String>> {
    let mut names = BTreeMap::new();
    let Some(best) = outcome.best.as_ref().map(|b| b.spec.clone()) else {
        return Ok(names);
    };
    let presets = presets()?;
    let data = compare::describe(&*trials.experiment(&best)?);
    let mut results = Results::new(&args.common.task, data);
    results.command = compare::command();
    results.seed = args.common.split.seed;
    results.versions.extend(compare::versions());
    results
        .notes
        .push(format!("limits of the search: {}", goal.limits));
    for (i, record) in outcome.front.iter_mut().enumerate() {
        let preset = presets.iter().find(|p| p.spec == record.spec);
        let name = match (&args.preset, preset) {
            (Some(name), _) => name.clone(),
            (None, Some(preset)) => preset.name.to_owned(),
            (None, None) => format!("fit-{}", i + 1),
        };
        names.insert(record.spec.clone(), name.clone());
        let trained = trials.train(&name, &record.spec, record.effort)?;
        let (devices, figures) = trials.measure(&trained)?;
        record.measured = figures;
        let mut run = trained.run.clone();
        run.device = devices;
        run.notes.push(format!("repeat it: {}", record.command));
        if let Some(measured) = &figures {
            run.notes.push(format!(
                "predicted: {}",
                show::missed(&record.figures, measured)
            ));
        }
        compare::save_deployment(
            &trained.experiment,
            &trained.pipeline,
            &trained.network,
            &results,
            &run,
        )?;
        results.runs.push(run);
        mote_report::write_report(&results, &args.common.out)?;
    }
    // What was measured may beat or break what was predicted.
    let measured: Vec<Record> = outcome.front.clone();
    let measured: Vec<&Record> = measured.iter().collect();
    outcome.best = goal.best(&measured).cloned();
    let front: Vec<Record> = goal.front(&measured).into_iter().cloned().collect();
    if front.is_empty() {
        outcome.near = measured
            .iter()
            .map(|r| Near {
                spec: r.spec.clone(),
                figures: *r.best_figures(),
                macro_f1: Some(r.macro_f1),
                broken: goal.limits.broken(r.best_figures(), Some(r.macro_f1)),
            })
            .collect();
    }
    outcome.front = front;
    ui.info(format_args!(
        "report:  {}",
        args.common.out.join("report.html").display()
    ));
    Ok(names)
}

/// Writes candidates that keep the limits as jobs, each with the full effort.
fn export_trials<P: Fn(&Spec) -> Result<Figures, mote_search::Error>>(
    args: &Args,
    settings: &Settings,
    mut search: Search<'_, P>,
    folder: &std::path::Path,
    ui: &Ui,
) -> Result<ExitCode> {
    let effort = *settings.efforts.last().context("there is no effort")?;
    let mut commands = Vec::new();
    loop {
        let specs = search.propose(effort);
        if specs.is_empty() {
            break;
        }
        commands.extend(specs.iter().map(|s| args.common.command(s, effort)));
    }
    ensure!(
        !commands.is_empty(),
        "no candidate keeps the limits ({}); nothing was written",
        settings.goal.limits
    );
    for path in export::export(&commands, folder)? {
        println!("{}", path.display());
    }
    ui.info(format_args!(
        "{} trials; run run.sh, or submit slurm.sh; then: mote fit --collect {}",
        commands.len(),
        folder.join("records").display()
    ));
    Ok(ExitCode::SUCCESS)
}
