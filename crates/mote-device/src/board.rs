//! Boards: what a core is clocked at, how much memory it has, what a cycle costs.

use crate::Error;
use crate::core::Core;
use crate::flash::Flash;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// The files of `boards/`, by name.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/boards.rs"));

/// A microcontroller board, as described by its TOML file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// Short name: the file's name.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// The core that runs the pipeline.
    pub core: Core,
    /// Its clock.
    pub clock_mhz: f64,
    /// Flash, or the external flash it runs from.
    pub flash_kib: u32,
    /// RAM usable by one program.
    pub ram_kib: u32,
    /// How long the flash makes the core wait; absent when nobody knows, or when waiting is not to be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flash: Option<Flash>,
    /// What computing costs; absent when nobody trustworthy measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<Energy>,
    /// What waiting costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sleep: Option<Sleep>,
    /// The chip that paged weights lie in; without it their loading has no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
}

/// Energy of computing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Energy {
    /// Picojoules per core cycle, the whole chip's.
    pub pj_per_cycle: f64,
    /// How the figure came about.
    pub basis: Basis,
    /// Where it is from.
    pub source: String,
}

/// Power while asleep, memory kept and a timer running.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sleep {
    /// Microwatts.
    pub power_uw: f64,
    /// How the figure came about.
    pub basis: Basis,
    /// Where it is from.
    pub source: String,
}

/// A serial flash chip beside the microcontroller, and how it is read. A read is a command, an address and dummy
/// bytes, all on one line, then the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct External {
    /// Manufacturer and part.
    pub name: String,
    /// Clock of the bus: the lower of what chip and controller can.
    pub mhz: f64,
    /// Bits of data per clock: 1, 2 or 4 lines.
    pub bits_per_clock: u32,
    /// Bytes of the read command.
    pub command_bytes: u32,
    /// Bytes of the address.
    pub address_bytes: u32,
    /// Bytes between address and data.
    pub dummy_bytes: u32,
    /// Milliamperes while it is read.
    pub read_ma: f64,
    /// Microamperes in between.
    pub standby_ua: f64,
    /// Supply voltage.
    pub volts: f64,
    /// Where the figures are from.
    pub source: String,
}

impl External {
    /// Returns the seconds on the bus of `reads` that transfer `bytes` in all.
    pub fn seconds(&self, reads: f64, bytes: f64) -> f64 {
        let header = f64::from(self.command_bytes + self.address_bytes + self.dummy_bytes);
        let clocks = reads * header * 8.0 + bytes * 8.0 / f64::from(self.bits_per_clock);
        clocks / (self.mhz * 1e6)
    }

    /// Returns the power in watts while the chip is read.
    pub fn read_watts(&self) -> f64 {
        self.read_ma * 1e-3 * self.volts
    }

    /// Returns the power in watts between reads.
    pub fn standby_watts(&self) -> f64 {
        self.standby_ua * 1e-6 * self.volts
    }
}

/// How a figure came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Measured on hardware by a third party.
    Measured,
    /// Promised by the manufacturer.
    Datasheet,
}

impl Board {
    /// Returns the names of the boards that come with Mote.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(name, _)| *name)
    }

    /// Returns the boards that come with Mote.
    ///
    /// # Errors
    /// [`Error::Board`] when a file is wrong, which the tests exclude.
    pub fn all() -> Result<Vec<Board>, Error> {
        EMBEDDED
            .iter()
            .map(|(n, text)| Self::parse(n, text))
            .collect()
    }

    /// Returns the board called `name`, or the one that the file `name` describes.
    ///
    /// # Errors
    /// [`Error::Board`] when there is neither, or the file is wrong.
    pub fn load(name: &str) -> Result<Board, Error> {
        if let Some((n, text)) = EMBEDDED.iter().find(|(n, _)| *n == name) {
            return Self::parse(n, text);
        }
        let path = Path::new(name);
        if path.extension().is_some_and(|e| e == "toml") {
            let text = fs::read_to_string(path).map_err(Error::io(path))?;
            return Self::parse(name, &text);
        }
        let known: Vec<_> = Self::names().collect();
        Err(Error::Board {
            name: name.to_owned(),
            what: format!("unknown; use one of {} or a .toml file", known.join(", ")),
        })
    }

    /// Returns the board with a flash that never makes the core wait: the cycles of the core alone.
    #[must_use]
    pub fn without_waiting(self) -> Board {
        Board {
            flash: None,
            ..self
        }
    }

    fn parse(name: &str, text: &str) -> Result<Board, Error> {
        let wrong = |what: String| Error::Board {
            name: name.to_owned(),
            what,
        };
        let board: Board = toml::from_str(text).map_err(|e| wrong(e.to_string()))?;
        let positive = |field: &str, value: f64| {
            if value.is_finite() && value > 0.0 {
                return Ok(());
            }
            Err(wrong(format!(
                "`{field}` must be greater than zero, not {value}"
            )))
        };
        positive("clock_mhz", board.clock_mhz)?;
        positive("flash_kib", board.flash_kib.into())?;
        positive("ram_kib", board.ram_kib.into())?;
        if let Some(what) = board.flash.as_ref().and_then(Flash::mistake) {
            return Err(wrong(what));
        }
        if let Some(energy) = &board.energy {
            positive("energy.pj_per_cycle", energy.pj_per_cycle)?;
        }
        if let Some(sleep) = &board.sleep {
            positive("sleep.power_uw", sleep.power_uw)?;
        }
        if let Some(external) = &board.external {
            positive("external.mhz", external.mhz)?;
            positive("external.bits_per_clock", external.bits_per_clock.into())?;
            positive("external.read_ma", external.read_ma)?;
            positive("external.standby_ua", external.standby_ua)?;
            positive("external.volts", external.volts)?;
        }
        Ok(board)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_board_is_right_and_named_like_its_file() {
        let boards = Board::all().unwrap();
        assert!(boards.len() >= 8);
        for (board, name) in boards.iter().zip(Board::names()) {
            assert_eq!(board.name, name);
            assert_eq!(Board::load(name).unwrap(), *board);
        }
    }

    #[test]
    fn mistakes_name_the_field() {
        let text = fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../boards/nrf52840.toml"
        ))
        .unwrap();
        for (from, to, field) in [
            ("clock_mhz = 64", "clock_mhz = 0", "clock_mhz"),
            ("cortex-m4", "cortex-m5", "cortex-m5"),
            ("ram_kib", "ramkib", "ramkib"),
            ("ways = 2", "ways = 3", "flash.instructions: `ways`"),
            ("mhz = 8\n", "mhz = -8\n", "external.mhz"),
        ] {
            let broken = text.replace(from, to);
            assert_ne!(text, broken);
            let error = Board::parse("x", &broken).unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
    }

    #[test]
    fn an_unknown_board_lists_the_known() {
        let error = Board::load("arduino").unwrap_err().to_string();
        assert!(error.contains("nrf52840"), "{error}");
    }
}
