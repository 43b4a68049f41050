//! Runs the pipelines of a comparison: trains each network once per fold, applies techniques, evaluates with the engine,
//! measures on boards.

use crate::deployment;
use crate::error::{Error, Place as _, Result};
use crate::evaluate::{self, Outcome};
use crate::evaluator::{Applied, Evaluator};
use crate::experiment::Experiment;
use crate::firmware::Firmware;
use crate::network::TrainedNetwork;
use crate::observer::{Event, Observer};
use crate::pipeline::Pipeline;
use crate::settings::ComparisonSettings;
use crate::stream::StreamSettings;
use crate::trained::TrainedPipeline;
use crate::window_cache::WindowCache;
use crate::{classical, device, network, plan, smooth, stream, versions, window_loss};
use mote_device::board::Board;
use mote_report::{DeviceFigures, Epoch, Results, Run, Smoothed};
use mote_train::Trained;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How much of a comparison is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Folds that are trained and tested, the first ones.
    pub folds: usize,
    /// Epochs in place of the network's own.
    pub epochs: Option<usize>,
}

/// Makes the rows of a comparison, and keeps what several of them have in common.
#[derive(Debug)]
pub struct ComparisonRunner {
    settings: ComparisonSettings,
    /// The command line that repeats the comparison, recorded for people.
    command: String,
    boards: Vec<Board>,
    observer: Observer,
    windows: WindowCache,
    /// By steps of a window, name and number of folds.
    networks: Mutex<HashMap<(usize, String, usize), Arc<TrainedNetwork>>>,
    evaluator: Evaluator,
}

/// A row of a comparison, and what it was made from.
#[derive(Debug)]
pub struct PipelineResult {
    /// The data.
    pub experiment: Arc<Experiment>,
    /// The trained pipeline; `None` for classical models.
    pub trained: Option<TrainedPipeline>,
    /// The figures.
    pub run: Run,
}

impl ComparisonRunner {
    /// Returns a runner with `settings`. Boards are read, data is not yet.
    ///
    /// # Errors
    /// When there is no such board.
    pub fn new(settings: ComparisonSettings, observer: Observer) -> Result<Self> {
        Ok(Self {
            boards: device::boards(&settings.boards, settings.flash_model)?,
            windows: WindowCache::new(settings.clone(), observer.clone()),
            settings,
            command: String::new(),
            observer,
            networks: Mutex::default(),
            evaluator: Evaluator::default(),
        })
    }

    /// Records `command` as the line that repeats the comparison.
    #[must_use]
    pub fn with_command(mut self, command: impl Into<String>) -> Self {
        self.command = command.into();
        self
    }

    /// Returns the settings.
    pub fn settings(&self) -> &ComparisonSettings {
        &self.settings
    }

    /// Returns the sampling rate of the data in Hz.
    fn rate_hz(&self) -> f32 {
        self.settings.data.window.rate_hz
    }

    /// Returns the boards that are measured on.
    pub fn boards(&self) -> &[Board] {
        &self.boards
    }

    /// Returns the data by window length.
    pub fn windows(&self) -> &WindowCache {
        &self.windows
    }

    /// Checks, before any data is read, that the network of every pipeline is there.
    ///
    /// # Errors
    /// Names the pipeline, and the networks there are.
    pub fn check(&self, pipelines: &[Pipeline]) -> Result<()> {
        let networks = pipelines.iter().filter(|p| p.candidate.is_none());
        for pipeline in networks.filter(|p| classical::kind(&p.model).is_none()) {
            let settings = &self.settings;
            network::config(&pipeline.model, settings.epochs, settings.split.seed)
                .place(|| format!("pipeline `{}`", pipeline.name))?;
        }
        Ok(())
    }

    /// Returns results without a row: what they are about, and how they were made.
    ///
    /// # Errors
    /// [`Error::Json`] when a path of the settings is not text.
    pub fn empty_results(&self, experiment: &Experiment) -> Result<Results> {
        let mut results = Results::new(&experiment.task.name, experiment.describe());
        results.command.clone_from(&self.command);
        results.settings = Some(self.settings.to_data()?);
        results.seed = experiment.seed;
        results.versions.extend(versions::versions());
        if self.settings.stream.is_some()
            && let Some(why) = stream::impossible(experiment)
        {
            let note = format!("No figures on continuous streams: {why}.");
            results.notes.push(note);
        }
        Ok(results)
    }

