//! Reads ready-made windows from Python: `numpy.savez(file, X=X, y=y, users=users)`.
//!
//! `X` is `[windows, time, channels]` of numbers, m/s^2 or a `unit` of its own; `y` and `users` say for each window what was done
//! and who did it, as numbers or as text. `y` may be one-hot. Optional, one value each: `rate_hz` (default 20), `hop` in samples
//! (default: the window length, no overlap), `unit` (`g`, `mg`, `m/s^2`) and `axes` (`"window,channel,time"`, where the shape
//! does not tell). `labels` names the classes that `y` numbers.

use super::{Dataset, Layout, Source};
use crate::{
    ChannelInfo, Error, Files, Finding, FindingKind, IngestReport, Reason, STANDARD_GRAVITY, Sink,
    numpy::{self, Array, Values},
    recording::PLAUSIBLE,
};
use npyz::Order;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};
use zip::ZipArchive;

type Archive = ZipArchive<BufReader<File>>;

/// Most channels of windows that are stored with the channels before the time. Time steps are more.
const FEW_CHANNELS: usize = 16;

/// Reader of NumPy windows.
#[derive(Debug, Clone)]
pub struct Npz {
    name: String,
    path: PathBuf,
    /// Class of each window, an index into `labels`.
    y: Vec<usize>,
    labels: Vec<String>,
    users: Vec<u32>,
    /// Names of users who are known by another number.
    names: BTreeMap<u32, String>,
    /// Windows, time steps and channels.
    shape: [usize; 3],
    /// Whether `X` is stored `[windows, channels, time]`, and whether that was guessed.
    channels_first: bool,
    guessed: bool,
    /// Size of the unit of `X` in m/s^2.
    unit: f32,
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
        let stored = {
            let npy = entry(&mut archive, path, "X")?;
            let shape = numpy::shape(&npy).map_err(|e| bad_array(path, "X", e))?;
            match shape[..] {
                [n, a, b] if a > 0 && b > 0 && a.saturating_mul(b) <= 1 << 24 => [n, a, b],
                _ => {
                    let what = format!("must be [windows, time, channels], found {shape:?}");
                    return Err(bad_array(path, "X", what));
                }
            }
        };
        let (channels_first, guessed) = match text(&mut archive, path, "axes")?.as_deref() {
            None => {
                let [_, first, last] = stored;
                let swapped = first <= FEW_CHANNELS && last > 2 * first && last > FEW_CHANNELS;
                (swapped, swapped)
            }
            Some(axes) => match axes.split(',').map(str::trim).collect::<Vec<_>>()[..] {
                ["window", "time", "channel"] => (false, false),
                ["window", "channel", "time"] => (true, false),
                _ => {
                    let what = format!(
                        "is {axes:?}; there are \"window,time,channel\" and \"window,channel,time\""
                    );
                    return Err(bad_array(path, "axes", what));
                }
            },
        };
        let [windows, a, b] = stored;
        let shape = if channels_first {
            [windows, b, a]
        } else {
            stored
        };
        let unit = match text(&mut archive, path, "unit")?.as_deref() {
            None | Some("m/s^2" | "m/s2") => 1.0,
            Some("g") => STANDARD_GRAVITY,
            Some("mg") => STANDARD_GRAVITY / 1000.0,
            Some(other) => {
                let what = format!("is {other:?}; there are \"g\", \"mg\" and \"m/s^2\"");
                return Err(bad_array(path, "unit", what));
            }
        };
        let (y, labels) = classes(&mut archive, path, windows)?;
        let (users, names) = users(&mut archive, path, windows)?;
        let rate_hz = one_number(&mut archive, path, "rate_hz")?.unwrap_or(20.0) as f32;
        let hop = one_number(&mut archive, path, "hop")?;
        let hop = hop.map_or(shape[1], |hop| hop.max(0.0) as usize);
        if !(0.001..=1000.0).contains(&rate_hz) || hop == 0 {
            return Err(bad(format!(
                "rate_hz = {rate_hz} or hop = {hop} makes no sense: samples per second, and samples from one window to the next"
            )));
        }
        Ok(Self {
            name: format!("npz:{}", path.display()),
            path: path.to_owned(),
            y,
            labels,
            users,
            names,
            shape,
            channels_first,
            guessed,
            unit,
            rate_hz,
            hop,
        })
    }

    /// Returns the class names.
    pub fn labels(&self) -> Vec<String> {
        self.labels.clone()
    }

    /// Returns the rate of the windows in Hz.
    pub fn rate_hz(&self) -> f32 {
        self.rate_hz
    }

    /// Takes window `n`, as it is stored.
    fn window(
        &self,
        n: usize,
        stored: &[f32],
        ingest: &mut IngestReport,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        let [_, time, channels] = self.shape;
        let window: Vec<f32> = match self.channels_first {
            false => stored.iter().map(|v| v * self.unit).collect(),
            true => (0..time * channels)
                .map(|i| stored[(i % channels) * time + i / channels] * self.unit)
                .collect(),
        };
        let line = n as u64 + 1;
        if window.iter().any(|v| !v.is_finite()) {
            ingest.reject("X.npy", line, Reason::NotFinite);
        } else if let Some(v) = window.iter().find(|v| v.abs() > PLAUSIBLE) {
            ingest.reject_field("X.npy", line, Reason::Implausible, || {
                Some(format!(
                    "{v}, in m/s^2; unit = \"mg\" in the file says so if it is"
                ))
            });
        } else {
            ingest.accept();
            sink.window(self.users[n], &self.labels[self.y[n]], &window, ingest)?;
        }
        Ok(())
    }
}

