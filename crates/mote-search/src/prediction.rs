//! What a network takes on a device, predicted without building firmware.

use crate::limits::Figures;
use mote_device::board::Board;
use mote_device::energy::Budget;
use serde::{Deserialize, Serialize};

/// A prediction by part, in bytes, and in cycles per decision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Flash beyond the model.
    pub flash_code: u64,
    /// Flash of the model.
    pub flash_model: u64,
    /// Statics: arena and what the runtime keeps beside it.
    pub ram_static: u64,
    /// Deepest stack.
    pub ram_stack: u64,
    /// Core cycles; `None` where no timing of the core is published.
    pub cycles: Option<u64>,
}

impl Prediction {
    /// Returns the figures on `board` with a decision every `hop_s` seconds.
    pub fn figures(&self, board: &Board, hop_s: f64) -> Figures {
        let budget = Budget::new(board, self.cycles, Some(hop_s), None);
        Figures {
            flash: self.flash_code + self.flash_model,
            ram: self.ram_static + self.ram_stack,
            cycles: self.cycles,
            cycles_core: self.cycles,
            latency_ms: budget.latency_ms,
            energy_uj: budget.energy_uj,
            power_uw: budget.average_power_uw,
        }
    }
}
