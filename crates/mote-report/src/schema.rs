//! The contents of `results.json`; `docs/results.md` describes them for readers in other languages.
//!
//! Every field that a run may lack is an `Option` or has a default, and unknown fields are skipped, so that
//! files of later minor versions stay readable. Only a change that breaks readers changes [`SCHEMA`].

pub use mote_device::figures::{DeviceFigures, LayerCost, MeasurementStatus, Method};
use mote_metrics::{ClassScores, Confusion, Scores, SegmentErrors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name and version of the schema; the field `schema` of every file.
pub const SCHEMA: &str = "mote-results/1";

/// One comparison: what was asked, on which data, and one [`Run`] per pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: String,
    /// Task all runs share, such as `wisdm-2019-watch/5`.
    pub task: String,
    /// When the comparison ended, in UTC (RFC 3339).
    #[serde(default)]
    pub created: String,
    /// The command line that repeats it, for people; programs read [`Results::settings`].
    #[serde(default)]
    pub command: String,
    /// The settings of the comparison, as the program that ran it reads them back; absent in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<serde_json::Value>,
    /// Seed of splits, initial weights, shuffling and augmentation.
    #[serde(default)]
    pub seed: u64,
    /// Versions by tool: `mote`, `rustc`, `burn`, `qemu`.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// The data.
    pub data: Data,
    /// One row per pipeline (and split).
    pub runs: Vec<Run>,
    /// Remarks about the comparison as a whole, as sentences.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Results {
    /// Starts an empty comparison of `task`, created now, by this version of Mote.
    pub fn new(task: impl Into<String>, data: Data) -> Self {
        let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now());
        let version = ("mote".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        Self {
            schema: SCHEMA.to_owned(),
            task: task.into(),
            created: now.to_string(),
            command: String::new(),
            settings: None,
            seed: 0,
            versions: BTreeMap::from([version]),
            data,
            runs: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// What the runs were trained and tested on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// SHA-256 over the source files, in hexadecimal.
    pub digest: String,
    /// Whether the recordings were generated; such figures say nothing about people.
    pub synthetic: bool,
    /// Where the data comes from, for people.
    pub source: String,
    /// Number of windows.
    #[serde(default)]
    pub windows: usize,
    /// Number of users.
    #[serde(default)]
    pub users: usize,
    /// Values per time step.
    #[serde(default)]
    pub channels: usize,
    /// What each of these values is; empty where that is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channel_units: Vec<ChannelUnit>,
    /// Sampling rate of the uniform grid, in Hz; absent for feature tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_hz: Option<f64>,
    /// Window length in seconds; absent for feature tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_s: Option<f64>,
    /// New signal between two windows, in seconds; absent for feature tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop_s: Option<f64>,
    /// Class names.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Records read from the source files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Rejected records by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rejected: BTreeMap<String, u64>,
}

/// What one value of a sample is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelUnit {
    /// Its name in the data.
    pub name: String,
    /// What is measured: `acceleration`, `angular rate`, ..
    pub quantity: String,
    /// The unit, such as `m/s^2`.
    pub unit: String,
}

/// One pipeline, evaluated under one split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Name of the pipeline, such as `cnn-int8`.
    pub pipeline: String,
    /// Its techniques, in order, each `name` or `name:option=value,...`; empty for a baseline.
    #[serde(default)]
    pub techniques: Vec<String>,
    /// The pipeline in full (model, techniques and their options), as the program that ran it reads it back; absent in
    /// older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_spec: Option<serde_json::Value>,
    /// The pipeline of the same file, task and split that this one's changes are shown against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// The candidate of `mote fit` it was made from, as `mote trial --spec` takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<String>,
    /// Window length in seconds, which may differ from [`Data::window_s`]; absent for feature tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_s: Option<f64>,
    /// Time between two decisions on the device, in seconds; absent for feature tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop_s: Option<f64>,
    /// Task, as in [`Results::task`].
    pub task: String,
    /// Split, such as `group:10`.
    pub split: String,
    /// Whether the split puts one user on both sides, which makes every accuracy too high.
    #[serde(default)]
    pub leaks: bool,
    /// Number of folds.
    pub folds: usize,
    /// Accuracy figures.
    pub metrics: Metrics,
    /// The same when decisions are smoothed over time, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_smoothed: Option<Smoothed>,
    /// Figures on continuous streams of the test users; absent where the data has no continuous recordings, where a user
    /// is on both sides of the split, and in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamFigures>,
    /// Figures on windows of other lengths, of networks that decide at every step of a stream; empty for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowFigures>,
    /// What each class loses to the length of the windows; empty where windows were not cut from recordings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub window_loss: Vec<WindowLoss>,
    /// Each fold, in order; may be empty when only the summary was kept.
    #[serde(default)]
    pub fold_results: Vec<FoldResult>,
    /// Size of the model.
    #[serde(default)]
    pub model: ModelSize,
    /// Figures of the host engine.
    #[serde(default)]
    pub host: Host,
    /// What its early exit saves and costs; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early: Option<EarlyExit>,
    /// One entry per board and optimisation level; empty when no device was asked for.
    #[serde(default)]
    pub device: Vec<DeviceFigures>,
    /// Time spent on training all folds, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_seconds: Option<f64>,
    /// Whatever a reader must know before believing the figures, as sentences.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Further remarks, as sentences.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Run {
    /// Starts a run with its accuracy figures; everything else empty.
    pub fn new(
        pipeline: impl Into<String>,
        task: impl Into<String>,
        split: impl Into<String>,
        metrics: Metrics,
    ) -> Self {
        Self {
            pipeline: pipeline.into(),
            techniques: Vec::new(),
            pipeline_spec: None,
            baseline: None,
            spec: None,
            window_s: None,
            hop_s: None,
            task: task.into(),
            split: split.into(),
            leaks: false,
            folds: 0,
            metrics,
            metrics_smoothed: None,
            stream: None,
            windows: Vec::new(),
            window_loss: Vec::new(),
            fold_results: Vec::new(),
            model: ModelSize::default(),
            host: Host::default(),
            early: None,
            device: Vec::new(),
            train_seconds: None,
            warnings: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// A mean over folds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Arithmetic mean over folds.
    pub mean: f64,
    /// Half-width of the 95 % interval (Student's t over folds); `null` with fewer than two folds.
    #[serde(default)]
    pub ci95: Option<f64>,
}

/// Accuracy of decisions that are each made from the mean of the last few outputs within one recording.
///
/// Host only. Recordings hold one activity each, so these figures leave out what smoothing costs: the delay after a
/// change of activity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Smoothed {
    /// Outputs a decision is made from, at most.
    pub decisions: usize,
    /// Time between two of them, in seconds; absent for feature tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop_s: Option<f64>,
    /// Share of windows classified correctly, over folds.
    pub accuracy: Estimate,
    /// Mean F1 of the classes present in truth or prediction, over folds.
    pub macro_f1: Estimate,
}

/// Figures on continuous streams: recordings of each test user, cut into bouts and spliced one after another, run sample
/// by sample. Every sample from ten seconds on is scored, the same for all runs of a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamFigures {
    /// Mean length of the bouts, in seconds; lengths are exponentially distributed.
    pub bout_s: f64,
    /// Length of the shortest bout, in seconds.
    #[serde(default)]
    pub least_bout_s: f64,
    /// Time over which one activity fades into the next, in seconds.
    pub fade_s: f64,
    /// Mean F1 of the classes present in truth or decision, per sample, over folds.
    pub macro_f1: Estimate,
    /// Share of samples decided right, over folds.
    pub accuracy: Estimate,
    /// The same on streams whose bouts all have one length, means over folds.
    #[serde(default)]
    pub by_bout: Vec<BoutFigures>,
    /// Time from a change of activity to the first right decision.
    pub delay_s: Delay,
    /// Decisions that left the right activity, per hour, in bouts of 60 s.
    pub false_changes_per_hour: f64,
    /// Expected calibration error of the decisions: the mean difference between the probability that a decision is said to
    /// be right with and how often such decisions are, over 15 bins (Guo et al. 2017). `None` for rows without
    /// probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration_error: Option<f64>,
    /// Segment errors, as shares of all time.
    #[serde(default)]
    pub segments: SegmentErrors,
    /// Seconds since the change of activity, and the share of bouts decided right then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub since_change: Vec<[f64; 2]>,
    /// Per user, in order of the user's number; counts are of samples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_user: Vec<UserScores>,
    /// Truth and decisions of one user, for a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strip: Option<Strip>,
}

