//! WISDM v1.1 transformed: 43 features of each 10 s window in an ARFF file, `?` where a feature is missing.
//! Some columns are constant (`XAVG`) or repeat another (`XSTANDDEV`); they are read as they are.

use super::{Dataset, Layout, Source, base_name, locate, wisdm_v1};
use crate::{
    Error, Files, IngestReport, Reason, Sink,
    records::{decimal, number},
};
use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
};

const ARFF: &str = "WISDM_ar_v1.1_transformed.arff";

/// Features per row.
const FEATURES: usize = 43;

/// Reader of the WISDM v1.1 features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WisdmFeatures;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Id,
    User,
    Feature,
    Class,
}

/// Returns the column that an `@attribute` line declares.
fn column(declaration: &str) -> Column {
    let rest = declaration.trim_start();
    let name = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split(|c: char| c.is_whitespace() || c == '{').next(),
    };
    match name.unwrap_or("") {
        "UNIQUE_ID" => Column::Id,
        "user" => Column::User,
        "class" => Column::Class,
        _ => Column::Feature,
    }
}

/// Parses one row: user, activity and features; NaN for `?`.
fn parse(line: &[u8], columns: &[Column]) -> Result<(u32, &'static str, Vec<f32>), Reason> {
    let fields: Vec<&[u8]> = line.split(|&b| b == b',').map(<[u8]>::trim_ascii).collect();
    if fields.len() != columns.len() {
        return Err(Reason::FieldCount);
    }
    let (mut user, mut activity, mut features) = (0, "", Vec::with_capacity(FEATURES));
    for (field, column) in fields.into_iter().zip(columns) {
        if field.is_empty() {
            return Err(Reason::EmptyField);
        }
        match column {
            Column::Id => {}
            Column::User => user = number(field)?,
            Column::Class => activity = wisdm_v1::activity(field)?,
            Column::Feature if field == b"?" => features.push(f32::NAN),
            Column::Feature => {
                let value = decimal(field)?;
                if !value.is_finite() {
                    return Err(Reason::NotFinite);
                }
                features.push(value);
            }
        }
    }
    if !wisdm_v1::USERS.contains(&user) {
        return Err(Reason::WrongUser);
    }
    Ok((user, activity, features))
}

fn read(
    reader: &mut dyn Read,
    path: &Path,
    name: &str,
    ingest: &mut IngestReport,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    let mut columns = Vec::new();
    let mut in_data = false;
    ingest.files += 1;
    for (line_number, line) in (1..).zip(BufReader::new(reader).split(b'\n')) {
        let line = line.map_err(Error::io(path))?;
        let line = line.trim_ascii();
        if line.is_empty() {
            ingest.blank_lines += 1;
        } else if in_data {
            match parse(line, &columns) {
                Ok((user, activity, features)) => {
                    ingest.accept();
                    ingest.missing_values += features.iter().filter(|f| f.is_nan()).count() as u64;
                    sink.window(user, activity, &features, ingest)?;
                }
                Err(reason) => ingest.reject(name, line_number, reason),
            }
        } else {
            let text = String::from_utf8_lossy(line);
            let (keyword, rest) = text.split_once(char::is_whitespace).unwrap_or((&text, ""));
            if keyword.eq_ignore_ascii_case("@attribute") {
                columns.push(column(rest));
            } else if keyword.eq_ignore_ascii_case("@data") {
                check_columns(&columns, path, line_number)?;
                in_data = true;
            }
        }
    }
    if in_data {
        Ok(())
    } else {
        Err(Error::format(
            path,
            "no @data line: this is not an ARFF file",
        ))
    }
}

/// Checks that there is one user, one class, and every feature.
fn check_columns(columns: &[Column], path: &Path, line: u64) -> Result<(), Error> {
    let count = |kind| columns.iter().filter(|&&c| c == kind).count();
    let found = [Column::User, Column::Class, Column::Feature].map(count);
    if found == [1, 1, FEATURES] {
        return Ok(());
    }
    let [users, classes, features] = found;
    Err(Error::format(
        path,
        format!(
            "line {line}: expected one 'user', one 'class' and {FEATURES} feature attributes, \
             found {users}, {classes} and {features}"
        ),
    ))
}

impl Source for WisdmFeatures {
    fn name(&self) -> &str {
        "wisdm-v1.1-features"
    }

    fn dataset(&self) -> Option<&'static Dataset> {
        Some(&wisdm_v1::DATASET)
    }

    fn locate(&self, root: Option<&Path>) -> Option<Files> {
        let names = [
            ARFF,
            "WISDM_ar_v1.1/WISDM_ar_v1.1_transformed.arff",
            wisdm_v1::DATASET.archive,
        ];
        locate(root, &wisdm_v1::DATASET, &names, &|n| self.wants(n))
    }

    fn wants(&self, name: &str) -> bool {
        base_name(name) == ARFF
    }

    fn layout(&self) -> Layout {
        Layout::Windows {
            time: 1,
            channels: FEATURES,
            rate_hz: 0.1,
            hop: 1,
        }
    }

    fn read(
        &self,
        files: &Files,
        ingest: &mut IngestReport,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        files.visit(&|n| self.wants(n), &mut |name, reader| {
            read(reader, &files.entry(name), name, ingest, sink)
        })
    }
}
