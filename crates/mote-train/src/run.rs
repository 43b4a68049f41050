//! One training run: what stays constant over it, and what happens in an epoch.

use crate::config::{TrainConfig, TrainOn};
use crate::cross_entropy::CrossEntropy;
use crate::history::{Epoch, Validation};
use crate::job::{Hooks, Job};
use crate::network::{Network, Snapshot};
use crate::objective::{Batch, Objective};
use crate::optimizer::{AdamW, Optimizer};
use crate::params::Params;
use crate::state::{Best, State};
use crate::stream::StreamLoss;
use crate::trained::Trained;
use crate::training_set::TrainingSet;
use crate::{Error, infer};
use burn_core::tensor::Device;
use mote::kernels::argmax;
use mote_metrics::Confusion;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use sha2::{Digest, Sha256};
use std::ops::Range;

/// Part of every digest. Raise it when the same settings and data give other weights than before, so that checkpoints
/// from before are not taken for today's.
const ARITHMETIC: u32 = 1;

/// One run: data, network, objective and optimizer.
pub(crate) struct Run<'a> {
    pub fold: usize,
    pub config: &'a TrainConfig,
    pub data: TrainingSet<'a>,
    /// Laid out over what training shows: windows or streams.
    pub network: Network,
    optimizer: Optimizer,
    objective: Box<dyn Objective>,
}

impl<'a> Run<'a> {
    /// Builds a run that learns all of the network from labels.
    ///
    /// # Errors
    /// [`Error::Config`] when the network does not fit the windows, [`Error::Data`] for windows that cannot be trained
    /// on.
    pub fn new(job: Job<'a>, config: &'a TrainConfig) -> Result<Self, Error> {
        let data = TrainingSet::new(job, config)?;
        let mut network = Network::new(&config.network, data.input(), data.class_names().len())?;
        if config.train == TrainOn::Stream && config.stream.loss == StreamLoss::Filtered {
            network = network.with_filter();
        }
        if let Some(streams) = &data.streams {
            network = network.over(streams.shape(), true)?;
        }
        Ok(Self {
            fold: job.fold,
            config,
            optimizer: Optimizer::new(&network.params, 0..0, config),
            objective: Box::new(CrossEntropy {
                dropout: config.dropout,
                head_only: false,
            }),
            data,
            network,
        })
    }

    /// Minimises `objective`, which moves `params`, all but those in `frozen`. The network's own parameters come first.
    pub fn minimise(
        &mut self,
        objective: impl Objective + 'static,
        params: &Params,
        frozen: Range<usize>,
    ) {
        self.optimizer = Optimizer::new(params, frozen, self.config);
        self.objective = Box::new(objective);
    }

    /// Leaves the first `count` parameter tensors as they are.
    pub fn freeze(&mut self, count: usize) {
        self.optimizer = Optimizer::new(&self.network.params, 0..count, self.config);
    }

    /// Leaves all layers and their norms as they are, and trains the dense layer alone.
    pub fn train_head_only(&mut self) {
        self.freeze(self.network.head_weights);
        self.objective = Box::new(CrossEntropy {
            dropout: self.config.dropout,
            head_only: true,
        });
    }