/// Figures on windows that hold one activity each and overlap by half, cut from the test users' recordings. A network that
/// decides at every step begins each window anew, and its last decision counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowFigures {
    /// Length of the windows, in seconds.
    pub seconds: f64,
    /// Mean F1 of the classes present in truth or decision, mean over folds.
    pub macro_f1: f64,
    /// Share of windows decided right, mean over folds.
    pub accuracy: f64,
}

/// What a class loses to the length of the windows: a window needs that much signal without a change, and recordings end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowLoss {
    /// The class.
    pub label: String,
    /// Signal of the class on the common grid, in seconds.
    pub signal_s: f64,
    /// Windows cut from it. Each stands for as much signal as lies between two windows.
    pub windows: usize,
    /// Signal that no window stands for, in seconds.
    pub lost_s: f64,
}

/// Figures on streams whose bouts all have one length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct BoutFigures {
    /// The length, in seconds.
    pub seconds: f64,
    /// Mean F1, over folds.
    pub macro_f1: f64,
    /// Share of samples decided right, over folds.
    pub accuracy: f64,
}

/// How long it takes to notice a change of activity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Delay {
    /// Time within which half of all bouts were decided right, in seconds; `null` when fewer ever were.
    pub median: Option<f64>,
    /// Time within which nine of ten were, in seconds.
    pub p90: Option<f64>,
    /// Share of bouts that were never decided right.
    pub missed: f64,
}

