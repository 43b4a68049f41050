use std::io;
use std::path::PathBuf;

/// What can be wrong with a deployment, or with exporting it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The network does not pass the checks of the model format or the code generator.
    #[error(transparent)]
    Model(#[from] mote_model::Error),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file is not as it was written.
    #[error("{}: the file was damaged or edited after Mote wrote it; make the file anew with `mote compare`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A file is undamaged, but cannot be read as a deployment.
    #[error("{}: {source}; make the file anew with `mote compare`", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser stumbled over, with line and column.
        source: serde_json::Error,
    },
    /// A deployment was written by another version.
    #[error("{}, format: `{found}`; this version of Mote reads `{}`; make the file anew with `mote compare`", path.display(), crate::FORMAT)]
    Format {
        /// The file.
        path: PathBuf,
        /// What it says it is.
        found: String,
    },
    /// Two parts of a deployment contradict each other.
    #[error("deployment, {field}: {what}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it, and what is expected.
        what: String,
    },
    /// The target cannot have something that the deployment has.
    #[error("export to {target}: {what}")]
    Unsupported {
        /// The target.
        target: &'static str,
        /// What it cannot have, and what to do.
        what: String,
    },
}

impl Error {
    pub(crate) fn invalid(field: &'static str, what: impl Into<String>) -> Self {
        Error::Invalid {
            field,
            what: what.into(),
        }
    }

    pub(crate) fn unsupported(target: &'static str, what: impl Into<String>) -> Self {
        Error::Unsupported {
            target,
            what: what.into(),
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Error::Io { path, source }
    }
}
