//! Whether probabilities mean what they say.

/// Bins of confidence, as in Guo et al. 2017.
const BINS: usize = 15;

/// Returns the expected calibration error of decisions, given as the probability that each was said to be right with, and
/// whether it was: the mean difference between confidence and accuracy over bins of confidence, weighted by their
/// decisions (Naeini et al. 2015; Guo et al. 2017, 15 bins). 0 is best; `None` without decisions.
pub fn expected_calibration_error(decisions: impl IntoIterator<Item = (f64, bool)>) -> Option<f64> {
    // Sums of confidence and of hits: their difference is what a bin adds, whatever it holds.
    let mut bins = [(0.0, 0.0); BINS];
    let mut count = 0u64;
    for (confidence, right) in decisions {
        let bin = (confidence.clamp(0.0, 1.0) * BINS as f64) as usize;
        let (sum, hits) = &mut bins[bin.min(BINS - 1)];
        *sum += confidence;
        *hits += f64::from(u8::from(right));
        count += 1;
    }
    let total: f64 = bins
        .iter()
        .map(|(sum, hits): &(f64, f64)| (sum - hits).abs())
        .sum();
    (count > 0).then(|| total / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_weighted_by_their_decisions() {
        // Nine of ten at .9 are right: nothing. One of two at .6: .1 each. Together .2 of 12.
        let sure = (0..10).map(|i| (0.9, i > 0));
        let unsure = [(0.6, true), (0.6, false)];
        let error = expected_calibration_error(sure.chain(unsure)).unwrap();
        assert!((error - 0.2 / 12.0).abs() < 1e-12, "{error}");
        assert_eq!(expected_calibration_error([(1.0, false)]), Some(1.0));
        assert_eq!(expected_calibration_error([]), None);
    }
}
