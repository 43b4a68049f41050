/// A technique that cannot be read or applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No technique has this name.
    #[error("there is no technique `{name}`; known: {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// An option is not known, or has a value that it cannot have.
    #[error("technique `{technique}`, option `{option}`: {what}")]
    Option {
        /// The technique.
        technique: &'static str,
        /// The option.
        option: String,
        /// What is wrong.
        what: String,
    },
    /// Two techniques exclude each other, or the network lacks what the technique works on.
    #[error("technique `{technique}` does not go here: {why}")]
    Impossible {
        /// The technique.
        technique: &'static str,
        /// Why.
        why: String,
    },
    /// The network description is at fault, or the engine refused to run it.
    #[error(transparent)]
    Model(#[from] mote_model::Error),
    /// Training failed, or was stopped.
    #[error(transparent)]
    Train(#[from] mote_train::Error),
}
