//! Windows of the lengths that the literature uses, for networks that decide at every step.

use super::NetworkDecider;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::observer::Observer;
use mote_data::Fold;
use mote_metrics::Confusion;

/// Lengths of the windows in seconds.
pub(super) const LENGTHS_S: [f64; 2] = [3.0, 10.0];

/// Decides about windows of each of [`LENGTHS_S`], half overlapping, of what the test users of `fold` recorded: each from
/// a fresh state, by the last decision. A length that gives no decision has no counts.
///
/// # Errors
/// [`Error::Stopped`]; when the engine refuses the network.
pub(super) fn confusions(
    experiment: &Experiment,
    fold: &Fold,
    decider: &NetworkDecider,
    observer: &Observer,
) -> Result<Vec<Confusion>> {
    let windows = experiment.windows();
    let samples = |seconds: f64| (seconds * f64::from(windows.rate_hz)).round() as usize;
    let mut all = vec![Confusion::new(&windows.labels); LENGTHS_S.len()];
    let stretches = experiment.loaded.stretches.iter();
    for stretch in stretches.filter(|s| fold.test_users.contains(&s.user)) {
        if observer.is_stopped() {
            return Err(Error::Stopped);
        }
        for (seconds, confusion) in LENGTHS_S.into_iter().zip(&mut all) {
            let time = samples(seconds).max(1) * windows.channels;
            let hop = samples(seconds / 2.0).max(1) * windows.channels;
            for window in stretch.x.windows(time).step_by(hop) {
                if let Some(class) = decider.last(window)? {
                    confusion.add(stretch.class, class);
                }
            }
        }
    }
    Ok(all)
}
