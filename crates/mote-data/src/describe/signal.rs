//! What values say that names do not: units, rate, labels, users.

use super::{
    columns::{Roles, Vector, is_date},
    table::Table,
};
use crate::{Quantity, STANDARD_GRAVITY, described};
use std::collections::BTreeMap;

/// Rows of a block in which a sensor may have been at rest.
const BLOCK: usize = 32;

/// Distinct values of a column that are kept; more are no labels.
const DISTINCT: usize = 200;

/// Rates that sensors and recorders are set to, in Hz.
const RATES: [f64; 34] = [
    5.0, 10.0, 12.5, 15.0, 16.0, 20.0, 25.0, 26.0, 30.0, 31.25, 32.0, 40.0, 50.0, 52.0, 60.0, 62.5,
    64.0, 75.0, 80.0, 100.0, 104.0, 119.0, 120.0, 125.0, 128.0, 150.0, 200.0, 204.8, 208.0, 238.0,
    250.0, 256.0, 400.0, 500.0,
];

/// What all rows say.
#[derive(Debug, Clone, Default)]
pub(super) struct Signal {
    pub rows: u64,
    pub labels: BTreeMap<String, u64>,
    pub users: BTreeMap<String, u64>,
    pub sensors: BTreeMap<String, u64>,
    /// Per vector.
    magnitudes: Vec<Magnitudes>,
    /// First time of all, as it stands in the file.
    first_time: Option<f64>,
    /// Steps of time above 0.
    steps: Vec<f64>,
    /// Rows that share the time of the row before.
    repeated: u64,
}

/// |v| of one vector.
#[derive(Debug, Clone, Default)]
struct Magnitudes {
    block: Vec<f64>,
    quiet: Vec<f64>,
    all: Vec<f64>,
    largest: f64,
}

/// Counts the rows of one file.
pub(super) struct Reader<'a> {
    table: &'a Table,
    roles: &'a Roles,
    signal: &'a mut Signal,
    /// The last time of each user.
    last: BTreeMap<String, f64>,
    dates: bool,
}

impl<'a> Reader<'a> {
    pub fn new(table: &'a Table, roles: &'a Roles, signal: &'a mut Signal) -> Self {
        signal
            .magnitudes
            .resize_with(roles.vectors.len(), Magnitudes::default);
        let dates = roles.time.is_some_and(|n| is_date(table, n));
        Self {
            table,
            roles,
            signal,
            last: BTreeMap::new(),
            dates,
        }
    }

    /// Counts a line; one without the numbers of a row is none. `only` is the sensor that is used, where rows name theirs.
    pub fn line(&mut self, line: &str, only: Option<&str>) {
        if line.trim().is_empty() || self.table.is_comment(line) {
            return;
        }
        let fields = self.table.part(line);
        let field = |n: usize| fields.get(n).map(|f| f.trim());
        let number = |n: usize| field(n).and_then(|f| self.table.number(f));
        let known = |v: &Vector| v.columns.iter().all(|&n| number(n).is_some());
        if !self.roles.vectors.is_empty() && !self.roles.vectors.iter().any(known) {
            return;
        }
        if let Some(sensor) = self.roles.sensor.and_then(field) {
            count(&mut self.signal.sensors, sensor);
            if only.is_some_and(|only| only != sensor) {
                return;
            }
        }
        self.signal.rows += 1;
        if let Some(label) = self.roles.label.and_then(field) {
            count(&mut self.signal.labels, label);
        }
        if let Some(user) = self.roles.user.and_then(field) {
            count(&mut self.signal.users, user);
        }
        let time = self.roles.time.and_then(|n| match self.dates {
            true => field(n)
                .and_then(|f| described::iso(f.as_bytes()))
                .map(|ns| ns as f64),
            false => number(n),
        });
        // Rows of another sensor do not count as samples of the first.
        let sample = self.roles.vectors.first().is_none_or(known);
        if let Some(time) = time.filter(|_| sample) {
            self.signal.first_time.get_or_insert(time);
            let user = self.roles.user.and_then(field).unwrap_or("");
            let last = self.last.get(user).copied();
            let step = last.map(|last| (time - last).abs());
            self.signal.repeated += u64::from(step == Some(0.0));
            if let Some(step) = step.filter(|&s| s > 0.0 && self.signal.steps.len() < 200_000) {
                self.signal.steps.push(step);
            }
            self.last.insert(user.to_owned(), time);
        }
        for (vector, magnitudes) in self.roles.vectors.iter().zip(&mut self.signal.magnitudes) {
            let values: Vec<f64> = vector.columns.iter().filter_map(|&n| number(n)).collect();
            if values.len() == 3 {
                magnitudes.add(values.iter().map(|v| v * v).sum::<f64>().sqrt());
            }
        }
    }
}

