//! What leaves Mote, and the file it is kept in.
//!
//! The file is JSON in a fixed form, `{"format":"...","sha256":"...","deployment":{...}}` and a line feed, where the digest
//! is that of the deployment's text. Every byte is either compared or in the digest, so that no damage goes unnoticed.

use crate::Error;
use mote_model::{Graph, Runtime};
use mote_report::{Data, Results, Run};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Name and version of the file format of [`Deployment::save`].
pub const FORMAT: &str = "mote-deployment/2";

/// How a file of any version begins.
const OPENING: &str = "{\"format\":\"";

/// What comes behind the deployment's text.
const END: &str = "}\n";

/// Returns what comes before `text` in the file, always of the same length.
fn beginning(text: &str) -> String {
    let digest: String = Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{OPENING}{FORMAT}\",\"sha256\":\"{digest}\",\"deployment\":")
}

/// A pipeline, ready to leave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Name of the pipeline, such as `cnn-int8`; crates and files are named after it.
    pub name: String,
    /// The network as it runs: quantized, and rewritten as a stream where it is one. Class names are its labels.
    pub graph: Graph,
    /// How the pipeline holds and runs the network; what the footprint in the evidence was measured with.
    pub runtime: Runtime,
    /// Samples per second.
    pub rate_hz: f64,
    /// Samples that a decision is about.
    pub window: usize,
    /// Samples from one decision to the next, at most a window.
    pub hop: usize,
    /// Where the network comes from and how good it is; without it the model card says that nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// How the network was trained on all users, when it was; else the network is that of the first fold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_model: Option<FinalModel>,
}

/// A network that was trained on all users, after folds had shown how good such networks are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinalModel {
    /// Users it was trained on.
    pub users: usize,
    /// Windows it was trained on.
    pub windows: usize,
    /// Epochs it was trained for.
    pub epochs: usize,
    /// Why so many.
    pub epochs_from: String,
    /// Bytes of the network as it lies in flash.
    pub bytes: u64,
    /// Share of the windows it was trained on that it gets right; says nothing about other users.
    pub accuracy_seen: f64,
    /// What the techniques changed in it, a line each.
    pub notes: Vec<String>,
}

impl FinalModel {
    /// By how much a network may do worse on users that it knows than the folds did on users that they did not.
    const SLACK: f64 = 0.03;

    /// Says what is wrong when the network does worse on the users it was trained on than networks of `run` did on
    /// users they had not seen: then something went wrong in this training, and the figures of `run` are not its own.
    pub fn doubt(&self, run: &Run) -> Option<String> {
        let unseen = run.metrics.accuracy.mean;
        (self.accuracy_seen + Self::SLACK < unseen).then(|| {
            format!(
                "The final model gets {:.1} % of the windows right that it was trained on, and the folds' networks {:.1} % of \
                 windows of users they had not seen: this training went wrong. Do not use this network.",
                self.accuracy_seen * 100.0,
                unseen * 100.0
            )
        })
    }
}

/// What is known about a pipeline: its run, and the comparison it was part of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// When the comparison ended, in UTC (RFC 3339).
    pub created: String,
    /// The command line that repeats it.
    pub command: String,
    /// Its seed.
    pub seed: u64,
    /// Versions by tool.
    pub versions: BTreeMap<String, String>,
    /// The data.
    pub data: Data,
    /// The pipeline's figures.
    pub run: Run,
}

impl Evidence {
    /// Returns what `results` says about `run`, one of its runs.
    pub fn new(results: &Results, run: &Run) -> Self {
        Self {
            created: results.created.clone(),
            command: results.command.clone(),
            seed: results.seed,
            versions: results.versions.clone(),
            data: results.data.clone(),
            run: run.clone(),
        }
    }
}

impl Deployment {
    /// Makes a deployment without evidence.
    pub fn new(
        name: impl Into<String>,
        graph: Graph,
        runtime: Runtime,
        rate_hz: f64,
        window: usize,
        hop: usize,
    ) -> Self {
        Self {
            name: name.into(),
            graph,
            runtime,
            rate_hz,
            window,
            hop,
            evidence: None,
            final_model: None,
        }
    }

