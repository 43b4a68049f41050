//! What a user allows, and what is to be minimised.

use crate::error::Error;
use mote_device::figures::DeviceFigures;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a pipeline takes on a board; time, energy and cycles are per decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Flash of code and model, in bytes.
    pub flash: u64,
    /// Static RAM, stack and heap, in bytes.
    pub ram: u64,
    /// Cycles; `None` where no timing of the core is known. Measured, those that wait for flash are among them.
    pub cycles: Option<u64>,
    /// Of these, the core's own: what the cost model predicts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles_core: Option<u64>,
    /// Milliseconds.
    pub latency_ms: Option<f64>,
    /// Microjoules.
    pub energy_uj: Option<f64>,
    /// Microwatts on average, asleep between decisions.
    pub power_uw: Option<f64>,
}

impl Figures {
    /// Returns the figures of a measured pipeline; `None` when flash or RAM is not known.
    pub fn of(measured: &DeviceFigures) -> Option<Self> {
        Some(Self {
            flash: measured.flash()?,
            ram: measured.ram()?,
            cycles: measured.cycles,
            cycles_core: measured.cycles_core,
            latency_ms: measured.latency_ms,
            energy_uj: measured.energy_uj,
            power_uw: measured.average_power_uw,
        })
    }
}

/// What a user allows; `None` means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Flash of code and model, in bytes.
    pub flash: Option<u64>,
    /// Static RAM, stack and heap, in bytes.
    pub ram: Option<u64>,
    /// Milliseconds per decision.
    pub latency_ms: Option<f64>,
    /// Milliwatts on average.
    pub power_mw: Option<f64>,
    /// Macro-averaged F1 on users that were not trained on, on streams where candidates are judged on them.
    pub min_f1: Option<f64>,
    /// Seconds within which half of the changes on a stream are noticed.
    #[serde(default)]
    pub max_delay_s: Option<f64>,
    /// Decisions per hour that leave the right activity.
    #[serde(default)]
    pub max_false_changes: Option<f64>,
}

/// How well a tried candidate decides; what is not known breaks no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quality {
    /// Macro-averaged F1.
    pub macro_f1: f64,
    /// Seconds within which half of the changes are noticed; infinite when fewer are.
    pub delay_s: Option<f64>,
    /// Decisions per hour that leave the right activity.
    pub false_changes_per_hour: Option<f64>,
}

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    /// [`Limits::flash`].
    Flash,
    /// [`Limits::ram`].
    Ram,
    /// [`Limits::latency_ms`].
    Latency,
    /// [`Limits::power_mw`].
    Power,
    /// [`Limits::min_f1`].
    F1,
    /// [`Limits::max_delay_s`].
    Delay,
    /// [`Limits::max_false_changes`].
    FalseChanges,
}

impl Limit {
    /// Returns the option of `mote fit` that sets it.
    pub fn option(self) -> &'static str {
        match self {
            Limit::Flash => "--flash",
            Limit::Ram => "--ram",
            Limit::Latency => "--latency",
            Limit::Power => "--power",
            Limit::F1 => "--min-f1",
            Limit::Delay => "--max-delay",
            Limit::FalseChanges => "--max-false-changes",
        }
    }
}

