//! Settings of training, as they are written in experiment files.

use crate::Error;
use crate::stream::StreamTraining;
use mote_model::{Cnn, cnn::Padding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Random changes of training windows, drawn anew in every epoch. Each is off at zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Standard deviation of added noise, in standard deviations of the data.
    pub jitter: f32,
    /// Standard deviation of a factor around 1, one per window and channel.
    pub scaling: f32,
    /// Standard deviation, in radians, of a rotation about a random axis; applied to each triple of channels.
    pub rotation: f32,
    /// Probabilities that the x, y and z axis of a triple point the other way, each on its own: left or right wrist or
    /// pocket, screen in or out. Left out when all are 0, so that settings without it keep their digest.
    #[serde(skip_serializing_if = "is_never")]
    pub mirror: [f32; 3],
    /// Standard deviation of the relative speed: time runs faster and slower along a smooth random curve.
    pub time_warp: f32,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self {
            jitter: 0.03,
            scaling: 0.1,
            rotation: 0.6,
            mirror: [0.0; 3],
            time_warp: 0.1,
        }
    }
}

impl Augmentation {
    /// No augmentation.
    pub const NONE: Self = Self {
        jitter: 0.0,
        scaling: 0.0,
        rotation: 0.0,
        mirror: [0.0; 3],
        time_warp: 0.0,
    };
}

/// Which windows have labels when only a share has. The choice is seeded, a smaller share is part of a larger one, and
/// every share has windows of every class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "kebab-case")]
pub enum LabelsOf {
    /// All windows of some users, as when recordings are annotated one person after the other: the share of users,
    /// rounded, and at least as many as have all classes.
    #[default]
    Users,
    /// Some windows of all users: of each class the share, rounded and at least one, by as many users as possible.
    Windows,
}

impl LabelsOf {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a network is shown in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "kebab-case")]
pub enum TrainOn {
    /// Windows of one activity each.
    #[default]
    Windows,
    /// Continuous streams of one activity after another, with a decision at every step.
    Stream,
}

impl TrainOn {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How a network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// The network.
    pub network: Cnn,
    /// What is shown: windows, or streams that are spliced from the recordings. Left out when it is windows, so that
    /// settings without it keep their digest.
    #[serde(skip_serializing_if = "TrainOn::is_default")]
    pub train: TrainOn,
    /// How streams are spliced, and what their loss looks at.
    #[serde(skip_serializing_if = "StreamTraining::is_default")]
    pub stream: StreamTraining,
    /// Passes over the training windows. With streams, an epoch is as much signal as there is.
    pub epochs: usize,
    /// Windows, or streams, per step.
    pub batch: usize,
    /// Highest learning rate of AdamW.
    pub learning_rate: f64,
    /// Share of all steps in which the learning rate climbs linearly; it then falls to zero along a cosine.
    pub warm_up: f64,
    /// Decoupled weight decay, on convolution and dense weights.
    pub weight_decay: f64,
    /// Share of the target probability spread over all classes.
    pub label_smoothing: f32,
    /// Weights classes by the inverse of their frequency.
    pub class_weights: bool,
    /// Probability of dropping a feature between pool and dense layer.
    pub dropout: f32,
    /// Share that an exponential moving average of the weights keeps per step; 0 is off. Validation and the
    /// exported network use the average.
    pub ema: f32,
    /// Augmentation.
    pub augmentation: Augmentation,
    /// Stops after this many epochs without a better validation m-F1, and keeps the best epoch's weights.
    /// `None` trains all epochs and keeps the last.
    pub patience: Option<usize>,
    /// Keeps the validation users out of training, so that they show how it goes. Otherwise they train too: when nothing
    /// is decided by that view, more users are worth more.
    pub hold_out: bool,
    /// Share of the labels of the training windows that are used, above 0 and up to 1; an epoch keeps its length. Left
    /// out when it is 1, so that settings without it keep their digest.
    #[serde(skip_serializing_if = "is_one")]
    pub labels: f64,
    /// Whether the share is one of users or of windows.
    #[serde(skip_serializing_if = "LabelsOf::is_default")]
    pub labels_of: LabelsOf,
    /// Seed of everything random.
    pub seed: u64,
}

