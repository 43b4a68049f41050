//! Tasks: a data source and the activities to distinguish.

use crate::{
    Described, Error, Hints,
    described::{published_description, published_tasks},
    sources::{Device, MotionSense, Npz, Source, Synthetic, Wisdm2019, WisdmFeatures, WisdmV1},
};
use std::{path::Path, sync::Arc};

/// The activities to recognise, and the data to learn them from.
#[derive(Debug, Clone)]
pub struct Task {
    /// Name, `source/classes`.
    pub name: String,
    /// Class names; a window's class is an index into them. Empty for tasks that find them in the data.
    pub labels: Vec<String>,
    /// Nominal rate of the recordings in Hz; windows may be cut at any other.
    pub rate_hz: f32,
    /// Where the recordings come from.
    pub source: Arc<dyn Source>,
}

impl Task {
    /// Builds a task; `labels` are activities as `source` names them.
    pub fn new(
        name: impl Into<String>,
        labels: Vec<String>,
        rate_hz: f32,
        source: Arc<dyn Source>,
    ) -> Self {
        Self {
            name: name.into(),
            labels,
            rate_hz,
            source,
        }
    }
}

const SIX: [&str; 6] = [
    "walking",
    "jogging",
    "upstairs",
    "downstairs",
    "sitting",
    "standing",
];

const FIVE: [&str; 5] = ["walking", "jogging", "stairs", "sitting", "standing"];

/// Lists the named tasks. For recordings of your own, [`task`] also takes `csv:FILE.toml` and `npz:FILE`.
pub fn tasks() -> Vec<Task> {
    let task = |name: &str, labels: &[&str], rate_hz, source| {
        let labels = labels.iter().map(|&l| l.to_owned()).collect();
        Task::new(name, labels, rate_hz, source)
    };
    let eighteen = crate::sources::ACTIVITIES_2019.map(|(_, name)| name);
    let watch = || Arc::new(Wisdm2019::new(Device::Watch));
    vec![
        task("wisdm-v1.1/6", &SIX, 20.0, Arc::new(WisdmV1)),
        task("wisdm-2019-watch/5", &FIVE, 20.0, watch()),
        task("wisdm-2019-watch/18", &eighteen, 20.0, watch()),
        task(
            "wisdm-2019-phone/5",
            &FIVE,
            20.0,
            Arc::new(Wisdm2019::new(Device::Phone)),
        ),
        task("motionsense/6", &SIX, 50.0, Arc::new(MotionSense)),
        task("wisdm-v1.1-features/6", &SIX, 0.1, Arc::new(WisdmFeatures)),
        task("synthetic/6", &SIX, 20.0, Arc::new(Synthetic::default())),
    ]
    .into_iter()
    .chain(published_tasks())
    .collect()
}

/// Returns the description of a published data set, to copy and edit: the file of `datasets/` called `name`, or the one that
/// the task `name` reads; `None` when code reads it.
pub fn published(name: &str) -> Option<&'static str> {
    published_description(name.split('/').next().unwrap_or(name))
}

/// Returns the path that `name` is when nothing describes the recordings there.
pub(crate) fn undescribed(name: &str) -> Option<&Path> {
    let path = Path::new(name);
    let described = ["npz", "toml"]
        .iter()
        .any(|e| path.extension().is_some_and(|x| x.eq_ignore_ascii_case(e)));
    let named = tasks().iter().any(|t| t.name == name);
    (path.exists() && !described && !named && !path.join("task.toml").is_file()).then_some(path)
}

/// Returns the task of the recordings at `path`: described by `task.toml` in the folder, or else by what they look like.
fn at(path: &Path) -> Result<Task, Error> {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let description = path.join("task.toml");
    match ending.as_deref() {
        Some("npz") => return task(&format!("npz:{}", path.display())),
        Some("toml") => return task(&format!("csv:{}", path.display())),
        _ if description.is_file() => return task(&format!("csv:{}", description.display())),
        _ => {}
    }
    let source = Described::guess(path, &Hints::default())?;
    let name = path.display().to_string();
    Ok(Task::new(
        name,
        source.labels(),
        source.rate_hz(),
        Arc::new(source),
    ))
}

/// Returns the task called `name`. For `csv:FILE.toml` and `npz:FILE` the description is read at once. The path of a folder or
/// file with recordings is a task as well.
///
/// # Errors
/// [`Error::UnknownTask`], with the nearest name there is; for `csv:` and `npz:`, every error of reading the file.
pub fn task(name: &str) -> Result<Task, Error> {
    if let Some(file) = name.strip_prefix("csv:") {
        let source = Described::open(Path::new(file))?;
        return Ok(Task::new(
            name,
            source.labels(),
            source.rate_hz(),
            Arc::new(source),
        ));
    }
    if let Some(file) = name.strip_prefix("npz:") {
        let source = Npz::open(Path::new(file))?;
        return Ok(Task::new(
            name,
            source.labels(),
            source.rate_hz(),
            Arc::new(source),
        ));
    }
    let path = Path::new(name);
    let all = tasks();
    if path.exists() && !all.iter().any(|t| t.name == name) {
        return at(path);
    }
    if let Some(found) = all.iter().find(|t| t.name == name) {
        return Ok(found.clone());
    }
    let near = all
        .iter()
        .map(|t| (strsim::jaro_winkler(&t.name, name), &t.name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let known = all.iter().map(|t| t.name.as_str());
    let known = known.chain(["csv:FILE.toml", "npz:FILE", "a folder of recordings"]);
    Err(Error::UnknownTask {
        name: name.to_owned(),
        near: near.map(|(_, n)| n.clone()),
        known: known.collect::<Vec<_>>().join(", "),
    })
}
