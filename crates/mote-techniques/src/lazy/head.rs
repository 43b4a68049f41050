//! A linear classifier on the pooled features of an inner layer.

#![allow(
    clippy::expect_used,
    reason = "on the host a broken invariant ends the program and says which it was"
)]

use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::logistic_regression::{LogisticRegression, LogisticRegressionParameters};

/// Weight of the squared norm relative to the mean loss. It keeps the classifier from features that tell the training
/// users apart and nothing else. Of .001, .003, .01 and .03 it is the value whose exits save most multiply-accumulates on
/// training users that the classifier was not fitted on (ten folds of the watch).
const DECAY: f64 = 3e-3;

/// How far the score of a class without examples lies below the lowest intercept.
const UNSEEN: f64 = 10.0;

/// `scores = weights * features + bias`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    /// `[classes][features]`.
    pub weights: Vec<f32>,
    /// `[classes]`.
    pub bias: Vec<f32>,
}

impl Head {
    /// Fits multinomial logistic regression (Bishop 2006, section 4.3.4) of the classes `y`, all below `classes`, to the
    /// rows of `x`, `[n][features]`.
    pub fn fit(x: &[f32], y: &[usize], features: usize, classes: usize) -> Self {
        let (mean, scale) = standardisation(x, features);
        let (weights, bias) = regression(x, y, &mean, &scale, classes);
        let mut head = Self {
            weights: Vec::with_capacity(classes * features),
            bias: Vec::with_capacity(classes),
        };
        // Undo the standardisation, so that scores take raw features.
        for (weights, mut bias) in weights.chunks_exact(features).zip(bias) {
            for ((w, m), s) in weights.iter().zip(&mean).zip(&scale) {
                head.weights.push((w * s) as f32);
                bias -= w * s * m;
            }
            head.bias.push(bias as f32);
        }
        head
    }

    /// Multiplies all scores by `factor`, which does not change their order.
    pub fn scale(&mut self, factor: f32) {
        for value in self.weights.iter_mut().chain(&mut self.bias) {
            *value *= factor;
        }
    }

    /// Returns the scores of `features`.
    pub fn scores<'a>(&'a self, features: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        let rows = self.weights.chunks_exact(features.len().max(1));
        rows.zip(&self.bias).map(move |(row, bias)| {
            bias + row.iter().zip(features).map(|(w, x)| w * x).sum::<f32>()
        })
    }
}

/// Returns the mean of each column of `x`, `[n][features]`, and the inverse of its standard deviation; 0 for a constant
/// column, which says nothing.
fn standardisation(x: &[f32], features: usize) -> (Vec<f64>, Vec<f64>) {
    let n = (x.len() / features) as f64;
    let column = |f: usize| x.iter().skip(f).step_by(features).map(|&v| f64::from(v));
    let mean: Vec<f64> = (0..features).map(|f| column(f).sum::<f64>() / n).collect();
    let inverse = |(f, m): (usize, &f64)| {
        let deviation = (column(f).map(|v| (v - m).powi(2)).sum::<f64>() / n).sqrt();
        match deviation > 1e-6 {
            true => deviation.recip(),
            false => 0.0,
        }
    };
    let scale = mean.iter().enumerate().map(inverse).collect();
    (mean, scale)
}

/// Returns the weights, `[classes][features]`, and intercepts for standardised features.
fn regression(
    x: &[f32],
    y: &[usize],
    mean: &[f64],
    scale: &[f64],
    classes: usize,
) -> (Vec<f64>, Vec<f64>) {
    let features = mean.len();
    let mut weights = vec![0.0; classes * features];
    let mut seen: Vec<usize> = y.to_vec();
    seen.sort_unstable();
    seen.dedup();
    let mut intercepts = vec![0.0; seen.len()];
    if seen.len() > 1 {
        let rows: Vec<f64> = x
            .chunks_exact(features)
            .flat_map(|row| row.iter().zip(mean.iter().zip(scale)))
            .map(|(&v, (m, s))| (f64::from(v) - m) * s)
            .collect();
        let rows = DenseMatrix::new(y.len(), features, rows, false);
        let rows = rows.expect("there is one row per class");
        let labels: Vec<u32> = y.iter().map(|&c| c as u32).collect();
        // The library's loss is a sum over examples.
        let parameters = LogisticRegressionParameters::default().with_alpha(DECAY * y.len() as f64);
        let fitted = LogisticRegression::fit(&rows, &labels, parameters);
        let fitted = fitted.expect("rows and classes are of one number, and the classes are two");
        let (of_feature, of_class) = (fitted.coefficients(), fitted.intercept());
        for (i, &class) in seen.iter().enumerate() {
            // Two classes have one row: how far the second leads the first.
            let (row, factor) = match (seen.len(), i) {
                (2, 0) => (0, -0.5),
                (2, _) => (0, 0.5),
                _ => (i, 1.0),
            };
            intercepts[i] = factor * of_class.get((row, 0));
            for (f, w) in weights[class * features..][..features]
                .iter_mut()
                .enumerate()
            {
                *w = factor * of_feature.get((row, f));
            }
        }
    }
    let lowest = intercepts.iter().copied().fold(f64::INFINITY, f64::min);
    let mut bias = vec![lowest - UNSEEN; classes];
    for (&class, intercept) in seen.iter().zip(intercepts) {
        bias[class] = intercept;
    }
    (weights, bias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_separates_three_clouds_and_ignores_a_constant() {
        let mut x = Vec::new();
        let mut y = Vec::new();
        for i in 0..300usize {
            let class = i % 3;
            let noise = |k: usize| ((i * k) as f32 * 0.7).sin() * 0.4;
            let centre = [[0.0, 0.0], [100.0, 1.0], [100.0, -1.0]][class];
            x.extend([centre[0] + 10.0 * noise(3), centre[1] + noise(5), 42.0]);
            y.push(class);
        }
        let head = Head::fit(&x, &y, 3, 3);
        let right = x.chunks_exact(3).zip(&y).filter(|(row, class)| {
            let scores: Vec<f32> = head.scores(row).collect();
            mote::kernels::argmax(&scores) == **class
        });
        assert_eq!(right.count(), 300);
        assert!(head.weights.iter().skip(2).step_by(3).all(|&w| w == 0.0));
    }

    #[test]
    fn a_class_without_examples_never_wins() {
        let x = [0.0f32, 0.5, 1.0, 5.0, 5.5, 6.0];
        // Of three classes two occur, one occurs.
        for y in [[0, 0, 0, 2, 2, 2], [2; 6]] {
            let head = Head::fit(&x, &y, 1, 3);
            for (x, class) in x.iter().zip(y) {
                let scores: Vec<f32> = head.scores(&[*x]).collect();
                assert_eq!(mote::kernels::argmax(&scores), class, "{scores:?}");
                assert!(scores[1] < scores[class] - 5.0, "{scores:?}");
            }
        }
    }

    #[test]
    fn probabilities_are_those_of_the_examples() {
        // A feature that says nothing: scores are the logarithms of frequencies.
        let x: Vec<f32> = (0..400).map(|i| (i / 4 % 2) as f32).collect();
        let y: Vec<usize> = (0..400).map(|i| [0, 0, 1, 2][i % 4]).collect();
        let head = Head::fit(&x, &y, 1, 3);
        let scores: Vec<f32> = head.scores(&[0.5]).collect();
        assert!(
            (scores[0] - scores[1] - 2f32.ln()).abs() < 0.02,
            "{scores:?}"
        );
        assert!((scores[1] - scores[2]).abs() < 0.02, "{scores:?}");
        assert_eq!(head, Head::fit(&x, &y, 1, 3));
    }
}
