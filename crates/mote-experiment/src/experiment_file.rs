//! Pipelines as a user writes them: experiment files, and the names that are built in.

use crate::error::{Error, Place as _, Result};
use crate::pipeline::Pipeline;
use mote_search::Candidate;
use mote_techniques::Step;
use serde::Deserialize;
use std::path::Path;

/// A `[[pipeline]]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    model: Option<String>,
    preset: Option<String>,
    spec: Option<Candidate>,
    #[serde(default)]
    techniques: Vec<Step>,
    baseline: Option<String>,
}

impl Entry {
    fn pipeline(self) -> Result<Pipeline> {
        let spec = match (self.model, self.preset, self.spec) {
            (Some(model), None, None) => {
                return Ok(Pipeline {
                    name: self.name,
                    model,
                    techniques: self.techniques,
                    baseline: self.baseline,
                    candidate: None,
                });
            }
            (None, Some(name), None) => mote_search::preset(&name)?.candidate,
            (None, None, Some(spec)) => spec,
            _ => return Err(Error::invalid("give one of model, preset and spec")),
        };
        if !self.techniques.is_empty() {
            return Err(Error::invalid(
                "a preset or spec brings its own techniques: remove `techniques`",
            ));
        }
        Ok(Pipeline {
            baseline: self.baseline,
            ..Pipeline::of_candidate(&self.name, spec)
        })
    }
}

/// An experiment file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExperimentFile {
    #[serde(default)]
    #[allow(dead_code, reason = "for people who read the file")]
    description: String,
    pipeline: Vec<Entry>,
}

/// Experiment files that come with the program.
const BUILT_IN: [(&str, &str); 6] = [
    ("default", include_str!("../../../experiments/default.toml")),
    ("system", include_str!("../../../experiments/system.toml")),
    ("models", include_str!("../../../experiments/models.toml")),
    ("presets", include_str!("../../../experiments/presets.toml")),
    ("labels", include_str!("../../../experiments/labels.toml")),
    (
        "reference",
        include_str!("../../../experiments/reference.toml"),
    ),
];

/// Returns every built-in pipeline.
///
/// # Errors
/// When a built-in experiment is not valid.
pub fn built_in() -> Result<Vec<Pipeline>> {
    let mut all: Vec<Pipeline> = Vec::new();
    for (name, text) in BUILT_IN {
        for pipeline in parse(text, name)? {
            if !all.iter().any(|known| known.name == pipeline.name) {
                all.push(pipeline);
            }
        }
    }
    Ok(all)
}

/// Returns the pipelines of the built-in experiment `name`.
///
/// # Errors
/// [`Error::Invalid`] with the experiments there are.
pub fn built_in_experiment(name: &str) -> Result<Vec<Pipeline>> {
    match BUILT_IN.iter().find(|(known, _)| *known == name) {
        Some((name, text)) => parse(text, name),
        None => Err(Error::Invalid(format!(
            "there is no experiment `{name}`; built in: {}",
            BUILT_IN.map(|(name, _)| name).join(", ")
        ))),
    }
}

