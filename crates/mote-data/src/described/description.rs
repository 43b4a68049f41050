//! The description of recordings: what may stand in the TOML file, and what it means.

use super::{
    pattern::Pattern,
    time::TimeUnit,
    units::{Quantity, Unit},
};
use crate::Error;
use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

/// Endings of the files that are read when a description does not say which; in any case, packed with gzip or not.
const ENDINGS: [&str; 1] = ["csv"];

/// What a description says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    pub path: PathBuf,
    /// Globs of the files to read, in any case; without `/` they stand for the last part of a path.
    #[serde(default)]
    pub include: OneOrMore<String>,
    /// Endings of the files to read; short for an `include`.
    #[serde(default)]
    pub endings: Vec<String>,
    #[serde(default)]
    pub exclude: OneOrMore<String>,
    #[serde(default)]
    pub pattern: Option<Pattern>,
    /// The user of every recording.
    #[serde(default)]
    pub user: Option<Value>,
    /// The label of every recording.
    #[serde(default)]
    pub activity: Option<String>,
    /// Unit of `columns.x`, `y` and `z`.
    #[serde(default)]
    pub unit: Option<Unit>,
    /// What a value of `columns.x`, `y` and `z` is multiplied by to be in `unit`.
    #[serde(default)]
    pub scale: Option<f32>,
    pub rate_hz: f32,
    #[serde(default)]
    pub time_unit: OneOrMore<TimeUnit>,
    #[serde(default)]
    pub time_format: Option<String>,
    #[serde(default)]
    pub encoding: Encoding,
    #[serde(default)]
    pub delimiter: Delimiter,
    #[serde(default)]
    pub decimal: Decimal,
    /// Whether fields may hold delimiters within "quotes".
    #[serde(default)]
    pub quotes: bool,
    #[serde(default)]
    pub header: Header,
    #[serde(default)]
    pub skip_lines: u64,
    #[serde(default)]
    pub comment: OneOrMore<String>,
    #[serde(default)]
    pub blank_line: BlankLine,
    /// Rows that are read; all others belong to something else.
    #[serde(default, rename = "where")]
    pub only: Filter,
    #[serde(default)]
    pub columns: Columns,
    #[serde(default)]
    pub channels: Vec<Channel>,
    /// Value in the file = class; a class `""` is known but not used.
    pub labels: BTreeMap<String, String>,
    /// The class of every label that `labels` does not have; `""` leaves them out.
    #[serde(default)]
    pub other_labels: Option<String>,
    /// Where the recordings come from; for people.
    #[serde(default)]
    pub about: Option<About>,
    /// For x, y and z, whether a recording mirrored along the axis is as plausible as the recording itself.
    #[serde(default)]
    pub mirrored_axes: [bool; 3],
}

/// Where recordings come from.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    #[serde(default)]
    pub title: String,
    /// Whom to cite.
    #[serde(default)]
    pub cite: String,
    /// Where the files are.
    #[serde(default)]
    pub url: String,
}

/// One value, or a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T> Default for OneOrMore<T> {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

impl<T> OneOrMore<T> {
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

/// A value of a cell: text, or a number, which equals every way to write it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Value {
    Whole(i64),
    Number(f64),
    Flag(bool),
    Text(String),
}

impl Value {
    /// Returns whether a cell holds this value.
    pub(crate) fn is(&self, cell: &[u8]) -> bool {
        let number = || {
            std::str::from_utf8(cell)
                .ok()
                .and_then(|c| c.parse::<f64>().ok())
        };
        match self {
            Self::Whole(n) => number() == Some(*n as f64),
            Self::Number(n) => number() == Some(*n),
            Self::Flag(flag) => cell.eq_ignore_ascii_case(flag.to_string().as_bytes()),
            Self::Text(text) => cell == text.as_bytes(),
        }
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Self::Whole(n) => n.to_string(),
            Self::Number(n) => n.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Column, by name or number, and the values a row may have there.
pub(crate) type Filter = BTreeMap<String, OneOrMore<Value>>;

/// How text is encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    /// By the first bytes: UTF-16 where they say so, otherwise UTF-8, and Latin-1 for what is no UTF-8.
    #[default]
    Auto,
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "utf-16")]
    Utf16,
    #[serde(rename = "latin-1")]
    Latin1,
}

/// What parts fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Delimiter {
    Byte(u8),
    /// Runs of spaces and tabs.
    Blanks,
}