fn open(path: &Path) -> Result<Archive, Error> {
    let file = File::open(path).map_err(Error::io(path))?;
    ZipArchive::new(BufReader::new(file)).map_err(|e| {
        Error::format(
            path,
            format!("is no NPZ file, as numpy.savez writes it ({e})"),
        )
    })
}

/// Builds the error of an array, with the file's name.
fn bad_array(path: &Path, name: &str, reason: impl std::fmt::Display) -> Error {
    Error::format(path, format!("array {name}: {reason}"))
}

/// Opens the array `name` and reads its header.
fn entry<'a>(
    archive: &'a mut Archive,
    path: &Path,
    name: &str,
) -> Result<npyz::NpyFile<impl std::io::Read + use<'a>>, Error> {
    let there: Vec<String> = archive
        .file_names()
        .filter_map(|n| Some(n.ok()?.to_string()))
        .collect();
    let entry = archive.by_name(&format!("{name}.npy")).map_err(|_| {
        let there = there.join(", ").replace(".npy", "");
        bad_array(
            path,
            name,
            format!("is missing; X, y and users are needed, and there are: {there}"),
        )
    })?;
    numpy::open(entry).map_err(|e| bad_array(path, name, e))
}

/// Reads the array `name`; `None` when there is none.
fn optional(archive: &mut Archive, path: &Path, name: &str) -> Result<Option<Array>, Error> {
    let file = format!("{name}.npy");
    if archive.index_for_name(&file).is_none() {
        return Ok(None);
    }
    let entry = archive
        .by_name(&file)
        .map_err(|e| bad_array(path, name, e))?;
    Array::read(entry)
        .map(Some)
        .map_err(|e| bad_array(path, name, e))
}

/// Reads the array `name`.
fn array(archive: &mut Archive, path: &Path, name: &str) -> Result<Array, Error> {
    let found = optional(archive, path, name)?;
    found.ok_or_else(|| {
        let what = match name {
            "users" => {
                "is missing; X, y and users are needed (users = numpy.zeros(len(y), int) where all windows are of one person)"
            }
            _ => "is missing; X, y and users are needed",
        };
        bad_array(path, name, what)
    })
}

/// Reads a text of one value.
fn text(archive: &mut Archive, path: &Path, name: &str) -> Result<Option<String>, Error> {
    match optional(archive, path, name)?.map(|a| a.values) {
        None => Ok(None),
        Some(Values::Text(text)) if text.len() == 1 => Ok(text.into_iter().next()),
        Some(_) => Err(bad_array(path, name, "must be one text")),
    }
}

/// Reads a number of one value.
fn one_number(archive: &mut Archive, path: &Path, name: &str) -> Result<Option<f64>, Error> {
    match optional(archive, path, name)?.map(|a| a.values) {
        None => Ok(None),
        Some(Values::Numbers(numbers)) if numbers.len() == 1 => Ok(numbers.first().copied()),
        Some(_) => Err(bad_array(path, name, "must be one number")),
    }
}

/// Reads `y`: the class of each window, and the names of the classes.
fn classes(
    archive: &mut Archive,
    path: &Path,
    windows: usize,
) -> Result<(Vec<usize>, Vec<String>), Error> {
    let y = array(archive, path, "y")?;
    let names = match optional(archive, path, "labels")?.map(|a| a.values) {
        None => None,
        Some(Values::Text(names)) => Some(names),
        Some(_) => {
            return Err(bad_array(
                path,
                "labels",
                "must be the names of the classes",
            ));
        }
    };
    let bad = |reason: String| bad_array(path, "y", reason);
    let numbers = match (y.values, &y.shape[..]) {
        (Values::Text(text), [n]) if *n == windows => {
            let distinct: BTreeSet<&String> = text.iter().collect();
            let labels: Vec<String> = distinct.into_iter().cloned().collect();
            check_count(path, labels.len())?;
            let place = |label: &String| labels.binary_search(label).unwrap_or(0);
            return Ok((text.iter().map(place).collect(), labels));
        }
        (Values::Numbers(rows), [n, classes]) if *n == windows && *classes > 1 => {
            let row = |(n, row): (usize, &[f64])| {
                let mut ones = row.iter().enumerate().filter(|(_, v)| **v == 1.0);
                let zeros = row.iter().filter(|v| **v == 0.0).count();
                match (ones.next(), ones.next()) {
                    (Some((class, _)), None) if zeros + 1 == row.len() => Ok(class as f64),
                    _ => Err(bad(format!("row {n} of {classes} values is not one-hot"))),
                }
            };
            let numbers = rows.chunks(*classes).enumerate().map(row);
            numbers.collect::<Result<Vec<f64>, Error>>()?
        }
        (Values::Numbers(numbers), [n] | [n, 1]) if *n == windows => numbers,
        (_, shape) => {
            return Err(bad(format!(
                "is {shape:?}; expected [{windows}], one class for each window of X"
            )));
        }
    };
    let whole = |&v: &f64| (v.fract() == 0.0 && (0.0..1e9).contains(&v)).then_some(v as usize);
    let numbers: Option<Vec<usize>> = numbers.iter().map(whole).collect();
    let numbers =
        numbers.ok_or_else(|| bad("must hold class numbers from 0, or names".to_owned()))?;
    if let Some(names) = names {
        let most = numbers.iter().max().copied().unwrap_or(0);
        if most >= names.len() {
            let what = format!("names {} classes, and y has class {most}", names.len());
            return Err(bad_array(path, "labels", what));
        }
        return Ok((numbers, names));
    }
    // Classes are the numbers there are: counting may begin at 1.
    let distinct: Vec<usize> = numbers
        .iter()
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    check_count(path, distinct.len())?;
    let place = |n: &usize| distinct.binary_search(n).unwrap_or(0);
    let labels = distinct.iter().map(usize::to_string).collect();
    Ok((numbers.iter().map(place).collect(), labels))
}