    /// Writes the deployment to the file `path`, in the [form](self) of this version.
    ///
    /// # Errors
    /// When it has numbers that JSON has not (an early exit with an infinite margin, for one), or the file cannot be
    /// written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let json = |source| Error::Json {
            path: path.to_owned(),
            source,
        };
        let text = serde_json::to_string(self).map_err(json)?;
        if !serde_json::from_str::<Self>(&text).is_ok_and(|read| read == *self) {
            let what = "it has numbers that are not finite, which JSON cannot hold; remove early exits that never exit";
            return Err(Error::invalid("graph", what));
        }
        let file = format!("{}{text}{END}", beginning(&text));
        fs::write(path, file).map_err(Error::io(path))
    }

    /// Reads the file `path`, which [`Deployment::save`] wrote.
    ///
    /// # Errors
    /// When it cannot be read, is of another version, or any byte of it is not as it was written.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let damaged = || Error::Damaged {
            path: path.to_owned(),
        };
        let bytes = fs::read(path).map_err(Error::io(path))?;
        let file = String::from_utf8(bytes).map_err(|_| damaged())?;
        let after = file.strip_prefix(OPENING).ok_or_else(damaged)?;
        let (format, _) = after.split_once('"').ok_or_else(damaged)?;
        if format != FORMAT {
            return Err(Error::Format {
                path: path.to_owned(),
                found: format.to_owned(),
            });
        }
        let len = beginning("").len();
        let (head, rest) = file.split_at_checked(len).ok_or_else(damaged)?;
        let text = rest.strip_suffix(END).ok_or_else(damaged)?;
        if head != beginning(text) {
            return Err(damaged());
        }
        serde_json::from_str(text).map_err(|source| Error::Json {
            path: path.to_owned(),
            source,
        })
    }

    /// Returns which network this is, in a few words for people.
    pub fn which(&self) -> String {
        match (&self.final_model, &self.evidence) {
            (Some(last), _) => format!("the final model, trained on all {} users", last.users),
            (None, Some(evidence)) if evidence.run.folds > 0 => {
                "the network of the first fold, trained on a part of the users (`mote train --final` trains on all)"
                    .to_owned()
            }
            (None, _) => "a network whose training is not known".to_owned(),
        }
    }

    /// Returns the class names; numbers when the network has none.
    pub(crate) fn labels(&self, classes: usize) -> Vec<String> {
        match self.graph.labels.as_slice() {
            [] => (0..classes).map(|c| format!("class {c}")).collect(),
            labels => labels.to_vec(),
        }
    }

    /// Returns the name in lower-case letters, digits and single hyphens.
    pub(crate) fn slug(&self) -> String {
        let words: Vec<String> = self
            .name
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        match words.is_empty() {
            true => "model".to_owned(),
            false => words.join("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_model::{Exit, Op, Shape};

    fn deployment() -> Deployment {
        let graph = Graph::new("net", Shape::new(10, 3));
        Deployment::new("CNN (int8)", graph, Runtime::COMPILED, 20.0, 10, 5)
    }

    #[test]
    fn a_saved_deployment_is_read_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deployment.json");
        deployment().save(&path).unwrap();
        assert_eq!(Deployment::load(&path).unwrap(), deployment());
        assert_eq!(deployment().slug(), "cnn-int8");
    }

    #[test]
    fn a_final_model_that_did_not_learn_is_doubted() {
        let mut last = FinalModel {
            users: 3,
            windows: 30,
            epochs: 2,
            epochs_from: "as in the folds".to_owned(),
            bytes: 1,
            accuracy_seen: 0.9,
            notes: Vec::new(),
        };
        let mut run = Run::new("cnn", "synthetic/6", "group:3", Default::default());
        run.metrics.accuracy.mean = 0.92;
        assert_eq!(last.doubt(&run), None);
        last.accuracy_seen = 0.4;
        let doubt = last.doubt(&run).unwrap();
        assert!(
            doubt.contains("40.0 %") && doubt.contains("92.0 %"),
            "{doubt}"
        );
    }

    #[test]
    fn every_flipped_byte_is_refused_with_the_file_and_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deployment.json");
        deployment().save(&path).unwrap();
        let written = fs::read(&path).unwrap();
        for i in 0..written.len() {
            for mask in [1, 0x20, 0x80, 0xff] {
                let mut damaged = written.clone();
                damaged[i] ^= mask;
                fs::write(&path, damaged).unwrap();
                let error = Deployment::load(&path).unwrap_err().to_string();
                let clear =
                    error.contains("deployment.json") && error.contains("make the file anew");
                assert!(clear, "byte {i}, {mask:#x}: {error}");
            }
        }
        for len in 0..written.len() {
            fs::write(&path, &written[..len]).unwrap();
            assert!(Deployment::load(&path).is_err(), "{len} bytes");
        }
        fs::write(&path, [&written[..], b"\n"].concat()).unwrap();
        assert!(Deployment::load(&path).is_err());
        fs::write(&path, written).unwrap();
        assert_eq!(Deployment::load(&path).unwrap(), deployment());
    }

    #[test]
    fn other_versions_and_numbers_without_json_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deployment.json");
        fs::write(&path, r#"{"format":"mote-deployment/1","name":"cnn"}"#).unwrap();
        let error = Deployment::load(&path).unwrap_err().to_string();
        assert!(error.contains("deployment.json") && error.contains("mote-deployment/1"));
        let mut endless = deployment();
        let exit = Exit {
            margin: f32::INFINITY,
        };
        endless.graph.push("exit", Op::Exit(exit)).unwrap();
        let error = endless.save(&path).unwrap_err().to_string();
        assert!(error.contains("exit"), "{error}");
    }
}
