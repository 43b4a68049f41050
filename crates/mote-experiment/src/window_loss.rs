//! What each class loses to the length of the windows.

use crate::experiment::Experiment;
use mote_data::{Stretch, Windows};
use mote_report::WindowLoss;

/// Counts signal and windows of each class; empty where windows were not cut from recordings.
pub(crate) fn window_loss(experiment: &Experiment) -> Vec<WindowLoss> {
    losses(experiment.windows(), &experiment.loaded.stretches)
}

fn losses(windows: &Windows, stretches: &[Stretch]) -> Vec<WindowLoss> {
    if stretches.is_empty() {
        return Vec::new();
    }
    let rate_hz = f64::from(windows.rate_hz);
    let labels = windows.labels.iter().enumerate();
    labels
        .map(|(class, label)| {
            let own = stretches.iter().filter(|s| s.class == class);
            let samples: usize = own.map(|s| s.x.len() / windows.channels.max(1)).sum();
            let count = windows.y.iter().filter(|&&y| y == class).count();
            let signal_s = samples as f64 / rate_hz;
            WindowLoss {
                label: label.clone(),
                signal_s,
                windows: count,
                lost_s: (signal_s - (count * windows.hop) as f64 / rate_hz).max(0.0),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signal_that_no_window_stands_for_is_lost() {
        // Windows of 10 samples, one every 5: a stretch of 32 gives five, one of 9 none.
        let stretch = |class, samples: usize| Stretch {
            user: 1,
            class,
            recording: 0,
            x: vec![0.0; 3 * samples],
        };
        let stretches = [stretch(0, 32), stretch(1, 9)];
        let windows = Windows {
            time: 10,
            channels: 3,
            rate_hz: 10.0,
            hop: 5,
            x: vec![0.0; 5 * 30],
            y: vec![0; 5],
            users: vec![1; 5],
            recordings: vec![0; 5],
            labels: ["walk", "sit"].map(str::to_owned).to_vec(),
        };
        let found = losses(&windows, &stretches);
        let of = |l: &WindowLoss| (l.signal_s, l.windows, l.lost_s);
        assert_eq!(of(&found[0]), (3.2, 5, 3.2 - 2.5));
        assert_eq!(of(&found[1]), (0.9, 0, 0.9));
        assert!(losses(&windows, &[]).is_empty());
    }
}
