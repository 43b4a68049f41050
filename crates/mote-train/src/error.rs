use std::path::PathBuf;

/// What can go wrong while a model is trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting makes no sense.
    #[error("setting `{field}`: {what}")]
    Config {
        /// Path of the setting, as written in an experiment file.
        field: String,
        /// What is wrong and what to write instead.
        what: String,
    },
    /// The windows or index lists cannot be trained on.
    #[error("training data: {0}")]
    Data(String),
    /// The loss stopped being a number.
    #[error(
        "the loss is {loss} in epoch {epoch}: lower `learning_rate`, or check the data for outliers"
    )]
    Diverged {
        /// Zero-based epoch.
        epoch: usize,
        /// The loss.
        loss: f64,
    },
    /// A checkpoint could not be read or written.
    #[error("checkpoint {}: {what}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What went wrong and what to do.
        what: String,
    },
    /// Training was stopped; what was done so far is in the checkpoint directory, if one was given.
    #[error(
        "training was stopped after {epochs} epochs; run it again with the same directory to resume"
    )]
    Stopped {
        /// Finished epochs.
        epochs: usize,
    },
    /// The tensor library refused a tensor: a bug in Mote.
    #[error("tensor backend, in {place}: {what}")]
    Backend {
        /// The operation.
        place: &'static str,
        /// What the backend said.
        what: String,
    },
    /// A classical model could not be fitted or evaluated.
    #[error("{model}: {what}")]
    Classical {
        /// The model.
        model: &'static str,
        /// What the library said.
        what: String,
    },
    /// The trained network does not fit the network description.
    #[error(transparent)]
    Model(mote_model::Error),
}

impl From<mote_model::Error> for Error {
    fn from(error: mote_model::Error) -> Self {
        match error {
            // The architecture is the field `network` of the settings.
            mote_model::Error::Cnn { field, what } => {
                Error::config(format!("network.{field}"), what)
            }
            other => Error::Model(other),
        }
    }
}

impl Error {
    /// Builds an [`Error::Config`].
    pub(crate) fn config(field: impl Into<String>, what: impl Into<String>) -> Self {
        Error::Config {
            field: field.into(),
            what: what.into(),
        }
    }
}
