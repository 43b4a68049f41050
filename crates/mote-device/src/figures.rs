//! What a pipeline needs on one board: the figures as measurements give them and as `results.json` holds them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The device envelope of the original system: 4 MB of memory, 200 MHz, 50 mW.
pub const ENVELOPE_BYTES: u64 = 4 * 1024 * 1024;
/// See [`ENVELOPE_BYTES`].
pub const ENVELOPE_MHZ: f64 = 200.0;
/// See [`ENVELOPE_BYTES`].
pub const ENVELOPE_MW: f64 = 50.0;

/// One pipeline on one board, per decision where not said otherwise. A figure that could not be had is `None`, and
/// [`DeviceFigures::why`] says why. The serialized form is an entry of `runs[].device[]` in `results.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DeviceFigures {
    /// Name of the board, such as `stm32l4r5`.
    pub board: String,
    /// Its core, such as `Cortex-M4F`.
    #[serde(default)]
    pub core: String,
    /// Optimisation level of the image: `s`, `z`, `2`, `3`.
    #[serde(default)]
    pub optimize: String,
    /// Clock, in MHz.
    #[serde(default)]
    pub clock_mhz: Option<f64>,
    /// Flash for everything but the model (start-up included), in bytes.
    #[serde(default)]
    pub flash_code: Option<u64>,
    /// Flash for the model's constants, in bytes.
    #[serde(default)]
    pub flash_model: Option<u64>,
    /// Weights in a storage outside the image, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flash_external: Option<u64>,
    /// Part of the latency that is spent on reading that storage, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loading_ms: Option<f64>,
    /// Part of the energy that is spent on reading that storage, in microjoules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loading_uj: Option<f64>,
    /// Flash the board has, in bytes.
    #[serde(default)]
    pub flash_limit: Option<u64>,
    /// `.data` and `.bss`, in bytes.
    #[serde(default)]
    pub ram_static: Option<u64>,
    /// Deepest stack, from its top and callers included, in bytes.
    #[serde(default)]
    pub ram_stack: Option<u64>,
    /// Peak of the heap, in bytes, from its start to behind the highest byte ever handed out: it includes the allocator's
    /// rounding and holes, but not its own variables, which are static. Zero when the image has no heap.
    #[serde(default)]
    pub ram_heap: Option<u64>,
    /// RAM the board has, in bytes.
    #[serde(default)]
    pub ram_limit: Option<u64>,
    /// Instructions per inference; like cycles, latency and energy the mean where decisions differ.
    #[serde(default)]
    pub instructions: Option<u64>,
    /// Cycles per inference: those of the core, and those it waits for flash.
    #[serde(default)]
    pub cycles: Option<u64>,
    /// Of these, the cycles of the core, had its memory answered at once; absent in files of before, in which all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles_core: Option<u64>,
    /// Of these, the cycles waiting for flash; absent where that is not modelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles_flash: Option<u64>,
    /// The share of `cycles_flash` that is waiting for weights: what a copy of all of them in RAM gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles_flash_weights: Option<u64>,
    /// Cycles of the longest decision; absent where all decisions cost the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles_worst: Option<u64>,
    /// Time per inference at the board's clock, in milliseconds.
    #[serde(default)]
    pub latency_ms: Option<f64>,
    /// Time of the longest decision, in milliseconds; absent where all decisions cost the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_worst_ms: Option<f64>,
    /// Energy per inference, in microjoules.
    #[serde(default)]
    pub energy_uj: Option<f64>,
    /// Energy of the longest decision, in microjoules; absent where all decisions cost the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_worst_uj: Option<f64>,
    /// Average power when deciding once per hop, sleep included, in microwatts.
    #[serde(default)]
    pub average_power_uw: Option<f64>,
    /// Life of a CR2032 at that power, in days.
    #[serde(default)]
    pub battery_days: Option<f64>,
    /// Whether flash, RAM and hop suffice on this board.
    #[serde(default)]
    pub fits: Option<bool>,
    /// Whether it stays within 4 MB, 200 MHz and 50 mW.
    #[serde(default)]
    pub fits_envelope: Option<bool>,
    /// How each figure was obtained, by field name.
    #[serde(default)]
    pub method: BTreeMap<String, Method>,
    /// Profile by layer, in execution order.
    #[serde(default)]
    pub layers: Vec<LayerCost>,
    /// Whether the pipeline was measured.
    #[serde(default)]
    pub status: MeasurementStatus,
    /// Why figures are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl DeviceFigures {
    /// Adds what the longest decisions cost, and lets their figures decide as well whether the pipeline fits.
    pub fn add_longest(&mut self, longest: &Self) {
        self.cycles_worst = longest.cycles;
        self.latency_worst_ms = longest.latency_ms;
        self.energy_worst_uj = longest.energy_uj;
        self.fits = self
            .fits
            .zip(longest.fits)
            .map(|(mean, worst)| mean && worst);
    }

    /// Returns the flash in bytes: code and model; `None` unless both are known.
    pub fn flash(&self) -> Option<u64> {
        Some(self.flash_code? + self.flash_model?)
    }

    /// Returns the RAM in bytes: static, stack and heap (nothing when the image has no heap figure).
    pub fn ram(&self) -> Option<u64> {
        Some(self.ram_static? + self.ram_stack? + self.ram_heap.unwrap_or(0))
    }

    /// Returns whether code and model fit the board's flash.
    pub fn fits_flash(&self) -> Option<bool> {
        Some(self.flash()? <= self.flash_limit?)
    }

    /// Returns whether static RAM, stack and heap fit the board's RAM.
    pub fn fits_ram(&self) -> Option<bool> {
        Some(self.ram()? <= self.ram_limit?)
    }

    /// Returns the power while computing, in milliwatts: energy over latency.
    pub fn active_power_mw(&self) -> Option<f64> {
        let latency = self.latency_ms.filter(|&ms| ms > 0.0)?;
        Some(self.energy_uj? / latency)
    }
}

