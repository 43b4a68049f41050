//! Accuracy figures of predictions against the truth.

/// Counts of `(truth, prediction)` pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// Row-major: `counts[truth * classes + prediction]`.
    counts: Vec<usize>,
}

impl Confusion {
    /// Counts pairs; those with a class of `classes` or more are ignored.
    pub fn new(classes: usize, truth: &[usize], prediction: &[usize]) -> Self {
        let mut counts = vec![0; classes * classes];
        for (&t, &p) in truth.iter().zip(prediction) {
            if p < classes
                && let Some(count) = counts.get_mut(t * classes + p)
            {
                *count += 1;
            }
        }
        Self { classes, counts }
    }

    /// How often `truth` was taken for `prediction`.
    pub fn count(&self, truth: usize, prediction: usize) -> usize {
        self.counts
            .get(truth * self.classes + prediction)
            .copied()
            .unwrap_or(0)
    }

    fn support(&self, class: usize) -> usize {
        (0..self.classes).map(|p| self.count(class, p)).sum()
    }

    fn predicted(&self, class: usize) -> usize {
        (0..self.classes).map(|t| self.count(t, class)).sum()
    }

    /// Share of right predictions; 0 without any.
    pub fn accuracy(&self) -> f64 {
        let right: usize = (0..self.classes).map(|c| self.count(c, c)).sum();
        ratio(right, self.counts.iter().sum())
    }

    /// Mean recall over the classes that occur in the truth.
    pub fn balanced_accuracy(&self) -> f64 {
        mean((0..self.classes).filter_map(|c| {
            let support = self.support(c);
            (support > 0).then(|| ratio(self.count(c, c), support))
        }))
    }

    /// F1 of one class, `2 TP / (2 TP + FP + FN)`; `None` for a class that neither occurs nor was predicted.
    pub fn f1(&self, class: usize) -> Option<f64> {
        let total = self.support(class) + self.predicted(class);
        (total > 0).then(|| ratio(2 * self.count(class, class), total))
    }

    /// Mean of [`Confusion::f1`] over the classes that have one.
    pub fn macro_f1(&self) -> f64 {
        mean((0..self.classes).filter_map(|c| self.f1(c)))
    }
}

fn ratio(a: usize, b: usize) -> f64 {
    if b == 0 { 0.0 } else { a as f64 / b as f64 }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0u32), |(sum, n), v| (sum + v, n + 1));
    if n == 0 { 0.0 } else { sum / f64::from(n) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_worked_example() {
        // Class 0: TP 2, FN 1, FP 1. Class 1: TP 1, FN 1, FP 1. Class 2: TP 1. Class 3 does not occur.
        let truth = [0, 0, 0, 1, 1, 2];
        let prediction = [0, 0, 1, 1, 0, 2];
        let c = Confusion::new(4, &truth, &prediction);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} != {b}");
        close(c.accuracy(), 4.0 / 6.0);
        close(c.balanced_accuracy(), (2.0 / 3.0 + 0.5 + 1.0) / 3.0);
        close(c.f1(0).unwrap(), 4.0 / 6.0);
        close(c.f1(1).unwrap(), 0.5);
        assert_eq!(c.f1(3), None);
        close(c.macro_f1(), (4.0 / 6.0 + 0.5 + 1.0) / 3.0);
    }

    #[test]
    fn a_class_never_predicted_counts_as_zero() {
        let c = Confusion::new(2, &[0, 1], &[0, 0]);
        assert_eq!(c.f1(1), Some(0.0));
        assert!((c.macro_f1() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(Confusion::new(2, &[], &[]).macro_f1(), 0.0);
    }
}
