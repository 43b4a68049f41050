//! From counts in each fold to the figures of a row.

use super::windows::LENGTHS_S;
use super::{FIXED_S, STRIP_S, StreamSettings};
use crate::experiment::Experiment;
use mote_data::Bouts;
use mote_metrics::{Calibration, Changes, Confusion, Scores, SegmentErrors};
use mote_report::{BoutFigures, Delay, Estimate, StreamFigures, Strip, UserScores, WindowFigures};
use std::borrow::Borrow;

/// What a row did on the streams of one fold: those of exponential bouts, then those of each fixed length.
#[derive(Debug, Clone, Default)]
pub(crate) struct FoldStreams {
    pub by_bouts: Vec<Streams>,
    /// Of windows of each length; empty for rows that are not run on them.
    pub windows: Vec<Confusion>,
    strip: Option<Strip>,
}

/// Counts over the streams of one kind of bouts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams {
    /// Per sample.
    pub confusion: Confusion,
    /// The same by user.
    pub users: Vec<(u32, Confusion)>,
    pub changes: Changes,
    /// Of the decisions that came with a probability.
    pub calibration: Calibration,
    /// In samples.
    pub segments: SegmentErrors,
    /// Samples scored.
    pub samples: f64,
}

impl FoldStreams {
    /// Keeps the first user's truth and decisions, every `step` samples and at most `points` of them, for a picture.
    pub fn offer_strip(
        &mut self,
        user: u32,
        truth: &[usize],
        decided: &[Option<usize>],
        step: usize,
        points: usize,
    ) {
        if self.strip.is_none() {
            self.strip = Some(Strip {
                user,
                seconds: STRIP_S,
                truth: truth.iter().step_by(step).take(points).copied().collect(),
                decided: decided.iter().step_by(step).take(points).copied().collect(),
            });
        }
    }
}

/// Returns the figures of a row on windows of common lengths; empty for rows that were not run on them.
pub(crate) fn window_figures(folds: &[impl Borrow<FoldStreams>]) -> Vec<WindowFigures> {
    let lengths = LENGTHS_S.into_iter().enumerate();
    lengths
        .filter_map(|(i, seconds)| {
            let folds = folds.iter().filter_map(|f| f.borrow().windows.get(i));
            let scores: Vec<_> = folds
                .filter(|c| c.total() > 0)
                .map(Confusion::scores)
                .collect();
            let mean = |of: fn(&Scores) -> f64| {
                Estimate::over(&scores.iter().map(of).collect::<Vec<_>>()).mean
            };
            (!scores.is_empty()).then(|| WindowFigures {
                seconds,
                macro_f1: mean(|s| s.macro_f1),
                accuracy: mean(|s| s.accuracy),
            })
        })
        .collect()
}

/// Returns the figures of a row from what it did in every fold.
pub(crate) fn figures(
    experiment: &Experiment,
    settings: StreamSettings,
    folds: &[impl Borrow<FoldStreams>],
) -> StreamFigures {
    let rate_hz = f64::from(experiment.windows().rate_hz);
    let kind = |index: usize| {
        let folds = folds.iter().map(Borrow::borrow);
        folds.filter_map(move |f: &FoldStreams| f.by_bouts.get(index))
    };
    let over = |index: usize, figure: fn(&Confusion) -> f64| {
        let all: Vec<f64> = kind(index)
            .filter(|s| s.samples > 0.0)
            .map(|s| figure(&s.confusion))
            .collect();
        Estimate::over(&all)
    };
    let macro_f1 = |c: &Confusion| c.scores().macro_f1;
    let accuracy = |c: &Confusion| c.scores().accuracy;
    let changes = |index: usize| {
        kind(index).fold(Changes::default(), |mut all, streams| {
            all.merge(streams.changes.clone());
            all
        })
    };
    let quoted = changes(0);
    let seconds = |samples: usize| samples as f64 / rate_hz;
    let (segments, samples) = kind(0).fold((SegmentErrors::default(), 0.0), |(sum, n), s| {
        (sum.plus(s.segments), n + s.samples)
    });
    let mut per_user: Vec<UserScores> = kind(0)
        .flat_map(|s| &s.users)
        .map(|(user, confusion)| UserScores {
            user: *user,
            windows: confusion.total(),
            accuracy: accuracy(confusion),
            macro_f1: macro_f1(confusion),
        })
        .collect();
    per_user.sort_by_key(|u| u.user);
    let calibration = kind(0).fold(Calibration::default(), |mut all, streams| {
        all.merge(&streams.calibration);
        all
    });
    let tenth = ((rate_hz / 10.0).round() as usize).max(1);
    StreamFigures {
        bout_s: Bouts::QUOTED_MEAN,
        least_bout_s: Bouts::QUOTED_LEAST,
        fade_s: settings.fade_s,
        macro_f1: over(0, macro_f1),
        accuracy: over(0, accuracy),
        by_bout: FIXED_S
            .iter()
            .enumerate()
            .map(|(i, &seconds)| BoutFigures {
                seconds,
                macro_f1: over(i + 1, macro_f1).mean,
                accuracy: over(i + 1, accuracy).mean,
            })
            .collect(),
        delay_s: Delay {
            median: quoted.delay(0.5).map(seconds),
            p90: quoted.delay(0.9).map(seconds),
            missed: quoted.missed_share(),
        },
        false_changes_per_hour: changes(FIXED_S.len()).false_changes_per_hour(rate_hz),
        calibration_error: calibration.expected_error(),
        segments: segments.scaled(1.0 / f64::max(samples, 1.0)),
        since_change: quoted
            .since
            .iter()
            .enumerate()
            .step_by(tenth)
            .filter(|(_, [all, _])| *all > 0)
            .map(|(t, [all, right])| [seconds(t), *right as f64 / *all as f64])
            .collect(),
        per_user,
        strip: folds.iter().find_map(|f| f.borrow().strip.clone()),
    }
}
