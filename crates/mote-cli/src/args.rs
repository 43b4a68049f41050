//! Arguments that several commands share, and the settings they stand for.

use anyhow::{Result, ensure};
use mote_data::WindowSpec;
use mote_experiment::{
    DataSettings, MAX_BAD, SplitSettings, StreamSettings, TrialSettings, WINDOW_S,
};
use mote_search::{Candidate, Fidelity, export};
use std::path::PathBuf;

/// Which windows of which data.
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
    /// Share of rejected records above which nothing is trained.
    #[arg(long, default_value_t = MAX_BAD)]
    pub max_bad: f64,
}

impl DataArgs {
    /// Returns the settings.
    pub fn settings(&self) -> DataSettings {
        DataSettings {
            task: self.task.clone(),
            folder: self.data.clone(),
            window: WindowSpec {
                seconds: self.window,
                overlap: self.overlap,
                rate_hz: self.rate,
            },
            max_bad: self.max_bad,
        }
    }
}

/// Who trains, who tests, and with which seed.
#[derive(clap::Args, Clone)]
pub struct SplitArgs {
    /// group (users in K groups), loso (leave one subject out), time (parts in time: the same users train and test), random
    /// (windows: leaks!), or users:test=1,2;validation=3.
    #[arg(long, default_value = "group")]
    pub split: String,
    /// Number of folds of `group`, `time` and `random`.
    #[arg(long, default_value_t = 10)]
    pub folds: usize,
    /// Seed of splits, weights, shuffling and augmentation.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl SplitArgs {
    /// Returns the settings.
    pub fn settings(&self) -> Result<SplitSettings> {
        let text = match self.split.as_str() {
            "group" | "random" | "time" => {
                ensure!(
                    self.folds >= 2,
                    "--folds {}: at least 2 are needed",
                    self.folds
                );
                format!("{}:{}", self.split, self.folds)
            }
            other => other.to_owned(),
        };
        Ok(SplitSettings {
            kind: text.parse()?,
            seed: self.seed,
        })
    }
}

/// What the compiler optimises firmware for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Optimize {
    /// `opt-level = "s"`.
    Size,
    /// `opt-level = 3`.
    Speed,
}

impl From<Optimize> for mote_device::core::Optimize {
    fn from(optimize: Optimize) -> Self {
        match optimize {
            Optimize::Size => Self::Size,
            Optimize::Speed => Self::Speed,
        }
    }
}

/// Whether cycles have those that the core waits for flash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FlashModel {
    /// As the board's file describes its flash.
    #[default]
    Board,
    /// Without wait states.
    None,
}

impl From<FlashModel> for mote_device::flash::FlashModel {
    fn from(model: FlashModel) -> Self {
        match model {
            FlashModel::Board => Self::Board,
            FlashModel::None => Self::None,
        }
    }
}

/// How rows are judged on continuous streams.
#[derive(clap::Args, Clone)]
pub struct StreamArgs {
    /// Time over which one activity fades into the next on continuous streams, in seconds; 0 is a hard cut.
    #[arg(long, value_name = "SECONDS", default_value_t = StreamSettings::default().fade_s)]
    pub fade: f64,
    /// Leave the figures on continuous streams out.
    #[arg(long, conflicts_with = "fade")]
    pub no_stream: bool,
}

impl StreamArgs {
    /// Returns the settings; `None` when streams are left out.
    pub fn settings(&self) -> Result<Option<StreamSettings>> {
        ensure!(
            (0.0..=10.0).contains(&self.fade),
            "--fade {}: give seconds from 0 to 10",
            self.fade
        );
        Ok((!self.no_stream).then_some(StreamSettings { fade_s: self.fade }))
    }
}

