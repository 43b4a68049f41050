//! One row of a comparison.

use crate::error::{Error, Place as _, Result};
use mote_report::Run;
use mote_search::Candidate;
use mote_techniques::Step;
use serde::{Deserialize, Serialize};

/// A network or classical model, and the techniques applied to it, in order.
///
/// `results.json` records each pipeline as this value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Name of the row.
    pub name: String,
    /// A network, `random-forest` or `lda`.
    pub model: String,
    /// The techniques with their options, in order.
    #[serde(default)]
    pub techniques: Vec<Step>,
    /// The pipeline of the same experiment that the report shows this one's changes against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// A candidate of a search, which brings its own window, hop, network, epochs and techniques. Model and techniques
    /// follow from it once the sampling rate is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Candidate>,
}

impl Pipeline {
    /// Returns the pipeline of a network or classical model with `techniques`, each written `name` or
    /// `name:option=value,option=value`.
    ///
    /// # Errors
    /// Names the pipeline and the technique, option or value that is wrong, and what there is.
    pub fn new(name: &str, model: &str, techniques: &[&str]) -> Result<Self> {
        let steps = techniques.iter().map(|text| text.parse());
        Ok(Self {
            name: name.to_owned(),
            model: model.to_owned(),
            techniques: steps
                .collect::<Result<_, mote_techniques::Error>>()
                .place(|| format!("pipeline `{name}`"))?,
            baseline: None,
            candidate: None,
        })
    }

    /// Reads the pipeline back that `run` was made from.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a file of a version that recorded none, [`Error::Json`] for a damaged one.
    pub fn recorded(run: &Run) -> Result<Self> {
        let Some(recorded) = &run.pipeline_spec else {
            return Err(Error::invalid(
                "it was written by an older version, which did not record its pipelines: run the comparison again with this \
                 version",
            ));
        };
        Self::deserialize(recorded)
            .place(|| format!("the recorded pipeline `{}` is damaged", run.pipeline))
    }

    /// Returns the pipeline of a candidate.
    pub fn of_candidate(name: &str, candidate: Candidate) -> Self {
        Self {
            name: name.to_owned(),
            model: candidate.network(),
            techniques: Vec::new(),
            baseline: None,
            candidate: Some(candidate),
        }
    }
}
