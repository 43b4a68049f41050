//! Settings of networks and of training, as they are written in experiment files.

use crate::Error;
use crate::ops::Slide;
use mote_model::{Activation, Shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Clamp behind every block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Nonlinearity {
    /// `max(x, 0)`.
    #[default]
    Relu,
    /// `min(max(x, 0), 6)`: bounds the range that int8 has to cover.
    Relu6,
}

impl Nonlinearity {
    /// The same clamp in the network description.
    pub fn activation(self) -> Activation {
        match self {
            Nonlinearity::Relu => Activation::Relu,
            Nonlinearity::Relu6 => Activation::Relu6,
        }
    }

    /// Upper bound of the output.
    pub(crate) fn ceiling(self) -> f32 {
        match self {
            Nonlinearity::Relu => f32::INFINITY,
            Nonlinearity::Relu6 => 6.0,
        }
    }
}

/// What convolutions read beyond the ends of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Zeros, as many as make `ceil(time / stride)` output steps: `floor(total / 2)` before the input.
    #[default]
    Same,
    /// Nothing: they stay inside the window. The rule that lets a network run as a stream.
    Valid,
}

/// One convolution block: convolution, batch norm, clamp. A separable block is a depthwise convolution with
/// batch norm, then a pointwise convolution with batch norm and clamp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Output channels.
    pub channels: usize,
    /// Taps.
    pub kernel: usize,
    /// Input steps between two output steps.
    #[serde(default = "one")]
    pub stride: usize,
    /// Depthwise and pointwise instead of plain.
    #[serde(default)]
    pub separable: bool,
    /// Input steps between two taps.
    #[serde(default = "one")]
    pub dilation: usize,
}

fn one() -> usize {
    1
}

impl Block {
    /// A plain block.
    pub const fn plain(channels: usize, kernel: usize, stride: usize) -> Self {
        Self {
            channels,
            kernel,
            stride,
            separable: false,
            dilation: 1,
        }
    }

    /// A depthwise-separable block.
    pub const fn separable(channels: usize, kernel: usize, stride: usize) -> Self {
        Self {
            separable: true,
            ..Self::plain(channels, kernel, stride)
        }
    }
}

/// A 1-D CNN: blocks, global average pool, dense.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CnnConfig {
    /// The blocks, first to last.
    pub blocks: Vec<Block>,
    /// Clamp behind every block.
    #[serde(default)]
    pub nonlinearity: Nonlinearity,
    /// At the ends of a window, in every block.
    #[serde(default)]
    pub padding: Padding,
}

impl Default for CnnConfig {
    fn default() -> Self {
        Self::cnn()
    }
}

impl CnnConfig {
    /// The default network: at most 11 k parameters with 3 channels in and 6 classes out.
    pub fn cnn() -> Self {
        Self {
            blocks: vec![
                Block::plain(24, 9, 2),
                Block::separable(48, 7, 2),
                Block::separable(64, 5, 2),
                Block::separable(64, 5, 1),
            ],
            nonlinearity: Nonlinearity::Relu,
            padding: Padding::Same,
        }
    }

    /// The default network for streams: without padding, and with strides that leave enough of 3 s at 20 Hz.
    pub fn cnn_valid() -> Self {
        Self {
            blocks: vec![
                Block::plain(24, 9, 2),
                Block::separable(48, 5, 2),
                Block::separable(64, 5, 1),
                Block::separable(64, 3, 1),
            ],
            padding: Padding::Valid,
            ..Self::cnn()
        }
    }

    /// Reference network A: 280 k multiply-accumulates at 100x3, the yardstick of training and device speed.
    pub fn network_a() -> Self {
        Self {
            blocks: vec![
                Block::plain(16, 5, 1),
                Block::plain(32, 5, 2),
                Block::plain(32, 5, 2),
            ],
            ..Self::cnn()
        }
    }

    /// Reference network B: 20 k multiply-accumulates at 100x3, the smallest of the yardsticks. It has no padding.
    pub fn network_b() -> Self {
        Self {
            blocks: vec![Block::plain(8, 5, 2), Block::plain(16, 5, 2)],
            padding: Padding::Valid,
            ..Self::cnn()
        }
    }

    /// Names of the presets.
    pub const PRESETS: [&'static str; 5] = [
        "cnn",
        "cnn-valid",
        "network-a",
        "network-a-valid",
        "network-b",
    ];

    /// The preset `name`, one of [`CnnConfig::PRESETS`].
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "cnn" => Some(Self::cnn()),
            "cnn-valid" => Some(Self::cnn_valid()),
            "network-a" => Some(Self::network_a()),
            "network-a-valid" => Some(Self {
                padding: Padding::Valid,
                ..Self::network_a()
            }),
            "network-b" => Some(Self::network_b()),
            _ => None,
        }
    }

    /// Checks the settings against an input of `shape`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the block and field.
    pub fn validate(&self, shape: Shape) -> Result<(), Error> {
        if self.blocks.is_empty() {
            return Err(Error::config("network.blocks", "give at least one block"));
        }
        if shape.is_empty() {
            return Err(Error::config(
                "network",
                "the input has no samples: choose a longer window",
            ));
        }
        let mut time = shape.time;
        for (i, block) in self.blocks.iter().enumerate() {
            let fields = [
                ("channels", block.channels),
                ("kernel", block.kernel),
                ("stride", block.stride),
                ("dilation", block.dilation),
            ];
            for (field, value) in fields {
                if value == 0 || value > 4096 {
                    return Err(Error::config(
                        format!("network.blocks[{i}].{field}"),
                        format!("{value} is not in 1..=4096"),
                    ));
                }
            }
            let slide = Slide::new(block, time, self.padding);
            if slide.time_out == 0 {
                return Err(Error::config(
                    format!("network.blocks[{i}].kernel"),
                    format!(
                        "{} taps do not fit the {time} steps that are left without padding: choose longer \
                         windows, or smaller kernels or strides before",
                        block.kernel
                    ),
                ));
            }
            time = slide.time_out;
        }
        Ok(())
    }
}

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
    /// pocket, screen in or out. Left out when all are 0, so that settings from before it was there keep their digest.
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

/// Whose labels are there, when only a share is. The choice is seeded, a smaller share is part of a larger one, and
/// every class is in it.
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

impl std::str::FromStr for LabelsOf {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "users" => Ok(Self::Users),
            "windows" => Ok(Self::Windows),
            _ => Err(()),
        }
    }
}

/// How a network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// The network.
    pub network: CnnConfig,
    /// Passes over the training windows.
    pub epochs: usize,
    /// Windows per step.
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
    /// Keeps the validation users out of training, to watch it by. Off, they train too: more users are worth more
    /// than a look at how training goes, when nothing is decided by it.
    pub hold_out: bool,
    /// Share of the labels of the training windows that are used, above 0 and up to 1; an epoch keeps its length. Left
    /// out when it is 1, so that settings from before it was there keep their digest.
    #[serde(skip_serializing_if = "is_one")]
    pub labels: f64,
    /// What that is a share of.
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
            network: CnnConfig::default(),
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

    /// Learning rate of step `step` of `steps`.
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
