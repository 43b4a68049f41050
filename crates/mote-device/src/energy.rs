//! From cycles to time, energy and battery life.

use crate::board::Board;
use crate::emulator::Traffic;
use crate::figures::{ENVELOPE_BYTES, ENVELOPE_MHZ, ENVELOPE_MW};
use serde::Serialize;

/// Energy of a CR2032 coin cell: 235 mAh at a nominal 3 V (Energizer and Panasonic data sheets: 225 to
/// 240 mAh), all of it usable, without self-discharge.
pub const CR2032_JOULES: f64 = 0.235 * 3.0 * 3600.0;

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
    pub battery_days: Option<f64>,
    /// Milliwatts while computing; with an external storage, while loading.
    pub active_power_mw: Option<f64>,
}

/// Returns the seconds that `traffic` takes on the bus of `board`.
fn loading_seconds(board: &Board, traffic: Traffic) -> Option<f64> {
    let chip = board.external.as_ref()?;
    Some(chip.seconds(traffic.reads as f64, traffic.bytes as f64))
}

/// What bringing weights from the external storage takes, per decision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Loading {
    /// Reads and bytes.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Milliseconds on the bus, in which the core waits. Copying and checking are in the cycles.
    pub ms: Option<f64>,
    /// Microjoules of the chip and of the waiting core.
    pub energy_uj: Option<f64>,
    /// Share of the latency.
    pub share: Option<f64>,
}

impl Loading {
    /// Returns what `traffic` takes on `board`, of a decision that has `budget`.
    pub fn new(board: &Board, traffic: Traffic, budget: &Budget) -> Self {
        let time = loading_seconds(board, traffic);
        let watts = board.external.as_ref().zip(core_watts(board));
        Self {
            traffic,
            ms: time.map(|t| t * 1e3),
            energy_uj: time
                .zip(watts)
                .map(|(t, (chip, core))| t * (chip.read_watts() + core) * 1e6),
            share: time.zip(budget.latency_ms).map(|(t, all)| t * 1e3 / all),
        }
    }
}

/// Returns the power in watts of the whole microcontroller while the core runs.
fn core_watts(board: &Board) -> Option<f64> {
    let pj = board.energy.as_ref()?.pj_per_cycle;
    Some(pj * 1e-12 * board.clock_mhz * 1e6)
}

impl Budget {
    /// Returns the budget of a decision of `cycles` on `board`, one every `hop_seconds`. The core waits for `loads` from
    /// the external storage. What the board file does not know stays unknown. A decision that takes longer than the hop
    /// has no average.
    pub fn new(
        board: &Board,
        cycles: Option<u64>,
        hop_seconds: Option<f64>,
        loads: Option<Traffic>,
    ) -> Self {
        let hz = board.clock_mhz * 1e6;
        let chip = board.external.as_ref().filter(|_| loads.is_some());
        let (reading, standby) = match chip {
            Some(chip) => (chip.read_watts(), chip.standby_watts()),
            None => (0.0, 0.0),
        };
        let bus = match loads {
            None => Some(0.0),
            Some(traffic) => loading_seconds(board, traffic),
        };
        let computing = cycles.map(|c| c as f64 / hz);
        let seconds = computing.zip(bus).map(|(computing, bus)| computing + bus);
        let core = core_watts(board);
        let joules = match (seconds, bus, core) {
            (Some(s), Some(bus), Some(core)) => Some(s * core + bus * reading),
            _ => None,
        };
        let sleep = board.sleep.as_ref().map(|s| s.power_uw * 1e-6);
        let average = match (joules, seconds.zip(bus), sleep, hop_seconds) {
            (Some(j), Some((s, bus)), Some(sleep), Some(hop)) if s <= hop && hop > 0.0 => {
                Some((j + sleep * (hop - s) + standby * (hop - bus)) / hop)
            }
            _ => None,
        };
        Self {
            latency_ms: seconds.map(|s| s * 1e3),
            energy_uj: joules.map(|j| j * 1e6),
            average_power_uw: average.map(|w| w * 1e6),
            battery_days: average.map(|w| CR2032_JOULES / w / 86_400.0),
            active_power_mw: core.map(|w| (w + reading) * 1e3),
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
        let b = Budget::new(&board, Some(1_000_000), Some(1.0), None);
        // 1e6 / 64 MHz; 1e6 * 100 pJ; 100 uJ + 5 uW * 0.984375 s in 1 s; 2538 J / 104.92 uW.
        close(b.latency_ms, 15.625);
        close(b.energy_uj, 100.0);
        close(b.average_power_uw, 104.921875);
        close(b.battery_days, 2538.0 / 104.921875e-6 / 86_400.0);
        close(b.active_power_mw, 6.4);
    }

    #[test]
    fn what_is_unknown_stays_unknown() {
        let mut board = Board::load("nrf52840").unwrap();
        board.energy = None;
        let b = Budget::new(&board, Some(64_000), Some(1.0), None);
        close(b.latency_ms, 1.0);
        assert_eq!(b.energy_uj, None);
        assert_eq!(b.battery_days, None);
        assert_eq!(
            Budget::new(&board, None, None, None),
            Budget {
                active_power_mw: None,
                ..Budget::default()
            }
        );
    }

    #[test]
    fn a_decision_longer_than_its_hop_has_no_average() {
        let board = Board::load("nrf52840").unwrap();
        let b = Budget::new(&board, Some(128_000_000), Some(1.0), None);
        assert_eq!(b.average_power_uw, None);
    }

    #[test]
    fn loading_by_hand() {
        let mut board = Board::load("nrf52840").unwrap();
        board.energy.as_mut().unwrap().pj_per_cycle = 100.0;
        board.sleep.as_mut().unwrap().power_uw = 5.0;
        let chip = board.external.as_mut().unwrap();
        chip.mhz = 8.0;
        (chip.command_bytes, chip.address_bytes, chip.dummy_bytes) = (1, 3, 1);
        (chip.read_ma, chip.standby_ua, chip.volts) = (4.0, 10.0, 3.0);
        let traffic = Traffic {
            reads: 10,
            bytes: 950,
        };
        // (10 * 5 + 950) * 8 bits at 8 MHz: 1 ms, in which the core takes 6.4 uJ and the chip 12 uJ.
        let b = Budget::new(&board, Some(1_000_000), Some(1.0), Some(traffic));
        close(b.latency_ms, 16.625);
        close(b.energy_uj, 118.4);
        close(b.active_power_mw, 18.4);
        // Asleep 983.375 ms at 5 uW; in standby 999 ms at 30 uW.
        close(b.average_power_uw, 118.4 + 4.916875 + 29.97);
        let loading = Loading::new(&board, traffic, &b);
        close(loading.ms, 1.0);
        close(loading.energy_uj, 18.4);
        close(loading.share, 1.0 / 16.625);

        // Four lines carry data only.
        board.external.as_mut().unwrap().bits_per_clock = 4;
        let b = Budget::new(&board, Some(0), None, Some(traffic));
        close(b.latency_ms, 0.05 + 0.2375);

        board.external = None;
        let b = Budget::new(&board, Some(1_000_000), Some(1.0), Some(traffic));
        assert_eq!((b.latency_ms, b.energy_uj), (None, None));
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
