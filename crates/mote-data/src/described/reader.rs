//! Reads one file that a description describes.

use super::{
    description::{BlankLine, Description, Header, Value},
    fields::Fields,
    places::{Missing, Places, names},
    streams::{Row, Streams},
    text::{Line, Lines, text},
    time::{TimeForm, UNITS, iso, with_point},
};
use crate::{
    Error, Reason,
    records::{decimal, number},
};
use std::{collections::VecDeque, io::Read, path::PathBuf};

/// Lines that a header is looked for in, and that tell how many fields rows without a header have.
const FIRST: usize = 100;

/// Rows that a time without a unit is measured by.
const MEASURED: usize = 200;

/// What the path of a file says of its rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub user: Option<String>,
    pub activity: Option<String>,
    pub device: Option<String>,
}

/// Why a row is rejected, and the column that it is for.
struct Fault {
    reason: Reason,
    column: Option<usize>,
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            column: None,
        }
    }
}

/// Adds the column to a reason.
fn at(column: usize) -> impl Fn(Reason) -> Fault {
    move |reason| Fault {
        reason,
        column: Some(column),
    }
}

/// Returns whether a field says that there is no value.
fn is_missing(field: &[u8]) -> bool {
    let words: [&[u8]; 3] = [b"nan", b"na", b"null"];
    field.is_empty() || words.iter().any(|word| field.eq_ignore_ascii_case(word))
}

/// Reads one file.
pub(crate) struct FileReader<'a, 'b> {
    description: &'a Description,
    /// Size of one unit of each channel, in the unit that values are kept in.
    scales: &'a [f32],
    path: PathBuf,
    known: Known,
    fields: Fields,
    time: TimeForm,
    /// First times of a file whose description has neither a unit nor a format for them.
    measured: Vec<f64>,
    streams: Streams<'b>,
    row: Row,
}

impl<'a, 'b> FileReader<'a, 'b> {
    pub(crate) fn new(
        description: &'a Description,
        scales: &'a [f32],
        path: PathBuf,
        known: Known,
        streams: Streams<'b>,
    ) -> Self {
        Self {
            description,
            scales,
            path,
            known,
            fields: Fields::new(description),
            time: TimeForm::of(description),
            measured: Vec::new(),
            streams,
            row: Row::new(description),
        }
    }

    /// Reads the file to its end.
    pub(crate) fn read(mut self, reader: &mut dyn Read) -> Result<(), Error> {
        let io = |path: &PathBuf| Error::io(path.clone());
        let mut lines = Lines::new(reader, self.description.encoding).map_err(io(&self.path))?;
        let mut first = VecDeque::new();
        let mut header: Vec<u8> = Vec::new();
        let places = self.start(&mut lines, &mut first, &mut header)?;
        let Some(places) = places else {
            self.streams.skip_empty();
            return Ok(());
        };
        self.streams.begin_file();
        while let Some((number, line)) = first.pop_front() {
            self.line(number, &line, &header, &places)?;
        }
        while let Some((number, line)) = lines.next().map_err(io(&self.path))? {
            match line {
                Line::Text(line) => self.line(number, line, &header, &places)?,
                Line::TooLong => self.streams.reject(number, Reason::TooLong, String::new),
            }
        }
        if !self.measured.is_empty() {
            return Err(self.no_time_unit());
        }
        self.streams.finish()
    }

