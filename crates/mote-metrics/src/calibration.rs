//! Whether probabilities mean what they say.

/// Bins of confidence, as in Guo et al. 2017.
const BINS: usize = 15;

/// Decisions counted by the probability with which each was said to be right.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calibration {
    /// Sums of confidence and of hits by bin: their difference is what a bin adds, whatever it holds.
    bins: [(f64, f64); BINS],
    decisions: u64,
}

impl Calibration {
    /// Counts a decision that was said to be right with the probability `confidence`.
    pub fn add(&mut self, confidence: f64, right: bool) {
        let bin = (confidence.clamp(0.0, 1.0) * BINS as f64) as usize;
        let (sum, hits) = &mut self.bins[bin.min(BINS - 1)];
        *sum += confidence;
        *hits += f64::from(u8::from(right));
        self.decisions += 1;
    }

    /// Adds the decisions of `other`.
    pub fn merge(&mut self, other: &Self) {
        for ((sum, hits), (other_sum, other_hits)) in self.bins.iter_mut().zip(other.bins) {
            *sum += other_sum;
            *hits += other_hits;
        }
        self.decisions += other.decisions;
    }

    /// Returns the expected calibration error: the mean difference between confidence and accuracy over bins of
    /// confidence, weighted by their decisions (Naeini et al. 2015; Guo et al. 2017, 15 bins). 0 is best; `None` without
    /// decisions.
    pub fn expected_error(&self) -> Option<f64> {
        let total: f64 = self.bins.iter().map(|(sum, hits)| (sum - hits).abs()).sum();
        (self.decisions > 0).then(|| total / self.decisions as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(decisions: &[(f64, bool)]) -> Calibration {
        let mut calibration = Calibration::default();
        for &(confidence, right) in decisions {
            calibration.add(confidence, right);
        }
        calibration
    }

    #[test]
    fn bins_are_weighted_by_their_decisions() {
        // Nine of ten at .9 are right: nothing. One of two at .6: .1 each. Together .2 of 12.
        let sure: Vec<_> = (0..10).map(|i| (0.9, i > 0)).collect();
        let mut all = of(&sure);
        all.merge(&of(&[(0.6, true), (0.6, false)]));
        let error = all.expected_error().unwrap();
        assert!((error - 0.2 / 12.0).abs() < 1e-12, "{error}");
        assert_eq!(of(&[(1.0, false)]).expected_error(), Some(1.0));
        assert_eq!(of(&[]).expected_error(), None);
    }
}
