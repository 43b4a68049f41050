//! Pipelines as rows of a comparison.

use super::evaluate::Outcome;
use super::network::Network;
use super::plan::{plan, window_s};
use super::pool::Pool;
use super::{Experiment, classical, device, evaluate, network, smooth};
use crate::pipeline::Pipeline;
use crate::ui::Ui;
use anyhow::Result;
use mote_device::board::Board;
use mote_report::{Epoch, Run, Smoothed};
use mote_train::Trained;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Makes rows: trains each network once per fold, evaluates with the engine, measures on boards.
pub struct Rows<'a> {
    /// The data.
    pub pool: Pool<'a>,
    /// Epochs instead of each network's own setting.
    pub epochs: Option<usize>,
    /// Boards to measure on; may be none.
    pub boards: Vec<Board>,
    /// What the compiler optimises the firmware for.
    pub optimize: device::Optimize,
    /// Windows over which decisions are smoothed, besides.
    pub smooth: Option<usize>,
    /// What the user sees.
    pub ui: &'a Ui,
    /// Networks by steps of their window and name, and how long their training took in seconds.
    networks: HashMap<(usize, String), Rc<(Network, f64)>>,
}

/// A row, and what it was made from.
pub struct Row {
    /// Its data.
    pub experiment: Arc<Experiment>,
    /// The pipeline with all its techniques.
    pub pipeline: Pipeline,
    /// Its networks; classical models have none.
    pub network: Option<Rc<(Network, f64)>>,
    /// Its figures.
    pub run: Run,
}

impl<'a> Rows<'a> {
    /// Rows over the data of `pool`.
    pub fn new(
        pool: Pool<'a>,
        epochs: Option<usize>,
        boards: Vec<Board>,
        optimize: device::Optimize,
        ui: &'a Ui,
    ) -> Self {
        Self {
            pool,
            epochs,
            boards,
            optimize,
            smooth: None,
            ui,
            networks: HashMap::new(),
        }
    }

    fn smoothed(&self, experiment: &Experiment, outcomes: &[Outcome]) -> Result<Option<Smoothed>> {
        let smooth = self.smooth;
        smooth
            .map(|last| smooth::figures(experiment, outcomes, last))
            .transpose()
    }

    /// The row of `pipeline`.
    pub fn row(&mut self, pipeline: &Pipeline) -> Result<Row> {
        let ui = self.ui;
        let experiment = self.pool.get(window_s(pipeline))?;
        if classical::kind(&pipeline.model).is_some() {
            ui.info(format_args!("{}: fitting", pipeline.name));
            let outcomes = classical::outcomes(&experiment, pipeline, ui)?;
            let mut run = evaluate::row(&experiment, pipeline, &outcomes)?;
            run.notes.push(classical::NOTE.to_owned());
            run.metrics_smoothed = self.smoothed(&experiment, &outcomes)?;
            run.device = device::none_for_classical(&self.boards, self.optimize);
            return Ok(Row {
                experiment,
                pipeline: pipeline.clone(),
                network: None,
                run,
            });
        }
        let (pipeline, config) = plan(&experiment, pipeline, self.epochs)?;
        let key = (experiment.loaded.windows.time, pipeline.model.clone());
        let trained = match self.networks.get(&key) {
            Some(known) => Rc::clone(known),
            None => {
                let start = Instant::now();
                let network = network::train(&experiment, &pipeline.model, &config, ui)?;
                let trained = Rc::new((network, start.elapsed().as_secs_f64()));
                self.networks.insert(key, Rc::clone(&trained));
                trained
            }
        };
        let (network, seconds) = &*trained;
        ui.info(format_args!("{}: evaluating in the engine", pipeline.name));
        let outcomes = evaluate::networks(&experiment, &pipeline, network)?;
        let mut run = evaluate::row(&experiment, &pipeline, &outcomes)?;
        run.metrics_smoothed = self.smoothed(&experiment, &outcomes)?;
        run.train_seconds = Some(*seconds);
        add_history(&mut run, &network.folds);
        run.device = device::measure(
            &experiment,
            &pipeline,
            network,
            &self.boards,
            self.optimize,
            ui,
        )?;
        Ok(Row {
            experiment,
            pipeline,
            network: Some(trained),
            run,
        })
    }
}

/// Learning curves of a network's folds.
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