    /// Reads up to the first row, finds the columns, and keeps lines that were read on the way. `None` for a file with
    /// nothing in it.
    fn start(
        &mut self,
        lines: &mut Lines<'_>,
        first: &mut VecDeque<(u64, Vec<u8>)>,
        header: &mut Vec<u8>,
    ) -> Result<Option<Places<'a>>, Error> {
        let description = self.description;
        let skip = match description.header {
            Header::Line(number) => number.saturating_sub(1),
            Header::Is(_) => description.skip_lines,
        };
        while first.len() < FIRST {
            let Some((number, line)) = lines.next().map_err(Error::io(self.path.clone()))? else {
                break;
            };
            let Line::Text(line) = line else {
                self.streams.reject(number, Reason::TooLong, String::new);
                continue;
            };
            if number > skip && !self.is_comment(line) {
                first.push_back((number, line.to_vec()));
            }
        }
        if first.iter().all(|(_, line)| line.trim_ascii().is_empty()) {
            return Ok(None);
        }
        if description.header == Header::Is(false) {
            let fields = self.usual_fields(first);
            let places = Places::find(description, &[], fields).map_err(|missing| {
                let reason = format!(
                    "{} = {}, counted from 0, but rows have {fields} fields",
                    missing.field, missing.name
                );
                Error::format(&self.path, reason)
            });
            return places.map(Some);
        }
        // Programs write lines of their own above the header; the header is the first line that has the columns.
        let mut missing: Option<(Missing, Vec<String>)> = None;
        for at in 0..first.len() {
            let Some((_, line)) = first.get(at) else {
                break;
            };
            if line.trim_ascii().is_empty() || self.fields.split(line).is_err() {
                continue;
            }
            let found = names(line, &self.fields, description);
            match Places::find(description, &found, found.len()) {
                Ok(places) => {
                    let above = first.drain(..=at).collect::<Vec<_>>();
                    self.streams.lines_above_header(above.len() as u64 - 1);
                    *header = above.into_iter().next_back().map_or(Vec::new(), |l| l.1);
                    return Ok(Some(places));
                }
                Err(absent) => {
                    missing.get_or_insert((absent, found));
                }
            }
            if matches!(description.header, Header::Line(_)) {
                break;
            }
        }
        let Some((absent, there)) = missing else {
            return Ok(None);
        };
        let mut there = there.join(", ");
        if there.len() > 300 {
            there = there.chars().take(300).collect::<String>() + "..";
        }
        let what = match absent.field.strip_prefix("where.") {
            Some(_) => absent.field.clone(),
            None => format!("{} = \"{}\"", absent.field, absent.name),
        };
        let hint = match absent.field.as_str() {
            "columns.activity" => {
                "; where folders or file names say it, write pattern = \"{activity}/*.csv\" in place of columns.activity"
            }
            "columns.user" => {
                "; where folders or file names say it, write pattern = \"{user}/*.csv\" in place of columns.user; for one \
                 user, user = \"me\""
            }
            _ => "; a file that is not wanted can be left out: exclude = \"name\"",
        };
        let reason = format!("{what} is not in the header, which has: {there}{hint}");
        Err(Error::format(&self.path, reason))
    }

    /// Counts the fields that most of the first rows have.
    fn usual_fields(&mut self, first: &VecDeque<(u64, Vec<u8>)>) -> usize {
        let mut counts = std::collections::BTreeMap::<usize, usize>::new();
        for (_, line) in first {
            if line.trim_ascii().is_empty() {
                continue;
            }
            if let Ok(count) = self.fields.split(line) {
                *counts.entry(count).or_default() += 1;
            }
        }
        let most = counts.into_iter().max_by_key(|&(_, rows)| rows);
        most.map_or(0, |(fields, _)| fields)
    }

    fn is_comment(&self, line: &[u8]) -> bool {
        let marks = self.description.comment.as_slice();
        let line = line.trim_ascii_start();
        marks
            .iter()
            .any(|mark| !mark.is_empty() && line.starts_with(mark.as_bytes()))
    }

    fn line(
        &mut self,
        number: u64,
        line: &[u8],
        header: &[u8],
        places: &Places<'_>,
    ) -> Result<(), Error> {
        if line.trim_ascii().is_empty() {
            let ends = match self.description.blank_line {
                BlankLine::Auto => places.time.is_empty(),
                BlankLine::EndsRecording => true,
                BlankLine::Ignored => false,
            };
            return self.streams.blank_line(ends);
        }
        if self.is_comment(line) {
            return Ok(());
        }
        if !header.is_empty() && line == header {
            // Files that were put together one after the other repeat the header.
            return self.streams.blank_line(true);
        }
        match self.parse(number, line, places) {
            Ok(Some(())) => self.streams.push(number, &self.row, &self.known),
            Ok(None) => {
                self.streams.no_record();
                Ok(())
            }
            Err(fault) => {
                self.fault(number, line, places, &fault);
                if self.measured.len() >= MEASURED {
                    return Err(self.no_time_unit());
                }
                Ok(())
            }
        }
    }

    fn fault(&mut self, number: u64, line: &[u8], places: &Places<'_>, fault: &Fault) {
        let fields = &self.fields;
        if let (Reason::UnknownActivity, Some(n)) = (fault.reason, fault.column) {
            self.streams
                .unknown_label(&text(fields.get(line, n).unwrap_or(&[])));
        }
        let detail = || match fault.column {
            _ if fault.reason == Reason::FieldCount => {
                format!("{} fields in place of {}", fields.len(), places.fields)
            }
            Some(n) => {
                let value = text(fields.get(line, n).unwrap_or(&[])).into_owned();
                let value: String = value.chars().take(60).collect();
                let hint = if fault.reason == Reason::BadNumber && value.contains(',') {
                    ", which decimal = \",\" would read"
                } else {
                    ""
                };
                format!("column {} = {value:?}{hint}", places.label(n))
            }
            None => String::new(),
        };
        self.streams.reject(number, fault.reason, detail);
    }

    /// Parses a row into `self.row`; `None` when it holds nothing of the sensors.
    fn parse(
        &mut self,
        _number: u64,
        line: &[u8],
        places: &Places<'_>,
    ) -> Result<Option<()>, Fault> {
        let fields = &mut self.fields;
        fields.split(line)?;
        let get = |n: usize| fields.get(line, n).unwrap_or(&[]);
        let passes = |only: &[(usize, &[Value])]| {
            only.iter()
                .all(|(n, values)| values.iter().any(|v| v.is(get(*n))))
        };
        // Rows of other sensors may have other numbers of fields.
        if !passes(&places.only) {
            return Ok(None);
        }
        if !places.suits(line, fields) {
            return Err(Reason::FieldCount.into());
        }
        let row = &mut self.row;
        row.clear();
        let decimal_sign = self.description.decimal;
        let mut channel = 0;
        for (slot, sensor) in row.sensors.iter_mut().zip(&places.sensors) {
            let scales = self.scales.get(channel..).unwrap_or(&[]);
            channel += sensor.columns.len();
            if !passes(&sensor.only) || sensor.columns.iter().all(|&n| is_missing(get(n))) {
                continue;
            }
            slot.there = true;
            for ((value, &n), scale) in slot.values.iter_mut().zip(&sensor.columns).zip(scales) {
                let field = get(n);
                if field.is_empty() {
                    return Err(at(n)(Reason::EmptyField));
                }
                let number = decimal(&with_point(field, decimal_sign)).map_err(at(n))? * scale;
                if !number.is_finite() {
                    return Err(at(n)(Reason::NotFinite));
                }
                *value = number;
            }
        }
        if row.sensors.iter().all(|s| !s.there) {
            return Ok(None);
        }
        for (slot, sensor) in row.sensors.iter().zip(&places.sensors) {
            for (value, &n) in slot.values.iter().zip(&sensor.columns) {
                if slot.there && value.abs() > slot.limit {
                    return Err(at(n)(Reason::Implausible));
                }
            }
        }
        row.user.clear();
        if let Some(n) = places.user {
            row.user.extend_from_slice(get(n));
            if row.user.is_empty() {
                return Err(at(n)(Reason::EmptyField));
            }
        }
        row.device.clear();
        row.device
            .extend_from_slice(places.device.map_or(&[][..], get));
        if let Some(n) = places.activity {
            let label = get(n);
            if label != row.label.as_slice() || row.class.is_none() {
                let class = self.description.class(&text(label));
                row.label.clear();
                row.label.extend_from_slice(label);
                row.class = class.map(str::to_owned);
            }
            if row.class.is_none() {
                return Err(at(n)(if label.is_empty() {
                    Reason::EmptyLabel
                } else {
                    Reason::UnknownActivity
                }));
            }
        }
        row.t_ns = match *places.time.as_slice() {
            [] => None,
            [n] => {
                let field = get(n);
                if field.is_empty() {
                    return Err(at(n)(Reason::EmptyField));
                }
                if matches!(self.time, TimeForm::Unknown) {
                    if iso(field).is_none() {
                        let time: Option<f64> = number(&with_point(field, decimal_sign)).ok();
                        self.measured.extend(time.filter(|t| t.is_finite()));
                        return Err(at(n)(Reason::BadTime));
                    }
                    self.time = TimeForm::Iso;
                }
                Some(self.time.parse(field, decimal_sign).map_err(at(n))?)
            }
            [first, second, ..] => {
                let joined = [get(first), b" ", get(second)].concat();
                Some(self.time.parse(&joined, decimal_sign).map_err(at(first))?)
            }
        };
        Ok(Some(()))
    }

    /// Builds the error of times that are numbers without a unit, with the unit that their steps speak for.
    fn no_time_unit(&self) -> Error {
        let rate = f64::from(self.description.rate_hz);
        let (first, last) = (self.measured.first(), self.measured.last());
        let span = first.zip(last).map_or(0.0, |(a, b)| (b - a).abs());
        let step = span / self.measured.len().saturating_sub(1).max(1) as f64;
        let rates =
            UNITS.map(|(unit, name)| (1e9 / (step * unit.ns(self.description.rate_hz)), name));
        let likely = rates
            .iter()
            .find(|(hz, _)| (0.5..2.0).contains(&(hz / rate)));
        let hint = match likely {
            Some((hz, name)) => format!(
                "steps of {step} are {hz:.1} Hz in {name}, and rate_hz is {rate}: write time_unit = \"{name}\""
            ),
            None => "write time_unit = \"s\", \"ms\", \"us\" or \"ns\"".to_owned(),
        };
        let reason =
            format!("columns.time holds numbers, and the description has no time_unit; {hint}");
        Error::format(&self.path, reason)
    }
}
