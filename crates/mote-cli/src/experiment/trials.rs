//! Candidates of a search, trained, evaluated by the engine, and measured on the emulated board.

use super::device::{self, Optimize};
use super::network::Network;
use super::plan::plan;
use super::pool::Pool;
use super::{Experiment, Stopped, evaluate, network};
use crate::args::{DataArgs, SplitArgs, WINDOW_S, threads};
use crate::pipeline::Pipeline;
use crate::ui::Ui;
use anyhow::{Context, Result};
use mote_device::board::Board;
use mote_report::{DeviceFigures, Run};
use mote_search::network::Shapes;
use mote_search::{
    Calibration, Effort, Error, Figures, Prediction, Record, Spec, Store, Trial, export,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// What all candidates of a search have in common.
#[derive(clap::Args, Clone)]
pub struct Common {
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
    /// What the compiler optimises the firmware for.
    #[arg(long, value_enum, default_value_t = Optimize::Speed)]
    pub optimize: Optimize,
    /// Folder for checkpoints, images and results.
    #[arg(long, default_value = "out")]
    pub out: PathBuf,
    /// Folds worked on at a time; default: the number of cores.
    #[arg(long)]
    pub threads: Option<usize>,
}

impl Common {
    /// The data; every candidate brings its own window.
    pub fn data(&self) -> DataArgs {
        DataArgs {
            task: self.task.clone(),
            data: self.data.clone(),
            window: WINDOW_S,
            overlap: self.overlap,
            rate: self.rate,
        }
    }

    /// The command line of a trial, where its record goes left out.
    pub fn command(&self, spec: &Spec, effort: Effort) -> Vec<String> {
        let split = &self.split;
        let optimize = match self.optimize {
            Optimize::Size => "size",
            Optimize::Speed => "speed",
        };
        let mut words = vec!["mote".to_owned(), "trial".to_owned()];
        let mut add = |name: &str, value: String| words.extend([name.to_owned(), value]);
        add("--task", self.task.clone());
        if let Some(data) = &self.data {
            let absolute = data.canonicalize().unwrap_or_else(|_| data.clone());
            add("--data", absolute.display().to_string());
        }
        add("--overlap", self.overlap.to_string());
        add("--rate", self.rate.to_string());
        add("--split", split.split.clone());
        add("--folds", split.folds.to_string());
        add("--seed", split.seed.to_string());
        add("--board", self.board.clone());
        add("--optimize", optimize.to_owned());
        add("--spec", spec.to_string());
        add("--try-folds", effort.folds.to_string());
        add("--percent", effort.percent.to_string());
        words
    }
}

/// Runs trials.
pub struct Trials<'a> {
    common: &'a Common,
    /// The board that figures are of.
    pub board: Board,
    calibration: Calibration,
    ui: &'a Ui,
    store: Option<Store>,
    pool: Pool<'a>,
}

/// A candidate that was trained.
pub struct Trained {
    /// Its data.
    pub experiment: Arc<Experiment>,
    /// Its techniques.
    pub pipeline: Pipeline,
    /// Its networks.
    pub network: Network,
    /// What the engine made of the test users.
    pub run: Run,
}

impl<'a> Trials<'a> {
    /// Trials that keep their records in `store`.
    pub fn new(common: &'a Common, store: Option<Store>, ui: &'a Ui) -> Result<Self> {
        let board = Board::load(&common.board)?;
        Ok(Self {
            common,
            calibration: Calibration::of(board.core, common.optimize.into())?,
            board,
            ui,
            store,
            pool: Pool::new(
                common.data(),
                common.split.clone(),
                common.out.clone(),
                threads(common.threads),
                ui,
            ),
        })
    }

    /// The data of `spec` with all folds.
    pub fn experiment(&self, spec: &Spec) -> Result<Arc<Experiment>> {
        self.with_folds(spec, usize::MAX)
    }

    fn with_folds(&self, spec: &Spec, folds: usize) -> Result<Arc<Experiment>> {
        self.pool.first_folds(Some(spec.window_s() as f32), folds)
    }

    /// What a task asks of networks.
    pub fn shapes(&self, experiment: &Experiment) -> Shapes {
        let windows = &experiment.loaded.windows;
        Shapes {
            rate_hz: f64::from(windows.rate_hz),
            channels: windows.channels,
            classes: windows.labels.len(),
        }
    }

    /// What everything that is compared has in common.
    pub fn context(&self, experiment: &Experiment) -> String {
        let common = self.common;
        format!(
            "{} {} of {} folds, seed {}, {} Hz, overlap {}, {} at -O{}, data {}",
            experiment.task.name,
            experiment.split,
            experiment.folds.len(),
            common.split.seed,
            common.rate,
            common.overlap,
            self.board.name,
            mote_device::core::Optimize::from(common.optimize),
            experiment.loaded.digest
        )
    }

