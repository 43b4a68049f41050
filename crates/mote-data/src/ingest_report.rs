//! Counts what became of every record of a data set: nothing is dropped without a line here.

use crate::{Error, Files, Finding, Windows};
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// Why a record was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Too few or too many fields.
    FieldCount,
    /// A field holds nothing.
    EmptyField,
    /// A field that must be a number is not one.
    BadNumber,
    /// A value is NaN or infinite.
    NotFinite,
    /// A value no accelerometer or gyroscope gives (beyond +-1,000 m/s^2 or rad/s).
    Implausible,
    /// The timestamp is zero: the sensor had not started.
    ZeroTimestamp,
    /// The timestamp equals that of the record before.
    RepeatedTimestamp,
    /// One record lies before its neighbours in time.
    BackwardTimestamp,
    /// A time is neither a number nor of the format that is expected.
    BadTime,
    /// A quote opens and does not close on its line.
    OpenQuote,
    /// There is no label, and none is declared for such rows.
    EmptyLabel,
    /// The activity is not one of the data set's.
    UnknownActivity,
    /// The user does not belong to the data set, or not to this file.
    WrongUser,
    /// No record ends within the longest record there can be.
    TooLong,
}

impl Reason {
    /// Returns the reason in words.
    pub fn text(self) -> &'static str {
        match self {
            Reason::FieldCount => "wrong number of fields",
            Reason::EmptyField => "empty field",
            Reason::BadNumber => "not a number",
            Reason::NotFinite => "NaN or infinite",
            Reason::Implausible => "value out of any sensor's range",
            Reason::ZeroTimestamp => "timestamp zero",
            Reason::RepeatedTimestamp => "timestamp repeated",
            Reason::BackwardTimestamp => "timestamp out of order",
            Reason::BadTime => "not a time",
            Reason::OpenQuote => "a quote that does not close",
            Reason::EmptyLabel => "no label",
            Reason::UnknownActivity => "unknown activity",
            Reason::WrongUser => "wrong user",
            Reason::TooLong => "record without an end",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// One rejected record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// File, or archive entry.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// Why.
    pub reason: Reason,
    /// The column and its value, where one field is to blame.
    pub field: Option<String>,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)?;
        self.field.as_ref().map_or(Ok(()), |x| write!(f, ": {x}"))
    }
}

/// A file that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// File, or archive entry.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// Counts what became of every record that a source read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IngestReport {
    /// Files, or archive entries, read.
    pub files: u64,
    /// Records seen.
    pub read: u64,
    /// Records that are sound. `read == accepted + rejected()`.
    pub accepted: u64,
    /// Accepted records of activities the task does not use.
    pub unused: u64,
    /// Accepted records in stretches shorter than one window.
    pub short: u64,
    /// Lines with nothing on them; they are not records.
    pub blank_lines: u64,
    /// Times a clock jumped back for good, so that a new recording was started.
    pub clock_resets: u64,
    /// Times a recording was cut at a gap.
    pub gaps: u64,
    /// Missing feature values (`?`).
    pub missing_values: u64,
    /// Files with nothing in them.
    pub empty_files: u64,
    /// Files beside those read whose names do not belong to the data.
    pub files_left_out: u64,
    /// The first files that were not read, as many of each reason as there are examples of rejected records.
    pub skipped: Vec<Skipped>,
    /// Rows of other sensors, without a sample of this one; they are not records.
    pub rows_without_sample: u64,
    /// Lines above the header of a file; they are not records.
    pub lines_above_header: u64,
    /// Recordings whose records were sorted by time.
    pub sorted: u64,
    /// Records that came in packets, and were spread over the time to the next packet.
    pub spread: u64,
    /// Records of one sensor that no record of another lies beside in time.
    pub unjoined: u64,
    /// Names of users who are known by another number.
    pub users: BTreeMap<u32, String>,
    /// Activities in the files that the description does not know, with their records.
    pub unknown_labels: BTreeMap<String, u64>,
    /// Windows cut, once all is read.
    pub windows: Option<u64>,
    /// Classes of the task without a window.
    pub classes_without_windows: Vec<String>,
    /// What the owner of the data should know.
    pub findings: Vec<Finding>,
    /// Rejected records by reason.
    pub rejected: BTreeMap<Reason, u64>,
    /// The first rejected records of each reason, as many as [`IngestReport::with_examples`] allows.
    pub examples: Vec<Rejection>,
    #[serde(skip)]
    limit: usize,
}

impl Default for IngestReport {
    fn default() -> Self {
        Self::with_examples(5)
    }
}

impl IngestReport {
    /// Returns an empty report that keeps up to `limit` examples per reason; `usize::MAX` keeps every one.
    pub fn with_examples(limit: usize) -> Self {
        Self {
            files: 0,
            read: 0,
            accepted: 0,
            unused: 0,
            short: 0,
            blank_lines: 0,
            clock_resets: 0,
            gaps: 0,
            missing_values: 0,
            empty_files: 0,
            files_left_out: 0,
            skipped: Vec::new(),
            rows_without_sample: 0,
            lines_above_header: 0,
            sorted: 0,
            spread: 0,
            unjoined: 0,
            users: BTreeMap::new(),
            unknown_labels: BTreeMap::new(),
            windows: None,
            classes_without_windows: Vec::new(),
            findings: Vec::new(),
            rejected: BTreeMap::new(),
            examples: Vec::new(),
            limit,
        }
    }

