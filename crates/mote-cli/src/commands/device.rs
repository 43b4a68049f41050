//! `mote device`: boards, tools, and one pipeline on one board.

use crate::args::{DataArgs, FlashModel, Optimize, SplitArgs};
use crate::progress::observer;
use crate::ui::Ui;
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use mote_device::architecture::Architecture;
use mote_device::board::Board;
use mote_device::image::FirmwareBuilder;
use mote_device::setup::DeviceTools;
use mote_experiment::{
    ComparisonRunner, ComparisonSettings, Extent, Measured, classical_model, select,
};
use std::path::PathBuf;
use std::process::ExitCode;

/// Boards, tools, and running one pipeline on an emulated device.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The boards there are.
    Boards {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Which emulator and compiler are used, or what is missing.
    Tools,
    /// Train one pipeline, build its firmware for one board, run it, and show every figure.
    Run(Box<RunArgs>),
}

#[derive(clap::Args)]
struct RunArgs {
    /// A pipeline by name.
    pipeline: String,
    /// A board of `mote device boards`, or a board file (*.toml).
    #[arg(long, default_value = "stm32l4r5")]
    board: String,
    /// Flash as the board's file describes it, or without wait states: the cycles of the core alone.
    #[arg(long, value_enum, default_value_t)]
    flash_model: FlashModel,
    /// What the compiler optimises for.
    #[arg(long, value_enum, default_value_t = Optimize::Speed)]
    optimize: Optimize,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    split: SplitArgs,
    /// Epochs, instead of the network's own setting.
    #[arg(long)]
    epochs: Option<usize>,
    /// Folder for checkpoints and images.
    #[arg(long, default_value = "out")]
    out: PathBuf,
    /// Write folded stacks for a flame graph into this file.
    #[arg(long)]
    folded: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    match &args.command {
        Command::Boards { json } => boards(*json),
        Command::Tools => tools(),
        Command::Run(args) => run_one(args, ui),
    }
}

