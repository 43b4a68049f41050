//! From what was seen to the text of a description.

use super::{
    Guess, Hints,
    columns::{Roles, Vector, is_date},
    paths,
    signal::{Signal, UnitGuess, nominal},
    table::Table,
};
use crate::{Quantity, signals::UNLABELLED};
use std::{collections::BTreeSet, fmt::Write as _};

/// Most classes that are labels; more are numbers of something else.
const MOST_LABELS: usize = 60;

pub(super) struct Writer<'a> {
    pub path: &'a str,
    pub hints: Hints,
    /// Files that are read.
    pub names: &'a [String],
    /// Tables that are not.
    pub others: Vec<String>,
    /// Whether the path is a single file.
    pub single: bool,
    pub table: &'a Table,
    pub roles: Roles,
    pub signal: &'a Signal,
    pub sensor: Option<String>,
    pub guesses: Vec<String>,
    pub missing: Vec<String>,
}

impl Writer<'_> {
    pub fn write(mut self, left_out: Vec<(String, String)>) -> Guess {
        let mut text = format!(
            "# {} rows in {} files. \"seen\" stands in the files; \"guessed\" may be wrong.\n",
            self.signal.rows,
            self.names.len()
        );
        let mut line = |key: &str, value: String, comment: &str| {
            let comment = if comment.is_empty() {
                String::new()
            } else {
                format!("  # {comment}")
            };
            writeln!(text, "{key} = {value}{comment}").expect("text has room");
        };
        line("path", quoted(self.path), "");
        for (key, value, comment) in self.files() {
            line(key, value, &comment);
        }
        for (key, value, comment) in self.form() {
            line(key, value, &comment);
        }
        let mut labels = self.labels();
        let unlabelled = labels.is_empty() && !self.hints.labels;
        if unlabelled {
            labels.push(UNLABELLED.to_owned());
        }
        self.few_values();
        for (key, value, comment) in self.who_and_what(&labels) {
            line(key, value, &comment);
        }
        for (key, value, comment) in self.clock() {
            line(key, value, &comment);
        }
        let channels = self.channels();
        if let [(vector, unit)] = &channels[..]
            && vector.quantity == Quantity::Acceleration
        {
            line("unit", quoted(unit.unit), &unit.how);
            if let Some(scale) = unit.scale {
                line("scale", scale.to_string(), "unit per count");
            }
        }
        text += &self.columns(&channels);
        text += "\n[labels]  # value in the files = class; \"\" leaves it out\n";
        for label in &labels {
            writeln!(text, "{} = {}", quoted(label), quoted(label)).expect("text has room");
        }
        Guess {
            toml: text,
            guesses: self.guesses,
            missing: self.missing,
            left_out,
        }
    }

    /// Which files are read.
    fn files(&mut self) -> Vec<(&'static str, String, String)> {
        let mut lines = Vec::new();
        if self.single {
            return lines;
        }
        let endings: BTreeSet<String> = self
            .names
            .iter()
            .filter_map(|n| n.rsplit_once('.').map(|(_, e)| e.to_lowercase()))
            .collect();
        let base = |name: &String| name.rsplit('/').next().unwrap_or(name).to_owned();
        let own: BTreeSet<String> = self.names.iter().map(base).collect();
        let others: BTreeSet<String> = self.others.iter().map(base).collect();
        let same_ending =
            |name: &String| endings.contains(&name.rsplit('.').next().unwrap_or("").to_lowercase());
        let in_the_way: Vec<&String> = others.iter().filter(|n| same_ending(n)).collect();
        let include = match own.len() {
            1 if !in_the_way.is_empty() || self.names.len() > 1 => {
                own.iter().cloned().collect::<Vec<_>>()
            }
            _ => endings.iter().map(|e| format!("*.{e}")).collect(),
        };
        let list = |names: &[String]| match names {
            [one] => quoted(one),
            many => format!(
                "[{}]",
                many.iter()
                    .map(|n| quoted(n))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        if include != ["*.csv"] {
            lines.push(("include", list(&include), String::new()));
        }
        if !in_the_way.is_empty() && own.len() > 1 {
            let exclude: Vec<String> = in_the_way.into_iter().cloned().collect();
            lines.push((
                "exclude",
                list(&exclude),
                "their columns are others".to_owned(),
            ));
        }
        lines
    }

    /// The form of the text.
    fn form(&mut self) -> Vec<(&'static str, String, String)> {
        let mut lines = Vec::new();
        let table = self.table;
        match table.delimiter {
            ',' => {}
            '\t' => lines.push(("delimiter", quoted("tab"), String::new())),
            ' ' => lines.push(("delimiter", quoted("blanks"), String::new())),
            other => lines.push(("delimiter", quoted(&other.to_string()), String::new())),
        }
        if table.decimal_comma {
            lines.push(("decimal", quoted(","), String::new()));
        }
        if table.quotes {
            lines.push(("quotes", "true".to_owned(), String::new()));
        }
        if !table.comments.is_empty() {
            let marks: Vec<String> = table.comments.iter().map(|c| quoted(c)).collect();
            lines.push(("comment", format!("[{}]", marks.join(", ")), String::new()));
        }
        if table.header.is_none() {
            lines.push((
                "header",
                "false".to_owned(),
                "columns are numbers, from 0".to_owned(),
            ));
        }
        if let (Some(column), Some(sensor)) = (self.roles.sensor, &self.sensor) {
            let others: Vec<&str> = self.signal.sensors.keys().map(String::as_str).collect();
            let key = match table.header {
                Some(_) => table.column(column),
                None => format!("\"{column}\""),
            };
            lines.push((
                "where",
                format!("{{ {key} = {} }}", quoted(sensor)),
                format!("rows are of {}", others.join(", ")),
            ));
        }
        lines
    }

    /// The labels, and where they are.
    fn labels(&mut self) -> Vec<String> {
        // What stands in a row or two of thousands is a slip.
        let least = if self.signal.rows > 1000 { 2 } else { 0 };
        let (found, slips): (Vec<String>, Vec<String>) = {
            let all = self
                .signal
                .labels
                .iter()
                .map(|(label, &count)| (label.clone(), count > least));
            let (often, seldom): (Vec<_>, Vec<_>) = all.partition(|(_, often)| *often);
            let names =
                |list: Vec<(String, bool)>| list.into_iter().map(|(label, _)| label).collect();
            (names(often), names(seldom))
        };
        if self.roles.label.is_some() && !slips.is_empty() && slips.len() <= MOST_LABELS {
            let slips = crate::findings::names(&slips, 4);
            self.guesses.push(format!(
                "labels of a row or two are slips, and left out: {slips}"
            ));
        }
        if self.roles.label.is_some() && (1..=MOST_LABELS).contains(&found.len()) {
            if found.iter().all(|l| l.parse::<f64>().is_ok()) {
                self.guesses.push(
                    "labels are numbers: give them names in [labels] (1 = \"walking\")".to_owned(),
                );
            }
            return found;
        }
        if let Some(column) = self.roles.label.take() {
            let name = self.table.column(column);
            self.guesses
                .push(format!("column {name} has too many values to be labels"));
        }
        let user_wanted = self.roles.user.is_none();
        let found =
            paths::pattern(self.names, true, user_wanted).filter(|f| !f.activities.is_empty());
        found.map_or(Vec::new(), |f| f.activities.into_iter().collect())
    }

    /// Names columns of a few whole numbers, which may say that rows are of several sensors.
    fn few_values(&mut self) {
        let roles = &self.roles;
        let taken = |n: usize| {
            let vector = roles.vectors.iter().any(|v| v.columns.contains(&n));
            vector || [roles.time, roles.label, roles.user, roles.sensor].contains(&Some(n))
        };
        for n in (0..self.table.width()).filter(|&n| !taken(n)) {
            let values: BTreeSet<&str> = self
                .table
                .rows
                .iter()
                .filter_map(|row| row.get(n))
                .map(String::as_str)
                .collect();
            let whole = values.iter().all(|v| v.parse::<i64>().is_ok());
            if whole && (2..=12).contains(&values.len()) {
                let column = self.table.column(n);
                let values: Vec<String> = values.into_iter().map(str::to_owned).collect();
                self.guesses.push(format!(
                    "column {column} has the values {}: if they are sensors or places, say which is meant (where = {{ {column} = {} }})",
                    crate::findings::names(&values, 6),
                    values.first().map_or("", String::as_str)
                ));
            }
        }
    }

    /// Where user and label are, when no column has them.
    fn who_and_what(&mut self, labels: &[String]) -> Vec<(&'static str, String, String)> {
        let mut lines = Vec::new();
        let (activity_wanted, user_wanted) =
            (self.roles.label.is_none(), self.roles.user.is_none());
        let found = match activity_wanted || user_wanted {
            true => paths::pattern(self.names, activity_wanted, user_wanted),
            false => None,
        };
        if let Some(found) = &found {
            let who = match found.users.len() {
                0 => String::new(),
                n => format!("; {n} users: {}", some(&found.users)),
            };
            let what = match found.activities.len() {
                0 => String::new(),
                n => format!("; {n} labels: {}", some(&found.activities)),
            };
            lines.push((
                "pattern",
                quoted(&found.pattern),
                format!("guessed from the paths{what}{who}"),
            ));
            self.guesses
                .push(format!("paths are {}{what}{who}", found.pattern));
        }
        if labels == [UNLABELLED] && self.roles.label.is_none() {
            lines.push(("activity", quoted(UNLABELLED), String::new()));
        }
        if labels.is_empty() {
            self.missing.push(
                "nothing says what was done: name the column (columns.activity), or sort files into folders of that name"
                    .to_owned(),
            );
            lines.push((
                "activity",
                quoted(""),
                "NOT KNOWN: what was done".to_owned(),
            ));
        }
        if user_wanted && found.is_none_or(|f| f.users.is_empty()) {
            lines.push((
                "user",
                quoted("me"),
                "guessed: nothing says who, so all is one person's".to_owned(),
            ));
            self.guesses
                .push("nothing says who it was, so all is taken for one user".to_owned());
        }
        lines
    }

    /// Rate and unit of time.
    fn clock(&mut self) -> Vec<(&'static str, String, String)> {
        let mut lines = Vec::new();
        match self.signal.clock(self.table, &self.roles) {
            Some((unit, rate, how)) => {
                let nominal = nominal(rate);
                lines.push(("rate_hz", float(nominal), format!("measured {rate:.2}")));
                if let Some(unit) = unit {
                    if how.starts_with("guessed") {
                        self.guesses.push(format!("time is in {unit}"));
                    }
                    lines.push(("time_unit", quoted(unit), how));
                }
            }
            None if self.hints.rate_hz.is_some() => {
                self.roles.time = None;
                let rate = self.hints.rate_hz.map_or(0.0, |rate| rate);
                lines.push(("rate_hz", float(rate), "given".to_owned()));
            }
            None => {
                self.roles.time = None;
                self.missing
                    .push("nothing says the rate: give rate_hz, samples per second".to_owned());
                lines.push((
                    "rate_hz",
                    "0".to_owned(),
                    "NOT KNOWN: samples per second".to_owned(),
                ));
            }
        }
        lines
    }

    /// The sensors that are used.
    fn channels(&mut self) -> Vec<(Vector, UnitGuess)> {
        let vectors = &self.roles.vectors;
        let used = |quantity: Quantity| {
            let all = vectors
                .iter()
                .enumerate()
                .filter(move |(_, v)| v.quantity == quantity);
            let real = all.clone().find(|(_, v)| !v.linear);
            real.or_else(|| all.clone().next())
                .map(|(n, v)| (n, v.clone()))
        };
        let chosen: Vec<(usize, Vector)> = [Quantity::Acceleration, Quantity::AngularRate]
            .into_iter()
            .filter_map(used)
            .collect();
        if !chosen
            .iter()
            .any(|(_, v)| v.quantity == Quantity::Acceleration)
        {
            let columns: Vec<String> = (0..self.table.width())
                .map(|n| self.table.column(n))
                .collect();
            self.missing.push(format!(
                "no three columns are acceleration; there are {}",
                columns.join(", ")
            ));
        }
        let mut channels = Vec::new();
        let mut in_counts = false;
        for (n, vector) in chosen {
            match self.signal.unit(n, &vector) {
                Ok(mut unit) => {
                    in_counts |= unit.scale.is_some();
                    if in_counts
                        && vector.quantity == Quantity::AngularRate
                        && vector.unit.is_none()
                    {
                        unit.unit = "deg/s";
                        unit.scale = Some(1.0 / 131.0);
                        unit.how = "guessed: counts, 131 per deg/s as sensors of +-250 deg/s give"
                            .to_owned();
                    }
                    if !unit.sure {
                        let what = vector.quantity.text();
                        self.guesses
                            .push(format!("{what} is in {} ({})", unit.unit, unit.how));
                    }
                    channels.push((vector, unit));
                }
                Err(what) => {
                    self.missing.push(what.clone());
                    let how = format!("NOT KNOWN: {what}");
                    let unit = UnitGuess {
                        unit: "?",
                        scale: None,
                        how,
                        sure: false,
                    };
                    channels.push((vector, unit));
                }
            }
        }
        channels
    }

    /// The columns of the description.
    fn columns(&self, channels: &[(Vector, UnitGuess)]) -> String {
        let table = self.table;
        let mut text = "\n[columns]\n".to_owned();
        let simple = matches!(channels, [(v, _)] if v.quantity == Quantity::Acceleration);
        if let ([(vector, _)], true) = (channels, simple) {
            for (axis, column) in ["x", "y", "z"].iter().zip(vector.columns) {
                writeln!(text, "{axis} = {}", table.column(column)).expect("text has room");
            }
        }
        for (name, column) in [
            ("activity", self.roles.label),
            ("user", self.roles.user),
            ("time", self.roles.time),
        ] {
            if let Some(column) = column {
                let comment = if name == "time" && is_date(table, column) {
                    "  # ISO 8601"
                } else {
                    ""
                };
                writeln!(text, "{name} = {}{comment}", table.column(column))
                    .expect("text has room");
            }
        }
        if !simple {
            for (vector, unit) in channels {
                let columns: Vec<String> =
                    vector.columns.iter().map(|&c| table.column(c)).collect();
                write!(
                    text,
                    "\n[[channels]]\ncolumns = [{}]\nquantity = {}\nunit = {}  # {}\n",
                    columns.join(", "),
                    quoted(vector.quantity.text()),
                    quoted(unit.unit),
                    unit.how
                )
                .expect("text has room");
                if let Some(scale) = unit.scale {
                    writeln!(text, "scale = {scale}").expect("text has room");
                }
            }
        }
        text
    }
}

/// Writes up to four names.
fn some(names: &BTreeSet<String>) -> String {
    let names: Vec<String> = names.iter().cloned().collect();
    crate::findings::names(&names, 4)
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn float(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value:.1}")
    } else {
        value.to_string()
    }
}
