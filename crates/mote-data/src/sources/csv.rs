//! Reads recordings of your own: CSV files, described by a small TOML file.
//!
//! ```toml
//! path = "recordings"      # a CSV file, or a folder of them, relative to this file
//! unit = "g"               # or "m/s^2"
//! rate_hz = 50.0           # nominal; also stands for the time where there is no time column
//! time_unit = "ms"         # ns, us, ms or s; only with a time column
//! header = true            # the default; without one, columns are given by number, from 0
//!
//! [columns]
//! x = "ax"
//! y = "ay"
//! z = "az"
//! activity = "label"
//! user = "subject"         # a number per person
//! time = "t"               # optional
//!
//! [labels]                 # value in the file = class; a class "" is known but not used
//! walk = "walking"
//! sit = "sitting"
//! ```

use super::{Dataset, Layout, Source};
use crate::{
    Error, Files, IngestReport, Reason, STANDARD_GRAVITY, Sensor, Sink,
    recording::Collector,
    records::{decimal, number},
};
use csv::{ByteRecord, ReaderBuilder};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::{Path, PathBuf},
};

/// Reader of CSV files that a TOML file describes.
#[derive(Debug, Clone)]
pub struct Csv {
    name: String,
    description: Description,
    files: Files,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    path: PathBuf,
    unit: Unit,
    rate_hz: f32,
    #[serde(default)]
    time_unit: TimeUnit,
    #[serde(default = "comma")]
    delimiter: char,
    #[serde(default = "yes")]
    header: bool,
    columns: Columns,
    labels: BTreeMap<String, String>,
}