fn count(counts: &mut BTreeMap<String, u64>, value: &str) {
    if counts.len() < DISTINCT || counts.contains_key(value) {
        *counts.entry(value.to_owned()).or_default() += 1;
    }
}

impl Magnitudes {
    fn add(&mut self, magnitude: f64) {
        self.largest = self.largest.max(magnitude);
        self.block.push(magnitude);
        if self.block.len() < BLOCK {
            return;
        }
        let count = self.block.len() as f64;
        let mean = self.block.iter().sum::<f64>() / count;
        let variance = self.block.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / count;
        self.all.push(mean);
        if variance.sqrt() < 0.05 * mean {
            self.quiet.push(mean);
        }
        self.block.clear();
    }

    /// Returns the median, and whether it is that of a sensor at rest.
    fn median(&self) -> Option<(f64, bool)> {
        let resting = self.quiet.len() >= 3 && self.quiet.len() * 50 >= self.all.len();
        let mut values = if resting { &self.quiet } else { &self.all }.clone();
        let middle = values.len() / 2;
        if values.is_empty() {
            return None;
        }
        let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
        Some((*median, resting))
    }
}

/// A unit, the scale of counts, and how it was told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct UnitGuess {
    pub unit: &'static str,
    /// Size of a count in the unit, where values are counts.
    pub scale: Option<f64>,
    pub how: String,
    pub sure: bool,
}

impl Signal {
    /// Tells the unit of vector `n`.
    pub fn unit(&self, n: usize, vector: &Vector) -> Result<UnitGuess, String> {
        let magnitudes = self.magnitudes.get(n);
        let found = magnitudes.and_then(Magnitudes::median);
        let largest = magnitudes.map_or(0.0, |m| m.largest);
        let guess = |unit, how: String, sure| UnitGuess {
            unit,
            scale: None,
            how,
            sure,
        };
        match vector.quantity {
            Quantity::AngularRate => Ok(match vector.unit {
                Some(unit) => guess(unit, "seen in the header".to_owned(), true),
                None if largest > 2000.0 => guess(
                    "mdeg/s",
                    format!("guessed: values up to {largest:.0}"),
                    false,
                ),
                None if largest > 35.0 => guess(
                    "deg/s",
                    format!("guessed: values up to {largest:.0}"),
                    false,
                ),
                None => guess(
                    "rad/s",
                    format!("guessed: values up to {largest:.1}"),
                    false,
                ),
            }),
            Quantity::MagneticField => Ok(guess(
                vector.unit.unwrap_or("uT"),
                "guessed".to_owned(),
                false,
            )),
            Quantity::Other => Ok(guess("1", "not known".to_owned(), false)),
            Quantity::Acceleration => {
                let (at, resting) = found.ok_or("too few rows to tell the unit by gravity")?;
                acceleration(at, resting, vector)
            }
        }
    }

