//! Recordings that a description says how to read: text of any shape, in files that globs and a pattern choose.
//!
//! [`Described`] is the source. Reading a file takes these steps, one module each:
//!
//! | module | step |
//! |---|---|
//! | `built_in` | published data sets with a description in `datasets/` |
//! | `description` | the TOML file: what may stand in it |
//! | `pattern` | what the path of a file says of its rows |
//! | `text` | bytes to lines, whatever the encoding |
//! | `fields` | a line to fields |
//! | `places` | where the columns are in this file |
//! | `time` | times as files write them |
//! | `reader` | a line to a row, or the reason why it is none |
//! | `streams` | rows by user, device and activity |
//! | `samples` | samples into the order of time |
//! | `units` | quantities and their units |

mod built_in;
mod choice;
mod description;
mod fields;
mod pattern;
mod places;
mod reader;
mod samples;
mod streams;
mod text;
mod time;
mod units;
mod users;

pub(crate) use built_in::{tasks as published_tasks, text as published_description};
pub(crate) use description::{About, Encoding};
#[cfg(test)]
pub(crate) use pattern::Pattern;
pub(crate) use text::{Line, Lines, text as decoded};
pub(crate) use time::iso;
pub use units::{ChannelInfo, Quantity};

use crate::{
    Error, Files, Finding, FindingKind, Hints, IngestReport, Sink,
    sources::{Dataset, Layout, Source},
};
use choice::{Choice, Verdict};
use description::Description;
use reader::FileReader;
use sha2::{Digest, Sha256};
use std::{cell::RefCell, path::Path};
use streams::Streams;
use users::Users;

/// A source that a description says how to read.
#[derive(Debug, Clone)]
pub struct Described {
    name: String,
    description: Description,
    /// Text of the description, which decides what the files mean.
    text: String,
    files: Files,
    channels: Vec<ChannelInfo>,
    /// Factor from the file's unit to the unit that values are kept in, by channel.
    scales: Vec<f32>,
    choice: Choice,
    /// What Mote guessed of the description; nothing in one that somebody wrote.
    guesses: Vec<String>,
}

impl Described {
    /// Opens the recordings that the TOML file at `path` describes.
    ///
    /// # Errors
    /// When the description cannot be read or is wrong, naming line or field.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        let description = Description::parse(&text, path)?;
        let files = path
            .parent()
            .unwrap_or(Path::new(""))
            .join(&description.path);
        if !files.exists() {
            let reason = format!("path: there is no {}", files.display());
            return Err(Error::format(path, reason));
        }
        let name = format!("csv:{}", path.display());
        Self::build(name, description, text, Files::at(files).with_archives())
            .map_err(|reason| Error::format(path, reason))
    }

    /// Opens the recordings at `path`, a folder or file that nobody has described, by what they look like.
    ///
    /// # Errors
    /// When something cannot be told that has to be known, naming it and saying what to do.
    pub fn guess(path: &Path, hints: &Hints) -> Result<Self, Error> {
        let guess = crate::describe(path, &path.to_string_lossy(), hints)?;
        if !guess.missing.is_empty() {
            let reason = format!(
                "{}; `mote data describe {} --save task.toml` writes what is known, to be completed",
                guess.missing.join("; "),
                path.display()
            );
            return Err(Error::format(path, reason));
        }
        let description = Description::parse(&guess.toml, path)?;
        let name = path.display().to_string();
        let files = Files::at(path).with_archives();
        let mut source = Self::build(name, description, guess.toml, files)
            .map_err(|reason| Error::format(path, reason))?;
        source.guesses = guess.guesses;
        Ok(source)
    }

    /// Opens a description that is part of the program.
    fn built_in(name: &str, text: &str) -> Result<Self, Error> {
        let path = Path::new(name);
        let description = Description::parse(text, path)?;
        let files = Files::at(&description.path).with_archives();
        Self::build(name.to_owned(), description, text.to_owned(), files)
            .map_err(|reason| Error::format(path, reason))
    }

    /// Returns what the description says about where the recordings come from.
    fn about(&self) -> About {
        self.description.about.clone().unwrap_or_default()
    }

    fn build(
        name: String,
        description: Description,
        text: String,
        files: Files,
    ) -> Result<Self, String> {
        let mut channels = Vec::new();
        let mut scales = Vec::new();
        for channel in &description.channels {
            let factor = channel.unit.size() * channel.scale.unwrap_or(1.0);
            for column in channel.columns.as_slice() {
                channels.push(ChannelInfo {
                    name: column.to_string(),
                    quantity: channel.quantity,
                    range: channel.range.map(|range| range * channel.unit.size()),
                });
                scales.push(factor);
            }
        }
        Ok(Self {
            name,
            choice: Choice::new(&description)?,
            channels,
            scales,
            text,
            files,
            description,
            guesses: Vec::new(),
        })
    }

    /// Returns the nominal rate in Hz.
    pub fn rate_hz(&self) -> f32 {
        self.description.rate_hz
    }

    /// Returns the class names in alphabetical order.
    pub fn labels(&self) -> Vec<String> {
        self.description.classes()
    }

    /// Returns whether `name` is the file that `path` names, packed or not.
    fn is_the_file(&self, name: &str) -> bool {
        let path = self.files.path();
        path.is_file() && (path.ends_with(name) || path.ends_with(format!("{name}.gz")))
    }

    /// Says what was found in place of the files that the description asks for.
    fn no_file(&self, files: &Files, ingest: &IngestReport) -> Error {
        let mut there: Vec<String> = ingest
            .skipped
            .iter()
            .map(|s| format!("{} ({})", s.file, s.reason))
            .take(3)
            .collect();
        if there.is_empty() {
            there.push("nothing".to_owned());
        }
        let reason = format!(
            "none of its files is read: there is {}; `include` says which files to read (include = \"*.txt\")",
            there.join(", ")
        );
        Error::format(files.path(), reason)
    }
}

