//! Writes the description of recordings that nobody has described.
//!
//! [`describe`] looks at what is in a folder or file: the form of the text ([`table`]), what the columns hold ([`columns`]),
//! which parts of paths say who did what ([`paths`]), and what the values say ([`signal`]). It never asks. Every line of what it
//! writes says whether it was seen or guessed, and what could not be told is listed.

mod columns;
mod paths;
mod signal;
mod table;
mod write;

use crate::{
    Error, Files,
    described::{Encoding, Line, Lines, decoded},
};
use columns::Roles;
use signal::{Reader, Signal};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use table::Table;

/// A description, and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    /// The description in TOML, with comments.
    pub toml: String,
    /// What was guessed and may be wrong, a sentence each.
    pub guesses: Vec<String>,
    /// What could not be told; nothing can be read before it is filled in. A sentence each.
    pub missing: Vec<String>,
    /// Files that the description leaves out, and why.
    pub left_out: Vec<(String, String)>,
}

/// What is known about recordings beside the files.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hints {
    /// Whether something has to say what was done; without, recordings are unlabelled where nothing does.
    pub labels: bool,
    /// Samples per second, where the files do not say.
    pub rate_hz: Option<f64>,
}

impl Default for Hints {
    fn default() -> Self {
        Self {
            labels: true,
            rate_hz: None,
        }
    }
}

/// A file with a table in it.
struct File {
    name: String,
    table: Table,
}

/// Looks at the recordings in the folder or file `path`, and describes them; `written_path` is how the description is to name
/// it.
///
/// # Errors
/// When there is nothing to read at all.
pub fn describe(path: &Path, written_path: &str, hints: &Hints) -> Result<Guess, Error> {
    if !path.exists() {
        return Err(Error::format(path, "there is no such file or folder"));
    }
    let files = Files::at(path).with_archives();
    let mut tables: Vec<File> = Vec::new();
    let mut left_out = Vec::new();
    let hidden = |name: &str| {
        name.split('/')
            .any(|part| part.starts_with('.') || part == "__MACOSX")
    };
    files.visit(&|name| !hidden(name), &mut |name, reader| {
        let unpacked = crate::files::unpacked(name);
        let known = [".toml", ".json", ".md", ".html", ".pdf", ".npz", ".py"];
        if known
            .iter()
            .any(|ending| unpacked.to_lowercase().ends_with(ending))
        {
            left_out.push((name.to_owned(), "no text of numbers".to_owned()));
            return Ok(());
        }
        match Table::of(reader).map_err(Error::io(files.entry(name)))? {
            Some(table) => tables.push(File {
                name: unpacked.to_owned(),
                table,
            }),
            None => left_out.push((name.to_owned(), "no table of numbers".to_owned())),
        }
        Ok(())
    })?;
    // Files that are laid out alike belong together; most of them are what is wanted.
    let mut groups: BTreeMap<_, Vec<File>> = BTreeMap::new();
    for file in tables {
        groups.entry(file.table.signature()).or_default().push(file);
    }
    let suits = |group: &Vec<File>| {
        let table = group.first().map(|f| &f.table);
        let roles = table.map(Roles::of).unwrap_or_default();
        let acceleration = roles
            .vectors
            .iter()
            .any(|v| v.quantity == crate::Quantity::Acceleration && !v.linear);
        (acceleration, !roles.vectors.is_empty(), group.len())
    };
    let Some(key) = groups
        .iter()
        .max_by_key(|(_, group)| suits(group))
        .map(|(key, _)| key.clone())
    else {
        let what = match left_out.len() {
            0 => "holds no file".to_owned(),
            n => format!("holds {n} files, and none is a table of numbers (CSV or other text)"),
        };
        return Err(Error::format(path, what));
    };
    let (chosen, other_sensors) = one_sensor(groups.remove(&key).unwrap_or_default());
    for other in &other_sensors {
        left_out.push((
            other.name.clone(),
            "its name says another sensor".to_owned(),
        ));
    }
    let mut others: Vec<File> = groups.into_values().flatten().collect();
    for other in &others {
        left_out.push((other.name.clone(), "its columns are others".to_owned()));
    }
    others.extend(other_sensors);
    let Some(table) = chosen.first().map(|f| f.table.clone()) else {
        return Err(Error::format(path, "holds no file"));
    };
    let roles = Roles::of(&table);
    let mut signal = read(&files, &chosen, &table, &roles, None)?;
    // Rows of several sensors under one another: one of them is used.
    let sensor = acceleration_rows(&signal);
    if let Some(sensor) = &sensor {
        let sensors = std::mem::take(&mut signal.sensors);
        signal = read(&files, &chosen, &table, &roles, Some(sensor))?;
        signal.sensors = sensors;
    }
    let names: Vec<String> = chosen.iter().map(|f| f.name.clone()).collect();
    let single = path.is_file() && !names.first().is_some_and(|n| n.contains('/'));
    let others = others.into_iter().map(|f| f.name).collect();
    Ok(write::Writer {
        path: written_path,
        hints: *hints,
        names: &names,
        others,
        single,
        table: &table,
        roles,
        signal: &signal,
        sensor,
        guesses: Vec::new(),
        missing: Vec::new(),
    }
    .write(left_out))
}

