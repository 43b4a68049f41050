//! The training loop.

use crate::checkpoint::{self, Best, Snapshot, State};
use crate::config::TrainConfig;
use crate::metrics::Confusion;
use crate::network::{Network, Phase, Slot, host};
use crate::{Error, export, frontend};
use burn::optim::{AdamWConfig, AdamWState, AdaptiveMomentumState, Optimizer};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use mote_data::Windows;
use mote_model::{Frontend, Graph, Shape};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Windows per forward pass in evaluation.
const EVALUATION_BATCH: usize = 256;

/// Share of a running statistic that one batch leaves, when no weight average is kept.
const STATISTICS_SHARE: f32 = 0.9;

/// What is trained on what.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// All windows of the task.
    pub windows: &'a Windows,
    /// Windows to train on.
    pub train: &'a [usize],
    /// Windows to watch the training with; may be empty.
    pub validation: &'a [usize],
    /// Which fold this is: part of the seed, and reported to [`Progress`].
    pub fold: usize,
}

/// Ways to watch and steer a training run.
#[derive(Clone, Copy, Default)]
pub struct Hooks<'a> {
    /// Training ends at the next batch when this becomes true.
    pub stop: Option<&'a AtomicBool>,
    /// Is told about batches and epochs.
    pub progress: Option<&'a dyn Progress>,
    /// Directory of this run's checkpoint, written after every epoch and resumed from.
    pub checkpoint: Option<&'a Path>,
}

/// Is told how training goes, from the thread that trains.
pub trait Progress: Sync {
    /// One batch of `batches` was done in `epoch` of `epochs` (all but `batch` zero-based).
    fn batch(&self, fold: usize, epoch: usize, epochs: usize, batch: usize, batches: usize) {
        let _ = (fold, epoch, epochs, batch, batches);
    }

    /// An epoch ended, or was found in a checkpoint.
    fn epoch(&self, fold: usize, epoch: &Epoch) {
        let _ = (fold, epoch);
    }

    /// The fold is done.
    fn finished(&self, fold: usize) {
        let _ = fold;
    }
}

/// Figures of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Zero-based number.
    pub epoch: usize,
    /// Mean training loss, with augmentation, smoothing and class weights.
    pub loss: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Validation figures, when there are validation windows.
    pub validation: Option<Validation>,
}

/// How well the network does on the validation windows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Mean cross-entropy, unweighted and unsmoothed.
    pub loss: f64,
    /// Share of right predictions.
    pub accuracy: f64,
    /// Macro-averaged F1.
    pub macro_f1: f64,
}

/// A trained network.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The deployable f32 network; its output is logits.
    pub graph: Graph,
    /// One entry per epoch.
    pub history: Vec<Epoch>,
    /// The epoch whose weights were kept.
    pub best_epoch: usize,
    network: Network,
    snapshot: Snapshot,
}

impl PartialEq for Trained {
    fn eq(&self, other: &Self) -> bool {
        self.graph == other.graph
            && self.history == other.history
            && self.best_epoch == other.best_epoch
    }
}

impl Trained {
    /// Logits of the windows `indices`, `[n][classes]`, by the tensor library's forward pass with batch norms
    /// unfolded. For checking the engine against, and for quick looks while tuning: reported figures come
    /// from the engine.
    ///
    /// # Errors
    /// [`Error::Data`] when a window does not exist, is not finite or has another shape.
    pub fn logits(&self, windows: &Windows, indices: &[usize]) -> Result<Vec<f32>, Error> {
        let input = self.network.input;
        if (windows.time, windows.channels) != (input.time, input.channels) {
            return Err(Error::Data(format!(
                "the windows are {}x{}, but the network takes {}x{}",
                windows.time, windows.channels, input.time, input.channels
            )));
        }
        let mut x = gather(windows, indices)?;
        if let Some(frontend) = &self.graph.frontend {
            frontend::normalise(frontend, &mut x);
        }
        logits(&self.network, &self.snapshot, &x)
    }
}