    /// Identifies everything that the weights depend on.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(ARITHMETIC.to_le_bytes());
        let settings = serde_json::to_vec(self.config);
        hash.update(settings.expect("settings are numbers, texts and lists of them"));
        hash.update(self.fold.to_le_bytes());
        self.data.digest(&mut hash);
        let frozen = &self.optimizer.frozen;
        hash.update(frozen.start.to_le_bytes());
        hash.update(frozen.end.to_le_bytes());
        self.objective.digest(&mut hash);
        hash.finalize().into()
    }

    /// Identifies everything that the weights of a run from `start` depend on.
    pub fn digest_from(&self, start: &Snapshot) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.digest());
        let statistics = start.running.iter().flat_map(|s| [&s.mean, &s.variance]);
        for x in std::iter::once(&start.values).chain(statistics).flatten() {
            hash.update(x.to_le_bytes());
        }
        hash.finalize().into()
    }

    /// Draws the network's start.
    pub fn start(&self) -> Snapshot {
        self.start_of(&self.network.params)
    }

    /// Draws the start of `params`, which begin with the network's own.
    pub fn start_of(&self, params: &Params) -> Snapshot {
        Snapshot {
            values: params.initialise(&mut self.rng(0)),
            running: self.network.initial_statistics(),
        }
    }

    /// Returns the generator of a stream of random numbers (0 is initialisation, 1 + n is epoch n) of this fold.
    fn rng(&self, stream: usize) -> SmallRng {
        let mut hash = Sha256::new();
        for n in [self.config.seed, self.fold as u64, stream as u64] {
            hash.update(n.to_le_bytes());
        }
        SmallRng::from_seed(hash.finalize().into())
    }

    /// Returns whether validation has not improved for too long.
    pub fn out_of_patience(&self, state: &State) -> bool {
        match (self.config.patience, &state.best) {
            (Some(patience), Some(best)) => state.history.len() > best.epoch + patience,
            _ => false,
        }
    }

    /// Trains for one epoch.
    pub fn epoch(&mut self, state: &mut State, hooks: &Hooks<'_>) -> Result<(), Error> {
        let epoch = state.history.len();
        let mut rng = self.rng(1 + epoch);
        let order = self.objective.order(&self.data, &mut rng);
        let size = self.config.batch.min(order.len());
        // The rest is left out: a batch of a few windows would have wild norms. Another epoch, another rest.
        let batches = order.len() / size;
        let rate_at = |batch| {
            let step = epoch * batches + batch;
            self.config
                .learning_rate_at(step, self.config.epochs * batches)
        };
        let mut adam = AdamW::new(state);
        self.objective
            .before_epoch(&self.data, &self.deployed()?, &state.current)?;
        let mut loss = 0.0;
        for (i, positions) in order.chunks_exact(size).enumerate() {
            if hooks.stopped() {
                return Err(Error::Stopped { epochs: epoch });
            }
            loss += self.step(positions, rate_at(i), state, &mut adam, &mut rng)?;
            if !loss.is_finite() {
                return Err(Error::Diverged { epoch, loss });
            }
            hooks.each(|p| p.batch(self.fold, epoch, self.config.epochs, i + 1, batches));
        }
        adam.store(state)?;
        let snapshot = self.snapshot(state);
        let validation = self.validate(&snapshot)?;
        if let Some(v) = validation
            && state.best.as_ref().is_none_or(|b| v.macro_f1 > b.macro_f1)
        {
            state.best = Some(Best {
                epoch,
                macro_f1: v.macro_f1,
                snapshot,
            });
        }
        state.history.push(Epoch {
            epoch,
            loss: loss / batches as f64,
            learning_rate: rate_at(batches - 1),
            validation,
        });
        Ok(())
    }

    /// Takes one step of the optimizer on the windows at `positions`. Returns the loss.
    fn step(
        &self,
        positions: &[usize],
        rate: f64,
        state: &mut State,
        adam: &mut AdamW,
        rng: &mut SmallRng,
    ) -> Result<f64, Error> {
        let device = Device::flex().autodiff();
        let parameters = self.optimizer.parameters(&state.current.values, &device);
        let batch = Batch {
            data: &self.data,
            positions,
            network: &self.network,
            current: &state.current,
            parameters: &parameters,
        };
        let loss = self.objective.loss(&batch, rng)?;
        self.optimizer.step(loss, &parameters, rate, state, adam)
    }

    /// Returns the network that would be deployed now.
    fn snapshot(&self, state: &State) -> Snapshot {
        Snapshot {
            values: if self.config.ema > 0.0 {
                state.average.clone()
            } else {
                state.current.values.clone()
            },
            running: state.current.running.clone(),
        }
    }

    /// Returns the network laid out over windows, as it is deployed.
    fn deployed(&self) -> Result<Network, Error> {
        self.network.over(self.data.input(), false)
    }

    fn validate(&self, snapshot: &Snapshot) -> Result<Option<Validation>, Error> {
        let (x, truth) = self.data.validation();
        if truth.is_empty() {
            return Ok(None);
        }
        let logits = infer::logits(&self.deployed()?, snapshot, x)?;
        let classes = self.network.classes;
        let rows = logits.chunks_exact(classes);
        let losses = rows
            .clone()
            .zip(&truth)
            .map(|(r, &t)| infer::cross_entropy(r, t));
        let loss: f64 = losses.sum();
        let prediction: Vec<usize> = rows.map(argmax).collect();
        let confusion = Confusion::of(self.data.class_names(), &truth, &prediction);
        let scores = confusion.scores();
        Ok(Some(Validation {
            loss: loss / truth.len() as f64,
            accuracy: scores.accuracy,
            macro_f1: scores.macro_f1,
        }))
    }

    /// Exports the network: that of the best epoch when training waits for a better one, else that of the last.
    pub fn finish(self, state: State) -> Result<Trained, Error> {
        let last = state.history.len().saturating_sub(1);
        let (best_epoch, snapshot) = match (self.config.patience, state.best.clone()) {
            (Some(_), Some(best)) => (best.epoch, best.snapshot),
            _ => (last, self.snapshot(&state)),
        };
        let names = self.data.class_names();
        let trained = Trained::new(self.deployed()?, snapshot, self.data.frontend, names)?;
        Ok(Trained {
            history: state.history,
            best_epoch,
            ..trained
        })
    }
}