/// Recorders write a file for each sensor into the folder of a recording, all with the same columns. Returns the files of the
/// accelerometer, that with gravity where there are two, and the others.
fn one_sensor(files: Vec<File>) -> (Vec<File>, Vec<File>) {
    let base = |file: &File| {
        file.name
            .rsplit('/')
            .next()
            .unwrap_or(&file.name)
            .to_lowercase()
    };
    let names: BTreeSet<String> = files.iter().map(base).collect();
    let folders: BTreeSet<&str> = files
        .iter()
        .filter_map(|f| f.name.rsplit_once('/'))
        .map(|(folder, _)| folder)
        .collect();
    // Names that come back in every folder are those of sensors.
    let of_sensors =
        names.len() > 1 && folders.len() > 1 && names.len() * folders.len() <= 2 * files.len();
    let acceleration = |name: &&String| name.contains("acc");
    let moved = |name: &str| {
        ["linear", "user", "nogravity", "uncalibrated"]
            .iter()
            .any(|w| name.contains(w))
    };
    let rank = |name: &&String| {
        (
            name.contains("total"),
            !moved(name),
            std::cmp::Reverse(name.len()),
        )
    };
    let chosen = names.iter().filter(acceleration).max_by_key(rank).cloned();
    match chosen {
        Some(chosen) if of_sensors => files.into_iter().partition(|file| base(file) == chosen),
        _ => (files, Vec::new()),
    }
}

/// Reads all rows of the chosen files.
fn read(
    files: &Files,
    chosen: &[File],
    table: &Table,
    roles: &Roles,
    only: Option<&str>,
) -> Result<Signal, Error> {
    let mut signal = Signal::default();
    let wanted = |name: &str| {
        chosen
            .iter()
            .any(|f| f.name == name || f.name == crate::files::unpacked(name))
    };
    files.visit(&wanted, &mut |name, reader| {
        if !wanted(name) {
            return Ok(());
        }
        let io = || Error::io(files.entry(name));
        let mut lines = Lines::new(reader, Encoding::Auto).map_err(io())?;
        let mut rows = Reader::new(table, roles, &mut signal);
        while let Some((_, line)) = lines.next().map_err(io())? {
            if let Line::Text(line) = line {
                rows.line(&decoded(line), only);
            }
        }
        Ok(())
    })?;
    Ok(signal)
}

/// Returns the value of the sensor column that stands for acceleration, when rows are of several sensors.
fn acceleration_rows(signal: &Signal) -> Option<String> {
    if signal.sensors.len() < 2 {
        return None;
    }
    let is = |name: &&String| {
        name.to_lowercase().starts_with("acc") || name.to_lowercase().contains("accel")
    };
    let exact = signal.sensors.keys().find(|name| {
        matches!(
            name.to_lowercase().as_str(),
            "acc" | "accelerometer" | "accel"
        )
    });
    exact.or_else(|| signal.sensors.keys().find(is)).cloned()
}
