//! Reads recordings of your own: CSV files, described by a small TOML file.
//!
//! ```toml
//! path = "recordings"      # a CSV file, or a folder of them, relative to this file
//! unit = "g"               # or "m/s^2"
//! rate_hz = 50.0           # nominal; also stands for the time where there is no time column
//! time_unit = "ms"         # ns, us, ms or s; only with a time column
//! header = true            # the default; without one, columns are given by number, from 0
//! delimiter = ","          # the default, as are those below
//! decimal = "."            # or ","
//! quotes = false           # whether fields may stand in "quotes"
//! skip_lines = 0           # lines before the header
//! comment = ""             # what lines that are no rows begin with
//! endings = ["csv"]        # of the files of a folder, in any case, packed with gzip or not
//! where = {}               # { sensor = "accelerometer" }: rows to read, by the value of a column
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

use super::{Dataset, Layout, Source, lines::Lines};
use crate::{
    Error, Files, IngestReport, Reason, STANDARD_GRAVITY, Sensor, Sink,
    recording::Collector,
    records::{decimal, number},
};
use csv::{ByteRecord, ReaderBuilder};
use serde::Deserialize;
use std::{
    cell::Cell,
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
    time_unit: Option<TimeUnit>,
    #[serde(default = "comma")]
    delimiter: char,
    #[serde(default = "yes")]
    header: bool,
    /// Lines before the header, or before the first row.
    #[serde(default)]
    skip_lines: u64,
    /// What lines that are no rows begin with.
    #[serde(default)]
    comment: String,
    #[serde(default = "point")]
    decimal: char,
    #[serde(default)]
    quotes: bool,
    /// Endings of the files of a folder, in any case.
    #[serde(default = "csv_ending")]
    endings: Vec<String>,
    /// Column and the value it has in the rows to read.
    #[serde(default, rename = "where")]
    chosen: BTreeMap<String, String>,
    columns: Columns,
    labels: BTreeMap<String, String>,
}

fn point() -> char {
    '.'
}

