//! Candidates of a search: trained, evaluated by the engine, and measured on the emulated board.

use crate::error::{Error, Place as _, Result};
use crate::experiment::Experiment;
use crate::observer::{Event, Observer};
use crate::pipeline::Pipeline;
use crate::runner::{ComparisonRunner, Extent, PipelineResult};
use crate::settings::{ComparisonSettings, DataSettings, SplitSettings};
use crate::stream::StreamSettings;
use crate::trained::TrainedPipeline;
use mote_device::board::Board;
use mote_device::core::Optimize;
use mote_device::flash::FlashModel;
use mote_search::network::Shapes;
use mote_search::{
    Calibration, Candidate, Fidelity, Figures, OnStream, Prediction, Record, Store, Trial,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// What all candidates of a search have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialSettings {
    /// The data; every candidate brings its own window length.
    pub data: DataSettings,
    /// How it is divided.
    pub split: SplitSettings,
    /// The board that figures are of.
    pub board: String,
    /// Whether cycles have those that the core waits for flash.
    #[serde(default, skip_serializing_if = "FlashModel::is_default")]
    pub flash_model: FlashModel,
    /// What the compiler optimises firmware for.
    pub optimize: Optimize,
    /// How candidates are judged on continuous streams; they are not when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamSettings>,
    /// Folds worked on at a time; one per core when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// The folder for checkpoints, images and results.
    pub out: PathBuf,
}

impl TrialSettings {
    /// Returns the settings of a comparison whose rows are candidates.
    pub fn comparison(&self) -> ComparisonSettings {
        ComparisonSettings {
            boards: vec![self.board.clone()],
            flash_model: self.flash_model,
            optimize: self.optimize,
            split: self.split.clone(),
            stream: self.stream,
            threads: self.threads,
            ..ComparisonSettings::new(self.data.clone(), self.out.clone())
        }
    }
}

/// Version of the code that decides what a trial finds: training, techniques, the engine and the cost model with its
/// calibration. Raise it with a change that gives the same candidate other figures; trials of other versions are then
/// run again instead of being compared.
const CODE: u32 = 3;

/// Everything beside candidate and fidelity that decides what a trial finds. Only trials with the same context are
/// compared with each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialContext {
    /// Version of the code that decides figures.
    pub code: u32,
    /// The task.
    pub task: String,
    /// SHA-256 over the source files, in hexadecimal.
    pub data: String,
    /// How users are divided, and the seed.
    pub split: SplitSettings,
    /// Number of folds.
    pub folds: usize,
    /// Share of a window of 3 s or less that the next one repeats.
    pub overlap: f32,
    /// Samples per second.
    pub rate_hz: f32,
    /// The board.
    pub board: String,
    /// Whether cycles have those that the core waits for flash.
    #[serde(default, skip_serializing_if = "FlashModel::is_default")]
    pub flash_model: FlashModel,
    /// What the compiler optimises firmware for.
    pub optimize: Optimize,
    /// How candidates are judged on continuous streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamSettings>,
}

/// Returns the command line that repeats a trial, for people and for shells.
pub type Repeat = dyn Fn(&Candidate, Fidelity) -> String + Send + Sync;

/// Runs trials.
pub struct Trials {
    settings: TrialSettings,
    calibration: Calibration,
    observer: Observer,
    store: Option<Store>,
    repeat: Box<Repeat>,
    pub(crate) runner: ComparisonRunner,
}

impl Trials {
    /// Returns trials that keep their records in `store`; `repeat` gives the command line of each.
    ///
    /// # Errors
    /// When there is no such board, or no calibration for its core.
    pub fn new(
        settings: TrialSettings,
        store: Option<Store>,
        repeat: Box<Repeat>,
        observer: &Observer,
    ) -> Result<Self> {
        let runner = ComparisonRunner::new(settings.comparison(), observer.clone())?;
        let core = runner.boards()[0].core;
        Ok(Self {
            calibration: Calibration::of(core, settings.optimize)?,
            settings,
            observer: observer.clone(),
            store,
            repeat,
            runner,
        })
    }

    /// Returns the board that figures are of.
    pub fn board(&self) -> &Board {
        &self.runner.boards()[0]
    }

    /// Returns the data of `candidate` with all folds.
    ///
    /// # Errors
    /// As [`Experiment::open`].
    pub fn experiment(&self, candidate: &Candidate) -> Result<Arc<Experiment>> {
        let rate_hz = f64::from(self.runner.settings().data.window.rate_hz);
        self.runner
            .windows()
            .get(Some(candidate.window_s(rate_hz) as f32))
    }

    /// Returns what a task asks of networks.
    pub fn shapes(&self, experiment: &Experiment) -> Shapes {
        let windows = experiment.windows();
        Shapes {
            rate_hz: f64::from(windows.rate_hz),
            channels: windows.channels,
            classes: windows.labels.len(),
        }
    }

    /// Returns what everything that is compared has in common.
    pub fn context(&self, experiment: &Experiment) -> TrialContext {
        let window = self.settings.data.window;
        TrialContext {
            code: CODE,
            task: experiment.task.name.clone(),
            data: experiment.loaded.digest.clone(),
            split: self.settings.split.clone(),
            folds: experiment.folds.len(),
            overlap: window.overlap,
            rate_hz: window.rate_hz,
            board: self.board().name.clone(),
            flash_model: self.settings.flash_model,
            optimize: self.settings.optimize,
            stream: self.settings.stream,
        }
    }