/// Trains a network. The same job, settings and seed give the same weights on the same machine, however
/// often the run is stopped and resumed and however many folds run beside it.
///
/// # Errors
/// [`Error::Config`] and [`Error::Data`] before training starts, [`Error::Stopped`] when `hooks.stop` was
/// set, [`Error::Diverged`] when the loss is no longer a number, and errors of the checkpoint file.
pub fn train(job: Job<'_>, config: &TrainConfig, hooks: Hooks<'_>) -> Result<Trained, Error> {
    config.validate()?;
    let mut run = Run::new(job, config)?;
    let digest = run.digest();
    let mut state = match hooks.checkpoint {
        Some(directory) => checkpoint::load(directory, digest)?,
        None => None,
    }
    .unwrap_or_else(|| run.start());
    for epoch in &state.history {
        hooks.each(|p| p.epoch(job.fold, epoch));
    }
    while state.history.len() < config.epochs && !run.out_of_patience(&state) {
        run.epoch(&mut state, &hooks)?;
        if let Some(epoch) = state.history.last() {
            hooks.each(|p| p.epoch(job.fold, epoch));
        }
        if let Some(directory) = hooks.checkpoint {
            checkpoint::save(directory, digest, &state)?;
        }
    }
    hooks.each(|p| p.finished(job.fold));
    run.finish(state)
}

impl Hooks<'_> {
    fn each(&self, tell: impl Fn(&dyn Progress)) {
        if let Some(progress) = self.progress {
            tell(progress);
        }
    }

    fn stopped(&self) -> bool {
        self.stop.is_some_and(|s| s.load(Ordering::Relaxed))
    }
}

/// One run: the data as sensor counts, the network, and what stays constant.
struct Run<'a> {
    job: Job<'a>,
    config: &'a TrainConfig,
    network: Network,
    frontend: Frontend,
    /// Counts of the training windows, in the order of `job.train`.
    counts: Vec<f32>,
    /// Normalised validation windows.
    validation: Vec<f32>,
    class_weights: Vec<f32>,
    decays: Tensor<1>,
}

impl<'a> Run<'a> {
    fn new(job: Job<'a>, config: &'a TrainConfig) -> Result<Self, Error> {
        let windows = job.windows;
        let classes = windows.labels.len();
        let network = Network::new(
            &config.network,
            Shape::new(windows.time, windows.channels),
            classes,
        )?;
        let frontend = frontend::fit(windows, job.train)?;
        if job.train.len() < 2 {
            return Err(Error::Data("at least 2 training windows are needed".into()));
        }
        let counts = gather(windows, job.train)?;
        let mut validation = gather(windows, job.validation)?;
        frontend::normalise(&frontend, &mut validation);
        let class_weights = class_weights(windows, job.train, config.class_weights)?;
        let decays = Tensor::from_data(
            TensorData::new(network.decays(), [network.len()]),
            &Device::flex(),
        );
        Ok(Self {
            job,
            config,
            network,
            frontend,
            counts,
            validation,
            class_weights,
            decays,
        })
    }

