//! One training run: its data as sensor counts, and what happens in an epoch.

use crate::checkpoint::{Best, Snapshot, State};
use crate::config::TrainConfig;
use crate::contrastive::Contrast;
use crate::distill::Teacher;
use crate::metrics::Confusion;
use crate::network::{Network, Phase, Slot};
use crate::optimiser::{AdamW, Descent};
use crate::qat::FakeQuant;
use crate::train::{Epoch, Hooks, Job, Trained, Validation};
use crate::{Error, export, frontend, infer, labels, network};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use mote_data::Windows;
use mote_model::{Frontend, Shape};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// Windows on which activations are observed before an epoch that rounds them.
const OBSERVED: usize = 256;

/// One run: the data as sensor counts, the network, and what stays constant.
pub(crate) struct Run<'a> {
    windows: &'a Windows,
    pub fold: usize,
    pub config: &'a TrainConfig,
    /// Windows to train on.
    train: Vec<usize>,
    /// Windows to watch the training with.
    watch: Vec<usize>,
    pub network: Network,
    frontend: Frontend,
    /// Counts of the training windows, in the order of `train`; in pretraining those of other windows follow.
    counts: Vec<f32>,
    /// Normalised validation windows.
    validation: Vec<f32>,
    class_weights: Vec<f32>,
    /// Positions in `train` of the windows whose labels are used, in increasing order.
    labelled: Vec<usize>,
    pub descent: Descent,
    teacher: Option<Teacher<'a>>,
    contrast: Option<Contrast>,
    /// What is rounded while training, if anything is.
    fake: Option<FakeQuant>,
}

impl<'a> Run<'a> {
    pub fn new(job: Job<'a>, config: &'a TrainConfig) -> Result<Self, Error> {
        let windows = job.windows;
        let classes = windows.labels.len();
        let network = Network::new(
            &config.network,
            Shape::new(windows.time, windows.channels),
            classes,
        )?;
        let (train, watch) = labels::divide(&job, config);
        if train.len() < 2 {
            return Err(Error::Data("at least 2 training windows are needed".into()));
        }
        let frontend = frontend::fit(windows, &train)?;
        let counts = gather(windows, &train)?;
        let mut validation = gather(windows, &watch)?;
        frontend::normalise(&frontend, &mut validation);
        let labelled = labels::positions(windows, &train, config);
        let of_labelled: Vec<usize> = labelled.iter().map(|&p| train[p]).collect();
        let class_weights = class_weights(windows, &of_labelled, config.class_weights)?;
        Ok(Self {
            windows,
            fold: job.fold,
            config,
            train,
            watch,
            descent: Descent::new(&network.slots, 0..0, config),
            network,
            frontend,
            counts,
            validation,
            class_weights,
            labelled,
            teacher: None,
            contrast: None,
            fake: None,
        })
    }

    /// Leaves the first `slots` parameter tensors as they are. When those are all layers, norms stay too.
    pub fn freeze(&mut self, slots: usize) {
        self.descent = Descent::new(&self.network.slots, 0..slots, self.config);
    }

    /// Pulls views of one window together instead of learning classes, those of `others` too: sensor counts of windows
    /// that have no class here.
    pub fn contrast(&mut self, contrast: Contrast, others: &[f32]) {
        self.counts.extend_from_slice(others);
        let head = self.network.head_weights..self.network.head_bias + 1;
        self.descent = Descent::new(&contrast.slots, head, self.config);
        self.watch.clear();
        self.contrast = Some(contrast);
    }

    /// Learns from `teacher` too.
    pub fn learn_from(&mut self, teacher: Teacher<'a>) {
        self.teacher = Some(teacher);
    }

    /// Rounds weights and activations while training, with norms at their running statistics.
    pub fn round(&mut self, fake: FakeQuant) {
        self.fake = Some(fake);
    }