impl Default for Delimiter {
    fn default() -> Self {
        Self::Byte(b',')
    }
}

impl TryFrom<String> for Delimiter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match (text.as_str(), text.as_bytes()) {
            ("tab", _) => Ok(Self::Byte(b'\t')),
            ("blanks" | " ", _) => Ok(Self::Blanks),
            (_, &[byte]) if byte.is_ascii() && !byte.is_ascii_alphanumeric() && byte != b'\n' => {
                Ok(Self::Byte(byte))
            }
            _ => Err(format!(
                "delimiter = {text:?}: must be one ASCII character that is no letter, \"tab\" or \"blanks\""
            )),
        }
    }
}

/// The sign in front of the decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Decimal {
    #[default]
    #[serde(rename = ".")]
    Point,
    #[serde(rename = ",")]
    Comma,
}

/// Which line names the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Header {
    /// The first line, or none.
    Is(bool),
    /// The line of this number, from 1; what is above it is skipped.
    Line(u64),
}

impl Default for Header {
    fn default() -> Self {
        Self::Is(true)
    }
}

/// What a blank line means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BlankLine {
    /// It ends a recording where there is no time column, which would show the pause, and means nothing elsewhere.
    #[default]
    Auto,
    EndsRecording,
    Ignored,
}

/// A column by name, or by number from 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(untagged)]
pub(crate) enum Column {
    Number(usize),
    Name(String),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Columns {
    pub x: Option<Column>,
    pub y: Option<Column>,
    pub z: Option<Column>,
    pub activity: Option<Column>,
    pub user: Option<Column>,
    /// Tells devices of one user apart that take turns row by row.
    pub device: Option<Column>,
    /// One column, or two whose texts belong together, such as date and time of day.
    #[serde(default)]
    pub time: OneOrMore<Column>,
}

/// Channels of one sensor, as a description lists them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Channel {
    /// One column per channel.
    pub columns: OneOrMore<Column>,
    pub quantity: Quantity,
    pub unit: Unit,
    #[serde(default)]
    pub scale: Option<f32>,
    /// Largest value that the sensor of the device gives, in `unit`.
    #[serde(default)]
    pub range: Option<f32>,
    #[serde(default, rename = "where")]
    pub only: Filter,
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Description {
    /// Parses and checks the text of the description at `path`.
    ///
    /// # Errors
    /// When it is no such description, naming line or field.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let mut description: Self =
            toml::from_str(text).map_err(|e| Error::format(path, e.to_string().trim_end()))?;
        description
            .check()
            .map_err(|reason| Error::format(path, reason))?;
        Ok(description)
    }

    fn check(&mut self) -> Result<(), String> {
        if !(1.0..=1000.0).contains(&self.rate_hz) {
            return Err("rate_hz must lie between 1 and 1000".to_owned());
        }
        if self.decimal == Decimal::Comma && self.delimiter == Delimiter::Byte(b',') {
            return Err("decimal = \",\" needs another delimiter than \",\"".to_owned());
        }
        let times = self.columns.time.as_slice().len();
        if times > 2 {
            return Err("columns.time: one column, or two such as date and time".to_owned());
        }
        let units = self.time_unit.as_slice().len();
        if units > 0 && times > 0 && units != times {
            return Err(format!(
                "time_unit: {units} units for {times} columns of time; give one for each (time_unit = [\"s\", \"us\"])"
            ));
        }
        if units > 0 && self.time_format.is_some() {
            return Err("time_unit and time_format exclude each other".to_owned());
        }
        if self.columns.time.as_slice().is_empty() && self.time_format.is_some() {
            let what = "time_format is given, but columns.time is not";
            return Err(what.to_owned());
        }
        if !self.endings.is_empty() && !self.include.as_slice().is_empty() {
            return Err("endings and include say the same; give one of them".to_owned());
        }
        self.check_channels()?;
        let captures = self.pattern.as_ref();
        let says = |name: &str| captures.is_some_and(|p| p.has(name));
        for (what, column, path, constant) in [
            (
                "user",
                &self.columns.user,
                says("user"),
                self.user.is_some(),
            ),
            (
                "activity",
                &self.columns.activity,
                says("activity"),
                self.activity.is_some(),
            ),
        ] {
            let ways = usize::from(column.is_some()) + usize::from(path) + usize::from(constant);
            let example = if what == "user" { "me" } else { "walking" };
            if ways == 0 {
                return Err(format!(
                    "nothing says which {what} a row belongs to: give columns.{what}, {{{what}}} in pattern, or \
                     {what} = \"{example}\" for all"
                ));
            }
            if ways > 1 {
                return Err(format!(
                    "{what} is given more than once: by column, by pattern or as a constant"
                ));
            }
        }
        if self.classes().is_empty() {
            return Err("labels: no class is named".to_owned());
        }
        Ok(())
    }

