//! The protocol `stream`: rows are judged on continuous streams of users that no network has seen.
//!
//! The recordings of each test user are spliced into streams, the same for every row ([`run_fold`]). A row runs sample by
//! sample as it will on the device ([`decide`]), and every sample from ten seconds on is scored ([`figures`]). Networks that
//! decide at every step are run on [`windows`] of common lengths, too.

mod decide;
mod figures;
mod windows;

pub(crate) use decide::{Decided, Decider, NetworkDecider};
pub(crate) use figures::{FoldStreams, figures, window_figures};

use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::observer::Observer;
use mote_data::{Bouts, Fold, SequenceSpec, sequence};
use mote_metrics::{Changes, Confusion, Decisions, SegmentErrors};
use serde::{Deserialize, Serialize};

/// Samples before this many seconds are not scored, so that rows with longer windows have decided, too.
const SCORED_FROM_S: f64 = 10.0;

/// Seconds after a change over which accuracy is followed.
const HORIZON_S: f64 = 20.0;

/// Time between two points of the strip that a report draws, in seconds.
const STRIP_S: f64 = 1.0;

/// Longest strip in seconds.
const STRIP_LONGEST_S: f64 = 3600.0;

/// Lengths of the bouts of the profile, in seconds; the last is the one in which false changes are counted.
pub(crate) const FIXED_S: [f64; 4] = [5.0, 10.0, 20.0, 60.0];

/// How rows are judged on streams.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamSettings {
    /// Time over which one activity fades into the next, in seconds; 0 is a hard cut.
    pub fade_s: f64,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self { fade_s: 0.5 }
    }
}

/// Why a comparison has no figures on streams; `None` when it has.
pub(crate) fn impossible(experiment: &Experiment) -> Option<&'static str> {
    if experiment.split.leaks() {
        return Some(
            "the split has users on both sides, whose whole recordings cannot be tested on",
        );
    }
    if experiment.loaded.stretches.is_empty() {
        return Some("the data has windows or features only, and no continuous recordings");
    }
    if experiment.windows().labels.len() < 2 {
        return Some("there is one class only");
    }
    None
}

/// Runs `decider` on all streams of the test users of `fold`, and on windows when it takes windows of any length.
///
/// # Errors
/// [`Error::Stopped`]; when the engine refuses the network.
pub(crate) fn run_fold(
    experiment: &Experiment,
    fold: &Fold,
    settings: StreamSettings,
    decider: &Decider<'_>,
    observer: &Observer,
) -> Result<FoldStreams> {
    let data = experiment.windows();
    let rate_hz = f64::from(data.rate_hz);
    let samples = |seconds: f64| (seconds * rate_hz).round() as usize;
    let all = std::iter::once(Bouts::QUOTED).chain(FIXED_S.map(Bouts::Fixed));
    let mut streams = FoldStreams::default();
    for (index, bouts) in all.enumerate() {
        let spec = SequenceSpec {
            bouts,
            fade: settings.fade_s,
            seed: experiment.seed,
        };
        let mut of = figures::Streams {
            confusion: Confusion::new(&data.labels),
            ..figures::Streams::default()
        };
        for &user in &fold.test_users {
            if observer.is_stopped() {
                return Err(Error::Stopped);
            }
            let stretches = &experiment.loaded.stretches;
            let stream = sequence(stretches, user, data.channels, rate_hz, &spec);
            let from = samples(SCORED_FROM_S);
            if stream.classes.len() <= from {
                continue;
            }
            let Decided {
                classes: decided,
                confidences,
            } = decider.decisions(&stream.x)?;
            let decisions = Decisions {
                truth: &stream.classes,
                decided: &decided,
                starts: &stream.starts,
                from,
            };
            let mut confusion = Confusion::new(&data.labels);
            let classes = data.labels.len();
            for (&truth, &decided) in stream.classes.iter().zip(&decided).skip(from) {
                // Where nothing was decided yet, it was not the right thing.
                confusion.add(truth, decided.unwrap_or((truth + 1) % classes));
            }
            for (sample, p) in confidences
                .into_iter()
                .filter(|&(sample, _)| sample >= from)
            {
                let right = decided[sample] == Some(stream.classes[sample]);
                of.calibration.add(f64::from(p), right);
            }
            of.confusion.merge(&confusion);
            of.changes
                .merge(Changes::of(&decisions, samples(HORIZON_S)));
            let counted = (stream.classes.len() - from) as f64;
            let errors = SegmentErrors::of(&decisions, classes).scaled(counted);
            of.segments = of.segments.plus(errors);
            of.samples += counted;
            if index == 0 {
                let step = samples(STRIP_S).max(1);
                let points = (STRIP_LONGEST_S / STRIP_S) as usize;
                streams.offer_strip(user, &stream.classes, &decided, step, points);
            }
            of.users.push((user, confusion));
        }
        streams.by_bouts.push(of);
    }
    if let Decider::Network(network) = decider
        && network.decides_per_step()
    {
        streams.windows = windows::confusions(experiment, fold, network, observer)?;
    }
    Ok(streams)
}
