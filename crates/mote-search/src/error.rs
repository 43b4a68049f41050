//! What can go wrong in a search.

use mote_device::core::Optimize;
use std::path::{Path, PathBuf};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A candidate's text cannot be read.
    #[error(
        "candidate `{text}`: {what}; write it as in `{}`",
        crate::Candidate::EXAMPLE
    )]
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
    /// The name of an objective or a preset is not known.
    #[error("there is no {kind} `{name}`; there are: {known}")]
    Unknown {
        /// What was looked for.
        kind: &'static str,
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The candidate is no network that runs.
    #[error("candidate `{candidate}` is not possible: {source}")]
    Impossible {
        /// The candidate.
        candidate: String,
        /// Why.
        source: mote_model::Error,
    },
    /// There is nothing to predict by.
    #[error(
        "there is no calibration for {core} at -O{optimize}; measure one with `cargo xtask calibrate --board B`, B being a board with that core"
    )]
    NotCalibrated {
        /// The core.
        core: &'static str,
        /// The optimisation.
        optimize: Optimize,
    },
    /// A calibration cannot be fitted to so few measurements, or a file of one is damaged.
    #[error("calibration: {0}")]
    Calibration(String),
    /// A file of records has a line that is none.
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
