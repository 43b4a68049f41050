//! Contrastive pretraining: the encoder learns from windows without labels, before a head learns from labels.
//!
//! SimCLR (Chen et al. 2020, arXiv 2002.05709) as Tang et al. 2020 (arXiv 2011.11542) brought it to activity
//! recognition: two augmented views of a window shall look alike to the encoder, and unlike views of other windows.
//! With labels, all windows of one class shall look alike (Khosla et al. 2020, arXiv 2004.11362).

mod loss;

use crate::config::{Augmentation, TrainConfig};
use crate::network::{Network, Phase, Role, Slot, SlotId, parameter};
use crate::optimiser::AdamW;
use crate::run::{Run, gather};
use crate::train::{Epoch, Hooks, Job, Trained, train_on};
use crate::{Error, checkpoint::State, infer, labels};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use loss::{nt_xent, positives};
use mote_data::Windows;
use rand::rngs::SmallRng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::str::FromStr;

/// Widths of the projection head in arXiv 2011.11542, as multiples of its encoder's 96 features.
const PROJECTION: [f64; 3] = [256.0 / 96.0, 128.0 / 96.0, 50.0 / 96.0];

/// Learning rate of fine-tuning, as a share of that of the layer before.
const FINE: f64 = 0.125;

/// How an encoder is pretrained.
#[derive(Debug, Clone, PartialEq)]
pub struct ContrastiveConfig {
    /// Passes over the training windows.
    pub epochs: usize,
    /// Windows per step; each is seen in two views.
    pub batch: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Divides cosine similarities: the lower, the more the nearest of the other windows count.
    pub temperature: f32,
    /// How views differ.
    pub augmentation: Augmentation,
    /// Pulls labelled windows of one class together too.
    pub supervised: bool,
}

impl Default for ContrastiveConfig {
    fn default() -> Self {
        Self {
            epochs: 100,
            batch: 256,
            learning_rate: 4e-3,
            temperature: 0.1,
            augmentation: Augmentation::default(),
            supervised: false,
        }
    }
}

/// What learns from labels, after pretraining.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// The dense layer alone; the encoder stays as it was pretrained.
    #[default]
    Linear,
    /// The dense layer, and then everything at an eighth of the learning rate: with a random layer behind it, the
    /// encoder would forget more than it learns (Kumar et al. 2022, arXiv 2202.10054).
    FineTune,
}

impl FromStr for Head {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "linear" => Ok(Head::Linear),
            "finetune" => Ok(Head::FineTune),
            _ => Err(()),
        }
    }
}

/// A pretrained encoder; its head is random still.
#[derive(Debug, Clone, PartialEq)]
pub struct Pretrained(Trained);

/// Pretrains the encoder of `config.network` on all training windows of `job`, and on the windows of `others`: of other
/// data sets, but for users who are not to be trained on here, in case they wore both sensors. Only when it is
/// supervised it looks at labels, at the share that `config.labels` says. The result repeats, and a stopped run resumes
/// below `hooks.checkpoint`.
///
/// # Errors
/// [`Error::Config`] for settings that make no sense, [`Error::Data`] for others of another shape, and those of
/// [`train()`](crate::train()).
pub fn pretrain(
    job: Job<'_>,
    config: &TrainConfig,
    contrastive: &ContrastiveConfig,
    others: &[&Windows],
    hooks: Hooks<'_>,
) -> Result<Pretrained, Error> {
    let settings = TrainConfig {
        epochs: contrastive.epochs,
        batch: contrastive.batch,
        learning_rate: contrastive.learning_rate,
        augmentation: contrastive.augmentation.clone(),
        // Without supervision one pretraining serves all shares of labels.
        labels: if contrastive.supervised {
            config.labels
        } else {
            1.0
        },
        patience: None,
        ..config.clone()
    };
    if !(contrastive.temperature.is_finite() && contrastive.temperature > 0.0) {
        return Err(Error::config("temperature", "must be positive"));
    }
    let mut run = Run::new(job, &settings)?;
    let contrast = Contrast::new(&run.network, contrastive);
    let start = run.start_of(&contrast.slots);
    let network_only = run.network.len();
    run.contrast(contrast, &counts_of(others, &job)?);
    let mut trained = train_on(run, start, hooks)?;
    trained.snapshot.values.truncate(network_only);
    Ok(Pretrained(trained))
}

