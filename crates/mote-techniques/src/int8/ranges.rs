//! The range of values that each tensor of the int8 network represents.

use crate::artifact::Context;
use crate::error::Error;
use mote_model::session::{self, Session};
use mote_model::{Graph, Quant};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the range of a tensor is chosen from the values observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Calibration {
    /// Smallest to largest value.
    MinMax,
    /// Values between the 0.01 and the 99.99 percentile.
    Percentile,
    /// The share of the full range with the least mean squared error.
    Mse,
}

/// Most values kept per tensor: enough for stable percentiles, and sorted in no time.
const KEPT_PER_TENSOR: usize = 200_000;

/// Runs the f32 network on training windows and returns every tensor's values.
pub(super) fn observe(
    graph: &Graph,
    context: &Context,
    windows: &[usize],
) -> Result<Vec<Vec<f32>>, Error> {
    let mut values: Vec<Vec<f32>> = vec![Vec::new(); graph.tensors.len()];
    let compiled = session::compile(graph)?;
    let mut session = Session::new(&compiled)?;
    for &n in windows {
        session.run_observed(context.windows.window(n), |tensor, observed| {
            let every = (observed.len() * windows.len()).div_ceil(KEPT_PER_TENSOR);
            values[tensor].extend(observed.iter().step_by(every));
        })?;
    }
    Ok(values)
}

/// Returns the range to represent. It always contains zero.
pub(super) fn range(mut values: Vec<f32>, calibration: Calibration) -> (f32, f32) {
    values.retain(|v| v.is_finite());
    values.sort_by(f32::total_cmp);
    let (Some(&low), Some(&high)) = (values.first(), values.last()) else {
        return (0.0, 0.0);
    };
    let (low, high) = (low.min(0.0), high.max(0.0));
    match calibration {
        Calibration::MinMax => (low, high),
        Calibration::Percentile => {
            let at = |share: f64| values[((values.len() - 1) as f64 * share) as usize];
            (at(0.0001).min(0.0), at(0.9999).max(0.0))
        }
        Calibration::Mse => {
            let sample: Vec<f32> = values
                .iter()
                .copied()
                .step_by(values.len().div_ceil(20_000))
                .collect();
            let error = |share: f32| {
                let quant = Quant::over(low * share, high * share);
                sample
                    .iter()
                    .map(|&v| f64::from(quant.nearest(v) - v).powi(2))
                    .sum::<f64>()
            };
            let shares = (30..=100)
                .rev()
                .step_by(2)
                .map(|percent| percent as f32 / 100.0);
            let (_, share) = shares
                .map(|s| (error(s), s))
                .min_by(|a, b| a.0.total_cmp(&b.0))
                .expect("there are shares to choose from");
            (low * share, high * share)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_holds_zero_exactly_and_covers_the_range() {
        for range in [(-1.0, 3.0), (0.0, 6.0), (-2.5, 0.0), (0.0, 0.0)] {
            let q = Quant::over(range.0, range.1);
            let lowest = (-128.0 - f32::from(q.zero_point)) * q.scale;
            let highest = (127.0 - f32::from(q.zero_point)) * q.scale;
            assert!(
                lowest <= range.0 + q.scale && highest >= range.1 - q.scale,
                "{range:?} {q:?}"
            );
        }
    }

    #[test]
    fn mse_is_never_worse_than_minmax_and_percentile_cuts_an_outlier() {
        // Mostly small values with a long tail, and one outlier.
        let tail = (1..10_000).map(|i| -(i as f32 / 10_000.0).ln());
        let values: Vec<f32> = tail.chain([40.0]).collect();
        let error = |calibration| {
            let (low, high) = range(values.clone(), calibration);
            let grid = Quant::over(low, high);
            let squares = values
                .iter()
                .map(|&v| f64::from(grid.nearest(v) - v).powi(2));
            squares.sum::<f64>()
        };
        assert!(error(Calibration::Mse) <= error(Calibration::MinMax));
        assert_eq!(range(values.clone(), Calibration::MinMax).1, 40.0);
        assert!(range(values.clone(), Calibration::Percentile).1 < 12.0);
    }
}
