//! `mote compare`: the main job.

use super::report::print_table;
use crate::args::{DataArgs, FlashModel, Optimize, SplitArgs, StreamArgs, command_line};
use crate::progress::observer;
use crate::ui::Ui;
use anyhow::Result;
use mote_codegen::Deployment;
use mote_experiment::{
    ComparisonRunner, ComparisonSettings, Finalist, built_in_experiment, select,
};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

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
    /// Flash as the board's file describes it, or without wait states: the cycles of the core alone.
    #[arg(long, value_enum, default_value_t)]
    flash_model: FlashModel,
    /// What the compiler optimises the firmware for.
    #[arg(long, value_enum, default_value_t = Optimize::Speed)]
    optimize: Optimize,
    /// Smooth decisions, too: each from the mean of the last so many outputs within a recording. Reported apart.
    #[arg(long, value_name = "WINDOWS", value_parser = clap::value_parser!(u16).range(2..))]
    smooth: Option<u16>,
    #[command(flatten)]
    stream: StreamArgs,
    /// Leave the device columns out.
    #[arg(long)]
    no_device: bool,
    /// Then train the final model of this pipeline, on all users, for `mote export` to take; several with commas.
    #[arg(long = "final", value_name = "PIPELINE", value_delimiter = ',')]
    final_models: Vec<String>,
    /// Print results.json instead of the table.
    #[arg(long)]
    json: bool,
}

impl Args {
    fn settings(&self) -> Result<ComparisonSettings> {
        Ok(ComparisonSettings {
            data: self.data.settings(),
            split: self.split.settings()?,
            epochs: self.epochs,
            boards: if self.no_device {
                Vec::new()
            } else {
                self.boards.clone()
            },
            flash_model: self.flash_model.into(),
            optimize: self.optimize.into(),
            smooth: self.smooth.map(usize::from),
            stream: self.stream.settings()?,
            threads: self.threads,
            out: self.out.clone(),
        })
    }
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    let mut pipelines = match &args.pipelines {
        Some(text) => select(text)?,
        None => built_in_experiment(&args.experiment)?,
    };
    ui.catch_interrupt()?;
    let runner =
        ComparisonRunner::new(args.settings()?, observer(ui))?.with_command(command_line());
    runner.check(&pipelines)?;
    Finalist::check(&args.final_models, &pipelines)?;
    if args.pipelines.is_none() {
        pipelines = runner.that_fit_the_data(pipelines)?;
    }
    let results = runner.compare(&pipelines)?;
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
    for name in &args.final_models {
        let finalist = Finalist::new(&results, name)?;
        show_final(&finalist.train(&observer(ui))?, &args.out, ui);
    }
    Ok(ExitCode::SUCCESS)
}

/// Says where a final model is, and what to do with it.
pub fn show_final((deployment, path): &(Deployment, PathBuf), out: &Path, ui: &Ui) {
    let name = &deployment.name;
    let parts = deployment.final_model.as_ref();
    let parts = parts.zip(deployment.evidence.as_ref());
    if let Some(why) = parts.and_then(|(last, evidence)| last.doubt(&evidence.run)) {
        ui.warn(why);
    }
    let of = match out == Path::new("out") {
        true => String::new(),
        false => format!(" --out {}", out.display()),
    };
    ui.info(format_args!(
        "final model: {}; `mote export {name} --to rust{of}` takes it",
        path.display()
    ));
}