impl Source for Described {
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
        self.is_the_file(name) || matches!(self.choice.verdict(name), Verdict::Read(_))
    }

    fn layout(&self) -> Layout {
        Layout::Recordings {
            channels: self.channels.len(),
        }
    }

    fn channels(&self) -> Vec<ChannelInfo> {
        self.channels.clone()
    }

    fn mirrored_axes(&self) -> [bool; 3] {
        self.description.mirrored_axes
    }

    /// Covers the description as well, which decides what the files mean.
    fn digest(&self, files: &Files) -> Result<String, Error> {
        let mut hash = Sha256::new();
        hash.update(files.digest(&|name| self.wants(name))?);
        hash.update(&self.text);
        Ok(crate::files::hex(&hash.finalize()))
    }

    fn read(
        &self,
        files: &Files,
        ingest: &mut IngestReport,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        for guess in &self.guesses {
            let text =
                format!("guessed: {guess}; `mote data describe` writes it down, to be corrected");
            ingest
                .findings
                .push(Finding::new(FindingKind::Guessed, text));
        }
        let left_out = RefCell::new(Vec::new());
        let wanted = |name: &str| match self.choice.verdict(name) {
            _ if self.is_the_file(name) => true,
            Verdict::Read(_) => true,
            Verdict::Skip(reason) => {
                left_out.borrow_mut().push((name.to_owned(), reason));
                false
            }
        };
        let mut users = Users::default();
        files.visit(&wanted, &mut |name, reader| {
            let known = match self.choice.verdict(name) {
                Verdict::Read(known) => known,
                // The file that `path` names is read whatever it is called, but its name may have to say who did what.
                Verdict::Skip(_) if self.choice.needs_path() => {
                    let reason = "its path does not fit `pattern`, which says user or activity";
                    return Err(Error::format(files.entry(name), reason));
                }
                Verdict::Skip(_) => self.choice.constants(),
            };
            let class = match &known.activity {
                Some(label) => match self.description.class(label) {
                    Some(class) => Some(class.to_owned()),
                    None => {
                        ingest.unknown_label(label);
                        ingest.skip(name, "the label in its path is not in [labels]");
                        return Ok(());
                    }
                },
                None => None,
            };
            let streams = Streams::new(&self.description, sink, ingest, &mut users, name, class);
            let path = files.entry(name);
            FileReader::new(&self.description, &self.scales, path, known, streams).read(reader)
        })?;
        for (name, reason) in left_out.into_inner() {
            ingest.skip(&name, reason);
            ingest.files_left_out += 1;
        }
        ingest.users.extend(users.names());
        if ingest.files == 0 && ingest.empty_files == 0 {
            return Err(self.no_file(files, ingest));
        }
        Ok(())
    }
}
