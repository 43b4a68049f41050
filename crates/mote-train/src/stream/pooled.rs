//! The loss of pooled evidence: at every step, the cross-entropy of the mean of the logits since the last change of
//! activity.

use super::{Gradient, StreamBatch, StreamTraining};

/// Returns the loss of `logits`, `[n][steps][classes]`, with its gradient. Targets are smoothed by
/// `smoothing`.
pub(super) fn loss(
    batch: &StreamBatch,
    logits: &[f32],
    classes: usize,
    settings: &StreamTraining,
    smoothing: f32,
) -> Gradient {
    let steps = |seconds: f64| (seconds * batch.rate).round() as usize;
    let (ignored, evidence) = (steps(settings.ignored), steps(settings.evidence).max(1));
    let counted = |since: usize| since >= ignored;
    let count = batch.since.iter().filter(|&&s| counted(s)).count().max(1);
    let smoothing = f64::from(smoothing);
    let smooth = smoothing / classes as f64;
    let mut total = 0.0;
    let mut gradient = vec![0.0f32; logits.len()];
    let streams = logits
        .chunks_exact(batch.steps * classes)
        .zip(gradient.chunks_exact_mut(batch.steps * classes))
        .zip(batch.classes.chunks_exact(batch.steps))
        .zip(batch.since.chunks_exact(batch.steps));
    for (((logits, gradient), truth), since) in streams {
        // Sums of all logits up to a step make the mean over any stretch a difference.
        let mut sums = vec![0.0f64; classes];
        for row in logits.chunks_exact(classes) {
            let last = sums[sums.len() - classes..].to_vec();
            sums.extend(last.iter().zip(row).map(|(s, &e)| s + f64::from(e)));
        }
        // What each step adds to the gradient of the stretch before it, as differences.
        let mut slopes = vec![0.0f64; sums.len()];
        for step in (0..batch.steps).filter(|&step| counted(since[step])) {
            let length = (since[step] + 1).min(evidence).min(step + 1);
            let (from, to) = ((step + 1 - length) * classes, (step + 1) * classes);
            let mean: Vec<f64> = (0..classes)
                .map(|k| (sums[to + k] - sums[from + k]) / length as f64)
                .collect();
            let most = mean.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let norm = most + mean.iter().map(|m| (m - most).exp()).sum::<f64>().ln();
            let all: f64 = mean.iter().map(|m| m - norm).sum();
            total -= (1.0 - smoothing) * (mean[truth[step]] - norm) + smooth * all;
            for (k, m) in mean.iter().enumerate() {
                let target = smooth
                    + if truth[step] == k {
                        1.0 - smoothing
                    } else {
                        0.0
                    };
                let slope = ((m - norm).exp() - target) / (length * count) as f64;
                slopes[from + k] += slope;
                slopes[to + k] -= slope;
            }
        }
        let mut running = vec![0.0f64; classes];
        for (row, slopes) in gradient
            .chunks_exact_mut(classes)
            .zip(slopes.chunks_exact(classes))
        {
            for ((g, running), slope) in row.iter_mut().zip(&mut running).zip(slopes) {
                *running += slope;
                *g = *running as f32;
            }
        }
    }
    Gradient {
        loss: (total / count as f64) as f32,
        logits: gradient,
        filter: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> StreamBatch {
        StreamBatch {
            x: Vec::new(),
            classes: vec![0, 0, 0, 0, 1, 1, 1, 1, 1, 1],
            since: vec![0, 1, 2, 3, 0, 1, 2, 3, 4, 5],
            steps: 10,
            rate: 1.0,
        }
    }

    fn settings() -> StreamTraining {
        StreamTraining {
            ignored: 2.0,
            evidence: 3.0,
            ..StreamTraining::default()
        }
    }

    fn at(logits: &[f32]) -> Gradient {
        loss(&batch(), logits, 2, &settings(), 0.05)
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let logits: Vec<f32> = (0..20).map(|i| ((i * 7) % 11) as f32 / 3.0 - 1.5).collect();
        let g = at(&logits);
        for i in 0..20 {
            let moved = |d: f32| {
                let mut logits = logits.clone();
                logits[i] += d;
                at(&logits).loss
            };
            let numeric = (moved(0.02) - moved(-0.02)) / 0.04;
            assert!(
                (g.logits[i] - numeric).abs() < 1e-3,
                "{i}: {} {numeric}",
                g.logits[i]
            );
        }
    }

    #[test]
    fn steps_right_after_a_change_and_evidence_too_old_do_not_count() {
        // One class: logits of the first activity's last counted steps decide; those of the second are averaged over
        // three steps at most, so that step 4 has no part in step 9.
        let mut logits = vec![0.0f32; 20];
        let before = at(&logits);
        assert!((before.loss - 2.0f32.ln()).abs() < 1e-5);
        assert!(before.logits.iter().any(|&g| g != 0.0));
        logits[9] = 3.0;
        let one = at(&logits);
        // Step 4 counts in steps 6 (mean of 3): exactly one term moves.
        let term = |m: f64| {
            let norm = (1.0 + m.exp()).ln();
            0.95 * (norm - m) + 0.05 * (norm - m / 2.0)
        };
        let expected = f64::from(before.loss) + (term(1.0) - term(0.0)) / 6.0;
        assert!(
            (f64::from(one.loss) - expected).abs() < 1e-5,
            "{} {expected}",
            one.loss
        );
    }
}
