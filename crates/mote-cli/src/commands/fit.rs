//! `mote fit`: the pipeline that fits a board and a budget, found and proven.

mod show;

use crate::args::{TrialArgs, command_line};
use crate::progress::observer;
use crate::ui::Ui;
use anyhow::{Result, ensure};
use mote_experiment::fit::{Fit, FitSettings};
use mote_search::{Limits, Objective, Space, export, limits};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
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
  mote fit --task wisdm-2019-watch/5 --data DIR --max-delay 2s --max-false-changes 40
  mote fit --task motionsense/6 --data DIR --preset balanced        no search
  mote fit --export-trials jobs --candidates 200; (cd jobs; sbatch slurm.sh); mote fit --collect jobs/records

When nothing keeps all limits it shows what comes closest and the limit that binds, and ends with exit code 1.")]
pub struct Args {
    #[command(flatten)]
    common: TrialArgs,
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
    /// Least macro-averaged F1, on continuous streams where the data has recordings.
    #[arg(long)]
    min_f1: Option<f64>,
    /// Longest time within which half of the changes of activity are noticed: 2s.
    #[arg(long, value_parser = limits::seconds)]
    max_delay: Option<f64>,
    /// Most decisions per hour that leave the right activity.
    #[arg(long)]
    max_false_changes: Option<f64>,
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
    /// Contrastive pretraining, too; it takes several times as long.
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

impl Args {
    fn settings(&self) -> Result<FitSettings> {
        Ok(FitSettings {
            trials: self.common.settings()?,
            limits: Limits {
                flash: self.flash,
                ram: self.ram,
                latency_ms: self.latency,
                power_mw: self.power,
                min_f1: self.min_f1,
                max_delay_s: self.max_delay,
                max_false_changes: self.max_false_changes,
            },
            minimize: self.minimize,
            space: space(self)?,
            hop_for_presets: self.hop.is_some(),
            preset: self.preset.clone(),
            budget: Duration::from_secs_f64(self.budget),
            candidates: self.candidates,
            collect: self.collect.clone(),
        })
    }
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    let settings = args.settings()?;
    ui.catch_interrupt()?;
    let fit = Fit::new(settings, args.common.repeat(), &observer(ui))?;
    if let Some(folder) = &args.export_trials {
        return export_trials(args, &fit, folder, ui);
    }
    let out = &args.common.out;
    let found = fit.run(!args.no_device, &command_line())?;
    if !found.names.is_empty() {
        ui.info(format_args!(
            "report:  {}",
            out.join("report.html").display()
        ));
    }
    if args.json {
        let json = show::json(&found)?;
        println!("{}", serde_json::to_string_pretty(&json)?);
    } else {
        show::print(&found, out);
    }
    ui.info(format_args!("trials:  {}", Fit::records(out).display()));
    Ok(match found.outcome.best {
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

/// Writes candidates that keep the limits as jobs, each with the full effort.
fn export_trials(args: &Args, fit: &Fit, folder: &Path, ui: &Ui) -> Result<ExitCode> {
    let proposed = fit.propose()?;
    let commands: Vec<_> = proposed
        .iter()
        .map(|(spec, effort)| args.common.command(spec, *effort))
        .collect();
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
