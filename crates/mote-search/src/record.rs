//! What one trial found, and its line in a file.
//!
//! A record is one line of JSON. Its last field is a digest of all bytes before it, so that a line that was changed by
//! as much as a byte is refused and never a figure.

use crate::candidate::Candidate;
use crate::limits::{Figures, Quality};
use crate::prediction::Prediction;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What stands between the fields of a record and their digest.
const DIGEST: &str = ",\"digest\":\"";

/// How thoroughly a candidate is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fidelity {
    /// Folds that are trained and tested.
    pub folds: usize,
    /// Percent of the candidate's epochs.
    pub percent: u32,
}

impl Fidelity {
    /// The epochs of a candidate that has `full`; at least one.
    pub fn epochs(self, full: usize) -> usize {
        (full * self.percent as usize).div_ceil(100).max(1)
    }

    /// Epochs of all folds: what it takes, relative to others of the same candidate.
    pub fn cost(self, full: usize) -> f64 {
        (self.epochs(full) * self.folds) as f64
    }
}

/// One finished trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The candidate.
    #[serde(rename = "spec")]
    pub candidate: Candidate,
    /// How thoroughly it was tried.
    pub fidelity: Fidelity,
    /// Everything else that decides what comes out: task, split, seed, board and so on, as data of whoever runs trials.
    /// Records of another context are not compared.
    pub context: serde_json::Value,
    /// The command that repeats the trial.
    pub command: String,
    /// Macro-averaged F1 on test users, mean over folds; of the engine, as deployed.
    pub macro_f1: f64,
    /// Share of test windows that were classified correctly, mean over folds.
    pub accuracy: f64,
    /// The same on continuous streams; absent where candidates are not judged on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<OnStream>,
    /// What the trained network takes, by the cost model.
    pub predicted: Prediction,
    /// The same as figures of the board.
    pub figures: Figures,
    /// The figures of an image that was built and run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Figures>,
    /// Seconds the trial took.
    pub seconds: f64,
    /// Why there is no result; everything else is then meaningless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// What a candidate does on continuous streams of the test users.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct OnStream {
    /// Macro-averaged F1 per sample, mean over folds.
    pub macro_f1: f64,
    /// Share of samples decided right, mean over folds.
    pub accuracy: f64,
    /// Time within which half of the changes were noticed, in seconds; `null` when fewer were.
    pub delay_s: Option<f64>,
    /// Decisions that left the right activity, per hour.
    pub false_changes_per_hour: f64,
}

impl Record {
    /// Returns the m-F1 that candidates are compared by: on streams, or on windows where there are no streams.
    pub fn score(&self) -> f64 {
        self.stream.map_or(self.macro_f1, |s| s.macro_f1)
    }

    /// Returns what limits are held against.
    pub fn quality(&self) -> Quality {
        Quality {
            macro_f1: self.score(),
            // A change that is never noticed takes forever.
            delay_s: self.stream.map(|s| s.delay_s.unwrap_or(f64::INFINITY)),
            false_changes_per_hour: self.stream.map(|s| s.false_changes_per_hour),
        }
    }

    /// Returns measured figures, else predicted ones.
    pub fn best_figures(&self) -> &Figures {
        self.measured.as_ref().unwrap_or(&self.figures)
    }

    /// Returns the record as a line of a file of records, without the line's end.
    pub fn line(&self) -> String {
        let mut fields = serde_json::to_string(self).expect("records are plain values");
        fields.pop().expect("a map ends with a brace");
        let digest = digest(fields.as_bytes());
        format!("{fields}{DIGEST}{digest}\"}}")
    }

    /// Reads what [`Record::line`] wrote.
    ///
    /// # Errors
    /// [`Damage::CutOff`] when the line is the beginning of a record, [`Damage::Changed`] when it is anything else but
    /// a whole one.
    pub fn read(line: &[u8]) -> Result<Self, Damage> {
        // First of all whether there is an end: a digest can only be looked for in a whole line.
        if let Err(error) = serde_json::from_slice::<serde_json::Value>(line) {
            return Err(match error.is_eof() {
                true => Damage::CutOff,
                false => Damage::Changed(format!("it is no JSON ({error})")),
            });
        }
        let at = line
            .windows(DIGEST.len())
            .rposition(|w| w == DIGEST.as_bytes());
        let Some((fields, rest)) = at.map(|at| line.split_at(at)) else {
            return Err(Damage::Changed("it has no digest at its end".to_owned()));
        };
        if rest != format!("{DIGEST}{}\"}}", digest(fields)).as_bytes() {
            return Err(Damage::Changed(
                "its digest is that of another line".to_owned(),
            ));
        }
        let whole = [fields, b"}"].concat();
        serde_json::from_slice(&whole).map_err(|error| {
            Damage::Changed(format!("another version of the program wrote it ({error})"))
        })
    }
}

/// Returns the SHA-256 of `bytes`, in hexadecimal.
fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Why a line is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// It ends too early, as when the machine stopped while it was written.
    CutOff,
    /// It was changed, or was never a record.
    Changed(String),
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn record(candidate: &str, macro_f1: f64, figures: Figures) -> Record {
        Record {
            candidate: candidate.parse().unwrap(),
            fidelity: Fidelity {
                folds: 2,
                percent: 100,
            },
            context: "test".into(),
            command: format!("mote trial --spec {candidate}"),
            macro_f1,
            accuracy: macro_f1,
            stream: None,
            predicted: Prediction {
                flash_code: 0,
                flash_model: figures.flash,
                ram_static: figures.ram,
                ram_stack: 0,
                cycles: figures.cycles,
            },
            figures,
            measured: None,
            seconds: 1.0,
            failed: None,
        }
    }

    #[test]
    fn fidelity_is_a_share_of_the_epochs() {
        let fidelity = Fidelity {
            folds: 3,
            percent: 20,
        };
        assert_eq!(fidelity.epochs(25), 5);
        assert_eq!(fidelity.epochs(1), 1);
        assert_eq!(fidelity.cost(25), 15.0);
    }
}
