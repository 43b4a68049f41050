//! The flash a program runs from: how long it makes the core wait, and the caches in front of it.

use crate::board::Board;
use crate::core::Region;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// Whether cycles have those that the core waits for flash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlashModel {
    /// As the board's file describes its flash.
    #[default]
    Board,
    /// Flash without wait states: the cycles of the core alone.
    None,
}

impl FlashModel {
    /// Returns `board` as this model has it.
    pub fn apply(self, board: Board) -> Board {
        match self {
            FlashModel::Board => board,
            FlashModel::None => board.without_waiting(),
        }
    }

    /// Returns whether this is the default, which settings need not name.
    pub fn is_default(&self) -> bool {
        *self == FlashModel::default()
    }
}

/// The flash of a board, as its file describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flash {
    /// Cycles the core waits for what no cache holds; for a flash whose wait states do not follow from the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_states: Option<u32>,
    /// Megahertz for each of which the flash needs one cycle: at a clock of up to this much it has no wait state, up to
    /// twice as much one, and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mhz_per_cycle: Option<f64>,
    /// Whether the part of the code behind the one being fetched is read ahead.
    #[serde(default)]
    pub prefetch: bool,
    /// The cache of instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<Cache>,
    /// The cache of data, constants and weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Cache>,
    /// The one cache of both, instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<Cache>,
    /// Where the figures are from.
    pub source: String,
}

/// A cache in front of the flash; the least recently used line is the next to go. All numbers are powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Lines in all.
    pub lines: u32,
    /// Lines among which an address may lie: as many as `lines` in a fully associative cache.
    pub ways: u32,
    /// Bytes of a line.
    pub line_bytes: u32,
    /// Bytes that a miss brings: a line, or a part of it.
    pub fill_bytes: u32,
}

impl Cache {
    /// Returns why there can be no such cache.
    fn mistake(&self) -> Option<String> {
        let Self {
            lines,
            ways,
            line_bytes,
            fill_bytes,
        } = *self;
        let all = [
            ("lines", lines),
            ("ways", ways),
            ("line_bytes", line_bytes),
            ("fill_bytes", fill_bytes),
        ];
        if let Some((field, value)) = all.iter().find(|(_, n)| !n.is_power_of_two()) {
            return Some(format!("`{field}` must be a power of two, not {value}"));
        }
        if ways > lines {
            return Some(format!("`ways` is {ways}, more than the {lines} `lines`"));
        }
        (fill_bytes > line_bytes || line_bytes / fill_bytes > 32).then(|| {
            format!("`fill_bytes` must be from 1/32 to all of the line's {line_bytes} bytes, not {fill_bytes}")
        })
    }

    fn argument(&self) -> String {
        let Self {
            lines,
            ways,
            line_bytes,
            fill_bytes,
        } = self;
        format!("{lines}:{ways}:{line_bytes}:{fill_bytes}")
    }
}

impl Flash {
    /// Returns what is wrong with the description, naming the field.
    pub(crate) fn mistake(&self) -> Option<String> {
        let waits = match (self.wait_states, self.mhz_per_cycle) {
            (Some(_), Some(_)) => Some("use either `wait_states` or `mhz_per_cycle`, not both"),
            (None, None) => Some("one of `wait_states` and `mhz_per_cycle` is missing"),
            (None, Some(mhz)) if !(mhz.is_finite() && mhz > 0.0) => {
                Some("`mhz_per_cycle` must be greater than zero")
            }
            _ => None,
        };
        if let Some(what) = waits {
            return Some(format!("flash: {what}"));
        }
        if self.shared.is_some() && (self.instructions.is_some() || self.data.is_some()) {
            return Some(
                "flash: `shared` is the cache of both: remove it, or `instructions` and `data`"
                    .to_owned(),
            );
        }
        let caches = [
            ("instructions", self.instructions),
            ("data", self.data),
            ("shared", self.shared),
        ];
        caches.into_iter().find_map(|(name, cache)| {
            let what = cache?.mistake()?;
            Some(format!("flash.{name}: {what}"))
        })
    }

    /// Returns the wait states at `clock_mhz`.
    pub fn waits(&self, clock_mhz: f64) -> u32 {
        match (self.wait_states, self.mhz_per_cycle) {
            (Some(waits), _) => waits,
            (None, Some(mhz)) => (clock_mhz / mhz).ceil().max(1.0) as u32 - 1,
            (None, None) => 0,
        }
    }

    /// Returns the arguments of the emulator's plugin for this flash at `clock_mhz`, as the emulated `region`.
    pub(crate) fn arguments(&self, clock_mhz: f64, region: Region) -> String {
        let end = region.origin + region.length;
        let mut text = format!(
            ",flash={:x}-{end:x},wait={},prefetch={}",
            region.origin,
            self.waits(clock_mhz),
            if self.prefetch { "on" } else { "off" }
        );
        let caches = [
            ("icache", self.instructions),
            ("dcache", self.data),
            ("cache", self.shared),
        ];
        for (name, cache) in caches {
            if let Some(cache) = cache {
                let _ = write!(text, ",{name}={}", cache.argument());
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CACHE: Cache = Cache {
        lines: 8,
        ways: 8,
        line_bytes: 32,
        fill_bytes: 8,
    };

    fn flash() -> Flash {
        Flash {
            wait_states: None,
            mhz_per_cycle: Some(20.0),
            prefetch: false,
            instructions: Some(Cache {
                lines: 32,
                ways: 32,
                ..CACHE
            }),
            data: Some(CACHE),
            shared: None,
            source: String::new(),
        }
    }

    #[test]
    fn wait_states_follow_the_clock() {
        let waits = [4.0, 20.0, 20.1, 80.0, 100.0, 120.0].map(|mhz| flash().waits(mhz));
        assert_eq!(waits, [0, 0, 1, 3, 4, 5]);
        let fixed = Flash {
            wait_states: Some(2),
            mhz_per_cycle: None,
            ..flash()
        };
        assert_eq!(fixed.waits(64.0), 2);
    }

    #[test]
    fn the_plugin_is_told_everything() {
        let region = Region {
            origin: 0,
            length: 0x40_0000,
        };
        assert_eq!(
            flash().arguments(120.0, region),
            ",flash=0-400000,wait=5,prefetch=off,icache=32:32:32:8,dcache=8:8:32:8"
        );
    }

    #[test]
    fn mistakes_name_the_field() {
        let cache = |cache| Flash {
            data: Some(cache),
            ..flash()
        };
        let cases = [
            (
                Flash {
                    wait_states: Some(1),
                    ..flash()
                },
                "wait_states",
            ),
            (
                Flash {
                    mhz_per_cycle: None,
                    ..flash()
                },
                "mhz_per_cycle",
            ),
            (
                Flash {
                    mhz_per_cycle: Some(0.0),
                    ..flash()
                },
                "mhz_per_cycle",
            ),
            (
                Flash {
                    shared: Some(CACHE),
                    ..flash()
                },
                "shared",
            ),
            (cache(Cache { lines: 6, ..CACHE }), "flash.data: `lines`"),
            (cache(Cache { ways: 16, ..CACHE }), "ways"),
            (
                cache(Cache {
                    fill_bytes: 64,
                    ..CACHE
                }),
                "fill_bytes",
            ),
        ];
        assert_eq!(flash().mistake(), None);
        for (broken, field) in cases {
            let what = broken.mistake().unwrap();
            assert!(what.contains(field), "{what}");
        }
    }
}
