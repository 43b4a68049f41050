//! Reads ready-made windows from Python: `numpy.savez(file, X=X, y=y, users=users)`.
//!
//! `X` is `[windows, time, channels]` of float32 or float64 in C order, m/s^2; `y` class numbers from 0 and
//! `users` user numbers, one integer per window. Optional, one value each: `rate_hz` (default 20) and `hop`
//! in samples (default: the window length, no overlap).

use super::{Dataset, Layout, Source};
use crate::{Error, Files, IngestReport, Reason, Sink, recording::PLAUSIBLE};
use npyz::{Deserialize, NpyFile, Order};
use std::{
    fs::File,
    io::{BufReader, Chain, Cursor, Read},
    path::{Path, PathBuf},
};
use zip::ZipArchive;

type Archive = ZipArchive<BufReader<File>>;

/// An array of the archive: the beginning that was looked at, and the rest.
type Entry<'a> = Chain<Cursor<Vec<u8>>, zip::read::ZipFile<'a, BufReader<File>>>;

/// Longest header of an array in bytes. NumPy itself reads no more than 10,000.
const HEADER: u64 = 1 << 16;

/// Most opening brackets in a header: a plain array has two.
const BRACKETS: usize = 8;

/// Reader of NumPy windows.
#[derive(Debug, Clone)]
pub struct Npz {
    name: String,
    path: PathBuf,
    y: Vec<usize>,
    users: Vec<u32>,
    /// Windows, time steps and channels of `X`.
    shape: [usize; 3],
    rate_hz: f32,
    hop: usize,
}

impl Npz {
    /// Opens the windows in the file at `path`; `X` itself is not read before loading.
    ///
    /// # Errors
    /// When the file is not such an archive, or the lengths of its arrays differ.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut archive = open(path)?;
        let bad = |reason: String| Error::format(path, reason);
        let shape = with_array(&mut archive, path, "X", |npy| match npy.shape() {
            _ if npy.order() != Order::C => Err("X must be in C order".to_owned()),
            &[n, t, c] if t > 0 && c > 0 && t.saturating_mul(c) <= 1 << 24 => {
                Ok([n as usize, t as usize, c as usize])
            }
            other => Err(format!(
                "X must be [windows, time, channels], found {other:?}"
            )),
        })?;
        let y: Vec<i64> = integers(&mut archive, path, "y")?;
        let users: Vec<i64> = integers(&mut archive, path, "users")?;
        let [windows, time, _] = shape;
        for (what, found) in [("y", y.len()), ("users", users.len())] {
            if found != windows {
                return Err(Error::Length {
                    what: format!("{}, array {what},", path.display()),
                    expected: windows,
                    found,
                });
            }
        }
        // A class number is an index into the list of labels, so one wrong large number would make a million labels.
        let class = |&y: &i64| usize::try_from(y).ok().filter(|y| *y < 1000);
        let y: Option<Vec<usize>> = y.iter().map(class).collect();
        let users: Result<Vec<u32>, _> = users.into_iter().map(u32::try_from).collect();
        let has = |archive: &Archive, name: &str| archive.index_for_name(name).is_some();
        let rate_hz = if has(&archive, "rate_hz.npy") {
            let values = with_array(&mut archive, path, "rate_hz", |npy| floats(npy, 1))?;
            values.first().copied().unwrap_or(0.0)
        } else {
            20.0
        };
        let hop = if has(&archive, "hop.npy") {
            let values = integers(&mut archive, path, "hop")?;
            values
                .first()
                .and_then(|&h| usize::try_from(h).ok())
                .unwrap_or(0)
        } else {
            time
        };
        if !(0.001..=1000.0).contains(&rate_hz) || hop == 0 {
            return Err(bad(format!(
                "rate_hz = {rate_hz} or hop = {hop} makes no sense"
            )));
        }
        Ok(Self {
            name: format!("npz:{}", path.display()),
            path: path.to_owned(),
            y: y.ok_or_else(|| bad("y must hold class numbers from 0 to 999".to_owned()))?,
            users: users.map_err(|_| bad("users must hold numbers from 0".to_owned()))?,
            shape,
            rate_hz,
            hop,
        })
    }

    /// Returns the class names: the numbers from `0` to the largest in `y`.
    pub fn labels(&self) -> Vec<String> {
        let classes = self.y.iter().max().map_or(0, |&y| y + 1);
        (0..classes).map(|c| c.to_string()).collect()
    }

    /// Returns the rate of the windows in Hz.
    pub fn rate_hz(&self) -> f32 {
        self.rate_hz
    }

    fn read_windows<T: Deserialize + Into<f64>, R: Read>(
        &self,
        values: npyz::NpyReader<T, R>,
        ingest: &mut IngestReport,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        let [_, time, channels] = self.shape;
        let mut values = values;
        // Memory is not reserved in advance, because the shape in the header may be a lie.
        let mut window = Vec::new();
        for ((n, &class), &user) in (1..).zip(&self.y).zip(&self.users) {
            window.clear();
            for value in values.by_ref().take(time * channels) {
                let value: T = value.map_err(Error::io(&self.path))?;
                window.push(value.into() as f32);
            }
            if window.len() < time * channels {
                return Err(Error::format(&self.path, format!("X ends in window {n}")));
            }
            if window.iter().any(|v| !v.is_finite()) {
                ingest.reject("X.npy", n, Reason::NotFinite);
            } else if window.iter().any(|v| v.abs() > PLAUSIBLE) {
                ingest.reject("X.npy", n, Reason::Implausible);
            } else {
                ingest.accept();
                sink.window(user, &class.to_string(), &window, ingest)?;
            }
        }
        Ok(())
    }
}

