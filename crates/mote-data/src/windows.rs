//! Labelled windows: what training, techniques and evaluation consume.

/// Windows of one task, stored as one block, time-major: sample `(n, t, c)` lies at
/// `(n * time + t) * channels + c`.
#[derive(Debug, Clone, PartialEq)]
pub struct Windows {
    /// Time steps per window.
    pub time: usize,
    /// Channels per step (x, y, z for one accelerometer).
    pub channels: usize,
    /// Sampling rate of the grid, in Hz.
    pub rate_hz: f32,
    /// New samples between two windows.
    pub hop: usize,
    /// `count * time * channels` values: m/s^2 for acceleration, rad/s for rotation. A feature task has one
    /// time step and one channel per feature; NaN is a missing one, which [`Normalizer`](crate::Normalizer)
    /// replaces by the training mean.
    pub x: Vec<f32>,
    /// Class index per window.
    pub y: Vec<usize>,
    /// User per window.
    pub users: Vec<u32>,
    /// Recording per window, in order of time: neighbours of one recording overlap.
    pub recordings: Vec<u32>,
    /// Class names.
    pub labels: Vec<String>,
}

impl Windows {
    /// Number of windows.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Whether there is no window.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// Values per window.
    pub fn stride(&self) -> usize {
        self.time * self.channels
    }

    /// The samples of window `n`, `[time][channels]`; empty when there is no such window.
    pub fn window(&self, n: usize) -> &[f32] {
        self.x
            .get(n * self.stride()..(n + 1) * self.stride())
            .unwrap_or(&[])
    }
}
