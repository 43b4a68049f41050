//! What a deployed network makes of new recordings, decided by the engine as on the device.

use crate::error::{Error, Result};
use mote_codegen::Deployment;
use mote_data::{Quantity, Signals};
use mote_metrics::Confusion;
use mote_model::session::{Session, compile};
use serde::Serialize;

/// One decision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Decided {
    /// Time of the sample that brought it, in s from the origin of the recording's times.
    pub time_s: f64,
    /// The class, an index into [`Prediction::labels`].
    pub class: usize,
    /// Probability that it is right, where the network gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// What was done, an index into the same labels; `None` where that is not known, or is no class of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truth: Option<usize>,
}

/// The decisions about one signal without a gap.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Predicted {
    /// Who, as the files say it.
    pub user: String,
    /// Time of the first sample in s, from the origin of the file's times.
    pub start_s: f64,
    /// Length in s.
    pub seconds: f64,
    /// The decisions, in order of time.
    pub decisions: Vec<Decided>,
}

/// The decisions about recordings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// Class names.
    pub labels: Vec<String>,
    /// Per signal.
    pub signals: Vec<Predicted>,
    /// Decisions by truth and class, where labels are known.
    #[serde(skip)]
    pub confusion: Confusion,
    /// Labels of the recordings that are no class of the network, with the decisions made during them.
    pub other_labels: Vec<(String, u64)>,
}

impl Prediction {
    /// Returns the share of decisions that agree with the labels; `None` without labels.
    pub fn agreement(&self) -> Option<f64> {
        (self.confusion.total() > 0).then(|| self.confusion.scores().accuracy)
    }
}

/// Decides about `signals`, which must be on the grid of `deployment`. Every signal begins from a fresh state.
///
/// # Errors
/// When samples have more or fewer values than the network takes, or a signal is shorter than one decision needs and there is
/// no other.
pub fn predict(deployment: &Deployment, signals: &Signals) -> Result<Prediction> {
    let graph = &deployment.graph;
    let channels = graph.tensor(graph.input)?.shape.channels;
    if channels != signals.channels {
        return Err(Error::Invalid(format!(
            "`{}` takes {channels} values per sample, and the recordings have {}",
            deployment.name, signals.channels
        )));
    }
    check_quantities(deployment, signals)?;
    let outputs = graph.tensor(graph.output)?.shape.len();
    let labels = match graph.labels.is_empty() {
        true => (0..outputs).map(|class| class.to_string()).collect(),
        false => graph.labels.clone(),
    };
    let compiled = compile(graph)?;
    let class_of: Vec<Option<usize>> = signals
        .labels
        .iter()
        .map(|l| labels.iter().position(|own| own == l))
        .collect();
    let mut confusion = Confusion::new(&labels);
    let mut others = vec![0u64; signals.labels.len()];
    let mut all = Vec::new();
    for signal in &signals.signals {
        let mut decisions = Vec::new();
        let mut session = Session::new(&compiled)?;
        for decision in session.decisions(&signal.x, deployment.hop) {
            let (sample, scores) = decision?;
            let label = signal.truth.get(sample).copied().flatten();
            let truth = label.and_then(|l| class_of[l]);
            match (truth, label) {
                (Some(truth), _) => confusion.add(truth, scores.class()),
                (None, Some(label)) => others[label] += 1,
                (None, None) => {}
            }
            decisions.push(Decided {
                time_s: signal.start_s + sample as f64 / deployment.rate_hz,
                class: scores.class(),
                confidence: compiled.confidence(&scores),
                truth,
            });
        }
        let user = signals.ingest.users.get(&signal.user);
        all.push(Predicted {
            user: user.cloned().unwrap_or_else(|| signal.user.to_string()),
            start_s: signal.start_s,
            seconds: (signal.x.len() / channels) as f64 / deployment.rate_hz,
            decisions,
        });
    }
    if all.iter().all(|signal| signal.decisions.is_empty()) {
        let longest = all.iter().map(|s| s.seconds).fold(0.0, f64::max);
        return Err(Error::Invalid(format!(
            "no decision: the longest signal without a gap has {longest:.1} s, and a decision of `{}` is about {:.1} s",
            deployment.name,
            deployment.window as f64 / deployment.rate_hz
        )));
    }
    let other_labels = signals
        .labels
        .iter()
        .cloned()
        .zip(others)
        .filter(|(_, count)| *count > 0);
    Ok(Prediction {
        other_labels: other_labels.collect(),
        labels,
        signals: all,
        confusion,
    })
}

/// Refuses recordings of another sensor than the network was trained on, where both are known.
fn check_quantities(deployment: &Deployment, signals: &Signals) -> Result<()> {
    let trained = deployment
        .evidence
        .as_ref()
        .map(|e| e.data.channel_units.as_slice());
    let trained: Vec<&str> = match trained.unwrap_or_default() {
        // Deployments of earlier versions do not say it; three values were an accelerometer's.
        [] if signals.channels == 3 => vec![Quantity::Acceleration.text(); 3],
        units => units.iter().map(|unit| unit.quantity.as_str()).collect(),
    };
    if trained.len() != signals.channels {
        return Ok(());
    }
    let pairs = trained.iter().zip(&signals.quantities).enumerate();
    for (n, (trained, found)) in pairs {
        if *trained != found.text() {
            return Err(Error::Invalid(format!(
                "value {} of a sample is {} in the recordings, and `{}` was trained on {trained}",
                n + 1,
                found.text(),
                deployment.name
            )));
        }
    }
    Ok(())
}
