//! Axes: from values to plot units, with round ticks.

/// Maps `min..=max` to `from..=to`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    log: bool,
    /// Whether round values are multiples and powers of two of KiB.
    binary: bool,
    min: f64,
    max: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Builds a linear axis from `min` to `max`.
    pub fn linear(min: f64, max: f64, from: f64, to: f64) -> Self {
        let max = if max > min { max } else { min + 1.0 };
        Self {
            log: false,
            binary: false,
            min,
            max,
            from,
            to,
        }
    }

    /// Builds a logarithmic axis; both ends must be positive, otherwise the axis is linear.
    pub fn log(min: f64, max: f64, from: f64, to: f64) -> Self {
        Self {
            log: min > 0.0 && max > min,
            ..Self::linear(min, max, from, to)
        }
    }

    /// Builds an axis with room for all `values`: logarithmic when they span more than a factor of 20, otherwise
    /// linear from zero.
    pub fn for_sizes(values: &[f64], from: f64, to: f64) -> Self {
        let max = values.iter().copied().fold(0.0, f64::max);
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        if min > 0.0 && min.is_finite() && max > 20.0 * min {
            Self::log(min / 1.6, max * 1.6, from, to)
        } else {
            Self::linear(0.0, max * 1.15, from, to)
        }
    }

    /// Returns the same axis with ticks that are round in bytes.
    pub fn in_bytes(self) -> Self {
        Self {
            binary: true,
            ..self
        }
    }

    /// Builds an axis of shares around `values`, at least a tenth long and within `0..=1`.
    pub fn for_shares(values: &[f64], from: f64, to: f64) -> Self {
        let min = values.iter().copied().fold(1.0, f64::min);
        let max = values.iter().copied().fold(0.0, f64::max);
        let margin = ((0.1 - (max - min)) / 2.0).max((max - min) * 0.12);
        let low = (min - margin).max(0.0);
        let high = (max + margin).min(1.0);
        Self::linear(low, high.max(low + 0.05), from, to)
    }

    /// Returns the position of `value`, clamped to the axis.
    pub fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.min) / self.min).ln() / (self.max / self.min).ln()
        } else {
            (value - self.min) / (self.max - self.min)
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Lists about `count` round values inside the axis.
    pub fn ticks(&self, count: usize) -> Vec<f64> {
        if self.log {
            self.log_ticks(count)
        } else {
            self.linear_ticks(count)
        }
    }

    fn linear_ticks(&self, count: usize) -> Vec<f64> {
        let step = (self.max - self.min) / count.max(1) as f64;
        let unit = match step {
            s if self.binary && s >= 512.0 * 1024.0 => 1024.0 * 1024.0,
            s if self.binary && s >= 512.0 => 1024.0,
            _ => 1.0,
        };
        let step = round_up(step / unit) * unit;
        let first = (self.min / step - 1e-9).ceil();
        let last = (self.max / step + 1e-9).floor();
        let steps = (last - first).clamp(0.0, 100.0) as usize;
        (0..=steps).map(|i| (first + i as f64) * step).collect()
    }

    /// Lists decades, or 1, 2 and 5 of each when there are few decades; powers of two on a binary axis.
    fn log_ticks(&self, count: usize) -> Vec<f64> {
        if self.binary {
            let (low, high) = (self.min.log2(), self.max.log2());
            let stride = ((high - low) / count.max(1) as f64).ceil().max(1.0) as usize;
            let powers = (low.ceil() as i32..=high.floor() as i32).step_by(stride);
            return powers.map(|e| 2f64.powi(e)).collect();
        }
        let (low, high) = (self.min.log10(), self.max.log10());
        let decades = high - low;
        let digits: &[f64] = if decades * 3.0 <= count as f64 {
            &[1.0, 2.0, 5.0]
        } else if decades * 2.0 <= count as f64 {
            &[1.0, 3.0]
        } else {
            &[1.0]
        };
        let stride = (decades / count.max(1) as f64).ceil().max(1.0) as usize;
        (low.floor() as i32..=high.ceil() as i32)
            .step_by(stride)
            .flat_map(|e| digits.iter().map(move |d| d * 10f64.powi(e)))
            .filter(|v| (self.min * 0.999..=self.max * 1.001).contains(v))
            .collect()
    }
}

/// Returns the smallest of 1, 2, 2.5, 5 times a power of ten that is at least `step`.
fn round_up(step: f64) -> f64 {
    let power = 10f64.powf(step.max(1e-12).log10().floor());
    let digit = step / power;
    [1.0, 2.0, 2.5, 5.0]
        .into_iter()
        .find(|&d| digit <= d + 1e-9)
        .unwrap_or(10.0)
        * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: &[f64], b: &[f64]) {
        assert_eq!(a.len(), b.len(), "{a:?} {b:?}");
        for (x, y) in a.iter().zip(b) {
            assert!((x - y).abs() < 1e-9 * y.abs().max(1.0), "{a:?} {b:?}");
        }
    }

    #[test]
    fn linear_axis() {
        let scale = Scale::linear(0.0, 10.0, 100.0, 200.0);
        assert_eq!(scale.at(0.0), 100.0);
        assert_eq!(scale.at(2.5), 125.0);
        assert_eq!(scale.at(99.0), 200.0);
        near(&scale.ticks(5), &[0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        near(
            &Scale::linear(0.83, 0.97, 0.0, 1.0).ticks(4),
            &[0.85, 0.9, 0.95],
        );
    }

    #[test]
    fn log_axis() {
        let scale = Scale::log(10.0, 1_000.0, 0.0, 100.0);
        assert!((scale.at(100.0) - 50.0).abs() < 1e-9);
        near(
            &scale.ticks(6),
            &[10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0],
        );
        near(
            &Scale::log(1.0, 1e6, 0.0, 1.0).ticks(4),
            &[1.0, 100.0, 1e4, 1e6],
        );
    }

    #[test]
    fn axes_of_bytes() {
        near(
            &Scale::log(700.0, 40_000.0, 0.0, 1.0).in_bytes().ticks(3),
            &[1_024.0, 4_096.0, 16_384.0],
        );
        near(
            &Scale::linear(0.0, 10_000.0, 0.0, 1.0).in_bytes().ticks(4),
            &[0.0, 2_560.0, 5_120.0, 7_680.0],
        );
    }

    #[test]
    fn axes_without_extent_stay_usable() {
        for scale in [
            Scale::for_sizes(&[], 0.0, 1.0),
            Scale::for_sizes(&[7.0], 0.0, 1.0),
            Scale::for_shares(&[], 0.0, 1.0),
            Scale::for_shares(&[1.0], 0.0, 1.0),
        ] {
            assert!(scale.at(0.5).is_finite());
            assert!(!scale.ticks(4).is_empty());
        }
    }
}
