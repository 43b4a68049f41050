//! What can go wrong in this crate.

use std::{io, path::PathBuf};

/// What can go wrong between a data set on disk and windows in memory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file, or the archive and the entry inside it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An archive is damaged or not what its name says.
    #[error("{path}: damaged or incomplete archive ({reason}); download it again", path = path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is not in the format its reader expects.
    #[error("{path}: {reason}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found, with line or field.
        reason: String,
    },
    /// The data set is not on this machine.
    #[error("the data of {dataset} is not {}: {help}", place(.root.as_ref()))]
    NoData {
        /// Data set name.
        dataset: String,
        /// Where it was looked for; `None` when no folder was given.
        root: Option<PathBuf>,
        /// Which file to put where, and how to fetch it.
        help: String,
    },
    /// There is no task of this name.
    #[error("no task named '{name}'{}; there are: {known}", did_you_mean(.near.as_ref()))]
    UnknownTask {
        /// The name asked for.
        name: String,
        /// A name that looks like it.
        near: Option<String>,
        /// All names, comma-separated.
        known: String,
    },
    /// There is no data set of this name.
    #[error("no data set named '{name}'; there are: {known}")]
    UnknownDataset {
        /// The name asked for.
        name: String,
        /// All names, comma-separated.
        known: String,
    },
    /// A window setting makes no sense.
    #[error("window setting {field} = {value}: {reason}")]
    WindowSpec {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: f32,
        /// What is allowed.
        reason: &'static str,
    },
    /// A setting of the generator of synthetic recordings makes no sense.
    #[error("setting {field} = {value} of the synthetic recordings: {reason}")]
    SynthSpec {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: f32,
        /// What is allowed.
        reason: &'static str,
    },
    /// Reading gave no window at all.
    #[error("{task}: no window of {seconds} s came out of {accepted} records: {why}")]
    NoWindows {
        /// The task.
        task: String,
        /// Window length asked for.
        seconds: f32,
        /// Records accepted.
        accepted: u64,
        /// What may be wrong.
        why: &'static str,
    },
    /// So many records are bad that what is left is not what was recorded.
    #[error(
        "{task}: {} of {read} records are rejected ({most}), more than the {} that --max-bad allows; \
         `mote data check {task}` lists them",
        crate::findings::percent(*.share),
        crate::findings::percent(*.allowed)
    )]
    TooManyRejected {
        /// The task.
        task: String,
        /// Rejected records as a share of those read.
        share: f64,
        /// Records read.
        read: u64,
        /// The most frequent reason, with an example.
        most: String,
        /// Share that is allowed.
        allowed: f64,
    },
    /// A split cannot be parsed, or the data does not allow it.
    #[error("split '{split}': {reason}")]
    Split {
        /// The split asked for.
        split: String,
        /// Why not, and what would do.
        reason: String,
    },
    /// Labels, users and samples of ready-made windows do not belong together.
    #[error("{what} has {found} entries, expected {expected}")]
    Length {
        /// Which array.
        what: String,
        /// Length needed.
        expected: usize,
        /// Length found.
        found: usize,
    },
    /// A download failed.
    #[error("{url}: {reason}\nWithout network: download it elsewhere and save it as {path}", path = path.display())]
    Fetch {
        /// The address.
        url: String,
        /// What went wrong.
        reason: String,
        /// Where the file belongs.
        path: PathBuf,
    },
}

impl Error {
    /// Returns a closure that adds `path` to an error of the system.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { path, source }
    }

    /// Builds the error of a file that is not in the format its reader expects.
    pub(crate) fn format(path: impl Into<PathBuf>, reason: impl Into<String>) -> Error {
        Error::Format {
            path: path.into(),
            reason: reason.into(),
        }
    }
}

fn place(root: Option<&PathBuf>) -> String {
    root.map_or_else(
        || "available (no data folder was given)".to_owned(),
        |r| format!("in {}", r.display()),
    )
}

fn did_you_mean(near: Option<&String>) -> String {
    near.map_or_else(String::new, |n| format!(" (did you mean '{n}'?)"))
}