    /// Turns `columns.x`, `y`, `z` and `unit` into the channels they stand for.
    fn check_channels(&mut self) -> Result<(), String> {
        let Columns { x, y, z, .. } = &self.columns;
        let axes = [("x", x), ("y", y), ("z", z)];
        if !self.channels.is_empty() {
            if self.unit.is_some() || axes.iter().any(|(_, c)| c.is_some()) {
                let what = "give either unit and columns.x, y, z, or [[channels]]";
                return Err(what.to_owned());
            }
        } else {
            let mut columns = Vec::new();
            for (name, column) in axes {
                let missing = || format!("columns: missing field `{name}`");
                columns.push(column.clone().ok_or_else(missing)?);
            }
            let unit = self.unit.ok_or("missing field `unit` (g, mg or m/s^2)")?;
            self.channels.push(Channel {
                columns: OneOrMore::More(columns),
                quantity: Quantity::Acceleration,
                unit,
                scale: self.scale,
                range: None,
                only: Filter::new(),
            });
        }
        for channel in &self.channels {
            if channel.columns.as_slice().is_empty() {
                return Err("channels: columns is empty".to_owned());
            }
            if !channel.unit.measures(channel.quantity) {
                let (unit, quantity) = (channel.unit.symbol(), channel.quantity.text());
                return Err(format!("{unit} is no unit of {quantity}"));
            }
            let positive = |v: f32| v.is_finite() && v > 0.0;
            if channel.scale.is_some_and(|s| !s.is_finite() || s == 0.0) {
                return Err("scale must be a number other than 0".to_owned());
            }
            if channel.range.is_some_and(|r| !positive(r)) {
                return Err("range must be above 0".to_owned());
            }
        }
        if self.channel_count() > 64 {
            return Err("more than 64 channels".to_owned());
        }
        Ok(())
    }

    /// Counts the values per sample.
    pub(crate) fn channel_count(&self) -> usize {
        let columns = self.channels.iter().map(|c| c.columns.as_slice().len());
        columns.sum()
    }

    /// Returns the class names in alphabetical order.
    pub(crate) fn classes(&self) -> Vec<String> {
        let classes: BTreeSet<&String> = self.labels.values().chain(&self.other_labels).collect();
        classes
            .into_iter()
            .filter(|class| !class.is_empty())
            .cloned()
            .collect()
    }

    /// Returns the class of a label; `""` for one that is not used, `None` for one that is not known.
    pub(crate) fn class(&self, label: &str) -> Option<&str> {
        let known = self.labels.get(label).or(self.other_labels.as_ref());
        known.map(String::as_str)
    }

    /// Builds the sets of globs of the files that are read and that are left out.
    ///
    /// # Errors
    /// When a glob is malformed, naming it.
    pub(crate) fn globs(&self) -> Result<(GlobSet, GlobSet), String> {
        let ending = |ending: &str| format!("*.{}", ending.trim_start_matches('.'));
        let include = match (self.include.as_slice(), self.endings.as_slice()) {
            ([], []) if self.pattern.is_some() => vec!["*".to_owned()],
            ([], []) => ENDINGS.map(ending).to_vec(),
            ([], endings) => endings.iter().map(|e| ending(e)).collect(),
            (given, _) => given.to_vec(),
        };
        Ok((globs(&include)?, globs(self.exclude.as_slice())?))
    }
}

/// Builds a set of globs that match in any case; a glob without `/` matches the last part of a name.
fn globs(patterns: &[String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let anywhere = if pattern.contains('/') {
            pattern.clone()
        } else {
            format!("**/{pattern}")
        };
        let glob: Glob = GlobBuilder::new(&anywhere)
            .case_insensitive(true)
            .literal_separator(true)
            .build()
            .map_err(|e| format!("glob {pattern:?}: {e}"))?;
        set.add(glob);
    }
    set.build().map_err(|e| e.to_string())
}