fn open(path: &Path) -> Result<Archive, Error> {
    let file = File::open(path).map_err(Error::io(path))?;
    ZipArchive::new(BufReader::new(file)).map_err(|e| Error::Archive {
        path: path.to_owned(),
        reason: e.to_string(),
    })
}

/// Builds the error of an array, with the file's name.
fn bad_array(path: &Path, name: &str, reason: impl std::fmt::Display) -> Error {
    Error::format(path, format!("array {name}: {reason}"))
}

/// Opens the array `name` and reads its header.
fn array<'a>(
    archive: &'a mut Archive,
    path: &Path,
    name: &str,
) -> Result<NpyFile<Entry<'a>>, Error> {
    let entry = archive
        .by_name(&format!("{name}.npy"))
        .map_err(|e| bad_array(path, name, format!("{e}; X, y and users are needed")))?;
    let entry = with_short_header(entry).map_err(|e| bad_array(path, name, e))?;
    NpyFile::new(entry).map_err(|e| bad_array(path, name, e))
}

/// Passes the array `name` to `f` and adds the file's name to its error.
fn with_array<T>(
    archive: &mut Archive,
    path: &Path,
    name: &str,
    f: impl FnOnce(NpyFile<Entry<'_>>) -> Result<T, String>,
) -> Result<T, Error> {
    f(array(archive, path, name)?).map_err(|e| bad_array(path, name, e))
}

/// Checks the length and the nesting of the header, then returns the whole array.
fn with_short_header(
    mut entry: zip::read::ZipFile<'_, BufReader<File>>,
) -> Result<Entry<'_>, String> {
    let mut start = Vec::new();
    let read = entry.by_ref().take(12).read_to_end(&mut start);
    read.map_err(|e| e.to_string())?;
    // Magic of six bytes, version of two; then the length, in two bytes before version 2 and in four since.
    let length = match *start {
        [_, _, _, _, _, _, 1, _, a, b, ..] => u64::from(u16::from_le_bytes([a, b])),
        [_, _, _, _, _, _, _, _, a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
        _ => 0,
    };
    if length > HEADER {
        return Err(format!("a header of {length} bytes, more than {HEADER}"));
    }
    let read = entry.by_ref().take(length).read_to_end(&mut start);
    read.map_err(|e| e.to_string())?;
    // The parser's time doubles with each opening bracket.
    let brackets = start.iter().filter(|b| b"{[(".contains(b)).count();
    if brackets > BRACKETS {
        return Err(format!(
            "a header with {brackets} brackets, more than {BRACKETS}"
        ));
    }
    Ok(Cursor::new(start).chain(entry))
}

/// Reads the first `limit` values of a float array.
fn floats<R: Read>(npy: NpyFile<R>, limit: usize) -> Result<Vec<f32>, String> {
    let collect = |values: &mut dyn Iterator<Item = std::io::Result<f64>>| {
        let values = values.take(limit).map(|v| v.map(|v| v as f32));
        values
            .collect::<Result<Vec<f32>, _>>()
            .map_err(|e| e.to_string())
    };
    match npy.try_data::<f32>() {
        Ok(values) => collect(&mut values.map(|v| v.map(f64::from))),
        Err(npy) => match npy.try_data::<f64>() {
            Ok(mut values) => collect(&mut values),
            Err(npy) => match npy.try_data::<i64>() {
                Ok(values) => collect(&mut values.map(|v| v.map(|v| v as f64))),
                Err(npy) => Err(format!("must be float, is {}", npy.dtype().descr())),
            },
        },
    }
}

/// Reads all values of an integer array of any width.
fn integers(archive: &mut Archive, path: &Path, name: &str) -> Result<Vec<i64>, Error> {
    fn try_as<T: Deserialize + Into<i64>, R: Read>(
        npy: NpyFile<R>,
    ) -> Result<Result<Vec<i64>, String>, NpyFile<R>> {
        let values = npy.try_data::<T>()?;
        // `collect` would reserve memory for the length in the header, which may be a lie.
        let mut all = Vec::new();
        for value in values {
            match value {
                Ok(value) => all.push(value.into()),
                Err(e) => return Ok(Err(e.to_string())),
            }
        }
        Ok(Ok(all))
    }
    with_array(archive, path, name, |npy| {
        try_as::<i64, _>(npy)
            .or_else(try_as::<i32, _>)
            .or_else(try_as::<u32, _>)
            .or_else(try_as::<u8, _>)
            .or_else(try_as::<i8, _>)
            .or_else(try_as::<i16, _>)
            .or_else(try_as::<u16, _>)
            .unwrap_or_else(|npy| {
                Err(format!(
                    "must be an integer of up to 64 bits, is {}",
                    npy.dtype().descr()
                ))
            })
    })
}

impl Source for Npz {
    fn name(&self) -> &str {
        &self.name
    }

    fn dataset(&self) -> Option<&'static Dataset> {
        None
    }

    fn locate(&self, _: Option<&Path>) -> Option<Files> {
        Some(Files::at(&self.path))
    }

    fn wants(&self, _: &str) -> bool {
        true
    }

    fn layout(&self) -> Layout {
        let [_, time, channels] = self.shape;
        Layout::Windows {
            time,
            channels,
            rate_hz: self.rate_hz,
            hop: self.hop,
        }
    }

    fn read(
        &self,
        files: &Files,
        ingest: &mut IngestReport,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        ingest.files += 1;
        let mut archive = open(files.path())?;
        let npy = array(&mut archive, &self.path, "X")?;
        match npy.try_data::<f32>() {
            Ok(values) => self.read_windows(values, ingest, sink),
            Err(npy) => match npy.try_data::<f64>() {
                Ok(values) => self.read_windows(values, ingest, sink),
                Err(npy) => {
                    let found = npy.dtype().descr();
                    let reason = format!("X must be float32 or float64, is {found}");
                    Err(Error::format(&self.path, reason))
                }
            },
        }
    }
}
