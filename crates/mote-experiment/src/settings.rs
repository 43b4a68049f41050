//! The settings of a comparison as data. `results.json` records them, and later commands read them back.

use crate::error::{Error, Place as _, Result};
use crate::stream::StreamSettings;
use mote_data::{SplitKind, WindowSpec};
use mote_device::core::Optimize;
use mote_device::flash::FlashModel;
use mote_report::Results;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Default window length in seconds.
pub const WINDOW_S: f32 = 3.0;

/// Which windows of which data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// The task, as `mote_data::list` names them; also `csv:FILE.toml` and `npz:FILE`.
    pub task: String,
    /// The folder that holds the data sets; built-in synthetic tasks need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// How recordings are cut into windows.
    pub window: WindowSpec,
    /// Share of rejected records above which nothing is trained.
    #[serde(default = "max_bad", skip_serializing_if = "is_max_bad")]
    pub max_bad: f64,
}

/// Default of [`DataSettings::max_bad`]: data sets that are used as they are have a few per cent at most.
pub const MAX_BAD: f64 = 0.2;

fn max_bad() -> f64 {
    MAX_BAD
}

fn is_max_bad(share: &f64) -> bool {
    *share == MAX_BAD
}

impl DataSettings {
    /// Returns `task` with windows of 3 s that overlap by half, at 20 Hz.
    pub fn new(task: impl Into<String>) -> Self {
        Self {
            task: task.into(),
            folder: None,
            window: WindowSpec {
                seconds: WINDOW_S,
                overlap: 0.5,
                rate_hz: 20.0,
            },
            max_bad: MAX_BAD,
        }
    }

    /// Returns the same with windows of a pipeline's own length. Longer windows follow each other at the same step, so
    /// that they are as many; shorter ones overlap by the same share.
    pub fn with_window(&self, seconds: Option<f32>) -> Self {
        let WindowSpec {
            seconds: common,
            overlap,
            rate_hz,
        } = self.window;
        let seconds = seconds.unwrap_or(common);
        let step = common.min(seconds) * (1.0 - overlap);
        Self {
            window: WindowSpec {
                seconds,
                overlap: if seconds > common {
                    1.0 - step / seconds
                } else {
                    overlap
                },
                rate_hz,
            },
            ..self.clone()
        }
    }
}

/// Who trains, who tests, and with which seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitSettings {
    /// How users are divided; written as text, such as `group:10`.
    #[serde(with = "as_text")]
    pub kind: SplitKind,
    /// The seed of splits, weights, shuffling and augmentation.
    pub seed: u64,
}

impl Default for SplitSettings {
    fn default() -> Self {
        Self {
            kind: SplitKind::default(),
            seed: 1,
        }
    }
}

/// Reads and writes a value as its text.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::fmt::Display;
    use std::str::FromStr;

    pub fn serialize<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// Everything that decides what a comparison finds, but for its pipelines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparisonSettings {
    /// The data.
    pub data: DataSettings,
    /// How it is divided.
    pub split: SplitSettings,
    /// Epochs of every network, in place of the network's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Boards to measure on, by name or by file; may be none.
    #[serde(default)]
    pub boards: Vec<String>,
    /// Whether cycles have those that the core waits for flash.
    #[serde(default, skip_serializing_if = "FlashModel::is_default")]
    pub flash_model: FlashModel,
    /// What the compiler optimises firmware for.
    pub optimize: Optimize,
    /// Decisions that are smoothed over so many windows are reported as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smooth: Option<usize>,
    /// How rows are judged on continuous streams; they are not when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamSettings>,
    /// Folds worked on at a time; one per core when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// The folder for checkpoints, images and results.
    pub out: PathBuf,
}

impl ComparisonSettings {
    /// Returns settings with the default split and no board.
    pub fn new(data: DataSettings, out: impl Into<PathBuf>) -> Self {
        Self {
            data,
            split: SplitSettings::default(),
            epochs: None,
            boards: Vec::new(),
            flash_model: FlashModel::default(),
            optimize: Optimize::Speed,
            smooth: None,
            stream: Some(StreamSettings::default()),
            threads: None,
            out: out.into(),
        }
    }

    /// Returns the number of folds that are worked on at a time.
    pub fn threads(&self) -> usize {
        self.threads
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// Returns the settings as `results.json` holds them.
    ///
    /// # Errors
    /// [`Error::Json`] when a path is not text.
    pub fn to_data(&self) -> Result<serde_json::Value> {
        Ok(serde_json::to_value(self)?)
    }

    /// Reads the settings back that a comparison or a search recorded.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a file of a version that recorded none, [`Error::Json`] for a damaged one.
    pub fn recorded(results: &Results) -> Result<Self> {
        let Some(settings) = &results.settings else {
            return Err(Error::invalid(
                "it was written by an older version, which did not record its settings: run the comparison again with \
                 this version",
            ));
        };
        Self::deserialize(settings).place(|| "its settings are damaged".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_being_written_and_read() {
        let mut settings = ComparisonSettings::new(DataSettings::new("synthetic/6"), "out");
        settings.split.kind = "users:test=1,2;validation=3".parse().unwrap();
        settings.data.folder = Some("data".into());
        settings.boards = vec!["microbit".to_owned()];
        settings.epochs = Some(3);
        let mut results = Results::new("synthetic/6", mote_report::Data::default());
        results.settings = Some(settings.to_data().unwrap());
        assert_eq!(ComparisonSettings::recorded(&results).unwrap(), settings);
    }

    #[test]
    fn results_without_settings_or_with_a_misspelt_one_are_errors() {
        let mut results = Results::new("synthetic/6", mote_report::Data::default());
        let message = ComparisonSettings::recorded(&results).unwrap_err().line();
        assert!(message.contains("run the comparison again"), "{message}");
        let settings = ComparisonSettings::new(DataSettings::new("synthetic/6"), "out");
        let mut data = settings.to_data().unwrap();
        data["epoch"] = 3.into();
        results.settings = Some(data);
        let message = ComparisonSettings::recorded(&results).unwrap_err().line();
        assert!(message.contains("epoch"), "{message}");
    }

    #[test]
    fn longer_windows_keep_the_step_and_shorter_ones_the_share() {
        let data = DataSettings::new("synthetic/6");
        let longer = data.with_window(Some(6.0)).window;
        assert_eq!((longer.seconds, longer.overlap), (6.0, 0.75));
        let shorter = data.with_window(Some(1.5)).window;
        assert_eq!((shorter.seconds, shorter.overlap), (1.5, 0.5));
        assert_eq!(data.with_window(None), data);
    }
}
