//! The windows of one training run: which train, which watch, which labels are used.

use crate::Error;
use crate::config::{TrainConfig, TrainOn};
use crate::examples::Examples;
use crate::job::Job;
use crate::network::Network;
use crate::stream::Streams;
use crate::{frontend, labels};
use mote_data::Windows;
use mote_model::{Frontend, Shape};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Windows as sensor counts, and what stays constant over a run.
pub(crate) struct TrainingSet<'a> {
    windows: &'a Windows,
    pub config: &'a TrainConfig,
    /// Windows to train on.
    train: Vec<usize>,
    /// Windows to watch the training with.
    watch: Vec<usize>,
    /// Fitted to the training windows.
    pub frontend: Frontend,
    /// Counts of the training windows, in the order of `train`; those of windows without a class follow.
    counts: Vec<f32>,
    /// Normalised validation windows.
    validation: Vec<f32>,
    /// Per class.
    class_weights: Vec<f32>,
    /// Positions in `train` of the windows whose labels are used, in increasing order.
    labelled: Vec<usize>,
    /// The recordings behind the labelled windows, when training is on streams.
    pub streams: Option<Streams>,
}

impl<'a> TrainingSet<'a> {
    /// Gathers the windows of `job`.
    ///
    /// # Errors
    /// [`Error::Data`] for fewer than 2 training windows, a window that does not exist, is not finite or has no class
    /// or user.
    pub fn new(job: Job<'a>, config: &'a TrainConfig) -> Result<Self, Error> {
        let windows = job.windows;
        let (train, watch) = labels::divide(&job, config);
        if train.len() < 2 {
            return Err(Error::Data("at least 2 training windows are needed".into()));
        }
        labels::check(windows, train.iter().chain(&watch))?;
        let frontend = frontend::fit(windows, &train)?;
        let counts = frontend::gather(windows, &train)?;
        let mut validation = frontend::gather(windows, &watch)?;
        frontend::normalise(&frontend, &mut validation);
        let labelled = labels::positions(windows, &train, config);
        let streams = match config.train {
            TrainOn::Windows => None,
            TrainOn::Stream => {
                let of = labelled.iter().map(|&p| windows.users[train[p]]);
                let users: BTreeSet<u32> = of.collect();
                check_sides(&job, &users)?;
                let rate_hz = f64::from(windows.rate_hz);
                let settings = &config.stream;
                let stretches = job.stretches;
                Some(Streams::new(
                    stretches,
                    &users,
                    windows.channels,
                    rate_hz,
                    settings,
                )?)
            }
        };
        let classes = labelled.iter().map(|&p| windows.y[train[p]]);
        let class_weights = class_weights(classes, windows.labels.len(), config.class_weights);
        Ok(Self {
            windows,
            config,
            train,
            watch,
            frontend,
            counts,
            validation,
            class_weights,
            labelled,
            streams,
        })
    }

    /// Draws the examples of one batch: the windows at `positions`, or as many streams.
    pub fn examples(&self, positions: &[usize], network: &Network, rng: &mut SmallRng) -> Examples {
        match &self.streams {
            None => Examples::Windows {
                x: self.augmented(positions, rng),
                targets: self.targets(positions),
            },
            Some(streams) => {
                let cnn = &network.cnn;
                let reads = [cnn.total_stride(), cnn.receptive_field()];
                let (config, frontend) = (self.config, &self.frontend);
                Examples::Streams(streams.draw(positions.len(), reads, config, frontend, rng))
            }
        }
    }

    /// Adds windows that have no class here, as sensor counts.
    pub fn add_unlabelled(&mut self, counts: &[f32]) {
        self.counts.extend_from_slice(counts);
    }

    /// Watches training with no window.
    pub fn watch_nothing(&mut self) {
        self.watch.clear();
        self.validation.clear();
    }

    /// Returns the shape of a window.
    pub fn input(&self) -> Shape {
        Shape::new(self.windows.time, self.windows.channels)
    }