fn boards(json: bool) -> Result<ExitCode> {
    let boards = Board::all()?;
    if json {
        println!("{}", serde_json::to_string_pretty(&boards)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{:<12} {:<16} {:>5} {:>8} {:>8} {:>9}",
        "board", "core", "MHz", "flash", "RAM", "pJ/cycle"
    );
    for b in &boards {
        let energy = b
            .energy
            .as_ref()
            .map_or("-".to_owned(), |e| format!("{:.0}", e.pj_per_cycle));
        println!(
            "{:<12} {:<16} {:>5.0} {:>7}K {:>7}K {energy:>9}  {}",
            b.name,
            b.core.name(),
            b.clock_mhz,
            b.flash_kib,
            b.ram_kib,
            b.title
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn tools() -> Result<ExitCode> {
    let builder = FirmwareBuilder::locate()?;
    let mut complete = true;
    for architecture in Architecture::ALL {
        let tools = DeviceTools::of_this_machine(architecture, builder.cache());
        println!("{}", architecture.name);
        println!(
            "  emulator  {}",
            tools.emulator.as_deref().unwrap_or("none")
        );
        match &tools.toolchain {
            Ok(toolchain) => println!("  compiler  {toolchain}"),
            Err(why) => println!("  compiler  none: {why}"),
        }
        if let Some(why) = tools.why_not() {
            println!("  {why}");
            complete = false;
        }
    }
    Ok(match complete {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn run_one(args: &RunArgs, ui: &Ui) -> Result<ExitCode> {
    let chosen = select(&args.pipeline)?;
    let [pipeline] = &chosen[..] else {
        bail!("name one pipeline, not {}", chosen.len());
    };
    if classical_model(&pipeline.model).is_some() {
        bail!("name a pipeline with a network; classical models have no firmware");
    }
    let model = mote_device::flash::FlashModel::from(args.flash_model);
    let board = model.apply(Board::load(&args.board)?);
    ui.catch_interrupt()?;
    let settings = ComparisonSettings {
        split: args.split.settings()?,
        threads: Some(1),
        ..ComparisonSettings::new(args.data.settings(), args.out.clone())
    };
    let runner = ComparisonRunner::new(settings, observer(ui))?;
    // One fold's network is enough for a footprint.
    let extent = Extent {
        folds: 1,
        epochs: args.epochs,
    };
    let trained = runner.train(pipeline, extent)?;
    for change in &runner.deployed(&trained)?.changes {
        for line in &change.lines {
            ui.info(format_args!("{}: {line}", change.technique));
        }
    }
    let firmware = runner.firmware(&trained)?;
    let measured = firmware.measure(&FirmwareBuilder::locate()?, &board, args.optimize.into())?;
    let measurement = &measured.mean;
    if let Some(path) = &args.folded {
        std::fs::write(path, &measurement.folded)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(measurement)?);
    } else {
        print(&pipeline.name, &board, &measured);
    }
    Ok(ExitCode::SUCCESS)
}

fn count(figure: Option<u64>) -> String {
    figure.map_or("unknown".to_owned(), |c| c.to_string())
}

/// Prints every figure of `measured`.
pub fn print(name: &str, board: &Board, measured: &Measured) {
    let m = &measured.mean;
    let or = |value: Option<f64>, unit: &str| {
        value.map_or("unknown".to_owned(), |v| format!("{v:.3} {unit}"))
    };
    let fits = |fits: Option<bool>| fits.map_or("unknown".to_owned(), |f| f.to_string());
    let (figures, provenance) = (&m.figures, &m.provenance);
    println!(
        "{name} on {} ({}, {} MHz), opt-level {}",
        board.title, figures.core, board.clock_mhz, figures.optimize
    );
    println!("  outputs        {}", measured.agreement);
    println!(
        "  flash          {} B code, {} B model  [elf]",
        count(figures.flash_code),
        count(figures.flash_model)
    );
    println!(
        "  RAM            {} B static, {} B stack, {} B heap  [{}]",
        count(figures.ram_static),
        count(figures.ram_stack),
        count(figures.ram_heap),
        provenance.stack
    );
    println!(
        "  instructions   {} per decision, {} at most, {} once at start  [{}]",
        count(figures.instructions),
        m.instructions_max,
        m.instructions_init,
        provenance.instructions
    );
    println!(
        "  cycles         {}  [{}]",
        count(figures.cycles),
        provenance.cycles
    );
    for line in mote_report::waiting(figures) {
        println!("                 {line}");
    }
    println!("  latency        {}", or(figures.latency_ms, "ms"));
    println!(
        "  energy         {}  [{}]",
        or(figures.energy_uj, "uJ"),
        provenance.energy
    );
    println!("  average power  {}", or(figures.average_power_uw, "uW"));
    println!("  CR2032 life    {}", or(figures.battery_days, "days"));
    println!(
        "  fits           flash {}, RAM {}, envelope {}",
        fits(figures.fits_flash()),
        fits(figures.fits_ram()),
        fits(figures.fits_envelope)
    );
    println!("  panic-free     {}", m.panic_free);
    println!(
        "  built with     {}; run on {}",
        provenance.toolchain, provenance.emulator
    );
    let known = |figure: Option<u64>| figure.map_or("-".to_owned(), |c| c.to_string());
    println!(
        "\n  layer                          instructions       cycles  for flash  B of weights"
    );
    for layer in &figures.layers {
        println!(
            "  {:<28} {:>14} {:>12} {:>10} {:>13}",
            layer.name,
            count(layer.instructions),
            count(layer.cycles),
            known(layer.cycles_flash),
            known(layer.weights_bytes)
        );
    }
    println!(
        "\n  function                       instructions       cycles  for flash     B of code"
    );
    for part in m.functions.iter().take(12) {
        println!(
            "  {:<28} {:>14} {:>12} {:>10} {:>13}",
            part.name,
            part.work.instructions,
            count(part.work.cycles),
            known(part.work.waiting),
            known(part.bytes)
        );
    }
    if let Some(worst) = &measured.worst {
        println!(
            "\nan early exit ends some decisions; the others take {} cycles, {} instructions",
            count(worst.figures.cycles),
            count(worst.figures.instructions)
        );
    }
}
