//! `cargo xtask calibrate`: what layers cost on the emulated cores, for the predictions of `mote fit`.

use crate::command::cargo;
use crate::setup::setup;
use anyhow::Result;

#[derive(clap::Args)]
pub struct Args {
    /// Boards whose cores are measured; default: one for each core of the built-in boards.
    #[arg(long, default_values = ["stm32l4r5", "microbit", "stm32u575"])]
    board: Vec<String>,
}

pub fn calibrate(args: &Args) -> Result<()> {
    setup()?;
    for board in &args.board {
        for optimize in ["3", "s"] {
            let example = ["run", "--release", "--package", "mote-search", "--example"];
            let options = ["calibrate", "--", "--board", board, "--opt", optimize];
            cargo(example.iter().chain(&options))?;
        }
    }
    Ok(())
}