    /// What the device will need for `spec`, before anything is trained.
    pub fn predict(&self, spec: &Spec, shapes: Shapes) -> Result<Figures, Error> {
        let (graph, runtime) = mote_search::network::network(spec, shapes)?;
        let predicted = self.calibration.predict(&graph, runtime);
        let predicted = predicted.map_err(|source| Error::Impossible {
            spec: spec.to_string(),
            source,
        })?;
        Ok(predicted.figures(&self.board, spec.hop_s()))
    }

    /// Trains `spec` and evaluates it; `name` is that of its pipeline.
    pub fn train(&self, name: &str, spec: &Spec, effort: Effort) -> Result<Trained> {
        let experiment = self.with_folds(spec, effort.folds)?;
        let epochs = effort.epochs(spec.epochs);
        let candidate = Pipeline::of_spec(name, spec.clone());
        let (pipeline, config) = plan(&experiment, &candidate, Some(epochs))?;
        let start = Instant::now();
        let network = network::train(&experiment, &pipeline.model, &config, self.ui)?;
        let outcomes = evaluate::networks(&experiment, &pipeline, &network)?;
        let mut run = evaluate::row(&experiment, &pipeline, &outcomes)?;
        run.train_seconds = Some(start.elapsed().as_secs_f64());
        Ok(Trained {
            experiment,
            pipeline,
            network,
            run,
        })
    }

    /// What the cost model says of the trained network.
    fn predicted(&self, trained: &Trained) -> Result<Prediction> {
        let experiment = &trained.experiment;
        let fold = experiment.folds.first().context("there is no fold")?;
        let applied = evaluate::artifact(experiment, &trained.pipeline, 0, fold, &trained.network)?;
        let artifact = &applied.0;
        Ok(self
            .calibration
            .predict(&*artifact.network()?, artifact.runtime)?)
    }

    /// Builds and runs the firmware of a candidate: the report's entry, and its figures where that succeeded.
    pub fn measure(&self, trained: &Trained) -> Result<(Vec<DeviceFigures>, Option<Figures>)> {
        let devices = device::measure(
            &trained.experiment,
            &trained.pipeline,
            &trained.network,
            std::slice::from_ref(&self.board),
            self.common.optimize,
            self.ui,
        )?;
        let figures = devices.first().and_then(Figures::of);
        Ok((devices, figures))
    }

    fn record(&self, spec: &Spec, effort: Effort) -> Result<Record> {
        let start = Instant::now();
        let trained = self.train("trial", spec, effort)?;
        let predicted = self.predicted(&trained)?;
        let metrics = &trained.run.metrics;
        Ok(Record {
            spec: spec.clone(),
            effort: Effort {
                folds: trained.run.folds,
                ..effort
            },
            context: self.context(&*self.experiment(spec)?),
            command: export::command_line(&self.common.command(spec, effort)),
            macro_f1: metrics.macro_f1.mean,
            accuracy: metrics.accuracy.mean,
            figures: predicted.figures(&self.board, spec.hop_s()),
            predicted,
            measured: None,
            seconds: start.elapsed().as_secs_f64(),
            failed: None,
        })
    }
}

impl Trial for Trials<'_> {
    type Error = anyhow::Error;

    fn run(&self, spec: &Spec, effort: Effort) -> Result<Record> {
        match self.record(spec, effort) {
            Ok(record) => {
                self.ui.detail(format_args!(
                    "m-F1 {:.3} of {} folds, {} % of the epochs, {:.0} s: {spec}",
                    record.macro_f1, effort.folds, effort.percent, record.seconds
                ));
                if let Some(store) = &self.store {
                    store.add(&record)?;
                }
                Ok(record)
            }
            Err(error) if error.is::<Stopped>() => Err(error),
            // One candidate that cannot be is no reason to lose the others. It is not kept: it may be tried again.
            Err(error) => {
                self.ui.warn(format_args!("{spec}: {error:#}"));
                Ok(Record {
                    spec: spec.clone(),
                    effort,
                    context: String::new(),
                    command: export::command_line(&self.common.command(spec, effort)),
                    macro_f1: 0.0,
                    accuracy: 0.0,
                    predicted: Prediction {
                        flash_code: 0,
                        flash_model: 0,
                        ram_static: 0,
                        ram_stack: 0,
                        cycles: None,
                    },
                    figures: Figures::default(),
                    measured: None,
                    seconds: 0.0,
                    failed: Some(format!("{error:#}")),
                })
            }
        }
    }
}