impl Limits {
    /// Returns the limits that `figures` and `quality` break, and by what share of each limit. What is not known breaks
    /// no limit.
    pub fn broken(&self, figures: &Figures, quality: Option<Quality>) -> Vec<(Limit, f64)> {
        let over = |limit: Option<f64>, value: Option<f64>| {
            let (limit, value) = limit.zip(value)?;
            (value > limit).then(|| value / limit.max(f64::MIN_POSITIVE) - 1.0)
        };
        let bytes =
            |limit: Option<u64>, value: u64| over(limit.map(|l| l as f64), Some(value as f64));
        let milliwatts = figures.power_uw.map(|p| p / 1e3);
        let f1 = quality.map(|q| q.macro_f1);
        let short = self
            .min_f1
            .zip(f1)
            .and_then(|(least, f1)| (f1 < least).then(|| (least - f1) / least));
        let delay = quality.and_then(|q| q.delay_s);
        let false_changes = quality.and_then(|q| q.false_changes_per_hour);
        [
            (Limit::Flash, bytes(self.flash, figures.flash)),
            (Limit::Ram, bytes(self.ram, figures.ram)),
            (Limit::Latency, over(self.latency_ms, figures.latency_ms)),
            (Limit::Power, over(self.power_mw, milliwatts)),
            (Limit::F1, short),
            (Limit::Delay, over(self.max_delay_s, delay)),
            (
                Limit::FalseChanges,
                over(self.max_false_changes, false_changes),
            ),
        ]
        .into_iter()
        .filter_map(|(limit, excess)| Some((limit, excess?)))
        .collect()
    }

    /// Returns the sum of [`Limits::broken`]; 0 when all limits hold.
    pub fn excess(&self, figures: &Figures, quality: Option<Quality>) -> f64 {
        self.broken(figures, quality)
            .iter()
            .map(|(_, excess)| excess)
            .sum()
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.flash.map(|v| format!("flash {v} B")),
            self.ram.map(|v| format!("RAM {v} B")),
            self.latency_ms.map(|v| format!("latency {v} ms")),
            self.power_mw.map(|v| format!("power {v} mW")),
            self.min_f1.map(|v| format!("m-F1 {v} at least")),
            self.max_delay_s.map(|v| format!("delay {v} s")),
            self.max_false_changes
                .map(|v| format!("{v} false changes per hour")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        match parts.is_empty() {
            true => f.write_str("none"),
            false => f.write_str(&parts.join(", ")),
        }
    }
}

/// What is to be minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// Static RAM, stack and heap.
    Ram,
    /// Code and model.
    Flash,
    /// Energy per decision.
    Energy,
    /// Time per decision.
    Latency,
}

impl Objective {
    const ALL: [(&'static str, Self); 4] = [
        ("ram", Self::Ram),
        ("flash", Self::Flash),
        ("energy", Self::Energy),
        ("latency", Self::Latency),
    ];

    /// Returns the figure; infinite where it is not known.
    pub fn of(self, figures: &Figures) -> f64 {
        let known = |value: Option<f64>| value.unwrap_or(f64::INFINITY);
        match self {
            Self::Ram => figures.ram as f64,
            Self::Flash => figures.flash as f64,
            Self::Energy => known(figures.energy_uj),
            Self::Latency => known(figures.latency_ms),
        }
    }
}

impl FromStr for Objective {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|&(_, o)| o).ok_or_else(|| Error::Unknown {
            kind: "objective",
            name: text.to_owned(),
            known: Self::ALL.map(|(name, _)| name).join(", "),
        })
    }
}

/// Reads bytes: `512`, `32K` (of 1024), `1.5K`, `2M`.
///
/// # Errors
/// [`Error::Quantity`].
pub fn bytes(text: &str) -> Result<u64, Error> {
    let units = [
        ("", 1.0),
        ("b", 1.0),
        ("k", 1024.0),
        ("kb", 1024.0),
        ("kib", 1024.0),
        ("m", 1024.0 * 1024.0),
    ];
    quantity(text, &units, "size in bytes", "512, 32K or 1.5K").map(|v| v.floor() as u64)
}

/// Reads a count, such as of cycles: `90000`, `90k`, `1.5M`; k is 1000.
///
/// # Errors
/// [`Error::Quantity`].
pub fn count(text: &str) -> Result<u64, Error> {
    let units = [("", 1.0), ("k", 1e3), ("m", 1e6)];
    quantity(text, &units, "count", "90000, 90k or 1.5M").map(|v| v.floor() as u64)
}

/// Reads milliseconds: `5ms`, `500us`, `0.1s`.
///
/// # Errors
/// [`Error::Quantity`].
pub fn milliseconds(text: &str) -> Result<f64, Error> {
    quantity(
        text,
        &[("ms", 1.0), ("us", 1e-3), ("s", 1e3)],
        "time",
        "5ms, 500us or 0.1s",
    )
}

