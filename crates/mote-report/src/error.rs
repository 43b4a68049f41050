//! What can go wrong in this crate.

use std::path::PathBuf;

/// Errors of results files, metrics and reports.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried, as a verb ("read", "write", "create").
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A results file is not valid JSON, or a field is missing or of the wrong type.
    #[error("{path} is not a valid results file: {source}; write it anew with `mote compare`")]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, column and field.
        source: serde_json::Error,
    },
    /// A results file follows another schema, or names none.
    #[error(
        "{path}: field `schema` is {found}, this version reads \"{expected}\"; use the Mote that wrote the file, or write it anew with `mote compare`",
        expected = crate::SCHEMA
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// What the file says, quoted, or "missing".
        found: String,
    },
    /// There is nothing to average over.
    #[error("metrics need at least one fold with at least one window; {what}")]
    NoPredictions {
        /// Which part is empty.
        what: String,
    },
    /// The columns of a fold's predictions differ in length.
    #[error(
        "fold `{fold}`: {truth} true classes, {predicted} predicted classes and {users} users must be equally many"
    )]
    Lengths {
        /// The fold.
        fold: String,
        /// Number of true classes.
        truth: usize,
        /// Number of predicted classes.
        predicted: usize,
        /// Number of users.
        users: usize,
    },
    /// A class index has no label.
    #[error("fold `{fold}`, window {window}: class {class} is not among the {labels} labels")]
    NoLabel {
        /// The fold.
        fold: String,
        /// Window within the fold, counted from zero.
        window: usize,
        /// The class index.
        class: usize,
        /// Number of labels.
        labels: usize,
    },
}

/// Result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;
