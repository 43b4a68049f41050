//! Memory-optimisation techniques: one file each, behind one trait and one registry.
//!
//! A pipeline is a model and an ordered list of techniques. Each technique takes an [`Artifact`] (the network
//! and how it runs), changes one property of it, and says what it changed. To add one, copy a file of this
//! folder and add its line to [`registry`].

mod arena;
mod artifact;
mod contrastive;
mod distill;
mod error;
mod flatten;
mod int8;
mod lazy;
mod options;
mod paged;
mod pca;
mod prune_channels;
mod qat;
mod static_pruning;
mod streaming;

pub use arena::Arena;
pub use artifact::{Artifact, Context, Others, Stream, Training};
pub use contrastive::Contrastive;
pub use distill::Distill;
pub use error::Error;
pub use flatten::Flatten;
pub use int8::Int8;
pub use lazy::Lazy;
pub use options::Options;
pub use paged::Paged;
pub use pca::Pca;
pub use prune_channels::PruneChannels;
pub use qat::Qat;
pub use static_pruning::StaticPruning;
pub use streaming::Streaming;

use serde::Serialize;

/// Which half of the system a technique works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// How the network is stored and run.
    System,
    /// The network itself.
    Model,
}

/// What a technique did, in figures for the report: one line each, e.g. `weights 32.0 KB -> 8.2 KB`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Change {
    /// Name of the technique with the options used.
    pub technique: String,
    /// What it changed.
    pub lines: Vec<String>,
}

/// A named, swappable step of a pipeline.
pub trait Technique: Sync {
    /// Name as written in a pipeline.
    fn name(&self) -> &'static str;

    /// System-level or model-centric.
    fn kind(&self) -> Kind;

    /// One sentence for `--help` and the report.
    fn summary(&self) -> &'static str;

    /// Names and meanings of the options [`Technique::apply`] understands.
    fn options(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Changes the artifact.
    ///
    /// # Errors
    /// When the technique does not go with what the artifact already is, an option is wrong, or the data of
    /// `context` do not suffice; the message says which and why.
    fn apply(
        &self,
        artifact: &mut Artifact,
        options: &Options,
        context: &Context,
    ) -> Result<Change, Error>;

    /// Refuses to go on when `done`: the pipeline has the property already.
    ///
    /// # Errors
    /// [`Error::Impossible`].
    fn once(&self, done: bool) -> Result<(), Error> {
        if done {
            return Err(Error::Impossible {
                technique: self.name(),
                why: "the pipeline names it twice".into(),
            });
        }
        Ok(())
    }
}

/// Every technique there is.
pub fn registry() -> &'static [&'static dyn Technique] {
    &[
        &Contrastive,
        &Distill,
        &Pca,
        &PruneChannels,
        &Qat,
        &Int8,
        &StaticPruning,
        &Flatten,
        &Lazy,
        &Arena,
        &Streaming,
        &Paged,
    ]
}

/// The technique `name`.
///
/// # Errors
/// [`Error::Unknown`], with the names there are.
pub fn find(name: &str) -> Result<&'static dyn Technique, Error> {
    registry()
        .iter()
        .copied()
        .find(|t| t.name() == name)
        .ok_or_else(|| Error::Unknown {
            name: name.to_owned(),
            known: registry()
                .iter()
                .map(|t| t.name())
                .collect::<Vec<_>>()
                .join(", "),
        })
}

/// Applies `step`, written `name` or `name:option=value,option=value`.
///
/// # Errors
/// As [`find`], [`Options::parse`] and [`Technique::apply`].
pub fn apply(step: &str, artifact: &mut Artifact, context: &Context) -> Result<Change, Error> {
    let (name, options) = step.split_once(':').unwrap_or((step, ""));
    let technique = find(name.trim())?;
    let options = Options::parse(technique, options)?;
    technique.apply(artifact, &options, context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for technique in registry() {
            assert_eq!(find(technique.name()).unwrap().name(), technique.name());
        }
        let mut names: Vec<_> = registry().iter().map(|t| t.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), registry().len());
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = find("int9").err().unwrap().to_string();
        assert!(
            message.contains("int9") && message.contains("int8"),
            "{message}"
        );
    }
}