/// Reads an experiment file (`*.toml`), or picks built-in pipelines by names separated by commas.
///
/// # Errors
/// Names the file and the pipeline that is wrong, or the pipelines there are.
pub fn select(text: &str) -> Result<Vec<Pipeline>> {
    if text.ends_with(".toml") {
        let content = std::fs::read_to_string(Path::new(text))
            .map_err(Error::io("read", Path::new(text)))
            .place(|| "experiment file".to_owned())?;
        return parse(&content, text);
    }
    let known = built_in()?;
    text.split(',')
        .map(str::trim)
        .map(|name| match known.iter().find(|p| p.name == name) {
            Some(pipeline) => Ok(pipeline.clone()),
            None => Err(Error::Invalid(format!(
                "there is no pipeline `{name}`; built in: {}; or give an experiment file (*.toml)",
                known
                    .iter()
                    .map(|p| p.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ))),
        })
        .collect()
}

/// Reads an experiment and checks it as far as that is possible without data.
fn parse(text: &str, origin: &str) -> Result<Vec<Pipeline>> {
    let experiment: ExperimentFile =
        toml::from_str(text).place(|| format!("the experiment `{origin}` is not valid"))?;
    if experiment.pipeline.is_empty() {
        return Err(Error::Invalid(format!(
            "the experiment `{origin}` has no [[pipeline]]"
        )));
    }
    let pipelines: Vec<Pipeline> = experiment
        .pipeline
        .into_iter()
        .map(|entry| {
            let name = entry.name.clone();
            let pipeline = entry.pipeline();
            pipeline.place(|| format!("pipeline `{name}` of `{origin}`"))
        })
        .collect::<Result<_>>()?;
    for (i, pipeline) in pipelines.iter().enumerate() {
        if pipelines.iter().take(i).any(|p| p.name == pipeline.name) {
            return Err(Error::Invalid(format!(
                "the experiment `{origin}` has two pipelines named `{}`",
                pipeline.name
            )));
        }
        if let Some(baseline) = &pipeline.baseline
            && !pipelines.iter().any(|p| p.name == *baseline)
        {
            return Err(Error::Invalid(format!(
                "pipeline `{}` of `{origin}` has the baseline `{baseline}`, which is not in it",
                pipeline.name
            )));
        }
    }
    Ok(pipelines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_experiments_are_valid() {
        assert!(built_in().unwrap().iter().any(|p| p.name == "cnn-int8"));
    }

    #[test]
    fn an_unknown_pipeline_lists_the_known_ones() {
        let message = select("cnn-int8,nope").unwrap_err().line();
        assert!(
            message.contains("`nope`") && message.contains("cnn-int8"),
            "{message}"
        );
    }

    #[test]
    fn a_missing_baseline_is_an_error() {
        let text = "[[pipeline]]\nname = \"a\"\nmodel = \"cnn\"\nbaseline = \"b\"";
        let message = parse(text, "mine.toml").unwrap_err().line();
        assert!(
            message.contains("`a`") && message.contains("`b`"),
            "{message}"
        );
    }

    #[test]
    fn a_wrong_technique_names_pipeline_file_and_option() {
        for (step, part) in [
            ("int9", "`int9`"),
            ("int8:calibration=mze", "one of minmax, percentile, mse"),
            ("int8:mixed=0.2,bits=4", "mixed"),
        ] {
            let text =
                format!("[[pipeline]]\nname = \"a\"\nmodel = \"cnn\"\ntechniques = [\"{step}\"]");
            let message = parse(&text, "mine.toml").unwrap_err().line();
            assert!(
                message.contains("mine.toml") && message.contains(part),
                "{message}"
            );
        }
    }

    #[test]
    fn a_preset_stands_for_its_spec_and_excludes_model_and_techniques() {
        let read = |rest: &str| parse(&format!("[[pipeline]]\nname = \"a\"\n{rest}"), "mine.toml");
        let text = mote_search::preset("balanced")
            .unwrap()
            .candidate
            .to_string();
        let preset = read("preset = \"balanced\"").unwrap();
        assert_eq!(preset, read(&format!("spec = \"{text}\"")).unwrap());
        for (rest, part) in [
            ("preset = \"tiny\"", "balanced"),
            ("spec = \"window=5\"", "net= is missing"),
            (
                "preset = \"balanced\"\nmodel = \"cnn\"",
                "one of model, preset and spec",
            ),
            (
                "preset = \"balanced\"\ntechniques = [\"int8\"]",
                "remove `techniques`",
            ),
            ("", "one of model, preset and spec"),
        ] {
            let message = read(rest).unwrap_err().line();
            assert!(
                message.contains("mine.toml") && message.contains(part),
                "{message}"
            );
        }
    }

    #[test]
    fn a_misspelt_field_is_an_error() {
        let text = "[[pipeline]]\nname = \"a\"\nmodel = \"cnn\"\ntechnique = [\"int8\"]";
        assert!(
            parse(text, "mine.toml")
                .unwrap_err()
                .line()
                .contains("technique")
        );
    }
}