    /// Makes a row of every pipeline; those that cannot be on this data are left out with a note, unless none can. Writes the results after every row, so that a comparison which is stopped leaves
    /// what it found, and a deployment of every network.
    ///
    /// # Errors
    /// [`Error::Stopped`]; otherwise names the pipeline.
    pub fn compare(&self, pipelines: &[Pipeline]) -> Result<Results> {
        self.check(pipelines)?;
        let experiment = self.common_experiment(pipelines)?;
        if let Some(network) = first_network(pipelines)
            && experiment.windows().time == 1
        {
            return Err(Error::Invalid(format!(
                "pipeline `{}` needs windows over time, and {} is a table of features: use random-forest or lda",
                network.name, self.settings.data.task
            )));
        }
        let mut results = self.empty_results(&experiment)?;
        let mut impossible = None;
        for pipeline in pipelines {
            let result = match self.run(pipeline) {
                Err(error) if error.is_impossible() && pipelines.len() > 1 => {
                    let why = error.line();
                    self.observer.tell(Event::RowImpossible {
                        pipeline: &pipeline.name,
                        why: &why,
                    });
                    let note = format!("`{}` has no row: {why}.", pipeline.name);
                    results.notes.push(note);
                    impossible.get_or_insert(error);
                    continue;
                }
                result => result?,
            };
            if let Some(trained) = &result.trained {
                self.save_deployment(trained, &results, &result.run)?;
            }
            results.runs.push(result.run);
            mote_report::write_report(&results, &self.settings.out)?;
        }
        match impossible {
            Some(error) if results.runs.is_empty() => Err(error),
            _ => Ok(results),
        }
    }

    /// Returns the pipelines without networks when the data is a table of features, which has no time to convolve over.
    ///
    /// # Errors
    /// As [`Experiment::open`].
    pub fn that_fit_the_data(&self, mut pipelines: Vec<Pipeline>) -> Result<Vec<Pipeline>> {
        let experiment = self.common_experiment(&pipelines)?;
        if experiment.windows().time == 1 && first_network(&pipelines).is_some() {
            self.observer.tell(Event::NetworksLeftOut {
                task: &self.settings.data.task,
            });
            pipelines.retain(|p| classical::kind(&p.model).is_some());
        }
        Ok(pipelines)
    }

    /// Opens the data with the window of the comparison: the one of rows that bring none of their own.
    fn common_experiment(&self, pipelines: &[Pipeline]) -> Result<Arc<Experiment>> {
        let own: Vec<_> = pipelines
            .iter()
            .map(|p| plan::window_s(p, self.rate_hz()))
            .collect();
        let common = own.iter().copied().min_by_key(Option::is_some).flatten();
        self.windows.get(common)
    }

    /// Makes the row of `pipeline`: trains, applies, evaluates, measures.
    ///
    /// # Errors
    /// [`Error::Stopped`]; otherwise names the pipeline. A board that cannot be measured on is no error: its entry says
    /// why.
    pub fn run(&self, pipeline: &Pipeline) -> Result<PipelineResult> {
        let all = Extent {
            folds: usize::MAX,
            epochs: self.settings.epochs,
        };
        let mut result = self.evaluate(pipeline, all)?;
        result.run.device = match &result.trained {
            Some(trained) => self.measure(trained)?,
            None => device::none_for_classical(&self.boards, self.settings.optimize),
        };
        Ok(result)
    }

    /// Trains, applies and evaluates `pipeline`; measures nothing.
    ///
    /// # Errors
    /// As [`ComparisonRunner::run`].
    pub fn evaluate(&self, pipeline: &Pipeline, extent: Extent) -> Result<PipelineResult> {
        if let Some(spec) = classical::kind(&pipeline.model) {
            let seconds = plan::window_s(pipeline, self.rate_hz());
            let experiment = self.windows.first_folds(seconds, extent.folds)?;
            let settings = self.stream_settings(&experiment);
            let (outcomes, streams) =
                classical::outcomes(&experiment, pipeline, spec, settings, &self.observer)?;
            let mut run = self.row(&experiment, pipeline, &outcomes)?;
            run.stream = settings.map(|s| stream::figures(&experiment, s, &streams));
            run.notes.push(classical::NOTE.to_owned());
            self.observer.tell(Event::Evaluated { run: &run });
            return Ok(PipelineResult {
                experiment,
                trained: None,
                run,
            });
        }
        let trained = self.train(pipeline, extent)?;
        let (experiment, network) = (&trained.experiment, &trained.network);
        self.observer.tell(Event::Evaluating {
            pipeline: &trained.pipeline.name,
        });
        let outcomes = self
            .evaluator
            .outcomes(experiment, &trained.pipeline, network)?;
        let mut run = self.row(experiment, &trained.pipeline, &outcomes)?;
        run.train_seconds = Some(network.seconds);
        if let Some(settings) = self.stream_settings(experiment) {
            let streams = self.evaluator.streams(
                experiment,
                &trained.pipeline,
                network,
                settings,
                &self.observer,
            )?;
            run.stream = Some(stream::figures(experiment, settings, &streams));
            run.windows = stream::window_figures(&streams);
        }
        add_history(&mut run, &network.folds);
        self.observer.tell(Event::Evaluated { run: &run });
        Ok(PipelineResult {
            experiment: Arc::clone(experiment),
            trained: Some(trained),
            run,
        })
    }

    fn row(
        &self,
        experiment: &Experiment,
        pipeline: &Pipeline,
        outcomes: &[Outcome],
    ) -> Result<Run> {
        let mut run = evaluate::row(experiment, pipeline, outcomes)?;
        run.metrics_smoothed = self.smoothed(experiment, outcomes)?;
        run.window_loss = window_loss::window_loss(experiment);
        Ok(run)
    }