fn csv_ending() -> Vec<String> {
    vec!["csv".to_owned()]
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

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TimeUnit {
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
    /// Columns that choose rows, and the value asked for.
    chosen: Vec<(usize, String)>,
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
        if !['.', ','].contains(&description.decimal)
            || description.decimal == description.delimiter
        {
            let reason = "decimal must be \".\" or \",\", and not the delimiter";
            return Err(Error::format(path, reason));
        }
        if description.columns.time.is_some() && description.time_unit.is_none() {
            let reason = "time_unit is missing: ns, us, ms or s of the column columns.time";
            return Err(Error::format(path, reason));
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
                    let quoted = there.iter().any(|h| h.trim().starts_with('"'));
                    let reason = format!(
                        "columns.{field} = \"{name}\" is not in the header, which has: {}{}",
                        there.join(", "),
                        match quoted && !self.description.quotes {
                            true => "; its names are in quotes: add quotes = true",
                            false => "",
                        }
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
            chosen: self
                .description
                .chosen
                .iter()
                .map(|(column, value)| {
                    let column = match column.parse() {
                        Ok(n) if !self.description.header => Column::Number(n),
                        _ => Column::Name(column.clone()),
                    };
                    let n = match place("where", &column) {
                        Err(Error::Format { path, reason }) => {
                            let reason = reason.replacen("columns.where", "where", 1);
                            return Err(Error::Format { path, reason });
                        }
                        n => n?,
                    };
                    Ok((n, value.clone()))
                })
                .collect::<Result<_, Error>>()?,
        })
    }

    /// Parses one row; an error names the column to blame, where it is one.
    fn row<'a>(
        &'a self,
        row: &ByteRecord,
        at: &Places,
    ) -> Result<CsvSample<'a>, (Reason, Option<usize>)> {
        let field = |n: usize| match row.get(n).map(<[u8]>::trim_ascii) {
            None => Err((Reason::FieldCount, None)),
            Some([]) => Err((Reason::EmptyField, Some(n))),
            Some(field) => Ok(field),
        };
        let user = self.user(field(at.user)?).map_err(|r| (r, Some(at.user)))?;
        let label = match field(at.activity) {
            // An empty label can be one that the description knows.
            Err((Reason::EmptyField, _)) if self.description.labels.contains_key("") => &[],
            label => label?,
        };
        let label = String::from_utf8_lossy(label);
        let activity = self.description.labels.get(label.as_ref());
        let activity = activity.ok_or((Reason::UnknownActivity, Some(at.activity)))?;
        let time = |n| self.time_ns(field(n)?).map_err(|r| (r, Some(n)));
        let t_ns = at.time.map(time).transpose()?;
        let scale = match self.description.unit {
            Unit::MetresPerSecondSquared => 1.0,
            Unit::G => STANDARD_GRAVITY,
        };
        let mut sample = [0.0; 3];
        for (value, n) in sample.iter_mut().zip(at.sample) {
            *value = self.value(field(n)?).map_err(|r| (r, Some(n)))? * scale;
        }
        Ok(CsvSample {
            user,
            activity,
            t_ns,
            sample,
        })
    }

    /// Parses a user: a whole number, which tables of floats write as `1.0`.
    fn user(&self, field: &[u8]) -> Result<u32, Reason> {
        let whole = match field.iter().position(|&b| b == b'.') {
            Some(at) if at > 0 && field.iter().skip(at + 1).all(|&b| b == b'0') => &field[..at],
            _ => field,
        };
        number(whole)
    }

    /// Parses a value, with the decimal mark of the description.
    fn value(&self, field: &[u8]) -> Result<f32, Reason> {
        if self.description.decimal == '.' {
            return decimal(field);
        }
        if field.contains(&b'.') {
            return Err(Reason::BadNumber);
        }
        let point: Vec<u8> = field
            .iter()
            .map(|&b| if b == b',' { b'.' } else { b })
            .collect();
        decimal(&point)
    }

    /// Parses a time as whole ns. Integers are not converted to f64, which is too narrow for Unix times in ns.
    fn time_ns(&self, field: &[u8]) -> Result<i64, Reason> {
        // With a time column there is a unit, or the description was refused.
        let unit = self.description.time_unit.unwrap_or(TimeUnit::Ns).ns();
        if let Ok(whole) = number::<i64>(field) {
            return whole.checked_mul(unit as i64).ok_or(Reason::Implausible);
        }
        let time: f64 = if self.description.decimal == ',' {
            number(String::from_utf8_lossy(field).replace(',', ".").as_bytes())?
        } else {
            number(field)?
        };
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
        let mut lines = Lines::new(reader, &path);
        let mut row = ByteRecord::new();
        let mut head: Option<(ByteRecord, Places)> = None;
        let step_ns = 1e9 / f64::from(self.description.rate_hz);
        let mut count = 0.0;
        while let Some((at, line)) = lines.next()? {
            let text = line.trim_ascii();
            if at <= self.description.skip_lines || self.is_comment(text) {
                continue;
            }
            if text.is_empty() {
                collector.blank_lines(1);
                // Without times, a blank line is the only sign that the signal does not go on.
                if self.description.columns.time.is_none() {
                    collector.cut()?;
                }
                continue;
            }
            self.split(line, &mut row);
            let (header, places) = match &head {
                Some(head) => head,
                None => {
                    let places = self.places(&row, &path)?;
                    let head = head.insert((row.clone(), places));
                    if self.description.header {
                        continue;
                    }
                    head
                }
            };
            if !self.is_chosen(&row, places) {
                collector.ingest().rows_without_sample += 1;
                continue;
            }
            // Without a time column, time goes on with a rejected row too.
            count += 1.0;
            let parsed = if same_width(&row, header) {
                self.row(&row, places)
            } else {
                Err((Reason::FieldCount, None))
            };
            match parsed {
                Ok(row) => {
                    let t_ns = row.t_ns.unwrap_or((count * step_ns) as i64);
                    collector.push(at, (row.user, row.activity), t_ns, row.sample)?;
                }
                Err((reason, column)) => {
                    let value = column.map(|n| {
                        let value = String::from_utf8_lossy(row.get(n).unwrap_or_default());
                        (n, value.trim().chars().take(60).collect::<String>())
                    });
                    if let (Reason::UnknownActivity, Some((_, label))) = (reason, &value) {
                        let unknown = &mut collector.ingest().unknown_labels;
                        if unknown.len() < 100 || unknown.contains_key(label) {
                            *unknown.entry(label.clone()).or_default() += 1;
                        }
                    }
                    collector.reject_field(at, reason, || {
                        let (n, value) = value?;
                        Some(match header.get(n).filter(|_| self.description.header) {
                            Some(name) => {
                                let name = String::from_utf8_lossy(name.trim_ascii());
                                format!("column `{name}` = {value:?}")
                            }
                            None => format!("column {n} = {value:?}"),
                        })
                    });
                }
            }
        }
        if head.is_none() {
            collector.ingest().empty_files += 1;
        }
        Ok(())
    }

    /// Returns whether `name` is the file that `path` names, packed or not.
    fn is_the_file(&self, name: &str) -> bool {
        let path = self.files.path();
        path.ends_with(name) || path.ends_with(format!("{name}.gz"))
    }

    fn is_comment(&self, line: &[u8]) -> bool {
        let comment = &self.description.comment;
        !comment.is_empty() && line.starts_with(comment.as_bytes())
    }

    /// Splits a line into its fields.
    fn split(&self, line: &[u8], row: &mut ByteRecord) {
        row.clear();
        let delimiter = self.description.delimiter as u8;
        if !self.description.quotes {
            for field in line.split(|&b| b == delimiter) {
                row.push_field(field);
            }
            return;
        }
        let mut csv = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .buffer_capacity(line.len().max(1))
            .from_reader(line);
        // Reading from memory cannot fail, and one line is one record.
        if !csv.read_byte_record(row).unwrap_or(false) {
            row.clear();
        }
    }

    /// Returns whether the row is of the sensor that `where` asks for.
    fn is_chosen(&self, row: &ByteRecord, at: &Places) -> bool {
        at.chosen.iter().all(|(n, value)| {
            row.get(*n)
                .is_none_or(|field| field.trim_ascii() == value.as_bytes())
        }) && !at.sample.iter().all(|&n| {
            row.get(n)
                .is_some_and(|field| field.trim_ascii().is_empty())
        })
    }
}

