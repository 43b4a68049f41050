//! Times as files write them: numbers with a unit, ISO 8601, or a format of their own.

use super::description::{Decimal, Description};
use crate::{Reason, records::number};
use chrono::{DateTime, NaiveDateTime, NaiveTime};
use serde::Deserialize;
use std::borrow::Cow;

/// Unit of a time that is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TimeUnit {
    Ns,
    Us,
    Ms,
    S,
    /// Samples at the nominal rate.
    Samples,
}

impl TimeUnit {
    /// Returns the unit in ns; `rate_hz` is the nominal rate.
    pub(crate) fn ns(self, rate_hz: f32) -> f64 {
        match self {
            TimeUnit::Ns => 1.0,
            TimeUnit::Us => 1e3,
            TimeUnit::Ms => 1e6,
            TimeUnit::S => 1e9,
            TimeUnit::Samples => 1e9 / f64::from(rate_hz),
        }
    }
}

/// All units and their names.
pub(crate) const UNITS: [(TimeUnit, &str); 4] = [
    (TimeUnit::S, "s"),
    (TimeUnit::Ms, "ms"),
    (TimeUnit::Us, "us"),
    (TimeUnit::Ns, "ns"),
];

/// A way to read times.
#[derive(Debug, Clone)]
pub(crate) enum TimeForm {
    /// A number, in units of so many ns.
    Number(f64),
    /// Two numbers that are added, such as s and us.
    Sum(f64, f64),
    Iso,
    /// In the notation of strftime.
    Format(String),
    /// Neither unit nor format is given.
    Unknown,
}

impl TimeForm {
    /// Returns the way that a description asks for.
    pub(crate) fn of(description: &Description) -> Self {
        let ns = |unit: &TimeUnit| unit.ns(description.rate_hz);
        let units = description.time_unit.as_slice();
        match (units, description.time_format.as_deref()) {
            ([a, b, ..], _) => TimeForm::Sum(ns(a), ns(b)),
            ([unit], _) => TimeForm::Number(ns(unit)),
            ([], Some("iso")) => TimeForm::Iso,
            ([], Some(format)) => TimeForm::Format(format.to_owned()),
            ([], None) => TimeForm::Unknown,
        }
    }

    /// Parses a time as whole ns from the epoch, or from midnight or any other origin where there is no date.
    pub(crate) fn parse(&self, field: &[u8], decimal: Decimal) -> Result<i64, Reason> {
        match self {
            TimeForm::Number(unit) => time_ns(field, *unit, decimal),
            TimeForm::Sum(a, b) => {
                let split = field
                    .iter()
                    .position(|&byte| byte == b' ')
                    .ok_or(Reason::BadTime)?;
                let (first, second) = field.split_at(split);
                let first = time_ns(first, *a, decimal)?;
                let second = time_ns(second.trim_ascii(), *b, decimal)?;
                first.checked_add(second).ok_or(Reason::Implausible)
            }
            TimeForm::Iso | TimeForm::Unknown => iso(field).ok_or(Reason::BadTime),
            TimeForm::Format(format) => formatted(field, format).ok_or(Reason::BadTime),
        }
    }
}

/// Puts a point where a decimal comma is; a point itself is then no part of a number.
pub(crate) fn with_point(field: &[u8], decimal: Decimal) -> Cow<'_, [u8]> {
    if decimal == Decimal::Point || !field.iter().any(|b| matches!(b, b',' | b'.')) {
        return Cow::Borrowed(field);
    }
    let swap = |&b: &u8| match b {
        b',' => b'.',
        b'.' => b',',
        b => b,
    };
    Cow::Owned(field.iter().map(swap).collect())
}

/// Parses a number of units of so many ns. Integers are not converted to f64, which is too narrow for Unix times in ns.
fn time_ns(field: &[u8], unit: f64, decimal: Decimal) -> Result<i64, Reason> {
    if unit.fract() == 0.0
        && let Ok(whole) = number::<i64>(field)
    {
        return whole.checked_mul(unit as i64).ok_or(Reason::Implausible);
    }
    let time: f64 = number(&with_point(field, decimal))?;
    if !time.is_finite() {
        return Err(Reason::NotFinite);
    }
    let ns = time * unit;
    if ns.abs() < i64::MAX as f64 {
        Ok(ns.round() as i64)
    } else {
        Err(Reason::Implausible)
    }
}

/// Parses ISO 8601, with `T` or a blank between date and time, with or without an offset, or a time of day alone.
pub(crate) fn iso(field: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(field).ok()?;
    let mut text = text.replace(',', ".");
    if text.get(4..5) == Some("/") {
        text = text.replacen('/', "-", 2);
    }
    if let Ok(time) = text.parse::<NaiveTime>() {
        return since_midnight(time);
    }
    if matches!(text.as_bytes().get(10), Some(b' ' | b'_')) {
        text.replace_range(10..11, "T");
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(&text) {
        return time.timestamp_nanos_opt();
    }
    if let Ok(time) = DateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f%#z") {
        return time.timestamp_nanos_opt();
    }
    text.parse::<NaiveDateTime>()
        .ok()?
        .and_utc()
        .timestamp_nanos_opt()
}

fn since_midnight(time: NaiveTime) -> Option<i64> {
    (time - NaiveTime::MIN).num_nanoseconds()
}

fn formatted(field: &[u8], format: &str) -> Option<i64> {
    let text = std::str::from_utf8(field).ok()?;
    if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
        return time.and_utc().timestamp_nanos_opt();
    }
    if let Ok(time) = DateTime::parse_from_str(text, format) {
        return time.timestamp_nanos_opt();
    }
    since_midnight(NaiveTime::parse_from_str(text, format).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_in_every_dress() {
        let whole = 1_547_251_200_050_000_000;
        for text in [
            "2019-01-12T00:00:00.050Z",
            "2019-01-12 00:00:00.050",
            "2019-01-12 00:00:00,05",
            "2019/01/12 00:00:00.05",
            "2019-01-12T01:00:00.05+01:00",
            "2019-01-12 01:00:00.05+0100",
            "2019-01-12_00:00:00.05",
        ] {
            assert_eq!(iso(text.as_bytes()), Some(whole), "{text}");
        }
        assert_eq!(iso(b"00:00:01.5"), Some(1_500_000_000));
        for text in ["", "7", "2019-13-01 00:00:00", "yesterday", "é019"] {
            assert_eq!(iso(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn formats_of_their_own() {
        let at = |text: &str, format: &str| formatted(text.as_bytes(), format);
        let expected = Some(1_427_996_000_500_000_000);
        assert_eq!(
            at("02/04/2015 17:33:20.5", "%d/%m/%Y %H:%M:%S%.f"),
            expected
        );
        assert_eq!(at("17:33", "%H:%M"), Some(63_180_000_000_000));
        assert_eq!(at("17h33", "%H:%M"), None);
    }
}
