//! The command line's vocabulary, shared by all commands.

use crate::commands;
use anyhow::{Result, ensure};
use clap::{ArgAction, Parser, Subcommand};
use mote_data::{SplitKind, WindowSpec};
use std::path::PathBuf;

/// Fits human activity recognition into microcontrollers and proves it.
#[derive(Parser)]
#[command(name = "mote", version, propagate_version = true, after_help = EXAMPLES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
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
  mote data check wisdm-2019-watch/5 --data DIR             what is wrong with my files?

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C (run again to go on).";

impl Args {
    /// -1 quiet, 0 normal, 1 and more detailed.
    pub fn verbosity(&self) -> i8 {
        if self.quiet {
            -1
        } else {
            i8::try_from(self.verbose).unwrap_or(i8::MAX)
        }
    }
}

/// What `mote` can do.
#[derive(Subcommand)]
pub enum Command {
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
    /// Data sets: list, fetch, check, summary, synth.
    Data(commands::data::Args),
    /// Boards, tools, and running one pipeline on an emulated device.
    Device(commands::device::Args),
    /// Flash and RAM of any ELF image, by section and by largest symbols.
    Footprint(commands::footprint::Args),
    /// Read a TensorFlow Lite or ONNX model, apply techniques, and show what it costs on boards.
    Import(commands::import::Args),
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

/// Which windows of which data: the options every command on data shares.
#[derive(clap::Args, Clone)]
pub struct DataArgs {
    /// Task, as `mote data list` shows them; also csv:FILE.toml and npz:FILE.
    #[arg(long, default_value = "synthetic/6")]
    pub task: String,
    /// Folder that holds the data sets.
    #[arg(long, env = "MOTE_DATA")]
    pub data: Option<PathBuf>,
    /// Window length in seconds.
    #[arg(long, default_value_t = WINDOW_S)]
    pub window: f32,
    /// Share of a window that the next one repeats, 0 to below 1.
    #[arg(long, default_value_t = 0.5)]
    pub overlap: f32,
    /// Sampling rate all recordings are brought to, in Hz.
    #[arg(long, default_value_t = 20.0)]
    pub rate: f32,
}

/// As many threads as asked for; by default one per core.
pub fn threads(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Default window length in seconds.
pub const WINDOW_S: f32 = 3.0;

impl DataArgs {
    /// The window settings.
    pub fn spec(&self) -> WindowSpec {
        WindowSpec {
            seconds: self.window,
            overlap: self.overlap,
            rate_hz: self.rate,
        }
    }

    /// The same with windows of a pipeline's own length. Longer ones follow each other at the same step, so that they
    /// are as many; shorter ones overlap by the same share.
    pub fn with_window(&self, seconds: Option<f32>) -> Self {
        let seconds = seconds.unwrap_or(self.window);
        let step = self.window.min(seconds) * (1.0 - self.overlap);
        Self {
            window: seconds,
            overlap: match seconds > self.window {
                true => 1.0 - step / seconds,
                false => self.overlap,
            },
            ..self.clone()
        }
    }
}

/// Who trains, who tests, and with which seed.
#[derive(clap::Args, Clone)]
pub struct SplitArgs {
    /// group (users in K groups), loso (leave one subject out), random (windows: leaks!), or
    /// users:test=1,2;validation=3.
    #[arg(long, default_value = "group")]
    pub split: String,
    /// Number of folds of `group` and `random`.
    #[arg(long, default_value_t = 10)]
    pub folds: usize,
    /// Seed of splits, weights, shuffling and augmentation.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl SplitArgs {
    /// The split asked for.
    pub fn kind(&self) -> Result<SplitKind> {
        let text = match self.split.as_str() {
            "group" | "random" => {
                ensure!(
                    self.folds >= 2,
                    "--folds {}: at least 2 are needed",
                    self.folds
                );
                format!("{}:{}", self.split, self.folds)
            }
            other => other.to_owned(),
        };
        Ok(text.parse()?)
    }
}
