//! `cargo xtask test`: everything that must pass before a change lands.

use crate::command::{cargo, cargo_command, run};
use crate::setup::setup;
use anyhow::Result;

#[derive(clap::Args)]
pub struct Args {
    /// Leave out the installation of firmware and emulation tools; tests that need them skip, saying so.
    #[arg(long)]
    no_setup: bool,
}

pub fn test(args: &Args) -> Result<()> {
    cargo(["fmt", "--all", "--check"])?;
    for apart in [
        "benches/tract/Cargo.toml",
        "firmware/Cargo.toml",
        "fuzz/Cargo.toml",
    ] {
        cargo(["fmt", "--manifest-path", apart, "--check"])?;
    }
    if !args.no_setup
        && let Err(e) = setup()
    {
        eprintln!("note: {e:#}; tests of the device skip");
    }
    cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ])?;
    cargo(["test", "--workspace"])?;
    eprintln!("\nAll tests passed.");
    Ok(())
}

/// The conformance suite at full size: every reference network, core and flavour.
pub fn conformance() -> Result<()> {
    setup()?;
    let mut command = cargo_command(["test", "--package", "mote-device", "--test", "conformance"]);
    run(command
        .env("MOTE_CONFORMANCE", "full")
        .args(["--", "--nocapture"]))
}

/// Writes the figures of the regression gate anew.
pub fn record() -> Result<()> {
    setup()?;
    let mut command = cargo_command(["test", "--package", "mote-device", "--test", "gate"]);
    run(command.env("MOTE_RECORD", "1"))
}
