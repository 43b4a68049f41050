//! From cycles to time, energy and battery life.

use crate::board::Board;
use serde::Serialize;

/// Energy of a CR2032 coin cell: 235 mAh at a nominal 3 V (Energizer and Panasonic data sheets: 225 to
/// 240 mAh), all of it usable, without self-discharge.
pub const CR2032_JOULES: f64 = 0.235 * 3.0 * 3600.0;

/// The device envelope of the original system: 4 MB of memory, 200 MHz, 50 mW.
pub const ENVELOPE_BYTES: u64 = 4 * 1024 * 1024;
/// See [`ENVELOPE_BYTES`].
pub const ENVELOPE_MHZ: f64 = 200.0;
/// See [`ENVELOPE_BYTES`].
pub const ENVELOPE_MW: f64 = 50.0;

/// Time and energy of deciding on a board. The microcontroller alone: sensor and radio come on top.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Budget {
    /// Milliseconds per decision.
    pub latency_ms: Option<f64>,
    /// Microjoules per decision.
    pub energy_uj: Option<f64>,
    /// Microwatts on average, one decision per hop and asleep between.
    pub average_power_uw: Option<f64>,
    /// Days on a CR2032.
    pub battery_life_days: Option<f64>,
    /// Milliwatts while computing.
    pub active_power_mw: Option<f64>,
}

impl Budget {
    /// The budget of a decision of `cycles` on `board`, one every `hop_seconds`. What the board file does not
    /// know stays unknown. A decision that takes longer than the hop has no average.
    pub fn new(board: &Board, cycles: Option<u64>, hop_seconds: Option<f64>) -> Self {
        let hz = board.clock_mhz * 1e6;
        let seconds = cycles.map(|c| c as f64 / hz);
        let pj = board.energy.as_ref().map(|e| e.pj_per_cycle);
        let joules = cycles.zip(pj).map(|(c, pj)| c as f64 * pj * 1e-12);
        let sleep = board.sleep.as_ref().map(|s| s.power_uw * 1e-6);
        let average = match (joules, seconds, sleep, hop_seconds) {
            (Some(j), Some(s), Some(sleep), Some(hop)) if s <= hop && hop > 0.0 => {
                Some((j + sleep * (hop - s)) / hop)
            }
            _ => None,
        };
        Self {
            latency_ms: seconds.map(|s| s * 1e3),
            energy_uj: joules.map(|j| j * 1e6),
            average_power_uw: average.map(|w| w * 1e6),
            battery_life_days: average.map(|w| CR2032_JOULES / w / 86_400.0),
            active_power_mw: pj.map(|pj| pj * 1e-12 * hz * 1e3),
        }
    }
}

/// Whether a pipeline fits a board and the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fits {
    /// Code and model fit the board's flash.
    pub flash: bool,
    /// Statics, stack and heap fit its RAM.
    pub ram: bool,
    /// Memory, clock and, where known, power are within 4 MB, 200 MHz and 50 mW.
    pub envelope: bool,
}

impl Fits {
    /// Compares bytes and power with `board` and the envelope.
    pub fn new(board: &Board, flash: u64, ram: u64, budget: &Budget) -> Self {
        let power_fits = budget.active_power_mw.is_none_or(|mw| mw <= ENVELOPE_MW);
        Self {
            flash: flash <= u64::from(board.flash_kib) * 1024,
            ram: ram <= u64::from(board.ram_kib) * 1024,
            envelope: flash + ram <= ENVELOPE_BYTES
                && board.clock_mhz <= ENVELOPE_MHZ
                && power_fits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: Option<f64>, b: f64) {
        assert!(a.is_some_and(|a| (a / b - 1.0).abs() < 1e-9), "{a:?} {b}");
    }

    #[test]
    fn a_million_cycles_on_an_nrf52840_by_hand() {
        let mut board = Board::load("nrf52840").unwrap();
        board.energy.as_mut().unwrap().pj_per_cycle = 100.0;
        board.sleep.as_mut().unwrap().power_uw = 5.0;
        let b = Budget::new(&board, Some(1_000_000), Some(1.0));
        // 1e6 / 64 MHz; 1e6 * 100 pJ; 100 uJ + 5 uW * 0.984375 s in 1 s; 2538 J / 104.92 uW.
        close(b.latency_ms, 15.625);
        close(b.energy_uj, 100.0);
        close(b.average_power_uw, 104.921875);
        close(b.battery_life_days, 2538.0 / 104.921875e-6 / 86_400.0);
        close(b.active_power_mw, 6.4);
    }

    #[test]
    fn what_is_unknown_stays_unknown() {
        let mut board = Board::load("nrf52840").unwrap();
        board.energy = None;
        let b = Budget::new(&board, Some(64_000), Some(1.0));
        close(b.latency_ms, 1.0);
        assert_eq!(b.energy_uj, None);
        assert_eq!(b.battery_life_days, None);
        assert_eq!(
            Budget::new(&board, None, None),
            Budget {
                active_power_mw: None,
                ..Budget::default()
            }
        );
    }

    #[test]
    fn a_decision_longer_than_its_hop_has_no_average() {
        let board = Board::load("nrf52840").unwrap();
        let b = Budget::new(&board, Some(128_000_000), Some(1.0));
        assert_eq!(b.average_power_uw, None);
    }

    #[test]
    fn limits_are_inclusive() {
        let board = Board::load("nrf52840").unwrap();
        let budget = Budget::default();
        let flash = u64::from(board.flash_kib) * 1024;
        assert!(Fits::new(&board, flash, 0, &budget).flash);
        assert!(!Fits::new(&board, flash + 1, 0, &budget).flash);
        assert!(!Fits::new(&board, 0, ENVELOPE_BYTES + 1, &budget).envelope);
    }
}