    /// Identifies everything that the weights depend on.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(postcard::to_stdvec(self.config).unwrap_or_default());
        hash.update(self.fold.to_le_bytes());
        for list in [&self.train, &self.watch] {
            hash.update(list.len().to_le_bytes());
            for &i in list.iter() {
                hash.update(label(self.windows, i).to_le_bytes());
            }
        }
        for x in self.counts.iter().chain(&self.validation) {
            hash.update(x.to_le_bytes());
        }
        if !self.descent.frozen.is_empty() {
            hash.update(self.descent.frozen.start.to_le_bytes());
            hash.update(self.descent.frozen.end.to_le_bytes());
        }
        if let Some(teacher) = &self.teacher {
            teacher.digest(&mut hash);
        }
        if let Some(contrast) = &self.contrast {
            contrast.digest(&mut hash);
        }
        if let Some(fake) = &self.fake {
            hash.update([fake.bits]);
        }
        hash.finalize().into()
    }

    /// As [`Run::digest`], for a run from `start`.
    pub fn digest_from(&self, start: &Snapshot) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.digest());
        let statistics = start.running.iter().flat_map(|s| [&s.mean, &s.variance]);
        for x in std::iter::once(&start.values).chain(statistics).flatten() {
            hash.update(x.to_le_bytes());
        }
        hash.finalize().into()
    }

    pub fn start(&self) -> State {
        State::new(self.start_of(&self.network.slots))
    }

    /// A random start of `slots`, which begin with the network's own.
    pub fn start_of(&self, slots: &[Slot]) -> Snapshot {
        Snapshot {
            values: network::initialise(slots, &mut self.rng(0)),
            running: self.network.initial_statistics(),
        }
    }

    /// A generator of its own for every stream (0 is initialisation, 1 + n is epoch n) of every fold.
    fn rng(&self, stream: usize) -> SmallRng {
        let mut hash = Sha256::new();
        for n in [self.config.seed, self.fold as u64, stream as u64] {
            hash.update(n.to_le_bytes());
        }
        SmallRng::from_seed(hash.finalize().into())
    }

    pub fn out_of_patience(&self, state: &State) -> bool {
        match (self.config.patience, &state.best) {
            (Some(patience), Some(best)) => state.history.len() > best.epoch + patience,
            _ => false,
        }
    }

    pub fn epoch(&mut self, state: &mut State, hooks: &Hooks<'_>) -> Result<(), Error> {
        let epoch = state.history.len();
        let mut rng = self.rng(1 + epoch);
        let order = self.order(&mut rng);
        let size = self.config.batch.min(order.len());
        // The rest is left out: a batch of a few windows would have wild norms. Another epoch, another rest.
        let batches = order.len() / size;
        let mut optimiser = AdamW::new(state);
        if let Some(mut fake) = self.fake.take() {
            let x = self.plain(&self.sample(OBSERVED));
            fake.observe(&self.network, &state.current, x)?;
            self.fake = Some(fake);
        }
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
            hooks.each(|p| p.batch(self.fold, epoch, self.config.epochs, i + 1, batches));
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

    /// Positions in `train`, shuffled; labelled windows come again until the epoch has its length.
    fn order(&self, rng: &mut SmallRng) -> Vec<usize> {
        if self.contrast.is_some() {
            let windows = self.counts.len() / self.windows.stride().max(1);
            let mut order: Vec<usize> = (0..windows).collect();
            order.shuffle(rng);
            return order;
        }
        let mut order = Vec::with_capacity(self.train.len());
        while order.len() < self.train.len() {
            let mut pass = self.labelled.clone();
            pass.shuffle(rng);
            order.append(&mut pass);
        }
        order.truncate(self.train.len());
        order
    }

    /// One step of the optimiser on the windows `batch` (positions in `train`). Returns the loss.
    fn step(
        &self,
        batch: &[usize],
        rate: f64,
        state: &mut State,
        optimiser: &mut AdamW,
        rng: &mut SmallRng,
    ) -> Result<f64, Error> {
        if let Some(contrast) = &self.contrast {
            return contrast.step(self, batch, rate, state, optimiser, rng);
        }
        let device = Device::flex().autodiff();
        let x = self.augmented(batch, rng);
        let hard = self.targets(batch);
        let soft = match &self.teacher {
            Some(teacher) => Some(teacher.targets(&x, &hard)?),
            None => None,
        };
        let dropout = self.dropout_mask(batch.len(), rng).map(|mask| {
            Tensor::from_data(
                TensorData::new(mask, [batch.len(), self.network.features()]),
                &device,
            )
        });
        let leaves = self.descent.leaves(&state.current.values, &device);
        let mut statistics = Vec::new();
        let shape = infer::input_shape(&self.network, batch.len());
        let logits = if let Some(fake) = &self.fake {
            let running = &state.current.running;
            fake.forward(&self.network, x, &leaves, running, dropout.as_ref())?
        } else if self.descent.frozen.end < self.network.head_weights {
            let phase = Phase::Train {
                statistics: &mut statistics,
                dropout: dropout.as_ref(),
            };
            let x = Tensor::from_data(TensorData::new(x, shape), &device);
            self.network.forward(x, &leaves, phase)?
        } else {
            let features = infer::features(&self.network, &state.current, x)?;
            let features = TensorData::new(features, [batch.len(), self.network.features()]);
            let features = Tensor::from_data(features, &device);
            self.network.classify(features, dropout.as_ref(), &leaves)?
        };
        let cross_entropy = |logits, rows| {
            let shape = [batch.len(), self.network.classes];
            let targets = Tensor::<2>::from_data(TensorData::new(rows, shape), &device);
            (log_softmax(logits, 1) * targets).sum().neg()
        };
        let loss = match (soft, &self.teacher) {
            (Some(soft), Some(teacher)) => {
                let Teacher {
                    temperature, share, ..
                } = *teacher;
                // Gradients of the soft part shrink with the square of the temperature.
                cross_entropy(logits.clone(), hard) * (1.0 - share)
                    + cross_entropy(logits / temperature, soft)
                        * (temperature * temperature * share)
            }
            _ => cross_entropy(logits, hard),
        };
        self.descent
            .step(loss, &leaves, &statistics, rate, state, optimiser)
    }

    pub fn augmented(&self, batch: &[usize], rng: &mut SmallRng) -> Vec<f32> {
        let stride = self.windows.stride();
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

    /// Evenly spaced labelled windows, at most `count` of them, by position.
    pub fn sample(&self, count: usize) -> Vec<usize> {
        let step = self.labelled.len().div_ceil(count.max(1)).max(1);
        self.labelled.iter().step_by(step).copied().collect()
    }

    /// The windows `batch` (positions in training) as they are, normalised.
    pub fn plain(&self, batch: &[usize]) -> Vec<f32> {
        let stride = self.windows.stride();
        let windows = batch.iter().flat_map(|p| {
            let start = p * stride;
            self.counts.get(start..start + stride).unwrap_or(&[])
        });
        let mut x: Vec<f32> = windows.copied().collect();
        frontend::normalise(&self.frontend, &mut x);
        x
    }

    /// Smoothed one-hot rows, weighted by class, that sum to 1 over the batch.
    pub fn targets(&self, batch: &[usize]) -> Vec<f32> {
        let classes = self.network.classes;
        let smooth = self.config.label_smoothing / classes as f32;
        let mut targets = vec![0.0; batch.len() * classes];
        let mut total = 0.0;
        for (row, &position) in targets.chunks_exact_mut(classes).zip(batch) {
            let class = label(self.windows, self.train[position]);
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

    /// Class of the window at `position` in `train`, if its label is used.
    pub fn class(&self, position: usize) -> Option<usize> {
        self.labelled.binary_search(&position).ok()?;
        Some(label(self.windows, *self.train.get(position)?))
    }

    fn validate(&self, snapshot: &Snapshot) -> Result<Option<Validation>, Error> {
        if self.watch.is_empty() {
            return Ok(None);
        }
        let logits = infer::logits(&self.network, snapshot, &self.validation)?;
        let classes = self.network.classes;
        let truth: Vec<usize> = self.watch.iter().map(|&i| label(self.windows, i)).collect();
        let rows = logits.chunks_exact(classes);
        let loss: f64 = rows
            .clone()
            .zip(&truth)
            .map(|(r, &t)| infer::cross_entropy(r, t))
            .sum();
        let prediction: Vec<usize> = rows.map(infer::argmax).collect();
        let confusion = Confusion::new(classes, &truth, &prediction);
        Ok(Some(Validation {
            loss: loss / truth.len() as f64,
            accuracy: confusion.accuracy(),
            macro_f1: confusion.macro_f1(),
        }))
    }

    pub fn finish(self, state: State) -> Result<Trained, Error> {
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
        graph.labels = self.windows.labels.clone();
        Ok(Trained {
            graph,
            history: state.history,
            best_epoch,
            network: self.network,
            snapshot,
        })
    }
}

fn label(windows: &Windows, n: usize) -> usize {
    windows.y.get(n).copied().unwrap_or(0)
}

/// Sensor counts of the windows `indices`, as floats.
pub(crate) fn gather(windows: &Windows, indices: &[usize]) -> Result<Vec<f32>, Error> {
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
