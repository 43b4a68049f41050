//! Settings of training on streams.

use crate::Error;
use serde::{Deserialize, Serialize};

/// What the loss of a stream looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StreamLoss {
    /// The posterior of a filter over the logits, whose transitions and weight are learnt with the network.
    #[default]
    Filtered,
    /// The mean of the logits since the last change of activity.
    Pooled,
}

/// How training streams are spliced, and what their loss looks at. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamTraining {
    /// Length of a training stream.
    pub seconds: f64,
    /// Shortest bout: time without a change of activity.
    pub shortest_bout: f64,
    /// Longest bout. Lengths between are drawn evenly on a logarithmic scale.
    pub longest_bout: f64,
    /// Time over which one bout fades into the next; 0 is a hard cut.
    pub fade: f64,
    /// Share of streams with one activity throughout.
    pub constant: f64,
    /// Share of changes that go to another activity; the others may go on with the same one.
    pub change: f64,
    /// What the loss looks at.
    pub loss: StreamLoss,
    /// Steps this long after a change are left out of the pooled loss.
    pub ignored: f64,
    /// Longest time that the pooled loss averages over.
    pub evidence: f64,
}

impl Default for StreamTraining {
    fn default() -> Self {
        Self {
            seconds: 30.0,
            shortest_bout: 3.0,
            longest_bout: 30.0,
            fade: 0.5,
            constant: 0.15,
            change: 0.8,
            loss: StreamLoss::Filtered,
            ignored: 0.4,
            evidence: 10.0,
        }
    }
}

impl StreamTraining {
    /// Returns whether all settings are the usual ones.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        for (field, value, least) in [
            ("stream.seconds", self.seconds, 1.0),
            ("stream.shortest_bout", self.shortest_bout, 0.1),
            ("stream.longest_bout", self.longest_bout, self.shortest_bout),
            ("stream.fade", self.fade, 0.0),
            ("stream.ignored", self.ignored, 0.0),
            ("stream.evidence", self.evidence, 0.1),
        ] {
            if !(value >= least && value <= 3600.0) {
                let what = format!("{value} is not in {least}..=3600 seconds");
                return Err(Error::config(field, what));
            }
        }
        if self.fade > self.shortest_bout {
            let what = format!(
                "a change of {} s is longer than the shortest bout of {} s",
                self.fade, self.shortest_bout
            );
            return Err(Error::config("stream.fade", what));
        }
        for (field, share) in [
            ("stream.constant", self.constant),
            ("stream.change", self.change),
        ] {
            if !(0.0..=1.0).contains(&share) {
                return Err(Error::config(field, format!("{share} is not in 0..=1")));
            }
        }
        Ok(())
    }
}
