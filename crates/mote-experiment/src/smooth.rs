//! Causal smoothing: each decision from the mean of the last few outputs within one recording.

use crate::error::Result;
use crate::evaluate::{self, Outcome};
use crate::experiment::Experiment;
use mote::kernels::argmax;
use mote_data::Windows;
use mote_report::Smoothed;

/// Returns the figures of `outcomes` when each decision is made from the mean scores of the last `last` windows.
pub(crate) fn figures(
    experiment: &Experiment,
    outcomes: &[Outcome],
    last: usize,
) -> Result<Smoothed> {
    let windows = experiment.windows();
    let predicted: Vec<Vec<usize>> = experiment
        .folds
        .iter()
        .zip(outcomes)
        .map(|(fold, outcome)| classes(windows, &fold.test, &outcome.scores, last))
        .collect();
    let predicted: Vec<&[usize]> = predicted.iter().map(Vec::as_slice).collect();
    let (metrics, _) = evaluate::metrics(experiment, &experiment.folds, &predicted)?;
    Ok(Smoothed {
        decisions: last,
        hop_s: experiment.seconds(windows.hop),
        accuracy: metrics.accuracy,
        macro_f1: metrics.macro_f1,
    })
}

/// Returns the class per window of `test`, which is in order of time within a recording. Smoothing starts anew with
/// every recording, and wherever `test` lacks a window in between.
fn classes(windows: &Windows, test: &[usize], scores: &[f32], last: usize) -> Vec<usize> {
    let count = windows.labels.len().max(1);
    let rows: Vec<&[f32]> = scores.chunks_exact(count).collect();
    let mut first = 0;
    let mut before: Option<usize> = None;
    let mut smoothed = Vec::with_capacity(test.len());
    for (i, &n) in test.iter().enumerate() {
        let follows = before
            .is_some_and(|b| n == b + 1 && windows.recordings.get(n) == windows.recordings.get(b));
        if !follows {
            first = i;
        }
        before = Some(n);
        let from = first.max((i + 1).saturating_sub(last.max(1)));
        let mut sums = vec![0.0f32; count];
        for row in &rows[from..=i] {
            for (sum, score) in sums.iter_mut().zip(*row) {
                *sum += score;
            }
        }
        smoothed.push(argmax(&sums));
    }
    smoothed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(recordings: &[u32]) -> Windows {
        Windows {
            time: 2,
            channels: 1,
            rate_hz: 1.0,
            hop: 1,
            x: vec![0.0; recordings.len() * 2],
            y: vec![0; recordings.len()],
            users: vec![0; recordings.len()],
            recordings: recordings.to_vec(),
            labels: vec!["a".to_owned(), "b".to_owned()],
        }
    }

    /// Scores of two classes from how much more the second one has.
    fn scores(second: &[f32]) -> Vec<f32> {
        second.iter().flat_map(|&s| [0.0, s]).collect()
    }

    #[test]
    fn the_past_of_the_same_recording_decides() {
        let w = windows(&[0, 0, 0, 0, 1, 1]);
        let s = scores(&[-1.0, -1.0, 1.5, 1.0, 0.5, -1.0]);
        let all = [0, 1, 2, 3, 4, 5];
        assert_eq!(classes(&w, &all, &s, 1), [0, 0, 1, 1, 1, 0]);
        // Window 4 begins a recording: what came before does not count.
        assert_eq!(classes(&w, &all, &s, 2), [0, 0, 1, 1, 1, 0]);
        assert_eq!(classes(&w, &all, &s, 3), [0, 0, 0, 1, 1, 0]);
    }

    #[test]
    fn it_starts_anew_where_windows_are_missing_and_never_looks_ahead() {
        let w = windows(&[0, 0, 0, 0]);
        assert_eq!(
            classes(&w, &[0, 1, 3], &scores(&[-2.0, -2.0, 1.0]), 9),
            [0, 0, 1]
        );
        let one = classes(&w, &[0, 1, 2, 3], &scores(&[-1.0, 0.5, 1.0, 1.0]), 9);
        let other = classes(&w, &[0, 1, 2, 3], &scores(&[-1.0, 0.5, 1.0, -9.0]), 9);
        assert_eq!(one[..3], other[..3]);
        assert_ne!(one[3], other[3]);
    }
}
