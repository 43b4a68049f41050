//! The state of a training run.

use crate::history::Epoch;
use crate::network::Snapshot;
use serde::{Deserialize, Serialize};

/// The best epoch so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    pub epoch: usize,
    pub macro_f1: f64,
    pub snapshot: Snapshot,
}

/// Everything that the next epoch depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The network being trained.
    pub current: Snapshot,
    /// Moving average of the parameters.
    pub average: Vec<f32>,
    /// First and second moments of AdamW.
    pub moments: Option<[Vec<f32>; 2]>,
    /// Steps taken.
    pub steps: usize,
    pub history: Vec<Epoch>,
    pub best: Option<Best>,
}

impl State {
    /// Returns the state before the first step of training from `start`.
    pub fn new(start: Snapshot) -> Self {
        Self {
            average: start.values.clone(),
            current: start,
            moments: None,
            steps: 0,
            history: Vec::new(),
            best: None,
        }
    }
}