    /// Predicts what the device will need for `candidate`, before anything is trained.
    ///
    /// # Errors
    /// When the candidate is no network that runs.
    pub fn predict(
        &self,
        candidate: &Candidate,
        shapes: Shapes,
    ) -> Result<Figures, mote_search::Error> {
        let (graph, runtime) = mote_search::network::network(candidate, shapes)?;
        let predicted = self.calibration.predict(&graph, runtime);
        let predicted = predicted.map_err(|source| mote_search::Error::Impossible {
            candidate: candidate.to_string(),
            source,
        })?;
        Ok(predicted.figures(self.board(), candidate.hop_s()))
    }

    /// Trains `candidate` and evaluates it; `name` is that of its pipeline.
    ///
    /// # Errors
    /// As [`ComparisonRunner::evaluate`].
    pub fn evaluate(
        &self,
        name: &str,
        candidate: &Candidate,
        fidelity: Fidelity,
    ) -> Result<PipelineResult> {
        let shortened = Extent {
            folds: fidelity.folds,
            epochs: Some(fidelity.epochs(candidate.epochs)),
        };
        let pipeline = Pipeline::of_candidate(name, candidate.clone());
        self.runner.evaluate(&pipeline, shortened)
    }

    /// Trains, evaluates and measures `candidate`; `name` is that of its pipeline. Returns the measured figures where building
    /// and running succeeded.
    ///
    /// # Errors
    /// As [`ComparisonRunner::run`].
    pub fn prove(
        &self,
        name: &str,
        candidate: &Candidate,
        fidelity: Fidelity,
    ) -> Result<(PipelineResult, Option<Figures>)> {
        let mut result = self.evaluate(name, candidate, fidelity)?;
        result.run.device = self.runner.measure(network(&result))?;
        let figures = result.run.device.first().and_then(Figures::of);
        Ok((result, figures))
    }

    /// Returns what the cost model says of the trained network.
    fn predicted(&self, trained: &TrainedPipeline) -> Result<Prediction> {
        let applied = self.runner.deployed(trained)?;
        let artifact = &applied.artifact;
        Ok(self
            .calibration
            .predict(&*artifact.network()?, artifact.runtime)?)
    }

    fn record(&self, candidate: &Candidate, fidelity: Fidelity) -> Result<Record> {
        let start = Instant::now();
        let result = self.evaluate("trial", candidate, fidelity)?;
        let predicted = self.predicted(network(&result))?;
        let metrics = &result.run.metrics;
        Ok(Record {
            candidate: candidate.clone(),
            fidelity: Fidelity {
                folds: result.run.folds,
                ..fidelity
            },
            context: serde_json::to_value(self.context(&*self.experiment(candidate)?))?,
            command: (self.repeat)(candidate, fidelity),
            macro_f1: metrics.macro_f1.mean,
            accuracy: metrics.accuracy.mean,
            stream: result.run.stream.as_ref().map(|stream| OnStream {
                macro_f1: stream.macro_f1.mean,
                accuracy: stream.accuracy.mean,
                delay_s: stream.delay_s.median,
                false_changes_per_hour: stream.false_changes_per_hour,
            }),
            figures: predicted.figures(self.board(), candidate.hop_s()),
            predicted,
            measured: None,
            seconds: start.elapsed().as_secs_f64(),
            failed: None,
        })
    }

    /// Runs one trial on the first `folds` folds, all when left out, with `percent` of the candidate's epochs; `measure`
    /// builds and runs the firmware, too.
    ///
    /// # Errors
    /// [`Error::Stopped`]; [`Error::Invalid`] when the candidate cannot be.
    pub fn one(
        &self,
        candidate: &Candidate,
        folds: Option<usize>,
        percent: u32,
        measure: bool,
    ) -> Result<Record> {
        let all = self.experiment(candidate)?.folds.len();
        let fidelity = Fidelity {
            folds: folds.unwrap_or(all).clamp(1, all),
            percent,
        };
        let mut record = self.run(candidate, fidelity)?;
        if let Some(why) = &record.failed {
            return Err(Error::invalid(why));
        }
        if measure {
            record.measured = self.prove("trial", candidate, fidelity)?.1;
        }
        Ok(record)
    }
}

fn network(result: &PipelineResult) -> &TrainedPipeline {
    result
        .trained
        .as_ref()
        .expect("every candidate is a network")
}

impl Trial for Trials {
    type Error = Error;

    fn run(&self, candidate: &Candidate, fidelity: Fidelity) -> Result<Record> {
        match self.record(candidate, fidelity) {
            Ok(record) => {
                self.observer.tell(Event::TrialDone { record: &record });
                if let Some(store) = &self.store {
                    store.add(&record).place(|| "trials".to_owned())?;
                }
                Ok(record)
            }
            Err(error) if error.is_stopped() => Err(error),
            // One candidate that cannot be is no reason to lose the others. It is not kept: it may be tried again.
            Err(error) => {
                let why = error.line();
                self.observer.tell(Event::TrialFailed {
                    spec: candidate,
                    why: &why,
                });
                Ok(Record {
                    candidate: candidate.clone(),
                    fidelity,
                    context: serde_json::Value::Null,
                    command: (self.repeat)(candidate, fidelity),
                    macro_f1: 0.0,
                    accuracy: 0.0,
                    stream: None,
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
                    failed: Some(why),
                })
            }
        }
    }
}
