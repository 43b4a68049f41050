//! The final model: the network that is deployed, trained on all users after the folds have shown how good such networks
//! are.

use crate::deployment;
use crate::error::{Error, Place as _, Result};
use crate::evaluate;
use crate::evaluator::Evaluator;
use crate::experiment::Experiment;
use crate::network::TrainedNetwork;
use crate::observer::{Event, Observer};
use crate::pipeline::Pipeline;
use crate::settings::ComparisonSettings;
use crate::trained::TrainedPipeline;
use crate::window_cache::WindowCache;
use crate::{classical, plan};
use mote_codegen::{Deployment, FinalModel};
use mote_report::{Results, Run};
use mote_train::TrainConfig;
use std::path::PathBuf;
use std::sync::Arc;

/// Windows that the network is run on after training, evenly spaced.
const LOOKED_AT: usize = 4000;

/// A row of recorded results whose final model is to be trained.
#[derive(Debug)]
pub struct Finalist<'r> {
    results: &'r Results,
    run: &'r Run,
    pipeline: Pipeline,
    settings: ComparisonSettings,
}

impl<'r> Finalist<'r> {
    /// Checks, before anything is trained, that final models of `names` can be made once `pipelines` are compared.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is not compared, or a classical model.
    pub fn check(names: &[String], pipelines: &[Pipeline]) -> Result<()> {
        for name in names {
            let Some(pipeline) = pipelines.iter().find(|p| p.name == *name) else {
                let known: Vec<&str> = pipelines.iter().map(|p| p.name.as_str()).collect();
                return Err(Error::Invalid(format!(
                    "no final model of `{name}`: it is not compared; compared are: {}",
                    known.join(", ")
                )));
            };
            check_network(pipeline)?;
        }
        Ok(())
    }

    /// Returns the row `pipeline` of `results`, to be trained with the settings that they record.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such row, when it is a classical model, or when an older version recorded it.
    pub fn new(results: &'r Results, pipeline: &str) -> Result<Self> {
        let Some(run) = results.runs.iter().find(|r| r.pipeline == pipeline) else {
            let known: Vec<&str> = results.runs.iter().map(|r| r.pipeline.as_str()).collect();
            return Err(Error::Invalid(format!(
                "there is no pipeline `{pipeline}` in the results; there are: {}",
                known.join(", ")
            )));
        };
        let recorded = Pipeline::recorded(run)?;
        check_network(&recorded)?;
        Ok(Self {
            results,
            run,
            pipeline: recorded,
            settings: ComparisonSettings::recorded(results)?,
        })
    }

    /// Reads and writes below `out`, in place of the recorded folder.
    #[must_use]
    pub fn with_out(mut self, out: PathBuf) -> Self {
        self.settings.out = out;
        self
    }

    /// Reads data sets below `folder`, in place of the recorded folder.
    #[must_use]
    pub fn with_data(mut self, folder: PathBuf) -> Self {
        self.settings.data.folder = Some(folder);
        self
    }

    /// Trains the network on all users as the folds' networks were trained, applies the techniques, which calibrate and
    /// fit on all users, and writes the deployment. Returns it with its file. A training that was stopped goes on where
    /// it stopped.
    ///
    /// # Errors
    /// [`Error::Stopped`]; [`Error::Invalid`] when the data is not that of the results; otherwise names the pipeline.
    pub fn train(&self, observer: &Observer) -> Result<(Deployment, PathBuf)> {
        let cache = WindowCache::new(self.settings.clone(), observer.clone());
        let seconds = plan::window_s(&self.pipeline, self.settings.data.window.rate_hz);
        let folds = cache.get(seconds)?;
        self.check_data(&folds)?;
        let experiment = Arc::new(folds.with_all_users()?);
        let (pipeline, config) = plan::plan(&experiment, &self.pipeline, self.settings.epochs)?;
        let (config, epochs_from) = as_long_as_the_folds(config, self.run);
        let fold = &experiment.folds[0];
        let (users, windows) = (fold.train_users.len(), fold.train.len());
        observer.tell(Event::TrainingFinal {
            pipeline: &pipeline.name,
            users,
            epochs: config.epochs,
            epochs_from: &epochs_from,
        });
        let network = TrainedNetwork::train(&experiment, &pipeline.model, &config, observer)
            .place(|| format!("the final model of `{}`", pipeline.name))?;
        let trained = TrainedPipeline {
            experiment,
            pipeline,
            network: Arc::new(network),
        };
        let experiment = &trained.experiment;
        let applied =
            Evaluator::default().apply(experiment, &trained.pipeline, &trained.network, 0)?;
        let graph = applied.artifact.network()?;
        let (accuracy_seen, bytes) = seen(&graph, experiment)?;
        let last = FinalModel {
            users,
            windows,
            epochs: config.epochs,
            epochs_from,
            bytes: bytes as u64,
            accuracy_seen,
            notes: crate::evaluate::notes(&applied.changes),
        };
        let deployment = Deployment {
            final_model: Some(last),
            ..deployment::of(&trained, &applied, self.results, self.run)?
        };
        let path = deployment::final_path(&experiment.out, &trained.pipeline.name);
        deployment::write(&deployment, &path)?;
        Ok((deployment, path))
    }

