//! Computes accuracy figures from predictions.
//!
//! Conventions, where textbooks differ (those of one set of predictions are at [`Confusion`]):
//! - means are over folds, unweighted; pooled figures put the test windows of all folds into one set;
//! - intervals are Student's t over folds. Folds share training data, so they are somewhat too narrow, as
//!   everywhere in the literature.

use crate::error::{Error, Result};
use crate::schema::{Estimate, FoldResult, Metrics, Quantiles, UserQuantiles, UserScores};
use mote_metrics::{Confusion, Scores};
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::collections::BTreeMap;

/// Predictions on the test windows of one fold; the three slices run in parallel.
#[derive(Debug, Clone, Copy)]
pub struct FoldPredictions<'a> {
    /// Name of the fold.
    pub name: &'a str,
    /// True class per window.
    pub y_true: &'a [usize],
    /// Predicted class per window.
    pub y_pred: &'a [usize],
    /// User per window.
    pub users: &'a [u32],
}

/// Computes every accuracy figure of a run, and one [`FoldResult`] per fold (without learning curve).
///
/// # Errors
/// When there is no fold, a fold is empty, its slices differ in length, or a class has no label.
pub fn evaluate(
    labels: &[String],
    folds: &[FoldPredictions<'_>],
) -> Result<(Metrics, Vec<FoldResult>)> {
    let mut pooled = Confusion::new(labels);
    let mut users: BTreeMap<u32, Confusion> = BTreeMap::new();
    let mut results = Vec::with_capacity(folds.len());
    for fold in folds {
        check(labels.len(), fold)?;
        let mut confusion = Confusion::new(labels);
        let mut test_users: Vec<u32> = fold.users.to_vec();
        test_users.sort_unstable();
        test_users.dedup();
        let windows = fold.y_true.iter().zip(fold.y_pred).zip(fold.users);
        for ((&truth, &predicted), &user) in windows {
            confusion.add(truth, predicted);
            pooled.add(truth, predicted);
            users
                .entry(user)
                .or_insert_with(|| Confusion::new(labels))
                .add(truth, predicted);
        }
        results.push(FoldResult {
            name: fold.name.to_owned(),
            test_users,
            windows: confusion.total(),
            scores: confusion.scores(),
            best_epoch: None,
            history: Vec::new(),
        });
    }
    if results.is_empty() {
        return Err(Error::NoPredictions {
            what: "there is no fold".to_owned(),
        });
    }
    let over_folds = |figure: fn(&Scores) -> f64| {
        Estimate::over(
            &results
                .iter()
                .map(|r| figure(&r.scores))
                .collect::<Vec<_>>(),
        )
    };
    let per_user: Vec<UserScores> = users
        .iter()
        .map(|(&user, confusion)| {
            let scores = confusion.scores();
            UserScores {
                user,
                windows: confusion.total(),
                accuracy: scores.accuracy,
                macro_f1: scores.macro_f1,
            }
        })
        .collect();
    let over_users = |figure: fn(&UserScores) -> f64| {
        Quantiles::of(&per_user.iter().map(figure).collect::<Vec<_>>())
    };
    let metrics = Metrics {
        accuracy: over_folds(|s| s.accuracy),
        balanced_accuracy: over_folds(|s| s.balanced_accuracy),
        macro_f1: over_folds(|s| s.macro_f1),
        pooled: pooled.scores(),
        per_class: pooled.per_class(),
        user_quantiles: UserQuantiles {
            accuracy: over_users(|u| u.accuracy),
            macro_f1: over_users(|u| u.macro_f1),
        },
        per_user,
        confusion: pooled,
    };
    Ok((metrics, results))
}

fn check(labels: usize, fold: &FoldPredictions<'_>) -> Result<()> {
    let (truth, predicted) = (fold.y_true.len(), fold.y_pred.len());
    if truth != predicted || truth != fold.users.len() {
        return Err(Error::Lengths {
            fold: fold.name.to_owned(),
            truth,
            predicted,
            users: fold.users.len(),
        });
    }
    if truth == 0 {
        return Err(Error::NoPredictions {
            what: format!("fold `{}` has no window", fold.name),
        });
    }
    let classes = fold.y_true.iter().zip(fold.y_pred).enumerate();
    for (window, (&truth, &predicted)) in classes {
        let class = truth.max(predicted);
        if class >= labels {
            return Err(Error::NoLabel {
                fold: fold.name.to_owned(),
                window,
                class,
                labels,
            });
        }
    }
    Ok(())
}

impl Estimate {
    /// Computes the mean of `values` and the half-width of its 95 % interval, `t(0.975, n - 1) * s / sqrt(n)` with the
    /// sample standard deviation `s`. The mean of no value is zero.
    pub fn over(values: &[f64]) -> Self {
        let n = values.len() as f64;
        if values.is_empty() {
            return Self::default();
        }
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let ci95 = StudentsT::new(0.0, 1.0, n - 1.0)
            .ok()
            .map(|t| t.inverse_cdf(0.975) * (squares / (n - 1.0) / n).sqrt());
        Self { mean, ci95 }
    }
}

impl Quantiles {
    /// Computes quantiles of `values`, interpolated linearly (type 7 of Hyndman and Fan, 1996). Zero when empty.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| {
            let position = share * sorted.len().saturating_sub(1) as f64;
            let low = sorted.get(position.floor() as usize).copied();
            let high = sorted.get(position.ceil() as usize).copied();
            match (low, high) {
                (Some(low), Some(high)) => low + (high - low) * position.fract(),
                _ => 0.0,
            }
        };
        Self {
            min: at(0.0),
            q10: at(0.1),
            q25: at(0.25),
            median: at(0.5),
            q75: at(0.75),
            q90: at(0.9),
            max: at(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(n: usize) -> Vec<String> {
        (0..n).map(|c| format!("class {c}")).collect()
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    /// Truth 0 0 0 1 1 2, prediction 0 0 1 1 2 2, worked out by hand:
    /// recall 2/3, 1/2, 1/1; precision 2/2, 1/2, 1/2; F1 4/5, 2/4, 2/3.
    #[test]
    fn one_fold_by_hand() {
        let fold = FoldPredictions {
            name: "f",
            y_true: &[0, 0, 0, 1, 1, 2],
            y_pred: &[0, 0, 1, 1, 2, 2],
            users: &[7, 7, 7, 7, 9, 9],
        };
        let (metrics, folds) = evaluate(&labels(3), &[fold]).unwrap();
        close(metrics.accuracy.mean, 4.0 / 6.0);
        close(
            metrics.balanced_accuracy.mean,
            (2.0 / 3.0 + 0.5 + 1.0) / 3.0,
        );
        close(metrics.macro_f1.mean, (0.8 + 0.5 + 2.0 / 3.0) / 3.0);
        assert_eq!(metrics.macro_f1.ci95, None);
        assert_eq!(metrics.confusion.counts, [[2, 1, 0], [0, 1, 1], [0, 0, 1]]);
        close(metrics.per_class[0].precision.unwrap(), 1.0);
        assert_eq!(folds[0].test_users, [7, 9]);
        // User 9: truth 1 2, prediction 2 2. Class 0 is in neither and does not count.
        assert_eq!(metrics.per_user[1].user, 9);
        close(metrics.per_user[1].accuracy, 0.5);
        close(metrics.per_user[1].macro_f1, (0.0 + 2.0 / 3.0) / 2.0);
    }

    #[test]
    fn a_class_in_neither_truth_nor_prediction_does_not_count() {
        let fold = FoldPredictions {
            name: "f",
            y_true: &[0, 0, 1],
            y_pred: &[0, 0, 1],
            users: &[1, 1, 1],
        };
        let (metrics, _) = evaluate(&labels(5), &[fold]).unwrap();
        close(metrics.macro_f1.mean, 1.0);
        assert_eq!(metrics.per_class[4].f1, None);
    }

    #[test]
    fn a_class_only_predicted_counts_with_zero_f1_but_not_in_balanced_accuracy() {
        let fold = FoldPredictions {
            name: "f",
            y_true: &[0, 0, 0, 0],
            y_pred: &[0, 0, 0, 1],
            users: &[1, 1, 1, 1],
        };
        let (metrics, _) = evaluate(&labels(2), &[fold]).unwrap();
        close(metrics.macro_f1.mean, (6.0 / 7.0) / 2.0);
        close(metrics.balanced_accuracy.mean, 0.75);
    }

    /// Accuracies 1 and 1/2 average to 3/4 over folds, while the pooled accuracy weighs windows: 5/6.
    #[test]
    fn means_are_over_folds_and_pooled_figures_over_windows() {
        let folds = [
            FoldPredictions {
                name: "a",
                y_true: &[0, 0, 1, 1],
                y_pred: &[0, 0, 1, 1],
                users: &[1, 1, 1, 1],
            },
            FoldPredictions {
                name: "b",
                y_true: &[0, 1],
                y_pred: &[0, 0],
                users: &[2, 2],
            },
        ];
        let (metrics, _) = evaluate(&labels(2), &folds).unwrap();
        close(metrics.accuracy.mean, 0.75);
        close(metrics.pooled.accuracy, 5.0 / 6.0);
        // t(0.975, 1) = 12.706204736; s / sqrt(2) = 0.25.
        assert!((metrics.accuracy.ci95.unwrap() - 12.706_204_736 * 0.25).abs() < 1e-6);
    }

    /// t(0.975, 9) = 2.262157163 (Abramowitz and Stegun, table 26.10); the values 1..=10 have s = 3.02765.
    #[test]
    fn interval_of_ten_values() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        let estimate = Estimate::over(&values);
        close(estimate.mean, 5.5);
        let expected = 2.262_157_163 * (82.5_f64 / 9.0).sqrt() / 10.0_f64.sqrt();
        assert!((estimate.ci95.unwrap() - expected).abs() < 1e-6);
    }

    #[test]
    fn quantiles_interpolate() {
        let q = Quantiles::of(&[4.0, 1.0, 3.0, 2.0]);
        close(q.min, 1.0);
        close(q.q25, 1.75);
        close(q.median, 2.5);
        close(q.q90, 3.7);
        close(q.max, 4.0);
        assert_eq!(Quantiles::of(&[]), Quantiles::default());
        close(Quantiles::of(&[0.3]).q10, 0.3);
    }

    #[test]
    fn wrong_input_is_named() {
        let fold = |y_true, y_pred, users| FoldPredictions {
            name: "third",
            y_true,
            y_pred,
            users,
        };
        let message =
            |folds: &[FoldPredictions<'_>]| evaluate(&labels(2), folds).unwrap_err().to_string();
        assert!(message(&[]).contains("no fold"));
        assert!(message(&[fold(&[], &[], &[])]).contains("`third`"));
        assert!(message(&[fold(&[0], &[0, 1], &[1])]).contains("2 predicted"));
        assert!(message(&[fold(&[0, 1], &[0, 2], &[1, 1])]).contains("window 1: class 2"));
    }
}
