//! Pipelines as a user writes them: built-in names and experiment files.

use anyhow::{Context, Result, bail};
use mote_search::Spec;
use serde::Deserialize;
use std::path::Path;

/// One row of a comparison: a network or classical model, and the techniques applied to it, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Name of the row.
    pub name: String,
    /// A network, `random-forest` or `lda`.
    pub model: String,
    /// `name` or `name:option=value,option=value`.
    pub techniques: Vec<String>,
    /// The pipeline of the same experiment that the report shows this one's changes against.
    pub baseline: Option<String>,
    /// A candidate of `mote fit`, which brings its own window, hop, network, epochs and techniques; model and
    /// techniques follow from it once the sampling rate is known ([`crate::experiment::plan`]).
    pub spec: Option<Spec>,
}

impl Pipeline {
    /// The pipeline of a candidate.
    pub fn of_spec(name: &str, spec: Spec) -> Self {
        Self {
            name: name.to_owned(),
            model: spec.network(),
            techniques: Vec::new(),
            baseline: None,
            spec: Some(spec),
        }
    }
}

/// A `[[pipeline]]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    model: Option<String>,
    preset: Option<String>,
    spec: Option<Spec>,
    #[serde(default)]
    techniques: Vec<String>,
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
                    spec: None,
                });
            }
            (None, Some(name), None) => mote_search::preset(&name)?.spec,
            (None, None, Some(spec)) => spec,
            _ => bail!("give one of model, preset and spec"),
        };
        if !self.techniques.is_empty() {
            bail!("a preset or spec brings its own techniques: remove `techniques`");
        }
        Ok(Pipeline {
            baseline: self.baseline,
            ..Pipeline::of_spec(&self.name, spec)
        })
    }
}

/// An experiment file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Experiment {
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

/// Every built-in pipeline, by the name a user can give.
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

/// The pipelines of the built-in experiment `name`.
pub fn experiment(name: &str) -> Result<Vec<Pipeline>> {
    match BUILT_IN.iter().find(|(known, _)| *known == name) {
        Some((name, text)) => parse(text, name),
        None => bail!(
            "there is no experiment `{name}`; built in: {}",
            BUILT_IN.map(|(name, _)| name).join(", ")
        ),
    }
}

/// What `--pipelines` names: an experiment file, or built-in pipelines separated by commas.
pub fn select(text: &str) -> Result<Vec<Pipeline>> {
    if text.ends_with(".toml") {
        let content = std::fs::read_to_string(Path::new(text))
            .with_context(|| format!("cannot read the experiment file `{text}`"))?;
        return parse(&content, text);
    }
    let known = built_in()?;
    text.split(',')
        .map(str::trim)
        .map(|name| match known.iter().find(|p| p.name == name) {
            Some(pipeline) => Ok(pipeline.clone()),
            None => bail!(
                "there is no pipeline `{name}`; built in: {}; or give an experiment file (*.toml)",
                known
                    .iter()
                    .map(|p| p.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        })
        .collect()
}

/// Reads an experiment and checks it as far as that is possible without data.
fn parse(text: &str, origin: &str) -> Result<Vec<Pipeline>> {
    let experiment: Experiment =
        toml::from_str(text).with_context(|| format!("the experiment `{origin}` is not valid"))?;
    if experiment.pipeline.is_empty() {
        bail!("the experiment `{origin}` has no [[pipeline]]");
    }
    let pipelines: Vec<Pipeline> = experiment
        .pipeline
        .into_iter()
        .map(|entry| {
            let name = entry.name.clone();
            let pipeline = entry.pipeline();
            pipeline.with_context(|| format!("pipeline `{name}` of `{origin}`"))
        })
        .collect::<Result<_>>()?;
    for (i, pipeline) in pipelines.iter().enumerate() {
        if pipelines.iter().take(i).any(|p| p.name == pipeline.name) {
            bail!(
                "the experiment `{origin}` has two pipelines named `{}`",
                pipeline.name
            );
        }
        if let Some(baseline) = &pipeline.baseline
            && !pipelines.iter().any(|p| p.name == *baseline)
        {
            bail!(
                "pipeline `{}` of `{origin}` has the baseline `{baseline}`, which is not in it",
                pipeline.name
            );
        }
        for step in &pipeline.techniques {
            let name = step.split(':').next().unwrap_or(step).trim();
            mote_techniques::find(name)
                .with_context(|| format!("pipeline `{}` of `{origin}`", pipeline.name))?;
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
        let message = select("cnn-int8,nope").unwrap_err().to_string();
        assert!(
            message.contains("`nope`") && message.contains("cnn-int8"),
            "{message}"
        );
    }

    #[test]
    fn a_missing_baseline_is_an_error() {
        let text = "[[pipeline]]\nname = \"a\"\nmodel = \"cnn\"\nbaseline = \"b\"";
        let message = format!("{:#}", parse(text, "mine.toml").unwrap_err());
        assert!(
            message.contains("`a`") && message.contains("`b`"),
            "{message}"
        );
    }

    #[test]
    fn an_unknown_technique_names_pipeline_and_file() {
        let text = "[[pipeline]]\nname = \"a\"\nmodel = \"cnn\"\ntechniques = [\"int9\"]";
        let message = format!("{:#}", parse(text, "mine.toml").unwrap_err());
        assert!(
            message.contains("mine.toml") && message.contains("int9"),
            "{message}"
        );
    }

    #[test]
    fn a_preset_stands_for_its_spec_and_excludes_model_and_techniques() {
        let read = |rest: &str| parse(&format!("[[pipeline]]\nname = \"a\"\n{rest}"), "mine.toml");
        let text = mote_search::preset("balanced").unwrap().spec.to_string();
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
            let message = format!("{:#}", read(rest).unwrap_err());
            assert!(
                message.contains("mine.toml") && message.contains(part),
                "{message}"
            );
        }
    }

    #[test]
    fn a_misspelt_field_is_an_error() {
        let text = "[[pipeline]]\nname = \"a\"\nmodel = \"cnn\"\ntechnique = [\"int8\"]";
        assert!(format!("{:#}", parse(text, "mine.toml").unwrap_err()).contains("technique"));
    }
}
