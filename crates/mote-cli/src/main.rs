//! The `mote` command: human activity recognition in kilobytes, measured.
#![allow(
    clippy::expect_used,
    reason = "a host program: an invariant that does not hold is a bug, and says so"
)]

mod args;
mod commands;
mod progress;
mod ui;

use anyhow::Result;
use clap::{ArgAction, CommandFactory, Parser, Subcommand};
use std::process::ExitCode;
use ui::Ui;

/// Training makes and drops many tensors of a few kilobytes; the system's allocator takes a third longer for it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Fits human activity recognition into microcontrollers and proves it.
#[derive(Parser)]
#[command(name = "mote", version, propagate_version = true, after_help = EXAMPLES)]
struct Args {
    /// What to do.
    #[command(subcommand)]
    command: Command,
    /// Say less: no progress, only results and warnings.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more.
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
}

const EXAMPLES: &str = "\
Examples:
  mote compare --task synthetic/6 --folds 3                 no data needed
  mote compare --task wisdm-2019-watch/5 --data DIR         the main job
  mote device run cnn-int8 --board stm32l4r5 --data DIR     one pipeline on one board
  mote export cnn-int8-stream --to rust                     a no_std crate of it
  mote import model.onnx --board stm32l4r5 --techniques int8 flatten arena
  mote predict cnn-int8-stream recordings/ --plot a.svg     what it makes of new recordings
  mote check model.tflite --board stm32l4r5 --flash 16K --ram 2K --cycles 100k
  mote data check wisdm-2019-watch/5 --data DIR             what is wrong with my files?

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C (run again to go on).";

impl Args {
    /// Returns -1 for quiet, 0 for normal, 1 and more for detailed.
    fn verbosity(&self) -> i8 {
        if self.quiet {
            -1
        } else {
            i8::try_from(self.verbose).unwrap_or(i8::MAX)
        }
    }
}

/// What `mote` can do.
#[derive(Subcommand)]
enum Command {
    /// Train, compress, evaluate and measure pipelines side by side.
    Compare(commands::compare::Args),
    /// Train one network and write it to a file.
    Train(commands::train::Args),
    /// Evaluate a network file with the engine.
    Eval(commands::eval::Args),
    /// Find the pipeline that fits a board and a budget, and prove it.
    Fit(Box<commands::fit::Args>),
    /// One candidate of a search, as a command line of its own.
    Trial(commands::trial::Args),
    /// Why a pipeline costs and gives what it does.
    Explain(commands::explain::Args),
    /// Write a pipeline as a Rust crate, as C, or as a model file, with its model card.
    Export(commands::export::Args),
    /// Decide about new recordings with a deployed network; a table, CSV, JSON or a drawing.
    Predict(commands::predict::Args),
    /// Data sets: list, describe, check, summary, fetch, synth.
    Data(commands::data::Args),
    /// Boards, tools, and running one pipeline on an emulated device.
    Device(commands::device::Args),
    /// Flash and RAM of any ELF image, by section and by largest symbols.
    Footprint(commands::footprint::Args),
    /// Read a TensorFlow Lite or ONNX model, apply techniques, and show what it costs on boards.
    Import(commands::import::Args),
    /// Run a model on arrays of inputs, and compare its outputs.
    Run(commands::run::Args),
    /// Build a model for a board, run it, and hold it to a budget: exit code 1 when it takes more.
    Check(commands::check::Args),
    /// Show a recorded results.json again: table and HTML.
    Report(commands::report::Args),
    /// The techniques there are, with their options.
    Techniques(commands::techniques::Args),
    /// Print completions for your shell, e.g. `mote completions bash`.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Exit code of a run the user stopped, as shells count Ctrl-C.
const STOPPED: u8 = 130;

fn main() -> ExitCode {
    end_quietly_without_a_reader();
    let args = Args::parse();
    let ui = Ui::new(args.verbosity());
    match run(args, &ui) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mote: {error:#}");
            match error.downcast_ref::<mote_experiment::Error>() {
                Some(error) if error.is_stopped() => ExitCode::from(STOPPED),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// Ends the program without a word when whoever reads its output has gone, as `head` does after ten lines: `println!`
/// panics then.
fn end_quietly_without_a_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<String>();
        let pipe = message.is_some_and(|m| {
            m.starts_with("failed printing to stdout") && m.contains("Broken pipe")
        });
        if pipe {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

fn run(args: Args, ui: &Ui) -> Result<ExitCode> {
    match args.command {
        Command::Compare(a) => commands::compare::run(&a, ui),
        Command::Train(a) => commands::train::run(&a, ui),
        Command::Eval(a) => commands::eval::run(&a, ui),
        Command::Fit(a) => commands::fit::run(&a, ui),
        Command::Trial(a) => commands::trial::run(&a, ui),
        Command::Explain(a) => commands::explain::run(&a, ui),
        Command::Export(a) => commands::export::run(&a, ui),
        Command::Predict(a) => commands::predict::run(&a, ui),
        Command::Data(a) => commands::data::run(&a, ui),
        Command::Device(a) => commands::device::run(&a, ui),
        Command::Footprint(a) => commands::footprint::run(&a),
        Command::Import(a) => commands::import::run(&a, ui),
        Command::Run(a) => commands::run::run(&a, ui),
        Command::Check(a) => commands::check::run(&a, ui),
        Command::Report(a) => commands::report::run(&a, ui),
        Command::Techniques(a) => commands::techniques::run(&a),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "mote", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}
