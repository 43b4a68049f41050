//! Options of a technique as written in a pipeline: `name=value,name=value`.

use crate::{Error, Technique};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Parsed options of one technique; every name is one the technique knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    technique: &'static str,
    values: BTreeMap<String, String>,
}

impl Options {
    /// Parses `name=value,name=value`; an empty text is no option.
    ///
    /// # Errors
    /// [`Error::Option`] for a name the technique does not know or a part without `=`.
    pub fn parse(technique: &dyn Technique, text: &str) -> Result<Self, Error> {
        let mut options = Self {
            technique: technique.name(),
            values: BTreeMap::new(),
        };
        for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let Some((name, value)) = part.split_once('=') else {
                return Err(options.error(part, "expected name=value"));
            };
            if !technique.options().iter().any(|(known, _)| *known == name) {
                let known: Vec<_> = technique.options().iter().map(|(name, _)| *name).collect();
                return Err(
                    options.error(name, format!("not known; there are: {}", known.join(", ")))
                );
            }
            options.values.insert(name.to_owned(), value.to_owned());
        }
        Ok(options)
    }

    /// The value of `name`, or `default` when it was not given.
    ///
    /// # Errors
    /// [`Error::Option`] when the value cannot be read as a `T`.
    pub fn get<T: FromStr>(&self, name: &str, default: T) -> Result<T, Error> {
        Ok(self.find(name)?.unwrap_or(default))
    }

    /// The value of `name`, if it was given.
    ///
    /// # Errors
    /// [`Error::Option`] when the value cannot be read as a `T`.
    pub fn find<T: FromStr>(&self, name: &str) -> Result<Option<T>, Error> {
        let understand = |text: &String| {
            text.parse()
                .map_err(|_| self.error(name, format!("cannot understand `{text}`")))
        };
        self.values.get(name).map(understand).transpose()
    }

    /// An error about option `name`.
    pub fn error(&self, name: &str, what: impl Into<String>) -> Error {
        Error::Option {
            technique: self.technique,
            option: name.to_owned(),
            what: what.into(),
        }
    }
}