fn comma() -> char {
    ','
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum Unit {
    #[serde(rename = "m/s^2")]
    MetresPerSecondSquared,
    #[serde(rename = "g")]
    G,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TimeUnit {
    #[default]
    Ns,
    Us,
    Ms,
    S,
}

impl TimeUnit {
    fn ns(self) -> f64 {
        match self {
            TimeUnit::Ns => 1.0,
            TimeUnit::Us => 1e3,
            TimeUnit::Ms => 1e6,
            TimeUnit::S => 1e9,
        }
    }
}

/// A column by name, or by number from 0.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Column {
    Number(usize),
    Name(String),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    x: Column,
    y: Column,
    z: Column,
    activity: Column,
    user: Column,
    time: Option<Column>,
}

/// Positions of the columns in one file.
struct Places {
    sample: [usize; 3],
    activity: usize,
    user: usize,
    time: Option<usize>,
}

impl Csv {
    /// Opens the recordings that the TOML file at `path` describes.
    ///
    /// # Errors
    /// When the description cannot be read or is wrong, naming the line.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        let description: Description =
            toml::from_str(&text).map_err(|e| Error::format(path, e.to_string()))?;
        if !(1.0..=1000.0).contains(&description.rate_hz) {
            return Err(Error::format(path, "rate_hz must lie between 1 and 1000"));
        }
        if !description.delimiter.is_ascii() {
            return Err(Error::format(path, "delimiter must be an ASCII character"));
        }
        let files = path
            .parent()
            .unwrap_or(Path::new(""))
            .join(&description.path);
        if !files.exists() {
            let reason = format!("path: there is no {}", files.display());
            return Err(Error::format(path, reason));
        }
        Ok(Self {
            name: format!("csv:{}", path.display()),
            description,
            files: Files::at(files),
        })
    }

    /// Returns the nominal rate in Hz.
    pub fn rate_hz(&self) -> f32 {
        self.description.rate_hz
    }

    /// Returns the class names in alphabetical order.
    pub fn labels(&self) -> Vec<String> {
        let labels: BTreeSet<&String> = self.description.labels.values().collect();
        labels
            .into_iter()
            .filter(|l| !l.is_empty())
            .cloned()
            .collect()
    }

    /// Finds the columns by the header of the file.
    fn places(&self, header: &ByteRecord, file: &Path) -> Result<Places, Error> {
        let place = |field: &str, column: &Column| match column {
            Column::Number(n) => Ok(*n),
            Column::Name(name) => {
                let found = header
                    .iter()
                    .position(|h| h.trim_ascii() == name.as_bytes());
                found.ok_or_else(|| {
                    let there: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
                    let reason = format!(
                        "columns.{field} = \"{name}\" is not in the header, which has: {}",
                        there.join(", ")
                    );
                    Error::format(file, reason)
                })
            }
        };
        let c = &self.description.columns;
        Ok(Places {
            sample: [place("x", &c.x)?, place("y", &c.y)?, place("z", &c.z)?],
            activity: place("activity", &c.activity)?,
            user: place("user", &c.user)?,
            time: c.time.as_ref().map(|t| place("time", t)).transpose()?,
        })
    }

    /// Parses one row.
    fn row<'a>(&'a self, row: &ByteRecord, at: &Places) -> Result<CsvSample<'a>, Reason> {
        let field = |n: usize| match row.get(n).map(<[u8]>::trim_ascii) {
            None => Err(Reason::FieldCount),
            Some([]) => Err(Reason::EmptyField),
            Some(field) => Ok(field),
        };
        let user = number(field(at.user)?)?;
        let label = String::from_utf8_lossy(field(at.activity)?);
        let activity = self.description.labels.get(label.as_ref());
        let activity = activity.ok_or(Reason::UnknownActivity)?;
        let t_ns = at.time.map(|n| self.time_ns(field(n)?)).transpose()?;
        let [x, y, z] = at.sample;
        let scale = match self.description.unit {
            Unit::MetresPerSecondSquared => 1.0,
            Unit::G => STANDARD_GRAVITY,
        };
        let sample = [
            decimal(field(x)?)?,
            decimal(field(y)?)?,
            decimal(field(z)?)?,
        ];
        Ok(CsvSample {
            user,
            activity,
            t_ns,
            sample: sample.map(|v| v * scale),
        })
    }

    /// Parses a time as whole ns. Integers are not converted to f64, which is too narrow for Unix times in ns.
    fn time_ns(&self, field: &[u8]) -> Result<i64, Reason> {
        let unit = self.description.time_unit.ns();
        if let Ok(whole) = number::<i64>(field) {
            return whole.checked_mul(unit as i64).ok_or(Reason::Implausible);
        }
        let time: f64 = number(field)?;
        if !time.is_finite() {
            return Err(Reason::NotFinite);
        }
        let ns = time * unit;
        if ns.abs() < i64::MAX as f64 {
            Ok(ns as i64)
        } else {
            Err(Reason::Implausible)
        }
    }

    fn read_file(
        &self,
        reader: &mut dyn Read,
        name: &str,
        collector: &mut Collector<'_>,
    ) -> Result<(), Error> {
        let path = self.files.entry(name);
        let damaged = |e: csv::Error| Error::format(&path, e.to_string());
        let mut csv = ReaderBuilder::new()
            .delimiter(self.description.delimiter as u8)
            .has_headers(self.description.header)
            .flexible(true)
            .from_reader(reader);
        let header = if self.description.header {
            csv.byte_headers().map_err(damaged)?.clone()
        } else {
            ByteRecord::new()
        };
        let places = self.places(&header, &path)?;
        let step_ns = 1e9 / f64::from(self.description.rate_hz);
        let mut row = ByteRecord::new();
        let mut count = 0.0;
        while csv.read_byte_record(&mut row).map_err(damaged)? {
            let line = row.position().map_or(0, csv::Position::line);
            // Without a time column, time goes on with a rejected row too.
            count += 1.0;
            match self.row(&row, &places) {
                Ok(row) => {
                    let t_ns = row.t_ns.unwrap_or((count * step_ns) as i64);
                    collector.push(line, (row.user, row.activity), t_ns, row.sample)?;
                }
                Err(reason) => collector.reject(line, reason),
            }
        }
        Ok(())
    }
}

/// One parsed row.
struct CsvSample<'a> {
    user: u32,
    activity: &'a str,
    /// Time in ns, where the file has one.
    t_ns: Option<i64>,
    /// Acceleration in m/s^2.
    sample: [f32; 3],
}

impl Source for Csv {
    fn name(&self) -> &str {
        &self.name
    }

    fn dataset(&self) -> Option<&'static Dataset> {
        None
    }

    fn locate(&self, _: Option<&Path>) -> Option<Files> {
        Some(self.files.clone())
    }

    fn wants(&self, name: &str) -> bool {
        name.ends_with(".csv") || self.files.path().ends_with(name)
    }

    fn layout(&self) -> Layout {
        Layout::Recordings
    }

    fn read(
        &self,
        files: &Files,
        ingest: &mut IngestReport,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        files.visit(&|n| self.wants(n), &mut |name, reader| {
            let mut collector = Collector::new(sink, ingest, name, Sensor::Accelerometer);
            self.read_file(reader, name, &mut collector)?;
            collector.finish()
        })
    }
}