fn is_never(probabilities: &[f32; 3]) -> bool {
    *probabilities == [0.0; 3]
}

fn is_one(share: &f64) -> bool {
    *share == 1.0
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            network: Cnn::default(),
            train: TrainOn::Windows,
            stream: StreamTraining::default(),
            epochs: 25,
            batch: 128,
            learning_rate: 4e-3,
            warm_up: 0.1,
            weight_decay: 1e-2,
            label_smoothing: 0.05,
            class_weights: true,
            dropout: 0.1,
            ema: 0.99,
            augmentation: Augmentation::default(),
            patience: None,
            hold_out: false,
            labels: 1.0,
            labels_of: LabelsOf::Users,
            seed: 1,
        }
    }
}

impl TrainConfig {
    /// Checks the settings that do not depend on the data.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field.
    pub fn validate(&self) -> Result<(), Error> {
        if self.epochs == 0 {
            return Err(Error::config("epochs", "train for at least one epoch"));
        }
        if self.batch < 2 {
            return Err(Error::config(
                "batch",
                "batch norm needs at least 2 windows",
            ));
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(Error::config("learning_rate", "must be positive"));
        }
        let shares = [
            ("warm_up", self.warm_up),
            ("label_smoothing", f64::from(self.label_smoothing)),
            ("dropout", f64::from(self.dropout)),
            ("ema", f64::from(self.ema)),
        ];
        let mirror = self.augmentation.mirror.map(f64::from);
        let mirror = mirror.map(|p| ("augmentation.mirror", p));
        for (field, value) in shares.into_iter().chain(mirror) {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::config(field, format!("{value} is not in 0..1")));
            }
        }
        let amounts = [
            ("weight_decay", self.weight_decay),
            ("augmentation.jitter", self.augmentation.jitter.into()),
            ("augmentation.scaling", self.augmentation.scaling.into()),
            ("augmentation.rotation", self.augmentation.rotation.into()),
            ("augmentation.time_warp", self.augmentation.time_warp.into()),
        ];
        for (field, value) in amounts {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::config(field, format!("{value} is not zero or more")));
            }
        }
        if !(self.labels > 0.0 && self.labels <= 1.0) {
            return Err(Error::config(
                "labels",
                format!("{} is not a share above 0 and up to 1", self.labels),
            ));
        }
        self.stream.validate()?;
        if self.train == TrainOn::Stream {
            if self.network.padding != Padding::Valid {
                return Err(Error::config(
                    "network.padding",
                    "a stream has no edges to pad: train with padding = \"valid\"",
                ));
            }
            if self.labels < 1.0 && self.labels_of == LabelsOf::Windows {
                return Err(Error::config(
                    "labels_of",
                    "streams cannot be spliced from single windows: use labels_of = \"users\"",
                ));
            }
        }
        if self.patience.is_some() && !self.hold_out {
            return Err(Error::config(
                "hold_out",
                "`patience` needs validation users: set it to true",
            ));
        }
        if self.patience == Some(0) {
            return Err(Error::config("patience", "must be at least 1, or left out"));
        }
        Ok(())
    }

    /// Returns the learning rate of step `step` of `steps`.
    pub fn learning_rate_at(&self, step: usize, steps: usize) -> f64 {
        let steps = steps.max(1) as f64;
        let warm = (self.warm_up * steps).max(1.0);
        let step = step as f64 + 1.0;
        if step < warm {
            return self.learning_rate * step / warm;
        }
        let done = ((step - warm) / (steps - warm).max(1.0)).min(1.0);
        self.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
    }
}
