//! Accuracy figures of one set of predictions.

use serde::{Deserialize, Serialize};

/// Counts of windows by true class (row) and predicted class (column).
///
/// Conventions, where textbooks differ:
/// - macro-F1 averages over the classes present in truth *or* prediction of the set at hand (scikit-learn's
///   default): a class that the set lacks counts only if it was predicted, and then with zero;
/// - balanced accuracy averages recall over the classes present in the truth.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Class names, in order of rows and columns.
    pub labels: Vec<String>,
    /// `counts[truth][predicted]`.
    pub counts: Vec<Vec<u64>>,
}

/// Three figures of one set of predictions. All shares are in `0..=1`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Share of windows classified correctly.
    pub accuracy: f64,
    /// Mean recall of the classes present in the truth.
    pub balanced_accuracy: f64,
    /// Mean F1 of the classes present in truth or prediction.
    pub macro_f1: f64,
}

/// Figures of one class. `None` where the denominator is zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Class name.
    pub label: String,
    /// Windows of this class.
    pub windows: u64,
    /// Share of the predictions of this class that are right.
    pub precision: Option<f64>,
    /// Share of the windows of this class that are found.
    pub recall: Option<f64>,
    /// Harmonic mean of the two; `None` when the class is in neither truth nor prediction.
    pub f1: Option<f64>,
}

impl Confusion {
    /// Starts with all counts zero.
    pub fn new(labels: &[String]) -> Self {
        Self {
            labels: labels.to_vec(),
            counts: vec![vec![0; labels.len()]; labels.len()],
        }
    }

    /// Counts windows; `truth` and `predicted` hold one class per window.
    ///
    /// # Panics
    /// When the two differ in length, or a class has no label.
    pub fn of(labels: &[String], truth: &[usize], predicted: &[usize]) -> Self {
        assert_eq!(truth.len(), predicted.len(), "one prediction per window");
        let mut confusion = Self::new(labels);
        for (&truth, &predicted) in truth.iter().zip(predicted) {
            confusion.add(truth, predicted);
        }
        confusion
    }

    /// Counts one window.
    ///
    /// # Panics
    /// When a class has no label.
    pub fn add(&mut self, truth: usize, predicted: usize) {
        self.counts[truth][predicted] += 1;
    }

    /// Adds the counts of `other`, which has the same labels.
    pub fn merge(&mut self, other: &Self) {
        for (mine, others) in self.counts.iter_mut().zip(&other.counts) {
            for (count, other) in mine.iter_mut().zip(others) {
                *count += other;
            }
        }
    }

    /// Returns the number of windows counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// Computes accuracy, balanced accuracy and macro-F1; zero when nothing was counted.
    pub fn scores(&self) -> Scores {
        let classes = self.per_class();
        let right: u64 = (0..self.counts.len()).map(|c| self.cell(c, c)).sum();
        Scores {
            accuracy: ratio(right, self.total()).unwrap_or(0.0),
            balanced_accuracy: mean(classes.iter().filter_map(|c| c.recall)),
            macro_f1: mean(classes.iter().filter_map(|c| c.f1)),
        }
    }

    /// Computes precision, recall and F1 of every class.
    pub fn per_class(&self) -> Vec<ClassScores> {
        self.labels
            .iter()
            .enumerate()
            .map(|(class, label)| {
                let right = self.cell(class, class);
                let truth: u64 = self.counts.get(class).into_iter().flatten().sum();
                let predicted: u64 = (0..self.counts.len()).map(|t| self.cell(t, class)).sum();
                ClassScores {
                    label: label.clone(),
                    windows: truth,
                    precision: ratio(right, predicted),
                    recall: ratio(right, truth),
                    f1: ratio(2 * right, truth + predicted),
                }
            })
            .collect()
    }

    /// Returns how many windows of class `truth` were taken for `predicted`; zero outside the matrix, which a file may
    /// hold incompletely.
    pub fn cell(&self, truth: usize, predicted: usize) -> u64 {
        self.counts
            .get(truth)
            .and_then(|row| row.get(predicted))
            .copied()
            .unwrap_or(0)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Returns the mean; zero of no value.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0u32), |(s, n), v| (s + v, n + 1));
    if count == 0 {
        0.0
    } else {
        sum / f64::from(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(n: usize) -> Vec<String> {
        (0..n).map(|c| format!("class {c}")).collect()
    }

    #[test]
    fn agrees_with_a_worked_example() {
        // Class 0: TP 2, FN 1, FP 1. Class 1: TP 1, FN 1, FP 1. Class 2: TP 1. Class 3 does not occur.
        let truth = [0, 0, 0, 1, 1, 2];
        let predicted = [0, 0, 1, 1, 0, 2];
        let confusion = Confusion::of(&labels(4), &truth, &predicted);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} != {b}");
        let scores = confusion.scores();
        close(scores.accuracy, 4.0 / 6.0);
        close(scores.balanced_accuracy, (2.0 / 3.0 + 0.5 + 1.0) / 3.0);
        close(scores.macro_f1, (4.0 / 6.0 + 0.5 + 1.0) / 3.0);
        let classes = confusion.per_class();
        close(classes[0].f1.unwrap(), 4.0 / 6.0);
        close(classes[1].f1.unwrap(), 0.5);
        assert_eq!(classes[3].f1, None);
    }

    #[test]
    fn a_class_never_predicted_counts_as_zero() {
        let confusion = Confusion::of(&labels(2), &[0, 1], &[0, 0]);
        assert_eq!(confusion.per_class()[1].f1, Some(0.0));
        assert!((confusion.scores().macro_f1 - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(Confusion::new(&labels(2)).scores(), Scores::default());
    }

    proptest! {
        /// Shares stay within 0..=1, a perfect prediction scores 1 everywhere, and renaming the classes
        /// changes no summary.
        #[test]
        fn scores_are_shares_and_do_not_depend_on_class_order(
            pairs in prop::collection::vec((0usize..5, 0usize..5), 1..60),
        ) {
            let count = |f: &dyn Fn(usize, usize) -> (usize, usize)| {
                let mut confusion = Confusion::new(&labels(5));
                for &(truth, predicted) in &pairs {
                    let (truth, predicted) = f(truth, predicted);
                    confusion.add(truth, predicted);
                }
                confusion.scores()
            };
            let scores = count(&|t, p| (t, p));
            for share in [scores.accuracy, scores.balanced_accuracy, scores.macro_f1] {
                prop_assert!((0.0..=1.0).contains(&share));
            }
            let turned = count(&|t, p| (4 - t, 4 - p));
            prop_assert!((turned.macro_f1 - scores.macro_f1).abs() < 1e-12);
            prop_assert!((turned.balanced_accuracy - scores.balanced_accuracy).abs() < 1e-12);
            let perfect = count(&|t, _| (t, t));
            prop_assert_eq!(perfect.accuracy, 1.0);
            prop_assert!((perfect.macro_f1 - 1.0).abs() < 1e-12);
        }
    }
}
