//! The figures behind `mote data list`, `check` and `summary`, as data that can be printed or serialized.

use crate::{
    Error, IngestReport, Recording, Sink, Task, WindowSpec,
    load::{conclude, describe, locate, read, windower_for},
    resample::SECOND,
    segmentation::{Windower, median_rate},
    tasks,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

/// A task, and whether its data is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// Task name.
    pub task: String,
    /// Title of the data set.
    pub dataset: String,
    /// Number of classes.
    pub classes: usize,
    /// Nominal rate in Hz.
    pub rate_hz: f32,
    /// Where the data set is published; empty for data that is not.
    pub url: String,
    /// Whether `mote data fetch` downloads it.
    pub fetched: bool,
    /// Where the data is; `None` when it is not there.
    pub path: Option<PathBuf>,
    /// Whether the data is generated, and so always there.
    pub synthetic: bool,
}

/// Lists all named tasks, and where below `root` their data is.
pub fn list(root: Option<&Path>) -> Vec<Listed> {
    let listed = |task: Task| {
        let source = &task.source;
        let synthetic = source.is_synthetic();
        let files = source.locate(root).filter(|_| !synthetic);
        Listed {
            dataset: match source.dataset() {
                Some(d) => d.title.to_owned(),
                None => source.name().to_owned(),
            },
            url: source.dataset().map_or(String::new(), |d| d.url.to_owned()),
            fetched: source.dataset().is_some_and(|d| !d.archive.is_empty()),
            classes: task.labels.len(),
            rate_hz: task.rate_hz,
            path: files.map(|f| f.path().to_owned()),
            synthetic,
            task: task.name,
        }
    };
    tasks().into_iter().map(listed).collect()
}

/// Reads the data of `task`, counts what became of each record, and keeps up to `examples` rejected records per reason
/// (`usize::MAX` for all).
///
/// # Errors
/// When the data is not there or cannot be read at all.
pub fn check(task: &Task, root: Option<&Path>, examples: usize) -> Result<IngestReport, Error> {
    let mut ingest = IngestReport::with_examples(examples);
    let files = locate(task.source.as_ref(), root)?;
    let mut windower = windower_for(task, &WindowSpec::default());
    let records = read(task, &files, &mut ingest, &mut windower)?;
    let (windows, stretches) = windower.finish();
    conclude(&mut ingest, &windows, &stretches, &records);
    Ok(ingest)
}

/// One activity of a task.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ActivitySummary {
    /// Users who have it.
    pub users: usize,
    /// Recordings.
    pub recordings: usize,
    /// Records.
    pub records: u64,
    /// Duration of all recordings in s; 0 for data that comes as windows.
    pub seconds: f64,
    /// Lowest and highest median rate of a recording in Hz.
    pub rate_hz: Option<(f64, f64)>,
    /// Windows cut.
    pub windows: usize,
}

/// What a task consists of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Task name.
    pub task: String,
    /// Data set and path.
    pub source: String,
    /// Users of the recordings.
    pub users: usize,
    /// Users who have every activity.
    pub complete_users: usize,
    /// Samples per window, and channels.
    pub shape: (usize, usize),
    /// By class name.
    pub activities: BTreeMap<String, ActivitySummary>,
    /// What became of every record.
    pub ingest: IngestReport,
}

/// Reads the data of `task`, cuts it into windows and counts them by activity.
///
/// # Errors
/// As [`load`](crate::load), but data without a window is no error.
pub fn summary(task: &Task, root: Option<&Path>, spec: &WindowSpec) -> Result<Summary, Error> {
    spec.check()?;
    let files = locate(task.source.as_ref(), root)?;
    let mut ingest = IngestReport::default();
    let mut counter = Counter {
        activities: task
            .labels
            .iter()
            .map(|l| (l.clone(), Default::default()))
            .collect(),
        users: BTreeMap::new(),
        windower: windower_for(task, spec),
    };
    let records = read(task, &files, &mut ingest, &mut counter)?;
    let (windows, stretches) = counter.windower.finish();
    conclude(&mut ingest, &windows, &stretches, &records);
    let mut activities = counter.activities;
    for (class, label) in windows.labels.iter().enumerate() {
        if let Some(activity) = activities.get_mut(label) {
            activity.windows = windows.y.iter().filter(|&&y| y == class).count();
            activity.users = counter.users.values().filter(|a| a.contains(label)).count();
        }
    }
    let classes = task.labels.len();
    Ok(Summary {
        task: task.name.clone(),
        source: describe(task.source.as_ref(), &files),
        users: counter.users.len(),
        complete_users: counter
            .users
            .values()
            .filter(|a| a.len() == classes)
            .count(),
        shape: (windows.time, windows.channels),
        activities,
        ingest,
    })
}

/// Counts users, recordings and records on the way to the windower.
struct Counter {
    activities: BTreeMap<String, ActivitySummary>,
    users: BTreeMap<u32, BTreeSet<String>>,
    windower: Windower,
}

impl Counter {
    fn activity(&mut self, user: u32, name: &str) -> Option<&mut ActivitySummary> {
        let activity = self.activities.get_mut(name)?;
        self.users.entry(user).or_default().insert(name.to_owned());
        activity.recordings += 1;
        Some(activity)
    }
}

impl Sink for Counter {
    fn recording(&mut self, recording: Recording, ingest: &mut IngestReport) -> Result<(), Error> {
        if let Some(activity) = self.activity(recording.user, &recording.activity) {
            activity.records += recording.t_ns.len() as u64;
            if let (Some(first), Some(last)) = (recording.t_ns.first(), recording.t_ns.last()) {
                activity.seconds += last.saturating_sub(*first) as f64 / SECOND;
            }
            if let Some(rate) = median_rate(&recording.t_ns) {
                let (low, high) = activity.rate_hz.unwrap_or((rate, rate));
                activity.rate_hz = Some((low.min(rate), high.max(rate)));
            }
        }
        self.windower.recording(recording, ingest)
    }

    fn window(
        &mut self,
        user: u32,
        activity: &str,
        values: &[f32],
        ingest: &mut IngestReport,
    ) -> Result<(), Error> {
        if let Some(activity) = self.activity(user, activity) {
            activity.records += 1;
        }
        self.windower.window(user, activity, values, ingest)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (time, channels) = self.shape;
        writeln!(f, "{}: {}", self.task, self.source)?;
        writeln!(
            f,
            "{} users, {} of them with every activity; windows of {time} x {channels}\n",
            self.users, self.complete_users
        )?;
        writeln!(
            f,
            "{:<12} {:>6} {:>10} {:>10} {:>8} {:>14} {:>8}",
            "activity", "users", "recordings", "records", "minutes", "median Hz", "windows"
        )?;
        for (name, a) in &self.activities {
            let rate = a
                .rate_hz
                .map_or_else(String::new, |(l, h)| format!("{l:.1} to {h:.1}"));
            writeln!(
                f,
                "{name:<12} {:>6} {:>10} {:>10} {:>8.1} {rate:>14} {:>8}",
                a.users,
                a.recordings,
                a.records,
                a.seconds / 60.0,
                a.windows
            )?;
        }
        writeln!(f)?;
        self.ingest.fmt(f)
    }
}