    /// Returns the names of the classes.
    pub fn class_names(&self) -> &'a [String] {
        &self.windows.labels
    }

    /// Returns the normalised validation windows, `[n][time][channels]`, and their classes.
    pub fn validation(&self) -> (&[f32], Vec<usize>) {
        let classes = self.watch.iter().map(|&n| self.windows.y[n]);
        (&self.validation, classes.collect())
    }

    /// Draws the order of an epoch: positions of labelled windows, each as often as it takes until the epoch has as
    /// many windows as there are to train on. With streams, which are drawn batch by batch, it is their number that
    /// counts.
    pub fn labelled_order(&self, rng: &mut SmallRng) -> Vec<usize> {
        if let Some(streams) = &self.streams {
            return (0..streams.per_epoch().max(2)).collect();
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

    /// Draws the order of an epoch over all windows, with a class or without.
    pub fn whole_order(&self, rng: &mut SmallRng) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.counts.len() / self.windows.stride()).collect();
        order.shuffle(rng);
        order
    }

    /// Returns the windows at the positions `batch`, augmented and normalised, `[n][time][channels]`.
    pub fn augmented(&self, batch: &[usize], rng: &mut SmallRng) -> Vec<f32> {
        let stride = self.windows.stride();
        let augmentation = &self.config.augmentation;
        let mut x = Vec::with_capacity(batch.len() * stride);
        for &position in batch {
            let start = x.len();
            x.extend_from_slice(self.counts_at(position));
            let window = &mut x[start..];
            augmentation.change_counts(window, self.windows.channels, rng);
            frontend::normalise(&self.frontend, window);
            augmentation.change_normalised(window, rng);
        }
        x
    }

    /// Returns the windows at the positions `batch` as they are, normalised, `[n][time][channels]`.
    pub fn plain(&self, batch: &[usize]) -> Vec<f32> {
        let counts = batch.iter().flat_map(|&p| self.counts_at(p));
        let mut x: Vec<f32> = counts.copied().collect();
        frontend::normalise(&self.frontend, &mut x);
        x
    }

    fn counts_at(&self, position: usize) -> &[f32] {
        let stride = self.windows.stride();
        &self.counts[position * stride..][..stride]
    }

    /// Returns the positions of evenly spaced labelled windows, at most `count` of them.
    pub fn sample(&self, count: usize) -> Vec<usize> {
        let step = self.labelled.len().div_ceil(count.max(1)).max(1);
        self.labelled.iter().step_by(step).copied().collect()
    }

    /// Returns smoothed one-hot rows, `[n][classes]`, weighted by class, that sum to 1 over the batch.
    pub fn targets(&self, batch: &[usize]) -> Vec<f32> {
        let classes = self.windows.labels.len();
        let smoothing = self.config.label_smoothing;
        let smooth = smoothing / classes as f32;
        let mut targets = vec![0.0; batch.len() * classes];
        let mut total = 0.0;
        for (row, &position) in targets.chunks_exact_mut(classes).zip(batch) {
            let class = self.windows.y[self.train[position]];
            let weight = self.class_weights[class];
            total += weight;
            row.fill(smooth * weight);
            row[class] += (1.0 - smoothing) * weight;
        }
        targets.iter_mut().for_each(|t| *t /= total);
        targets
    }

    /// Returns the class of the window at `position`, if its label is used.
    pub fn class(&self, position: usize) -> Option<usize> {
        self.labelled.binary_search(&position).ok()?;
        Some(self.windows.y[self.train[position]])
    }

    /// Feeds all that weights depend on to `hash`: samples, classes, and which labels are used.
    pub fn digest(&self, hash: &mut Sha256) {
        let Windows {
            time,
            channels,
            labels,
            ..
        } = self.windows;
        for n in [*time, *channels, labels.len()] {
            hash.update(n.to_le_bytes());
        }
        let classes = |list: &[usize]| list.iter().map(|&n| self.windows.y[n]).collect();
        let lists = [
            classes(&self.train),
            classes(&self.watch),
            self.labelled.clone(),
        ];
        for list in lists {
            hash.update(list.len().to_le_bytes());
            for n in list {
                hash.update(n.to_le_bytes());
            }
        }
        if let Some(streams) = &self.streams {
            streams.digest(hash);
        }
        for values in [&self.counts, &self.validation] {
            hash.update(values.len().to_le_bytes());
            for x in values {
                hash.update(x.to_le_bytes());
            }
        }
    }
}

/// Refuses to splice the recordings of users who also have windows outside training: their recordings are whole, and the
/// network would be tested on what it was trained on.
fn check_sides(job: &Job<'_>, users: &BTreeSet<u32>) -> Result<(), Error> {
    let own: BTreeSet<usize> = job.train.iter().chain(job.validation).copied().collect();
    let outside =
        (0..job.windows.len()).find(|n| !own.contains(n) && users.contains(&job.windows.users[*n]));
    match outside {
        None => Ok(()),
        Some(n) => Err(Error::Data(format!(
            "user {} is on both sides of the split: training on streams takes whole recordings, so divide by users, or \
             train on windows",
            job.windows.users[n]
        ))),
    }
}

/// Returns the inverse frequency of each class, with mean 1 over the windows; 0 for a class without windows. All are 1
/// when weighting is not `on`.
fn class_weights(of: impl Iterator<Item = usize>, classes: usize, on: bool) -> Vec<f32> {
    let mut counts = vec![0usize; classes];
    of.for_each(|class| counts[class] += 1);
    let windows: usize = counts.iter().sum();
    let present = counts.iter().filter(|&&n| n > 0).count();
    counts
        .iter()
        .map(|&n| match (on, n) {
            (false, _) => 1.0,
            (true, 0) => 0.0,
            (true, n) => windows as f32 / (present * n) as f32,
        })
        .collect()
}
