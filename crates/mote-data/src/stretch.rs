//! Continuous signal: what windows are cut from, and streams are spliced from.

/// A stretch of signal on the task's uniform grid: one user, one activity, no gap.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Who.
    pub user: u32,
    /// What they did, as an index of the task's labels.
    pub class: usize,
    /// Number of the stretch, in order of reading.
    pub recording: u32,
    /// Samples, `[time][channels]`, in the units of [`Windows::x`](crate::Windows::x).
    pub x: Vec<f32>,
}
