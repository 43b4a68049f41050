//! Loads the windows of a task.

use crate::{
    Error, Files, IngestReport, Stretch, Task, WindowSpec, Windows,
    segmentation::Windower,
    sources::{Layout, Source},
};
use std::path::Path;

/// The windows of a task, and where they come from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The windows.
    pub windows: Windows,
    /// The signal that the windows were cut from, in order of reading. None where windows or features came ready-made.
    pub stretches: Vec<Stretch>,
    /// What became of every record.
    pub ingest: IngestReport,
    /// SHA-256 over the bytes of the source files, in hex.
    pub digest: String,
    /// Whether the data was made up. Whatever is computed from it must say so.
    pub synthetic: bool,
    /// The data set and the path it was read from.
    pub source: String,
}

/// Reads the data of `task` below `root` and cuts it into windows. `spec` does not apply to tasks whose
/// source has ready-made windows or features.
///
/// # Errors
/// [`Error::NoData`] when the data is not there (with what to do), [`Error::WindowSpec`] for a setting that
/// makes no sense, [`Error::NoWindows`] when no window came out, and every error of reading.
pub fn load(task: &Task, root: Option<&Path>, spec: &WindowSpec) -> Result<Loaded, Error> {
    spec.check()?;
    let source = task.source.as_ref();
    let files = locate(source, root)?;
    let mut ingest = IngestReport::default();
    let mut windower = windower_for(task, spec);
    source.read(&files, &mut ingest, &mut windower)?;
    ingest.require_files(source.name(), &files)?;
    let (windows, stretches) = windower.finish();
    ingest.count_windows(&windows);
    if windows.is_empty() {
        return Err(Error::NoWindows {
            task: task.name.clone(),
            seconds: spec.seconds,
            accepted: ingest.accepted,
        });
    }
    Ok(Loaded {
        windows,
        stretches,
        ingest,
        digest: source.digest(&files)?,
        synthetic: source.is_synthetic(),
        source: describe(source, &files),
    })
}

/// Builds the windower that suits the layout of the task's source.
pub(crate) fn windower_for(task: &Task, spec: &WindowSpec) -> Windower {
    let labels = task.labels.clone();
    match task.source.layout() {
        Layout::Recordings { channels } => Windower::new(labels, channels, spec),
        Layout::Windows {
            time,
            channels,
            rate_hz,
            hop,
        } => Windower::with_shape(labels, time, channels, rate_hz, hop),
    }
}

/// Finds the files of `source` below `root`.
///
/// # Errors
/// [`Error::NoData`], saying which file to put where.
pub fn locate(source: &dyn Source, root: Option<&Path>) -> Result<Files, Error> {
    if let Some(files) = source.locate(root) {
        return Ok(files);
    }
    let place = root.map_or("DIR".into(), |r| r.display().to_string());
    let help = match source.dataset() {
        Some(d) => format!(
            "run `mote data fetch {} --data {place}`, or download {} and save it as {place}/{}/{}",
            d.name, d.url, d.name, d.archive
        ),
        None => "name the folder that holds it".to_owned(),
    };
    Err(Error::NoData {
        dataset: source.name().to_owned(),
        root: root.map(Path::to_owned),
        help,
    })
}

/// Names the data set and its path, or says that the data is synthetic.
pub(crate) fn describe(source: &dyn Source, files: &Files) -> String {
    if source.is_synthetic() {
        return "SYNTHETIC recordings, made up by Mote".to_owned();
    }
    let title = source.dataset().map_or(source.name(), |d| d.title);
    format!("{title}, {}", files.path().display())
}