    /// Tells the unit of times (`None` for dates) and the rate in Hz.
    pub fn clock(
        &self,
        table: &Table,
        roles: &Roles,
    ) -> Option<(Option<&'static str>, f64, String)> {
        let column = roles.time?;
        let mut steps = self.steps.clone();
        if steps.len() < 2 {
            return None;
        }
        let middle = steps.len() / 2;
        let (_, &mut median, _) = steps.select_nth_unstable_by(middle, f64::total_cmp);
        // Pauses do not count; rows of one packet do.
        let (sum, count) = self
            .steps
            .iter()
            .filter(|&&s| s < 20.0 * median)
            .fold((0.0, 0.0), |(sum, n), step| (sum + step, n + 1.0));
        let rows = count * (1.0 + self.repeated as f64 / self.steps.len() as f64);
        let step = sum / rows;
        let rate = |ns: f64| 1e9 / (step * ns);
        if is_date(table, column) {
            return Some((None, rate(1.0), "seen: dates and times of day".to_owned()));
        }
        let units = [("s", 1e9), ("ms", 1e6), ("us", 1e3), ("ns", 1.0)];
        let name = table.name(column).to_lowercase();
        let says = |words: &[&str]| words.iter().any(|w| name.contains(w));
        let named = match () {
            () if says(&["(ms)", "_ms", "milli", "[ms]"]) || name == "ms" => Some("ms"),
            () if says(&["(us)", "_us", "micro", "[us]", "(µs)"]) || name == "us" => Some("us"),
            () if says(&["(ns)", "_ns", "nano", "[ns]"]) => Some("ns"),
            () if says(&["(s)", "second", "_s", "[s]"]) => Some("s"),
            () => None,
        };
        let first = self.first_time.unwrap_or(0.0).abs();
        let epoch = match first {
            f if f >= 1e17 => Some("ns"),
            f if f >= 1e14 => Some("us"),
            f if f >= 1e11 => Some("ms"),
            f if f >= 1e9 && step < 1.0 => Some("s"),
            _ => None,
        };
        let plausible = |(_, ns): &&(&str, f64)| (3.0..=1000.0).contains(&rate(*ns));
        let sized = units.iter().find(plausible).map(|(unit, _)| *unit);
        let of = |unit: &str| {
            units
                .iter()
                .find(|(u, _)| *u == unit)
                .map(|(u, ns)| (*u, rate(*ns)))
        };
        for (unit, how) in [
            (named, "seen in the header"),
            (epoch, "seen: times since 1970"),
            (sized, "guessed: the only unit with a sensible rate"),
        ] {
            if let Some((unit, rate)) = unit
                .and_then(of)
                .filter(|(_, rate)| (1.0..=1000.0).contains(rate))
            {
                return Some((Some(unit), rate, how.to_owned()));
            }
        }
        None
    }
}

/// Tells the unit of an acceleration of magnitude `at`, at rest or in motion.
fn acceleration(at: f64, resting: bool, vector: &Vector) -> Result<UnitGuess, String> {
    let gravity = f64::from(STANDARD_GRAVITY);
    let tolerance = if resting { 0.15 } else { 0.35 };
    let near = |value: f64| (at / value - 1.0).abs() < tolerance;
    let rest = if resting { "at rest" } else { "in motion" };
    let guess = |unit, scale| {
        let seen = match vector.unit {
            Some(seen) if seen == unit => "seen in the header, and ",
            _ if resting => "by gravity: ",
            _ => "guessed: ",
        };
        UnitGuess {
            unit,
            scale,
            how: format!("{seen}|a| {rest} is {at:.4}"),
            sure: resting,
        }
    };
    let plain = [("m/s^2", gravity), ("g", 1.0), ("mg", 1000.0)];
    if let Some((unit, _)) = plain.iter().find(|(_, size)| near(*size)) {
        return Ok(guess(unit, None));
    }
    // Counts of 8 to 16 bits at +-2 to +-16 g are powers of two per g.
    let counts = (5..=14).map(|bits| f64::from(1u32 << bits));
    if let Some(per_g) = counts
        .filter(|n| near(*n))
        .min_by(|a, b| (at / a - 1.0).abs().total_cmp(&(at / b - 1.0).abs()))
    {
        let mut guess = guess("g", Some(1.0 / per_g));
        guess.how += &format!(", as of {per_g} counts per g");
        guess.sure = false;
        return Ok(guess);
    }
    if let Some(unit) = vector.unit {
        return Ok(UnitGuess {
            unit,
            scale: None,
            how: format!("seen in the header, but |a| {rest} is {at:.3}: is gravity taken out?"),
            sure: false,
        });
    }
    Err(format!(
        "|a| {rest} is {at:.3}, which is gravity in no unit: gravity may be taken out, or values are counts with a scale of their own"
    ))
}

/// Returns the rate that sensors are set to nearest to `measured`, if there is one.
pub(super) fn nominal(measured: f64) -> f64 {
    let nearest = RATES.iter().min_by(|a, b| {
        (*a / measured - 1.0)
            .abs()
            .total_cmp(&(*b / measured - 1.0).abs())
    });
    match nearest {
        Some(rate) if (rate / measured - 1.0).abs() < 0.06 => *rate,
        _ => (measured * 10.0).round() / 10.0,
    }
}
