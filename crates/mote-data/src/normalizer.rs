//! Normalisation, fitted on training windows only.

use crate::Windows;
use serde::{Deserialize, Serialize};

/// Mean and standard deviation per channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Normalizer {
    /// Mean per channel, in the windows' unit.
    pub mean: Vec<f32>,
    /// Standard deviation per channel; 1 where a channel is constant.
    pub std: Vec<f32>,
}

impl Normalizer {
    /// Fits on the windows `train` (indices). Missing values (NaN) do not count.
    pub fn fit(windows: &Windows, train: &[usize]) -> Self {
        // Welford's recurrence: one pass, and no cancellation between large sums.
        let mut channels = vec![(0.0f64, 0.0f64, 0.0f64); windows.channels];
        for &n in train {
            for step in windows.window(n).chunks_exact(windows.channels.max(1)) {
                for ((count, mean, square), &value) in channels.iter_mut().zip(step) {
                    if !value.is_nan() {
                        let value = f64::from(value);
                        *count += 1.0;
                        let delta = value - *mean;
                        *mean += delta / *count;
                        *square += delta * (value - *mean);
                    }
                }
            }
        }
        let std = |&(count, mean, square): &(f64, f64, f64)| {
            let std = (square / count.max(1.0)).sqrt();
            if std > 1e-6 * mean.abs().max(1.0) {
                std as f32
            } else {
                1.0
            }
        };
        Self {
            mean: channels.iter().map(|c| c.1 as f32).collect(),
            std: channels.iter().map(std).collect(),
        }
    }

    /// Brings every window to zero mean and unit deviation; a missing value becomes 0, the mean.
    pub fn apply(&self, windows: &mut Windows) {
        for step in windows.x.chunks_exact_mut(windows.channels.max(1)) {
            self.apply_step(step);
        }
    }

    /// The same for one time step of all channels.
    pub fn apply_step(&self, step: &mut [f32]) {
        for ((value, mean), std) in step.iter_mut().zip(&self.mean).zip(&self.std) {
            *value = if value.is_nan() {
                0.0
            } else {
                (*value - mean) / std
            };
        }
    }
}