/// Returns whether a row has as many fields as the header, or the first row. A delimiter at the end of either does not count.
fn same_width(row: &ByteRecord, header: &ByteRecord) -> bool {
    let ends_empty = |r: &ByteRecord| {
        r.iter()
            .next_back()
            .is_some_and(|f| f.trim_ascii().is_empty())
    };
    row.len() == header.len()
        || (row.len() == header.len() + 1 && ends_empty(row))
        || (row.len() + 1 == header.len() && ends_empty(header))
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
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let endings = &self.description.endings;
        endings.iter().any(|e| e.eq_ignore_ascii_case(ending)) || self.is_the_file(name)
    }

    fn layout(&self) -> Layout {
        Layout::Recordings { channels: 3 }
    }

    fn read(
        &self,
        files: &Files,
        ingest: &mut IngestReport,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        let left_out = Cell::new(0u64);
        let wanted = |name: &str| {
            let wanted = self.wants(name);
            let archive = name.to_ascii_lowercase().ends_with(".zip");
            left_out.set(left_out.get() + u64::from(!wanted && !archive));
            wanted
        };
        files.visit(&wanted, &mut |name, reader| {
            let mut collector = Collector::new(sink, ingest, name, Sensor::Accelerometer);
            self.read_file(reader, name, &mut collector)?;
            collector.finish()
        })?;
        ingest.files_left_out += left_out.get();
        Ok(())
    }
}
