//! The trait of all techniques.

use crate::artifact::{Artifact, Context};
use crate::error::Error;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

/// Which half of the system a technique works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// How the network is stored and run.
    System,
    /// The network itself.
    Model,
}

/// What a technique changed, in figures for the report: one line each, e.g. `weights 32.0 KB -> 8.2 KB`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Change {
    /// Name of the technique with the options that matter most.
    pub technique: String,
    /// What it changed.
    pub lines: Vec<String>,
}

/// A named, swappable step of a pipeline: a struct that holds its options.
///
/// The struct is also the documentation of the technique. The first paragraph of its doc comment is the summary that
/// `mote techniques` prints, its fields are the options, and [`Default`] gives their default values. Options are read
/// with `#[serde(default, deny_unknown_fields)]`; ranges are `#[schemars(range(...))]` attributes of the fields.
pub trait Technique: Default + Serialize + DeserializeOwned + JsonSchema {
    /// Name as written in a pipeline.
    const NAME: &'static str;

    /// System-level or model-centric.
    const KIND: Kind;

    /// Checks the options together, as far as that needs no data. Each option alone is checked before: against the type
    /// and the range of its field.
    ///
    /// # Errors
    /// [`Error::Option`] that names an option and says what to do.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Changes the artifact.
    ///
    /// # Errors
    /// When the technique does not go with what the artifact already is, or the data of `context` do not suffice; the
    /// message says which and why.
    fn apply(&self, artifact: &mut Artifact, context: &Context) -> Result<Change, Error>;

    /// Builds the error that the technique cannot be applied here.
    fn impossible(why: impl Into<String>) -> Error {
        Error::Impossible {
            technique: Self::NAME,
            why: why.into(),
        }
    }

    /// Builds an error about one option.
    fn wrong_option(option: &str, what: impl Into<String>) -> Error {
        Error::Option {
            technique: Self::NAME,
            option: option.to_owned(),
            what: what.into(),
        }
    }

    /// Refuses to go on when `done`: the pipeline has the property already.
    ///
    /// # Errors
    /// [`Error::Impossible`].
    fn only_once(done: bool) -> Result<(), Error> {
        if done {
            return Err(Self::impossible("the pipeline names it twice"));
        }
        Ok(())
    }
}