/// How a figure was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Method {
    /// Read from the image.
    Elf,
    /// Counted by the emulator.
    Emulated,
    /// Computed from counts and published figures.
    Modelled,
    /// Taken on the host.
    Host,
    /// A method this version does not know.
    #[serde(other)]
    Other,
}

impl Method {
    /// Returns the method's name as users see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Elf => "elf",
            Self::Emulated => "emulated",
            Self::Modelled => "modelled",
            Self::Host => "host",
            Self::Other => "other",
        }
    }
}

/// Whether a pipeline was measured on a board.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MeasurementStatus {
    /// Built and run.
    #[default]
    Measured,
    /// Not tried: no toolchain, no emulator, or the pipeline has no firmware.
    Unavailable,
    /// Tried, without success.
    Failed,
    /// A state this version does not know.
    #[serde(other)]
    Other,
}

/// Cost of one layer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerCost {
    /// The layer's name in the network.
    pub name: String,
    /// Instructions per inference.
    #[serde(default)]
    pub instructions: Option<u64>,
    /// Cycles per inference: those of the core, and those it waits for flash.
    #[serde(default)]
    pub cycles: Option<u64>,
    /// Of these, the cycles waiting for flash; absent where that is not modelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles_flash: Option<u64>,
    /// The share of `cycles_flash` that is waiting for weights: what a copy of the layer's in RAM gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles_flash_weights: Option<u64>,
    /// Bytes of the model that the layer reads from flash: what such a copy takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_bytes: Option<u64>,
}

impl LayerCost {
    /// Returns the cycles of the core alone, had its memory answered at once.
    pub fn cycles_core(&self) -> Option<u64> {
        Some(self.cycles?.saturating_sub(self.cycles_flash.unwrap_or(0)))
    }
}