    /// Counts the rejected records, whatever the reason.
    pub fn rejected(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Returns the rejected records as a share of those read, in `0..=1`; 0 when nothing was read.
    pub fn bad_share(&self) -> f64 {
        if self.read == 0 {
            return 0.0;
        }
        self.rejected() as f64 / self.read as f64
    }

    /// Checks that at most `allowed` of the records of `task`, as a share, are rejected.
    ///
    /// # Errors
    /// [`Error::TooManyRejected`] with the most frequent reason.
    pub fn require_sound(&self, task: &str, allowed: f64) -> Result<(), Error> {
        if self.bad_share() <= allowed {
            return Ok(());
        }
        let most = self.rejected.iter().max_by_key(|(_, count)| **count);
        let example =
            most.and_then(|(reason, _)| self.examples.iter().find(|e| e.reason == *reason));
        Err(Error::TooManyRejected {
            task: task.to_owned(),
            share: self.bad_share(),
            read: self.read,
            most: match example {
                Some(e) if e.reason == Reason::UnknownActivity => {
                    format!("{e}; other_labels = \"\" leaves out what [labels] does not name")
                }
                Some(e) => e.to_string(),
                None => String::new(),
            },
            allowed,
        })
    }

    /// Counts a rejected record, and keeps it as an example while there are fewer than the limit.
    pub(crate) fn reject(&mut self, file: &str, line: u64, reason: Reason) {
        self.reject_field(file, line, reason, || None);
    }

    /// Counts a record as [`IngestReport::reject`] does; `field` names the column and the value to blame.
    pub(crate) fn reject_field(
        &mut self,
        file: &str,
        line: u64,
        reason: Reason,
        field: impl FnOnce() -> Option<String>,
    ) {
        self.read += 1;
        let count = self.rejected.entry(reason).or_default();
        *count += 1;
        if *count <= self.limit as u64 {
            self.examples.push(Rejection {
                file: file.to_owned(),
                line,
                reason,
                field: field(),
            });
        }
    }

    /// Notes a file that was not read.
    pub(crate) fn skip(&mut self, file: &str, reason: &str) {
        let same = self.skipped.iter().filter(|s| s.reason == reason).count();
        if same < self.limit {
            self.skipped.push(Skipped {
                file: file.to_owned(),
                reason: reason.to_owned(),
            });
        }
    }

    /// Counts a label that is not known.
    pub(crate) fn unknown_label(&mut self, label: &str) {
        // Text that is no label at all, such as a free note, must not fill the memory.
        if self.unknown_labels.len() < 100 || self.unknown_labels.contains_key(label) {
            *self.unknown_labels.entry(label.to_owned()).or_default() += 1;
        }
    }

    /// Checks that at least one file was read.
    ///
    /// # Errors
    /// When `files` held no file of `source`.
    pub(crate) fn require_files(&self, source: &str, files: &Files) -> Result<(), Error> {
        if self.files > 0 {
            return Ok(());
        }
        let reason = format!("holds no file of {source}");
        Err(Error::format(files.path(), reason))
    }

    /// Counts the windows cut, and notes the classes that have none.
    pub(crate) fn count_windows(&mut self, windows: &Windows) {
        self.windows = Some(windows.len() as u64);
        let empty = |class: &usize| !windows.y.contains(class);
        let labels = windows.labels.iter().enumerate();
        self.classes_without_windows = labels
            .filter(|(class, _)| empty(class))
            .map(|(_, label)| label.clone())
            .collect();
    }

    /// Says what may be wrong with data of which no window came out; `None` when there are windows, or nobody has counted.
    pub fn no_windows(&self) -> Option<&'static str> {
        if self.windows != Some(0) {
            return None;
        }
        Some(if self.accepted == 0 {
            "no record was accepted; the reasons are in the list of rejected records"
        } else if self.clock_resets * 4 > self.accepted {
            "time runs backwards in most rows; sort the rows by time, the oldest first"
        } else if self.short * 2 > self.accepted {
            "nearly all recordings are shorter than one window: a recording ends where the user or the activity changes, \
             so sort rows by user and time, and compare rate_hz and time_unit with the time column"
        } else {
            "the activities of the task are not among those of the accepted records"
        })
    }

    /// Counts a sound record.
    pub(crate) fn accept(&mut self) {
        self.read += 1;
        self.accepted += 1;
    }
}

impl fmt::Display for IngestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>12} files", self.files)?;
        writeln!(f, "{:>12} records read", self.read)?;
        writeln!(f, "{:>12} accepted", self.accepted)?;
        writeln!(
            f,
            "{:>12} rejected ({:.3} %)",
            self.rejected(),
            100.0 * self.bad_share()
        )?;
        for (reason, count) in &self.rejected {
            writeln!(f, "{count:>14} {reason}")?;
        }
        for (count, what) in [
            (self.unused, "accepted, of activities the task does not use"),
            (self.short, "accepted, in stretches shorter than one window"),
            (self.blank_lines, "blank lines"),
            (self.clock_resets, "clock resets (a new recording each)"),
            (self.gaps, "gaps (recordings cut there)"),
            (self.missing_values, "missing feature values"),
            (
                self.rows_without_sample,
                "rows without a sample (not records)",
            ),
            (self.lines_above_header, "lines above the header"),
            (self.sorted, "recordings sorted by time"),
            (self.spread, "records of packets, spread over time"),
            (
                self.unjoined,
                "records without one of another sensor beside them",
            ),
            (self.empty_files, "empty files"),
            (self.files_left_out, "files left out because of their names"),
        ] {
            if count > 0 {
                writeln!(f, "{count:>12} {what}")?;
            }
        }
        for Skipped { file, reason } in &self.skipped {
            writeln!(f, "{:>12} {file:?}: {reason}", "not read")?;
        }
        for (label, count) in &self.unknown_labels {
            writeln!(f, "{count:>12} of unknown activity {label:?}")?;
        }
        for example in &self.examples {
            writeln!(f, "  {example}")?;
        }
        for finding in &self.findings {
            writeln!(f, "  warning: {finding}")?;
        }
        Ok(())
    }
}