    /// Refuses data that changed since the folds were trained: their figures say nothing about a network of other data.
    fn check_data(&self, experiment: &Experiment) -> Result<()> {
        let now = &experiment.loaded.digest;
        if *now == self.results.data.digest {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "the data of task {} is not the data of the results (SHA-256 {now} now, {} then): run the comparison again, so \
             that its figures are about this data",
            experiment.task.name, self.results.data.digest
        )))
    }
}

/// Refuses a pipeline without a network.
fn check_network(pipeline: &Pipeline) -> Result<()> {
    match classical::kind(&pipeline.model) {
        None => Ok(()),
        Some(_) => Err(Error::Invalid(format!(
            "no final model of `{}`: it is a classical model, which is compared on this computer only; name a pipeline with \
             a network",
            pipeline.name
        ))),
    }
}

/// Returns the settings to train on all users with, and why they say so many epochs. Where the folds stopped by their
/// validation users, the final model, which has none, is trained as long as the median fold was until its best epoch.
fn as_long_as_the_folds(mut config: TrainConfig, run: &Run) -> (TrainConfig, String) {
    config.hold_out = false;
    if config.patience.take().is_none() {
        return (config, "as in the folds".to_owned());
    }
    let mut best: Vec<usize> = run
        .fold_results
        .iter()
        .filter_map(|f| f.best_epoch)
        .collect();
    best.sort_unstable();
    match best.get(best.len() / 2) {
        Some(&median) => {
            config.epochs = median.max(1);
            let why = "the median over the folds of the epoch that was best on validation users";
            (config, why.to_owned())
        }
        None => (config, "the most that a fold may take".to_owned()),
    }
}

/// Returns the share of windows that `graph` gets right of those it was trained on, and its bytes.
fn seen(graph: &mote_model::Graph, experiment: &Experiment) -> Result<(f64, usize)> {
    let windows = experiment.windows();
    let step = windows.len().div_ceil(LOOKED_AT).max(1);
    let some: Vec<usize> = (0..windows.len()).step_by(step).collect();
    let predicted = evaluate::predict(graph, windows, &some)?;
    let pairs = predicted.classes.iter().zip(&some);
    let right = pairs.filter(|(class, n)| windows.y[**n] == **class).count();
    Ok((right as f64 / some.len().max(1) as f64, predicted.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_report::{FoldResult, Metrics};

    fn run(best: &[usize]) -> Run {
        let mut run = Run::new("a", "synthetic/6", "group:3", Metrics::default());
        run.fold_results = best
            .iter()
            .map(|&epoch| FoldResult {
                best_epoch: Some(epoch),
                ..FoldResult::default()
            })
            .collect();
        run
    }

    #[test]
    fn training_without_validation_takes_the_epochs_that_the_folds_found() {
        let patient = TrainConfig {
            patience: Some(5),
            hold_out: true,
            epochs: 50,
            ..TrainConfig::default()
        };
        let (config, why) = as_long_as_the_folds(patient, &run(&[30, 4, 11]));
        assert_eq!(
            (config.epochs, config.patience, config.hold_out),
            (11, None, false)
        );
        assert!(config.validate().is_ok() && why.contains("median"), "{why}");
        let (config, _) = as_long_as_the_folds(TrainConfig::default(), &run(&[25, 25]));
        assert_eq!(config, TrainConfig::default());
    }
}