/// Checks that there are no more classes than anybody means.
fn check_count(path: &Path, classes: usize) -> Result<(), Error> {
    if classes > 1000 {
        let what = format!("has {classes} different values; 1,000 classes are the most");
        return Err(bad_array(path, "y", what));
    }
    Ok(())
}

/// Reads `users`: the user of each window, and the names of those that are known by text.
fn users(
    archive: &mut Archive,
    path: &Path,
    windows: usize,
) -> Result<(Vec<u32>, BTreeMap<u32, String>), Error> {
    let users = array(archive, path, "users")?;
    if users.shape.iter().product::<usize>() != windows {
        let what = format!(
            "is {:?}; expected [{windows}], one user for each window of X",
            users.shape
        );
        return Err(bad_array(path, "users", what));
    }
    let text: Vec<String> = match users.values {
        Values::Numbers(numbers) => {
            let whole = |&v: &f64| {
                (v.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&v)).then_some(v as u32)
            };
            if let Some(users) = numbers.iter().map(whole).collect() {
                return Ok((users, BTreeMap::new()));
            }
            // Any other number is a name.
            numbers.iter().map(f64::to_string).collect()
        }
        Values::Text(text) => text,
    };
    let distinct: BTreeSet<&String> = text.iter().collect();
    let order: Vec<&String> = distinct.into_iter().collect();
    let place = |user: &String| order.binary_search(&user).map_or(0, |n| n as u32 + 1);
    let names = (1..).zip(order.iter().map(|&user| user.clone())).collect();
    Ok((text.iter().map(place).collect(), names))
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

    fn channels(&self) -> Vec<ChannelInfo> {
        match self.shape {
            [_, time, 3] if time > 1 => ChannelInfo::accelerometer(),
            _ => Vec::new(),
        }
    }

    fn read(
        &self,
        files: &Files,
        ingest: &mut IngestReport,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        ingest.files += 1;
        ingest.users.extend(self.names.clone());
        let [windows, time, channels] = self.shape;
        if self.guessed {
            let text = format!(
                "X is [{windows}, {channels}, {time}], and is taken for [windows, channels, time]; axes = \"window,time,channel\" in \
                 the file says otherwise"
            );
            ingest
                .findings
                .push(Finding::new(FindingKind::SwappedAxes, text));
        }
        let mut archive = open(files.path())?;
        let npy = entry(&mut archive, &self.path, "X")?;
        let length = time * channels;
        let bad = |reason: String| bad_array(&self.path, "X", reason);
        if npy.order() == Order::Fortran {
            let shape = numpy::shape(&npy).map_err(bad)?;
            let mut all = Vec::new();
            numpy::numbers(npy, |value| {
                all.push(value as f32);
                Ok::<_, String>(true)
            })
            .map_err(bad)?;
            let all = numpy::in_c_order(all, &shape, Order::Fortran);
            if all.len() != windows * length {
                return Err(bad("it is cut short".to_owned()));
            }
            let mut each = all.chunks(length).enumerate();
            return each.try_for_each(|(n, w)| self.window(n, w, ingest, sink));
        }
        // One window at a time: the shape in the header may be a lie.
        let (mut window, mut n) = (Vec::new(), 0);
        let passed = numpy::numbers(npy, |value| {
            window.push(value as f32);
            if window.len() == length {
                self.window(n, &window, ingest, sink)
                    .map_err(Failure::Data)?;
                window.clear();
                n += 1;
            }
            Ok(n < windows)
        });
        match passed {
            Err(Failure::Data(error)) => Err(error),
            Err(Failure::Array(reason)) => Err(bad(reason)),
            Ok(()) if n < windows => Err(bad(format!("ends in window {}", n + 1))),
            Ok(()) => Ok(()),
        }
    }
}

/// What ends the reading of `X`.
enum Failure {
    Array(String),
    Data(Error),
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Failure::Array(reason)
    }
}
