//! Names of classical models.

use crate::Error;
use crate::pca::analysis::Keep;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Which classical model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Linear discriminant analysis.
    Lda,
    /// Random forest.
    RandomForest,
}

/// A model as pipelines name it: `lda` or `random-forest`, or one of them on principal components of the standardised
/// features: `lda:pca=20` for 20 of them, `random-forest:pca=0.95` for 95 % of the variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spec {
    /// Which model.
    pub kind: Kind,
    /// Components kept; all features when `None`.
    pub pca: Option<Keep>,
}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, option) = match text.split_once(':') {
            Some((name, option)) => (name, Some(option)),
            None => (text, None),
        };
        let kind = match name {
            "lda" => Kind::Lda,
            "random-forest" => Kind::RandomForest,
            _ => {
                return Err(Error::config(
                    "model",
                    format!("`{name}` is not a classical model; there are: lda, random-forest"),
                ));
            }
        };
        let pca = match option {
            None => None,
            Some(option) => {
                let value = option.strip_prefix("pca=").ok_or_else(|| {
                    Error::config("model", format!("`{option}` in `{text}` is not `pca=...`"))
                })?;
                Some(value.parse()?)
            }
        };
        Ok(Self { kind, pca })
    }
}
