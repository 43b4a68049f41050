//! Figures that training reports epoch by epoch.

use serde::{Deserialize, Serialize};

/// Figures of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Zero-based number.
    pub epoch: usize,
    /// Mean training loss, with augmentation, smoothing and class weights.
    pub loss: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Validation figures, when there are validation windows.
    pub validation: Option<Validation>,
}

/// How well the network does on the validation windows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Mean cross-entropy, unweighted and unsmoothed.
    pub loss: f64,
    /// Share of right predictions.
    pub accuracy: f64,
    /// Macro-averaged F1.
    pub macro_f1: f64,
}
