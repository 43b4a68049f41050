//! The `mote` command: human activity recognition in kilobytes, measured.

mod args;
mod commands;
mod experiment;
mod pipeline;
mod ui;

use anyhow::Result;
use args::{Args, Command};
use clap::{CommandFactory, Parser};
use std::process::ExitCode;
use ui::Ui;

/// Training makes and drops many tensors of a few kilobytes; the system's allocator takes a third longer for it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code of a run the user stopped, as shells count Ctrl-C.
const STOPPED: u8 = 130;

fn main() -> ExitCode {
    let args = Args::parse();
    let ui = Ui::new(args.verbosity());
    match run(args, &ui) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mote: {error:#}");
            if error.is::<experiment::Stopped>() {
                return ExitCode::from(STOPPED);
            }
            ExitCode::FAILURE
        }
    }
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
        Command::Data(a) => commands::data::run(&a, ui),
        Command::Device(a) => commands::device::run(&a, ui),
        Command::Footprint(a) => commands::footprint::run(&a),
        Command::Import(a) => commands::import::run(&a, ui),
        Command::Report(a) => commands::report::run(&a, ui),
        Command::Techniques(a) => commands::techniques::run(&a),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "mote", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}
