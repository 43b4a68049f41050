//! `mote check`: a budget as a gate for CI.

use crate::args::{FlashModel, Optimize};
use crate::progress::observer;
use crate::ui::Ui;
use anyhow::{Context as _, Result};
use mote_device::board::Board;
use mote_experiment::{Budget, BudgetLine, Import, ImportSettings, Measured, random_on_board};
use mote_search::limits;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Build a model for a board, run it there emulated, and hold it to a budget. Exit code 1 when it takes more, or when its
/// outputs are not those of this computer.
///
/// What has no limit may take what the board has.
#[derive(clap::Args)]
pub struct Args {
    /// The model: *.tflite, *.lite, *.onnx, or a deployment.json.
    model: PathBuf,
    /// A board of `mote device boards`, or a board file (*.toml).
    #[arg(long)]
    board: String,
    /// Most flash, code and model: 16K.
    #[arg(long, value_parser = limits::bytes)]
    flash: Option<u64>,
    /// Most RAM, statics, stack and heap: 2K.
    #[arg(long, value_parser = limits::bytes)]
    ram: Option<u64>,
    /// Most cycles of a decision: 100k.
    #[arg(long, value_parser = limits::count)]
    cycles: Option<u64>,
    /// Deepest stack: 512.
    #[arg(long, value_parser = limits::bytes)]
    stack: Option<u64>,
    /// Flash as the board's file describes it, or without wait states: the cycles of the core alone.
    #[arg(long, value_enum, default_value_t)]
    flash_model: FlashModel,
    /// Techniques that are applied to a model of another tool, as in `mote import`; none that learns.
    #[arg(long, num_args = 0.., default_values = ["static-pruning", "flatten", "arena"])]
    techniques: Vec<String>,
    /// What the compiler optimises for.
    #[arg(long, value_enum, default_value_t = Optimize::Speed)]
    optimize: Optimize,
    /// Folder for images.
    #[arg(long, default_value = "out")]
    out: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Verdict<'a> {
    model: &'a str,
    board: &'a str,
    kept: bool,
    lines: &'a [BudgetLine],
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    let flash_model = mote_device::flash::FlashModel::from(args.flash_model);
    let board = flash_model.apply(Board::load(&args.board)?);
    let (name, measured) = match args.model.extension().is_some_and(|e| e == "json") {
        true => random_on_board(&args.model, &board, args.optimize.into(), &args.out)?,
        false => imported(args, &args.model, ui)?,
    };
    let budget = Budget {
        flash: args.flash,
        ram: args.ram,
        stack: args.stack,
        cycles: args.cycles,
    };
    let mut figures = measured.mean.figures;
    if let Some(worst) = &measured.worst {
        figures.add_longest(&worst.figures);
    }
    let lines = budget.check(&figures);
    let kept = lines.iter().all(BudgetLine::is_kept);
    if args.json {
        let verdict = Verdict {
            model: &name,
            board: &board.name,
            kept,
            lines: &lines,
        };
        println!("{}", serde_json::to_string_pretty(&verdict)?);
    } else {
        let level = &figures.optimize;
        println!("{name} on {}, opt-level {level}", board.title);
        lines.iter().for_each(|line| show(line, &figures.core));
        println!("  outputs  {}", measured.agreement);
    }
    Ok(match kept {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn show(line: &BudgetLine, core: &str) {
    let BudgetLine {
        what, unit, limit, ..
    } = line;
    let Some(found) = line.found else {
        println!(
            "  {what:<7} not known: no instruction timings are published for {core}  of {limit} {unit}"
        );
        return;
    };
    let verdict = match line.over() {
        Some(over) if over > 0 => format!("over by {over} {unit}"),
        _ => "ok".to_owned(),
    };
    println!("  {what:<7} {found:>10} of {limit:>10} {unit:<7} {verdict}");
}

/// Imports the model as `mote import` does, and runs it on the board.
fn imported(args: &Args, model: &Path, ui: &Ui) -> Result<(String, Measured)> {
    let steps = args.techniques.iter().map(|text| text.parse());
    let settings = ImportSettings {
        model: model.to_owned(),
        techniques: steps.collect::<Result<_, mote_techniques::Error>>()?,
        task: None,
        folder: None,
        rate_hz: 20.0,
        mean: vec![0.0],
        std: vec![1.0],
        boards: vec![args.board.clone()],
        flash_model: args.flash_model.into(),
        optimize: args.optimize.into(),
        out: args.out.clone(),
    };
    let import = Import::read(settings, &observer(ui))?;
    let name = import.imported.model.clone();
    let mut found = None;
    import.measure(|_, measured| found = Some(measured))?;
    let measured = found.context("the board was not measured")?;
    Ok((name, measured))
}