    /// Identifies everything that the weights depend on.
    fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(postcard::to_stdvec(self.config).unwrap_or_default());
        hash.update(self.job.fold.to_le_bytes());
        for list in [self.job.train, self.job.validation] {
            hash.update(list.len().to_le_bytes());
            for &i in list {
                hash.update(label(self.job.windows, i).to_le_bytes());
            }
        }
        for x in self.counts.iter().chain(&self.validation) {
            hash.update(x.to_le_bytes());
        }
        hash.finalize().into()
    }

    fn start(&self) -> State {
        let values = self.network.initialise(&mut self.rng(0));
        State {
            average: values.clone(),
            current: Snapshot {
                values,
                running: self.network.initial_statistics(),
            },
            moments: None,
            steps: 0,
            history: Vec::new(),
            best: None,
        }
    }

    /// A generator of its own for every stream (0 is initialisation, 1 + n is epoch n) of every fold.
    fn rng(&self, stream: usize) -> SmallRng {
        let mut hash = Sha256::new();
        for n in [self.config.seed, self.job.fold as u64, stream as u64] {
            hash.update(n.to_le_bytes());
        }
        SmallRng::from_seed(hash.finalize().into())
    }

    fn out_of_patience(&self, state: &State) -> bool {
        match (self.config.patience, &state.best) {
            (Some(patience), Some(best)) => state.history.len() > best.epoch + patience,
            _ => false,
        }
    }

    fn epoch(&mut self, state: &mut State, hooks: &Hooks<'_>) -> Result<(), Error> {
        let epoch = state.history.len();
        let mut rng = self.rng(1 + epoch);
        let mut order: Vec<usize> = (0..self.job.train.len()).collect();
        order.shuffle(&mut rng);
        let size = self.config.batch.min(order.len());
        // The rest is left out: a batch of a few windows would have wild norms. Another epoch, another rest.
        let batches = order.len() / size;
        let mut optimiser = AdamW::new(state);
        let mut loss = 0.0;
        for (i, batch) in order.chunks_exact(size).enumerate() {
            if hooks.stopped() {
                return Err(Error::Stopped { epochs: epoch });
            }
            let rate = self
                .config
                .learning_rate_at(epoch * batches + i, self.config.epochs * batches);
            loss += self.step(batch, rate, state, &mut optimiser, &mut rng)?;
            if !loss.is_finite() {
                return Err(Error::Diverged { epoch, loss });
            }
            hooks.each(|p| p.batch(self.job.fold, epoch, self.config.epochs, i + 1, batches));
        }
        optimiser.store(state)?;
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
            loss: loss / batches.max(1) as f64,
            learning_rate: self
                .config
                .learning_rate_at((epoch + 1) * batches - 1, self.config.epochs * batches),
            validation,
        });
        Ok(())
    }

    /// One step of the optimiser on the windows `batch` (positions in `job.train`). Returns the loss.
    fn step(
        &self,
        batch: &[usize],
        rate: f64,
        state: &mut State,
        optimiser: &mut AdamW,
        rng: &mut SmallRng,
    ) -> Result<f64, Error> {
        let device = Device::flex().autodiff();
        let x = Tensor::from_data(
            TensorData::new(
                self.augmented(batch, rng),
                input_shape(&self.network, batch.len()),
            ),
            &device,
        );
        let targets = Tensor::<2>::from_data(
            TensorData::new(self.targets(batch), [batch.len(), self.network.classes]),
            &device,
        );
        let dropout = self.dropout_mask(batch.len(), rng).map(|mask| {
            Tensor::from_data(
                TensorData::new(mask, [batch.len(), self.network.features()]),
                &device,
            )
        });
        let leaves: Vec<Tensor<1>> = leaves(&self.network, &state.current.values, &device)
            .into_iter()
            .map(Tensor::require_grad)
            .collect();
        let mut statistics = Vec::new();
        let phase = Phase::Train {
            statistics: &mut statistics,
            dropout,
        };
        let logits = self.network.forward(x, &leaves, phase)?;
        let loss = (log_softmax(logits, 1) * targets).sum().neg();
        let mut gradients = loss.backward();
        let gradient = leaves
            .iter()
            .map(|leaf| {
                leaf.grad_remove(&mut gradients).ok_or(Error::Backend {
                    place: "backward pass",
                    what: "a parameter has no gradient".to_owned(),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let decay = self.decays.clone() * (rate * self.config.weight_decay);
        state.current.values = optimiser.step(&state.current.values, gradient, rate, decay)?;

        // Averages start short, so that they forget the random start.
        let young = (1.0 + state.steps as f32) / (10.0 + state.steps as f32);
        let keep = self.config.ema.min(young);
        for (average, value) in state.average.iter_mut().zip(&state.current.values) {
            *average = *average * keep + value * (1.0 - keep);
        }
        let keep = self.config.ema.max(STATISTICS_SHARE).min(young);
        for (running, batch) in state.current.running.iter_mut().zip(&statistics) {
            running.blend(batch, keep);
        }
        state.steps += 1;
        Ok(f64::from(
            host(loss.inner())?.first().copied().unwrap_or(f32::NAN),
        ))
    }

    fn augmented(&self, batch: &[usize], rng: &mut SmallRng) -> Vec<f32> {
        let stride = self.job.windows.stride();
        let mut x = Vec::with_capacity(batch.len() * stride);
        for &position in batch {
            let start = x.len();
            x.extend_from_slice(&self.counts[position * stride..][..stride]);
            let window = &mut x[start..];
            let augmentation = &self.config.augmentation;
            augmentation.change_counts(window, self.network.input.channels, rng);
            frontend::normalise(&self.frontend, window);
            augmentation.change_normalised(window, rng);
        }
        x
    }

    /// Smoothed one-hot rows, weighted by class, that sum to 1 over the batch.
    fn targets(&self, batch: &[usize]) -> Vec<f32> {
        let classes = self.network.classes;
        let smooth = self.config.label_smoothing / classes as f32;
        let mut targets = vec![0.0; batch.len() * classes];
        let mut total = 0.0;
        for (row, &position) in targets.chunks_exact_mut(classes).zip(batch) {
            let class = label(self.job.windows, self.job.train[position]);
            let weight = self.class_weights[class];
            total += weight;
            row.fill(smooth * weight);
            row[class] += (1.0 - self.config.label_smoothing) * weight;
        }
        targets.iter_mut().for_each(|t| *t /= total);
        targets
    }

    fn dropout_mask(&self, n: usize, rng: &mut SmallRng) -> Option<Vec<f32>> {
        let p = self.config.dropout;
        (p > 0.0).then(|| {
            (0..n * self.network.features())
                .map(|_| {
                    if rng.random::<f32>() < p {
                        0.0
                    } else {
                        (1.0 - p).recip()
                    }
                })
                .collect()
        })
    }

    /// The network that would be deployed now.
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

    fn validate(&self, snapshot: &Snapshot) -> Result<Option<Validation>, Error> {
        if self.job.validation.is_empty() {
            return Ok(None);
        }
        let logits = logits(&self.network, snapshot, &self.validation)?;
        let classes = self.network.classes;
        let truth: Vec<usize> = self
            .job
            .validation
            .iter()
            .map(|&i| label(self.job.windows, i))
            .collect();
        let rows = logits.chunks_exact(classes);
        let loss: f64 = rows
            .clone()
            .zip(&truth)
            .map(|(r, &t)| cross_entropy(r, t))
            .sum();
        let prediction: Vec<usize> = rows.map(argmax).collect();
        let confusion = Confusion::new(classes, &truth, &prediction);
        Ok(Some(Validation {
            loss: loss / truth.len() as f64,
            accuracy: confusion.accuracy(),
            macro_f1: confusion.macro_f1(),
        }))
    }

    fn finish(self, state: State) -> Result<Trained, Error> {
        let last = state.history.len().saturating_sub(1);
        let (best_epoch, snapshot) = match (self.config.patience, state.best.clone()) {
            (Some(_), Some(best)) => (best.epoch, best.snapshot),
            _ => (last, self.snapshot(&state)),
        };
        let mut graph = export::graph(
            "cnn",
            &self.network,
            self.config.network.nonlinearity.activation(),
            &snapshot.values,
            &snapshot.running,
        )?;
        graph.frontend = Some(self.frontend);
        graph.labels = self.job.windows.labels.clone();
        Ok(Trained {
            graph,
            history: state.history,
            best_epoch,
            network: self.network,
            snapshot,
        })
    }
}

/// AdamW (Loshchilov and Hutter 2019) over the flat parameter vector.
struct AdamW {
    optimiser: burn::optim::AdamW,
    state: Option<AdamWState<1>>,
}

impl AdamW {
    fn new(state: &State) -> Self {
        let tensor = |v: &Vec<f32>| {
            Tensor::from_data(TensorData::new(v.clone(), [v.len()]), &Device::flex())
        };
        Self {
            // Norms and biases do not decay, so decay is applied here and not by the library.
            optimiser: AdamWConfig::new().with_weight_decay(0.0).build(),
            state: state.moments.as_ref().map(|[first, second]| {
                AdamWState::new(AdaptiveMomentumState::new(
                    state.steps,
                    tensor(first),
                    tensor(second),
                ))
            }),
        }
    }

    fn step(
        &mut self,
        values: &[f32],
        gradient: Vec<Tensor<1>>,
        rate: f64,
        decay: Tensor<1>,
    ) -> Result<Vec<f32>, Error> {
        let values = Tensor::<1>::from_data(
            TensorData::new(values.to_vec(), [values.len()]),
            &Device::flex(),
        );
        let values = values.clone() - values * decay;
        let gradient = Tensor::cat(gradient, 0);
        let (values, state) = self
            .optimiser
            .step(rate, values, gradient, self.state.take());
        self.state = state;
        host(values)
    }

    fn store(self, state: &mut State) -> Result<(), Error> {
        state.moments = match self.state {
            Some(s) => Some([host(s.momentum.moment_1)?, host(s.momentum.moment_2)?]),
            None => None,
        };
        Ok(())
    }
}

fn input_shape(network: &Network, n: usize) -> [usize; 3] {
    [n, network.input.time, network.input.channels]
}

/// One tensor per parameter slot.
fn leaves(network: &Network, values: &[f32], device: &Device) -> Vec<Tensor<1>> {
    let leaf = |slot: &Slot| {
        let values = values.get(slot.range.clone()).unwrap_or(&[]);
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
    };
    network.slots.iter().map(leaf).collect()
}

/// Logits of normalised windows, `[n][classes]`.
fn logits(network: &Network, snapshot: &Snapshot, x: &[f32]) -> Result<Vec<f32>, Error> {
    let device = Device::flex();
    let leaves = leaves(network, &snapshot.values, &device);
    let stride = network.input.len();
    let mut logits = Vec::with_capacity(x.len() / stride * network.classes);
    for x in x.chunks(EVALUATION_BATCH * stride) {
        let shape = input_shape(network, x.len() / stride);
        let x = Tensor::from_data(TensorData::new(x.to_vec(), shape), &device);
        let phase = Phase::Infer {
            running: &snapshot.running,
        };
        logits.extend(host(network.forward(x, &leaves, phase)?)?);
    }
    Ok(logits)
}

fn label(windows: &Windows, n: usize) -> usize {
    windows.y.get(n).copied().unwrap_or(0)
}

/// Sensor counts of the windows `indices`, as floats.
fn gather(windows: &Windows, indices: &[usize]) -> Result<Vec<f32>, Error> {
    let mut x = Vec::with_capacity(indices.len() * windows.stride());
    for &n in indices {
        x.extend(
            frontend::window_counts(windows, n)?
                .into_iter()
                .map(f32::from),
        );
    }
    Ok(x)
}

/// Inverse class frequency, with mean 1 over the windows; 0 for a class without windows.
fn class_weights(windows: &Windows, indices: &[usize], on: bool) -> Result<Vec<f32>, Error> {
    let classes = windows.labels.len();
    let mut counts = vec![0usize; classes];
    for &i in indices {
        let class = label(windows, i);
        *counts.get_mut(class).ok_or_else(|| {
            Error::Data(format!(
                "window {i} has class {class}, but there are {classes} labels"
            ))
        })? += 1;
    }
    let present = counts.iter().filter(|&&n| n > 0).count();
    Ok(counts
        .iter()
        .map(|&n| match (on, n) {
            (false, _) => 1.0,
            (true, 0) => 0.0,
            (true, n) => indices.len() as f32 / (present * n) as f32,
        })
        .collect())
}

/// Index of the largest value; the first of equals.
pub(crate) fn argmax(row: &[f32]) -> usize {
    row.iter()
        .enumerate()
        .fold((0, f32::NEG_INFINITY), |best, (i, &v)| {
            if v > best.1 { (i, v) } else { best }
        })
        .0
}

fn cross_entropy(logits: &[f32], class: usize) -> f64 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&l| f64::from(l - max).exp()).sum();
    sum.ln() - f64::from(logits.get(class).copied().unwrap_or(f32::NEG_INFINITY) - max)
}