/// Truth and decisions of one user over time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Strip {
    /// The user's number in the data set.
    pub user: u32,
    /// Time from one entry to the next, in seconds.
    pub seconds: f64,
    /// Index of the class that is right.
    pub truth: Vec<usize>,
    /// Index of the class that was decided; `null` before the first decision.
    pub decided: Vec<Option<usize>>,
}

/// Accuracy figures of a run; [`evaluate`](crate::evaluate) computes them. All shares are in `0..=1`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Share of windows classified correctly, over folds.
    pub accuracy: Estimate,
    /// Mean recall of the classes present in the truth, over folds.
    pub balanced_accuracy: Estimate,
    /// Mean F1 of the classes present in truth or prediction, over folds.
    pub macro_f1: Estimate,
    /// The same three over the test windows of all folds taken together.
    #[serde(default)]
    pub pooled: Scores,
    /// Per class, over the test windows of all folds taken together.
    #[serde(default)]
    pub per_class: Vec<ClassScores>,
    /// Confusion over the test windows of all folds taken together.
    #[serde(default)]
    pub confusion: Confusion,
    /// Per user, in order of the user's number.
    #[serde(default)]
    pub per_user: Vec<UserScores>,
    /// Distribution of the per-user figures.
    #[serde(default)]
    pub user_quantiles: UserQuantiles,
}

/// Figures of one user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct UserScores {
    /// The user's number in the data set.
    pub user: u32,
    /// Test windows of this user.
    pub windows: u64,
    /// Share of windows classified correctly.
    pub accuracy: f64,
    /// Mean F1 of the classes present in truth or prediction.
    pub macro_f1: f64,
}

/// Quantiles over users.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct UserQuantiles {
    /// Of the accuracy.
    pub accuracy: Quantiles,
    /// Of the macro-averaged F1.
    pub macro_f1: Quantiles,
}

/// Quantiles of a sample, interpolated linearly between order statistics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Smallest value.
    pub min: f64,
    /// 10 % lie at or below.
    pub q10: f64,
    /// 25 % lie at or below.
    pub q25: f64,
    /// Half lie at or below.
    pub median: f64,
    /// 75 % lie at or below.
    pub q75: f64,
    /// 90 % lie at or below.
    pub q90: f64,
    /// Largest value.
    pub max: f64,
}

/// One fold of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FoldResult {
    /// Name of the fold.
    pub name: String,
    /// Users tested.
    #[serde(default)]
    pub test_users: Vec<u32>,
    /// Windows tested.
    pub windows: u64,
    /// Figures on these windows.
    #[serde(flatten)]
    pub scores: Scores,
    /// Epoch whose weights were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_epoch: Option<usize>,
    /// Learning curve; empty for models without epochs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Epoch>,
}

/// One epoch of training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from one.
    pub epoch: usize,
    /// Mean training loss; `null` when it was not finite.
    pub loss: Option<f64>,
    /// Mean loss on the validation users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// Macro-averaged F1 on the validation users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_macro_f1: Option<f64>,
    /// Learning rate at the end of the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
}

/// Size of the deployed model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSize {
    /// Weights and biases (for trees: numbers stored in nodes).
    pub parameters: Option<u64>,
    /// Multiply-accumulates per inference; `null` for models that are not networks.
    pub macs: Option<u64>,
    /// Serialized model, in bytes.
    pub bytes: Option<u64>,
}

/// Figures of the host engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Median time of one inference on the host, in microseconds.
    pub latency_us: Option<f64>,
}

/// Decisions that stop before the network's end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct EarlyExit {
    /// Share of the test decisions that stopped early, in `0..=1`.
    pub share: f64,
    /// Accuracy of the full network minus accuracy with the exit, on the test users; negative when the exit helps.
    pub loss: f64,
}