    /// Returns how rows are judged on streams of `experiment`, if they can be and are to be.
    fn stream_settings(&self, experiment: &Experiment) -> Option<StreamSettings> {
        let settings = self.settings.stream?;
        stream::impossible(experiment).is_none().then_some(settings)
    }

    /// Says why rows are not judged on streams of `experiment`; `None` when they are.
    pub(crate) fn no_streams(&self, experiment: &Experiment) -> Option<&'static str> {
        match self.settings.stream {
            None => Some("streams are left out (--no-stream)"),
            Some(_) => stream::impossible(experiment),
        }
    }

    fn smoothed(&self, experiment: &Experiment, outcomes: &[Outcome]) -> Result<Option<Smoothed>> {
        let smooth = self.settings.smooth;
        smooth
            .map(|last| smooth::figures(experiment, outcomes, last))
            .transpose()
    }

    /// Trains the network of `pipeline`, once for all pipelines that share it.
    ///
    /// # Errors
    /// [`Error::Stopped`]; [`Error::Invalid`] for a classical model; otherwise names the model and the fold.
    pub fn train(&self, pipeline: &Pipeline, extent: Extent) -> Result<TrainedPipeline> {
        if classical::kind(&pipeline.model).is_some() {
            return Err(Error::Invalid(format!(
                "pipeline `{}`: `{}` is a classical model, not a network",
                pipeline.name, pipeline.model
            )));
        }
        let seconds = plan::window_s(pipeline, self.rate_hz());
        let experiment = self.windows.first_folds(seconds, extent.folds)?;
        let (pipeline, config) = plan::plan(&experiment, pipeline, extent.epochs)?;
        let key = (
            experiment.windows().time,
            pipeline.model.clone(),
            experiment.folds.len(),
        );
        let known = || {
            let networks = self.networks.lock();
            networks.unwrap_or_else(PoisonError::into_inner)
        };
        let found = known().get(&key).cloned();
        let network = match found {
            Some(network) => network,
            None => {
                let network =
                    TrainedNetwork::train(&experiment, &pipeline.model, &config, &self.observer)?;
                let network = Arc::new(network);
                known().insert(key, Arc::clone(&network));
                network
            }
        };
        Ok(TrainedPipeline {
            experiment,
            pipeline,
            network,
        })
    }

    /// Returns the pipeline as it is deployed: the first fold's network, with all techniques applied.
    ///
    /// # Errors
    /// As [`Evaluator::apply`].
    pub fn deployed(&self, trained: &TrainedPipeline) -> Result<Arc<Applied>> {
        self.evaluator
            .apply(&trained.experiment, &trained.pipeline, &trained.network, 0)
    }

    /// Generates the firmware of a pipeline. Footprint and cycles do not depend on the fold's weights, so the first fold
    /// stands for all.
    ///
    /// # Errors
    /// As [`Firmware::new`].
    pub fn firmware(&self, trained: &TrainedPipeline) -> Result<Firmware> {
        let applied = self.deployed(trained)?;
        let fold = &trained.experiment.folds[0];
        Firmware::new(
            &trained.experiment,
            &trained.pipeline.name,
            &applied.artifact,
            &fold.test,
            trained.hop(&applied),
        )
    }

    /// Builds and runs the firmware of a pipeline: one entry per board. What cannot be measured says why.
    ///
    /// # Errors
    /// When no firmware can be generated.
    pub fn measure(&self, trained: &TrainedPipeline) -> Result<Vec<DeviceFigures>> {
        if self.boards.is_empty() {
            return Ok(Vec::new());
        }
        Ok(device::measure(
            &trained.pipeline.name,
            &self.firmware(trained)?,
            &self.boards,
            self.settings.optimize,
            &self.observer,
        ))
    }

    /// Writes what an export needs: the first fold's network, as it was measured, and the figures of all folds.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_deployment(
        &self,
        trained: &TrainedPipeline,
        results: &Results,
        run: &Run,
    ) -> Result<()> {
        let applied = self.deployed(trained)?;
        deployment::save(trained, &applied, results, run)
    }
}

fn first_network(pipelines: &[Pipeline]) -> Option<&Pipeline> {
    pipelines
        .iter()
        .find(|p| classical::kind(&p.model).is_none())
}

/// Adds the learning curves of a network's folds.
fn add_history(run: &mut Run, trained: &[Trained]) {
    for (fold, trained) in run.fold_results.iter_mut().zip(trained) {
        fold.best_epoch = Some(trained.best_epoch + 1);
        fold.history = trained
            .history
            .iter()
            .map(|e| Epoch {
                epoch: e.epoch + 1,
                loss: Some(e.loss),
                validation_loss: e.validation.map(|v| v.loss),
                validation_macro_f1: e.validation.map(|v| v.macro_f1),
                learning_rate: Some(e.learning_rate),
            })
            .collect();
    }
}