/// Sensor counts of the windows of `others`, without users of `job` who are not in training.
fn counts_of(others: &[&Windows], job: &Job<'_>) -> Result<Vec<f32>, Error> {
    let all = job.windows;
    let user = |&n: &usize| all.users.get(n).copied();
    let trained_on: BTreeSet<u32> = job.train.iter().filter_map(user).collect();
    let kept_out: BTreeSet<u32> = all.users.iter().copied().collect();
    let kept_out = &kept_out - &trained_on;
    let mut counts = Vec::new();
    for other in others {
        if (other.time, other.channels) != (all.time, all.channels) {
            return Err(Error::Data(format!(
                "windows to pretrain on have {} steps of {} values, those of the task {} of {}",
                other.time, other.channels, all.time, all.channels
            )));
        }
        let strangers = |&n: &usize| other.users.get(n).is_some_and(|u| !kept_out.contains(u));
        let indices: Vec<usize> = (0..other.len()).filter(strangers).collect();
        counts.extend(gather(other, &indices)?);
    }
    Ok(counts)
}

impl Pretrained {
    /// One entry per epoch; the loss is that of telling a window's other view among all.
    pub fn history(&self) -> &[Epoch] {
        &self.0.history
    }

    /// Trains on labels, at the share that `config.labels` says. `job` and the network of `config` are those of
    /// [`pretrain`].
    ///
    /// # Errors
    /// Those of [`train()`](crate::train()).
    pub fn tune(
        &self,
        job: Job<'_>,
        config: &TrainConfig,
        head: Head,
        hooks: Hooks<'_>,
    ) -> Result<Trained, Error> {
        let mut run = Run::new(job, config)?;
        run.freeze(run.network.head_weights);
        let linear = train_on(run, self.0.snapshot.clone(), hooks)?;
        if head == Head::Linear {
            return Ok(linear);
        }
        let gentle = TrainConfig {
            learning_rate: config.learning_rate * FINE,
            ..config.clone()
        };
        train_on(Run::new(job, &gentle)?, linear.snapshot, hooks)
    }
}

/// [`train()`](crate::train()), with a checkpoint that lies beside those of pretraining: the yardstick of
/// [`Pretrained::tune`].
///
/// # Errors
/// Those of [`train()`](crate::train()).
pub fn scratch(job: Job<'_>, config: &TrainConfig, hooks: Hooks<'_>) -> Result<Trained, Error> {
    let run = Run::new(job, config)?;
    let start = run.start().current;
    train_on(run, start, hooks)
}

/// Networks that learnt from one share of the labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// Share of the labels that were used.
    pub share: f64,
    /// How many windows that is.
    pub windows: usize,
    /// Trained on these alone.
    pub scratch: Trained,
    /// Pretrained on all windows without labels, then trained on these.
    pub pretrained: Trained,
}

/// What labels are worth with and without pretraining: for each of `shares` the network of `config` from scratch and
/// pretrained, with the same labels. Pretraining is done once.
///
/// # Errors
/// Those of [`pretrain`].
pub fn label_efficiency(
    job: Job<'_>,
    config: &TrainConfig,
    contrastive: &ContrastiveConfig,
    head: Head,
    shares: &[f64],
    hooks: Hooks<'_>,
) -> Result<Vec<Labelled>, Error> {
    let pretrained = pretrain(job, config, contrastive, &[], hooks)?;
    let at = |&share: &f64| {
        let config = TrainConfig {
            labels: share,
            ..config.clone()
        };
        Ok(Labelled {
            share,
            windows: labels::labelled(job, &config).len(),
            scratch: scratch(job, &config, hooks)?,
            pretrained: pretrained.tune(job, &config, head, hooks)?,
        })
    };
    shares.iter().map(at).collect()
}

