//! Labelled windows, the input of training, techniques and evaluation.

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
    /// time step and one channel per feature; NaN stands for a missing value.
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
    /// Returns the number of windows.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Returns whether there is no window.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// Returns the number of values per window.
    pub fn stride(&self) -> usize {
        self.time * self.channels
    }

    /// Returns the samples of window `n`, `[time][channels]`.
    ///
    /// # Panics
    /// When there is no window `n`.
    pub fn window(&self, n: usize) -> &[f32] {
        &self.x[n * self.stride()..(n + 1) * self.stride()]
    }
}
