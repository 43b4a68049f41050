use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong in an experiment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The observer's stop flag was set. What was finished is kept.
    #[error("stopped; the same command goes on from here")]
    Stopped,
    /// Settings, a pipeline or a recorded result ask for something that cannot be; the text says what to do.
    #[error("{0}")]
    Invalid(String),
    /// Says where the error below happened.
    #[error("{place}")]
    In {
        /// The file, pipeline or fold.
        place: String,
        /// What went wrong there.
        source: Box<Error>,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// `read`, `write` or `create`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file in TOML is not valid.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// A value cannot be written as JSON, or read from it.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The system does not give the threads.
    #[error(transparent)]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// From reading and dividing data.
    #[error(transparent)]
    Data(#[from] mote_data::Error),
    /// From training.
    #[error(transparent)]
    Train(mote_train::Error),
    /// From a technique.
    #[error(transparent)]
    Technique(mote_techniques::Error),
    /// From the network description.
    #[error(transparent)]
    Model(#[from] mote_model::Error),
    /// From a deployment.
    #[error(transparent)]
    Codegen(#[from] mote_codegen::Error),
    /// From building or running firmware.
    #[error(transparent)]
    Device(#[from] mote_device::Error),
    /// From a search.
    #[error(transparent)]
    Search(#[from] mote_search::Error),
    /// From metrics, or from results on disk.
    #[error(transparent)]
    Report(#[from] mote_report::Error),
}

/// The result of most functions of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Returns whether the run was stopped, wherever that was noticed.
    pub fn is_stopped(&self) -> bool {
        match self {
            Self::Stopped => true,
            Self::In { source, .. } => source.is_stopped(),
            _ => false,
        }
    }

    /// Returns whether the data or its rate rule out what was asked for: another pipeline may still be possible on it.
    pub fn is_impossible(&self) -> bool {
        match self {
            Self::In { source, .. } => source.is_impossible(),
            Self::Train(error) => matches!(
                error,
                mote_train::Error::Config { .. } | mote_train::Error::Data(_)
            ),
            Self::Technique(error) => matches!(
                error,
                mote_techniques::Error::Impossible { .. } | mote_techniques::Error::Model(_)
            ),
            Self::Model(error) => !matches!(error, mote_model::Error::Engine { .. }),
            Self::Search(error) => matches!(error, mote_search::Error::Impossible { .. }),
            Self::Data(error) => matches!(
                error,
                mote_data::Error::WindowSpec { .. } | mote_data::Error::NoWindows { .. }
            ),
            _ => false,
        }
    }

    /// Returns the error with its causes, as one line.
    pub fn line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            line += &format!(": {error}");
            cause = error.source();
        }
        line
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid(what.into())
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// A training that was stopped ends the run as a stop between two trainings does.
impl From<mote_train::Error> for Error {
    fn from(error: mote_train::Error) -> Self {
        match error {
            mote_train::Error::Stopped { .. } => Self::Stopped,
            other => Self::Train(other),
        }
    }
}

impl From<mote_techniques::Error> for Error {
    fn from(error: mote_techniques::Error) -> Self {
        match error {
            mote_techniques::Error::Train(error) => error.into(),
            other => Self::Technique(other),
        }
    }
}

/// Adds to an error where it happened.
pub(crate) trait Place<T> {
    /// Names the place; a stop stays one.
    fn place(self, place: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Error>> Place<T> for std::result::Result<T, E> {
    fn place(self, place: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| match error.into() {
            Error::Stopped => Error::Stopped,
            error => Error::In {
                place: place(),
                source: Box::new(error),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_is_seen_through_every_wrapping() {
        let stopped: Result<()> = Err(Error::from(mote_train::Error::Stopped { epochs: 1 }));
        let error = stopped.place(|| "fold 1".to_owned()).unwrap_err();
        assert!(error.is_stopped());
        let other: Result<()> = Err(Error::invalid("no board"));
        let error = other.place(|| "pipeline `a`".to_owned()).unwrap_err();
        assert!(!error.is_stopped());
        assert_eq!(error.line(), "pipeline `a`: no board");
    }
}