/// The objective of pretraining, with a projection head behind the encoder that nobody needs afterwards.
pub(crate) struct Contrast {
    /// Parameters of network and projection.
    pub slots: Vec<Slot>,
    projection: Vec<Projection>,
    temperature: f32,
    supervised: bool,
}

/// A dense layer of the projection.
struct Projection {
    /// `[from][to]`.
    weights: SlotId,
    bias: SlotId,
    from: usize,
    to: usize,
}

impl Contrast {
    fn new(network: &Network, config: &ContrastiveConfig) -> Self {
        let mut slots = network.slots.clone();
        let mut end = network.len();
        let mut push = |len: usize, role: Role| {
            slots.push(Slot {
                range: end..end + len,
                role,
            });
            end += len;
            slots.len() - 1
        };
        let features = network.features();
        let mut from = features;
        let mut projection = Vec::new();
        for width in PROJECTION {
            let to = (features as f64 * width).round().max(2.0) as usize;
            projection.push(Projection {
                weights: push(from * to, Role::Weights { fan_in: from }),
                bias: push(to, Role::Shift),
                from,
                to,
            });
            from = to;
        }
        Self {
            slots,
            projection,
            temperature: config.temperature,
            supervised: config.supervised,
        }
    }

    /// Feeds all that the encoder depends on to `hash`.
    pub fn digest(&self, hash: &mut Sha256) {
        hash.update(self.temperature.to_le_bytes());
        hash.update([u8::from(self.supervised)]);
    }

    /// Projections of pooled features.
    fn project(&self, mut z: Tensor<2>, leaves: &[Tensor<1>]) -> Result<Tensor<2>, Error> {
        for (i, layer) in self.projection.iter().enumerate() {
            if i > 0 {
                z = relu(z);
            }
            let weights = parameter(leaves, layer.weights)?.reshape([layer.from, layer.to]);
            let bias = parameter(leaves, layer.bias)?.reshape([1, layer.to]);
            z = z.matmul(weights) + bias;
        }
        Ok(z)
    }

    /// One step of the optimiser on two views of the windows `batch` (positions among the training windows). Returns
    /// the loss.
    pub fn step(
        &self,
        run: &Run<'_>,
        batch: &[usize],
        rate: f64,
        state: &mut State,
        optimiser: &mut AdamW,
        rng: &mut SmallRng,
    ) -> Result<f64, Error> {
        let device = Device::flex().autodiff();
        let mut views = run.augmented(batch, rng);
        views.extend(run.augmented(batch, rng));
        let count = 2 * batch.len();
        let shape = infer::input_shape(&run.network, count);
        let views = Tensor::from_data(TensorData::new(views, shape), &device);
        let leaves = run.descent.leaves(&state.current.values, &device);
        let mut statistics = Vec::new();
        let phase = Phase::Train {
            statistics: &mut statistics,
            dropout: None,
        };
        let features = run.network.pooled(views, &leaves, phase)?;
        let projected = self.project(features, &leaves)?;
        let classes: Vec<Option<usize>> = batch
            .iter()
            .map(|&position| run.class(position).filter(|_| self.supervised))
            .collect();
        let positives = TensorData::new(positives(&classes), [count, count]);
        let loss = nt_xent(
            projected,
            Tensor::from_data(positives, &device),
            self.temperature,
        );
        run.descent
            .step(loss, &leaves, &statistics, rate, state, optimiser)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CnnConfig;
    use mote_model::Shape;

    #[test]
    fn the_projection_scales_with_the_encoder_and_lies_behind_the_network() {
        let network = Network::new(&CnnConfig::cnn(), Shape::new(100, 3), 5).unwrap();
        let contrast = Contrast::new(&network, &ContrastiveConfig::default());
        let widths: Vec<usize> = contrast.projection.iter().map(|p| p.to).collect();
        assert_eq!(widths, [171, 85, 33]);
        let first = contrast.projection[0].weights;
        assert_eq!(contrast.slots[first].range.start, network.len());
        assert_eq!(contrast.slots[..network.slots.len()], network.slots[..]);
        let mut end = 0;
        for slot in &contrast.slots {
            assert_eq!(slot.range.start, end);
            end = slot.range.end;
        }
    }
}
