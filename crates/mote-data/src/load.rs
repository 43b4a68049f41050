//! Loads the windows of a task.

use crate::{
    Error, Files, Finding, FindingKind, IngestReport, Sink, Stretch, Task, WindowSpec, Windows,
    findings::{classes, physics::Inspector},
    segmentation::Windower,
    sources::{Layout, Source},
};
use std::{collections::BTreeMap, path::Path};

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
    let records = read(task, &files, &mut ingest, &mut windower)?;
    ingest.findings.extend(ready_made(source, spec));
    let (windows, stretches) = windower.finish();
    conclude(&mut ingest, &windows, &stretches, &records);
    if windows.is_empty() {
        return Err(Error::NoWindows {
            task: task.name.clone(),
            seconds: spec.seconds,
            accepted: ingest.accepted,
            why: ingest.no_windows().unwrap_or_default(),
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

/// Reads the data of `task` into `sink`, and notes in `ingest` what the signal says about itself. Returns the records of each
/// activity.
pub(crate) fn read(
    task: &Task,
    files: &Files,
    ingest: &mut IngestReport,
    sink: &mut dyn Sink,
) -> Result<BTreeMap<String, u64>, Error> {
    let source = task.source.as_ref();
    let mut inspector = Inspector::new(sink, source.channels(), f64::from(task.rate_hz));
    source.read(files, ingest, &mut inspector)?;
    ingest.require_files(source.name(), files)?;
    let findings = inspector.findings(ingest);
    ingest.findings.extend(findings);
    Ok(inspector.activities)
}

/// Says that windows which come ready-made cannot be cut as `spec` asks.
fn ready_made(source: &dyn Source, spec: &WindowSpec) -> Option<Finding> {
    let Layout::Windows {
        time, rate_hz, hop, ..
    } = source.layout()
    else {
        return None;
    };
    let default = WindowSpec::default();
    let asked = [
        (
            spec.seconds != default.seconds && spec.time() != time,
            "length",
        ),
        (
            spec.overlap != default.overlap && spec.hop() != hop,
            "overlap",
        ),
        (
            spec.rate_hz != default.rate_hz && spec.rate_hz != rate_hz,
            "rate",
        ),
    ];
    let asked: Vec<&str> = asked
        .into_iter()
        .filter(|(asked, _)| *asked)
        .map(|(_, what)| what)
        .collect();
    (!asked.is_empty() && time > 1).then(|| {
        let text = format!(
            "these windows come ready-made, {time} steps at {rate_hz} Hz, {hop} apart: another {} cannot be had",
            asked.join(" or ")
        );
        Finding::new(FindingKind::ReadyMade, text)
    })
}

/// Notes in `ingest` what windows came out, and what is missing among them.
pub(crate) fn conclude(
    ingest: &mut IngestReport,
    windows: &Windows,
    stretches: &[Stretch],
    records: &BTreeMap<String, u64>,
) {
    ingest.count_windows(windows);
    let findings = classes::findings(windows, stretches, records, ingest);
    ingest.findings.extend(findings);
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
        Some(d) if d.archive.is_empty() => {
            format!(
                "get it from {} and put its files into {place}/{}",
                d.url, d.name
            )
        }
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
