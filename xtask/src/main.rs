//! Chores of the Mote workspace: `cargo xtask <command>`.
//!
//! Every command is one short function that runs the tool a person would run by hand and prints that command
//! first, so that any step can be repeated alone.

#![allow(
    clippy::expect_used,
    reason = "a host program: an invariant that does not hold is a bug, and says so"
)]

mod bench;
mod calibrate;
mod command;
mod compare;
mod docs;
mod marked_blocks;
mod picture;
mod setup;
mod test;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Chores of the Mote workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The main job: train, compress and measure pipelines side by side (real WISDM when it is there, else
    /// synthetic recordings). Options behind `--` go to `mote compare`.
    Compare(compare::Args),
    /// Everything that must pass: format, lints, unit, integration and documentation tests, firmware.
    Test(test::Args),
    /// Install what firmware and emulation need (Debian packages, as root or with sudo).
    Setup,
    /// The full conformance suite: host and every emulated core give the same outputs.
    Conformance,
    /// Record the device figures that `cargo xtask test` holds new ones against.
    Record,
    /// Write the figures of a recorded run into the documentation.
    Docs(docs::Args),
    /// Draw the top of a recorded run's report for the README (needs Chromium).
    Picture(picture::Args),
    /// Criterion benchmarks (parsing, kernels, training), or the engine beside others on an emulated core.
    Bench(bench::Args),
    /// Measure what layers cost on the emulated cores, for the predictions of `mote fit`.
    Calibrate(calibrate::Args),
}

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Compare(args) => compare::compare(&args),
        Command::Test(args) => test::test(&args),
        Command::Setup => setup::setup(),
        Command::Conformance => test::conformance(),
        Command::Record => test::record(),
        Command::Docs(args) => docs::docs(&args),
        Command::Picture(args) => picture::picture(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Calibrate(args) => calibrate::calibrate(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("\nxtask: {e:#}");
            ExitCode::FAILURE
        }
    }
}
