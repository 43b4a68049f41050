//! Errors of a search.

use mote_device::core::Optimize;
use std::path::{Path, PathBuf};

/// A text that can be read as a candidate.
const EXAMPLE: &str =
    "window=5,hop=1,pad=valid,net=c24k9s2-d48k5s2-d64k5,epochs=25,qat=5,run=stream";

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A candidate's text cannot be read.
    #[error("candidate `{text}`: {what}; write it as in `{}`", EXAMPLE)]
    Candidate {
        /// The text.
        text: String,
        /// What is wrong with it.
        what: String,
    },
    /// A limit's text cannot be read.
    #[error("`{text}` is no {quantity}; write {example}")]
    Quantity {
        /// The text.
        text: String,
        /// What was expected.
        quantity: &'static str,
        /// Texts that are understood.
        example: &'static str,
    },
    /// No objective or preset has this name.
    #[error("there is no {kind} `{name}`; there are: {known}")]
    Unknown {
        /// What was looked for.
        kind: &'static str,
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The candidate cannot run.
    #[error("candidate `{candidate}` is not possible: {source}")]
    Impossible {
        /// The candidate.
        candidate: String,
        /// Why.
        source: mote_model::Error,
    },
    /// There is no calibration to predict with.
    #[error(
        "there is no calibration for {core} at -O{optimize}; measure one with `cargo xtask calibrate --board B`, B being a board with that core"
    )]
    NotCalibrated {
        /// The core.
        core: &'static str,
        /// The optimisation.
        optimize: Optimize,
    },
    /// There are too few measurements to fit a calibration to, or a file of one is damaged.
    #[error("calibration: {0}")]
    Calibration(String),
    /// A line of a file of records is no whole record.
    #[error("{}, line {line}: {what}; remove the line, or the file to start anew", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The line, counted from one.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl Fn(std::io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
