use crate::graph::TensorId;

/// What can be wrong with a network description or a model file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A node refers to a tensor that does not exist.
    #[error("tensor {id} does not exist: the network has {count}")]
    NoTensor {
        /// The index used.
        id: TensorId,
        /// How many tensors there are.
        count: usize,
    },
    /// An operator does not fit its input.
    #[error("layer `{node}`: {what}")]
    Shape {
        /// The node.
        node: String,
        /// What does not fit.
        what: String,
    },
    /// A node's parameter or tensor contradicts another.
    #[error("layer `{node}`, {field}: {what}")]
    Invalid {
        /// The node.
        node: String,
        /// What part of it.
        field: &'static str,
        /// What is wrong with it, and what is expected.
        what: String,
    },
    /// A model file of another tool is corrupt, or uses something that is not supported.
    #[error("model file, {place}: {what}")]
    ModelFile {
        /// Where in the file.
        place: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// An architecture makes no sense, or does not fit its input.
    #[error("architecture, {field}: {what}")]
    Cnn {
        /// Path of the setting within the architecture, such as `blocks[1].stride`.
        field: String,
        /// What is wrong with it, and what to write instead.
        what: String,
    },
    /// The short form of a block cannot be read.
    #[error("`{text}` is no block; write channels, taps and stride as in c24k9s2 or d48k5")]
    Block {
        /// What was given.
        text: String,
    },
    /// The network as a whole is malformed.
    #[error("network, {field}: {what}")]
    Network {
        /// What part of it.
        field: &'static str,
        /// What is wrong with it, and what is expected.
        what: String,
    },
    /// The engine refused to run the network.
    #[error("the engine cannot run `{network}`: {error}")]
    Engine {
        /// The network.
        network: String,
        /// The engine's reason.
        error: mote::Error,
    },
}

impl Error {
    /// An [`Error::Shape`] of `node`.
    pub fn shape(node: &str, what: impl Into<String>) -> Self {
        Error::Shape {
            node: node.to_owned(),
            what: what.into(),
        }
    }

    /// An [`Error::Invalid`] of `node`.
    pub fn invalid(node: &str, field: &'static str, what: impl Into<String>) -> Self {
        Error::Invalid {
            node: node.to_owned(),
            field,
            what: what.into(),
        }
    }

    /// An [`Error::ModelFile`].
    pub fn model_file(place: impl Into<String>, what: impl Into<String>) -> Self {
        Error::ModelFile {
            place: place.into(),
            what: what.into(),
        }
    }

    /// An [`Error::Network`].
    pub fn network(field: &'static str, what: impl Into<String>) -> Self {
        Error::Network {
            field,
            what: what.into(),
        }
    }
}