/// Reads milliwatts: `1mW`, `200uW`.
///
/// # Errors
/// [`Error::Quantity`].
pub fn milliwatts(text: &str) -> Result<f64, Error> {
    quantity(
        text,
        &[("mw", 1.0), ("uw", 1e-3), ("w", 1e3)],
        "power",
        "1mW or 200uW",
    )
}

/// Reads seconds: `20m`, `90s`, `1.5h`.
///
/// # Errors
/// [`Error::Quantity`].
pub fn seconds(text: &str) -> Result<f64, Error> {
    quantity(
        text,
        &[("s", 1.0), ("m", 60.0), ("min", 60.0), ("h", 3600.0)],
        "duration",
        "20m, 90s or 1.5h",
    )
}

fn quantity(
    text: &str,
    units: &[(&str, f64)],
    quantity: &'static str,
    example: &'static str,
) -> Result<f64, Error> {
    let wrong = || Error::Quantity {
        text: text.to_owned(),
        quantity,
        example,
    };
    let trimmed = text.trim();
    let end = trimmed
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at_checked(end).ok_or_else(wrong)?;
    let unit = unit.trim().to_ascii_lowercase();
    let (_, factor) = units
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(wrong)?;
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value * factor),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_units() {
        assert_eq!(bytes("32K").unwrap(), 32_768);
        assert_eq!(bytes("1.5k").unwrap(), 1536);
        assert_eq!(bytes("512").unwrap(), 512);
        assert_eq!(milliseconds("5ms").unwrap(), 5.0);
        assert_eq!(milliseconds("500us").unwrap(), 0.5);
        assert_eq!(milliwatts("1mW").unwrap(), 1.0);
        assert_eq!(seconds("20m").unwrap(), 1200.0);
        for wrong in ["", "5", "-1ms", "ms", "5 minutes", "1e3ms"] {
            let message = milliseconds(wrong).unwrap_err().to_string();
            assert!(
                message.contains(&format!("`{wrong}`")) && message.contains("5ms"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_broken_limit_says_by_how_much() {
        let limits = Limits {
            flash: Some(1000),
            power_mw: Some(0.5),
            min_f1: Some(0.8),
            ..Limits::default()
        };
        let figures = Figures {
            flash: 1500,
            power_uw: Some(400.0),
            ..Figures::default()
        };
        assert_eq!(limits.broken(&figures, None), [(Limit::Flash, 0.5)]);
        let quality = Some(Quality {
            macro_f1: 0.6,
            ..Quality::default()
        });
        let both = limits.broken(&figures, quality);
        assert_eq!(both[1].0, Limit::F1);
        assert!((limits.excess(&figures, quality) - 0.75).abs() < 1e-9);
        assert_eq!(
            limits.to_string(),
            "flash 1000 B, power 0.5 mW, m-F1 0.8 at least"
        );
    }

    #[test]
    fn delay_and_false_changes_may_be_limits() {
        let limits = Limits {
            max_delay_s: Some(2.0),
            max_false_changes: Some(40.0),
            ..Limits::default()
        };
        let broken = |delay_s, false_changes_per_hour| {
            let quality = Quality {
                macro_f1: 0.9,
                delay_s,
                false_changes_per_hour,
            };
            limits.broken(&Figures::default(), Some(quality))
        };
        assert_eq!(broken(Some(2.0), Some(40.0)), []);
        assert_eq!(broken(Some(3.0), Some(40.0)), [(Limit::Delay, 0.5)]);
        assert_eq!(broken(Some(1.0), Some(50.0)), [(Limit::FalseChanges, 0.25)]);
        let never = broken(Some(f64::INFINITY), None);
        assert_eq!(never, [(Limit::Delay, f64::INFINITY)]);
        assert_eq!(broken(None, None), [], "not judged on streams");
        assert_eq!(limits.to_string(), "delay 2 s, 40 false changes per hour");
    }
}