/// What all candidates of a search have in common.
#[derive(clap::Args, Clone)]
pub struct TrialArgs {
    /// Task, as `mote data list` shows them; also csv:FILE.toml and npz:FILE.
    #[arg(long, default_value = "synthetic/6")]
    pub task: String,
    /// Folder that holds the data sets.
    #[arg(long, env = "MOTE_DATA")]
    pub data: Option<PathBuf>,
    /// Share of a window of 3 s or less that the next one repeats, 0 to below 1, in training and evaluation; longer
    /// windows follow each other at the step of 3 s.
    #[arg(long, default_value_t = 0.5)]
    pub overlap: f32,
    /// Sampling rate all recordings are brought to, in Hz.
    #[arg(long, default_value_t = 20.0)]
    pub rate: f32,
    #[command(flatten)]
    pub split: SplitArgs,
    /// A board of `mote device boards`, or a board file (*.toml).
    #[arg(long, default_value = "stm32l4r5")]
    pub board: String,
    /// Flash as the board's file describes it, or without wait states: the cycles of the core alone.
    #[arg(long, value_enum, default_value_t)]
    pub flash_model: FlashModel,
    /// What the compiler optimises the firmware for.
    #[arg(long, value_enum, default_value_t = Optimize::Speed)]
    pub optimize: Optimize,
    #[command(flatten)]
    pub stream: StreamArgs,
    /// Folder for checkpoints, images and results.
    #[arg(long, default_value = "out")]
    pub out: PathBuf,
    /// Folds worked on at a time; default: the number of cores.
    #[arg(long)]
    pub threads: Option<usize>,
}

impl TrialArgs {
    /// Returns the settings.
    pub fn settings(&self) -> Result<TrialSettings> {
        Ok(TrialSettings {
            data: DataSettings {
                task: self.task.clone(),
                folder: self.data.clone(),
                // Every candidate brings its own window.
                window: WindowSpec {
                    seconds: WINDOW_S,
                    overlap: self.overlap,
                    rate_hz: self.rate,
                },
                max_bad: MAX_BAD,
            },
            split: self.split.settings()?,
            board: self.board.clone(),
            flash_model: self.flash_model.into(),
            optimize: self.optimize.into(),
            stream: self.stream.settings()?,
            threads: self.threads,
            out: self.out.clone(),
        })
    }

    /// Returns the command line of a trial, where its record goes left out.
    pub fn command(&self, spec: &Candidate, fidelity: Fidelity) -> Vec<String> {
        let split = &self.split;
        let optimize = match self.optimize {
            Optimize::Size => "size",
            Optimize::Speed => "speed",
        };
        let mut words = vec!["mote".to_owned(), "trial".to_owned()];
        let mut add = |name: &str, value: String| words.extend([name.to_owned(), value]);
        add("--task", self.task.clone());
        if let Some(data) = &self.data {
            // The folder may not be there; the command names it as it was given.
            let absolute = data.canonicalize().unwrap_or_else(|_| data.clone());
            add("--data", absolute.display().to_string());
        }
        add("--overlap", self.overlap.to_string());
        add("--rate", self.rate.to_string());
        add("--split", split.split.clone());
        add("--folds", split.folds.to_string());
        add("--seed", split.seed.to_string());
        add("--board", self.board.clone());
        if self.flash_model == FlashModel::None {
            add("--flash-model", "none".to_owned());
        }
        add("--optimize", optimize.to_owned());
        if !self.stream.no_stream {
            add("--fade", self.stream.fade.to_string());
        }
        add("--spec", spec.to_string());
        add("--try-folds", fidelity.folds.to_string());
        add("--percent", fidelity.percent.to_string());
        if self.stream.no_stream {
            words.push("--no-stream".to_owned());
        }
        words
    }

    /// Returns what writes the command line of a trial into its record.
    pub fn repeat(&self) -> Box<mote_experiment::Repeat> {
        let args = self.clone();
        Box::new(move |spec, fidelity| export::command_line(&args.command(spec, fidelity)))
    }
}

/// Returns the command line that repeats this run.
pub fn command_line() -> String {
    export::command_line(&std::env::args().collect::<Vec<_>>())
}
