//! Linear discriminant analysis.

use crate::Error;
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

/// Share of the identity in the within-class covariance of standardised features, so that constant and
/// duplicate columns do no harm.
const SHRINKAGE: f64 = 1e-3;

/// One score per class, linear in the features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// `[class][column]`.
    pub weights: Vec<f32>,
    /// One per class; minus infinity for a class without training windows.
    pub bias: Vec<f32>,
}

/// Fits Gaussian classes with one shared covariance C to `rows`: the score of a class with mean m is
/// `x' C^-1 m - m' C^-1 m / 2 + ln(prior)` (Hastie, Tibshirani and Friedman 2009, equation 4.10). `mean` is that of the
/// columns.
pub(crate) fn lda(
    rows: &[Vec<f32>],
    labels: &[usize],
    mean: &[f32],
    classes: usize,
) -> Result<Linear, Error> {
    let (n, columns) = (rows.len(), mean.len());
    let deviation = deviations(rows, mean);
    let x = DMatrix::from_fn(n, columns, |r, c| {
        (f64::from(rows[r][c]) - f64::from(mean[c])) / deviation[c]
    });
    let mut means = DMatrix::zeros(classes, columns);
    let mut counts = vec![0usize; classes];
    for (row, &class) in x.row_iter().zip(labels) {
        counts[class] += 1;
        let mut sum = means.row_mut(class);
        sum += row;
    }
    for (mut row, &count) in means.row_iter_mut().zip(&counts) {
        row /= count.max(1) as f64;
    }
    let within = DMatrix::from_fn(n, columns, |r, c| x[(r, c)] - means[(labels[r], c)]);
    let covariance =
        within.tr_mul(&within) / n as f64 + DMatrix::identity(columns, columns) * SHRINKAGE;
    let solver = covariance.cholesky().ok_or_else(|| Error::Classical {
        model: "LDA",
        what: "the features have no positive covariance; look for infinite values".to_owned(),
    })?;
    let mut weights = Vec::with_capacity(classes * columns);
    let mut bias = Vec::with_capacity(classes);
    for (class, &count) in counts.iter().enumerate() {
        let m: DVector<f64> = means.row(class).transpose();
        let w = solver.solve(&m);
        let prior = (count as f64 / n as f64).ln();
        // Undo the standardisation, so that scores take raw features.
        let w: Vec<f64> = w.iter().zip(&deviation).map(|(w, d)| w / d).collect();
        let centre: f64 = w.iter().zip(mean).map(|(w, &m)| w * f64::from(m)).sum();
        let half: f64 = solver.solve(&m).dot(&m) / 2.0;
        weights.extend(w.iter().map(|&w| w as f32));
        bias.push((prior - half - centre) as f32);
    }
    Ok(Linear { weights, bias })
}

/// Returns the standard deviation per column; 1 for a constant one.
pub(super) fn deviations(rows: &[Vec<f32>], mean: &[f32]) -> Vec<f64> {
    let of_column = |(c, &mean): (usize, &f32)| {
        let square = |r: &Vec<f32>| (f64::from(r[c]) - f64::from(mean)).powi(2);
        let std = (rows.iter().map(square).sum::<f64>() / rows.len() as f64).sqrt();
        if std > 1e-9 { std } else { 1.0 }
    };
    mean.iter().enumerate().map(of_column).collect()
}
