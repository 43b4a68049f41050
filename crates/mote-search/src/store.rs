//! Files of records: the one that a search writes, and those that trials elsewhere leave.

use crate::error::Error;
use crate::record::{Damage, Record};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A file of records, one per line. Every record is on disk before it is used.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    file: Mutex<File>,
}

/// What files of records hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Records {
    /// The records, in their order.
    pub records: Vec<Record>,
    /// Last lines that were cut off, as by a loss of power, and are left out.
    pub cut_off: Vec<CutOff>,
}

/// A last line that was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutOff {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from one.
    pub line: usize,
}

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, line {}: the last record was cut off and is left out; its trial runs again",
            self.path.display(),
            self.line
        )
    }
}

impl Store {
    /// Opens the file at `path` or makes it, and reads what is in it. A last line that was cut off is removed.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Record`] for any other line that is no whole record.
    pub fn open(path: &Path) -> Result<(Self, Records), Error> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::io(path))?;
        }
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(Error::io(path)(e)),
        };
        let records = parse(&bytes, path)?;
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(path);
        let mut file = file.map_err(Error::io(path))?;
        let ended = bytes
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1);
        if !records.cut_off.is_empty() {
            file.set_len(ended as u64).map_err(Error::io(path))?;
        } else if ended < bytes.len() {
            // All that was cut off is the end of the line.
            file.write_all(b"\n").map_err(Error::io(path))?;
        }
        let store = Self {
            path: path.to_owned(),
            file: Mutex::new(file),
        };
        Ok((store, records))
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn add(&self, record: &Record) -> Result<(), Error> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(format!("{}\n", record.line()).as_bytes())
            .and_then(|()| file.flush())
            .map_err(Error::io(&self.path))
    }
}

/// Reads all files `*.json` and `*.jsonl` of a folder, as trials that ran elsewhere leave them.
///
/// # Errors
/// [`Error::Io`]; [`Error::Record`] for a line that is no whole record, but for a last one that was cut off.
pub fn collect(folder: &Path) -> Result<Records, Error> {
    let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(Error::io(folder))?.path());
    }
    paths.retain(|p| p.extension().is_some_and(|e| e == "json" || e == "jsonl"));
    paths.sort();
    let mut all = Records::default();
    for path in paths {
        let bytes = fs::read(&path).map_err(Error::io(&path))?;
        let Records { records, cut_off } = parse(&bytes, &path)?;
        all.records.extend(records);
        all.cut_off.extend(cut_off);
    }
    Ok(all)
}

/// Reads the lines of a file of records.
fn parse(bytes: &[u8], path: &Path) -> Result<Records, Error> {
    let mut all = Records::default();
    for (i, text) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
        let (line, ended) = match text.strip_suffix(b"\n") {
            Some(line) => (line, true),
            None => (text, false),
        };
        if line.is_empty() {
            continue;
        }
        let what = match Record::read(line) {
            Ok(record) => {
                all.records.push(record);
                continue;
            }
            Err(Damage::CutOff) if !ended => {
                all.cut_off.push(CutOff {
                    path: path.to_owned(),
                    line: i + 1,
                });
                continue;
            }
            Err(Damage::CutOff) => "it ends too early".to_owned(),
            Err(Damage::Changed(what)) => what,
        };
        return Err(Error::Record {
            path: path.to_owned(),
            line: i + 1,
            what,
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Figures;
    use crate::record::tests::record;

    #[test]
    fn records_survive_and_a_torn_line_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fit/trials.jsonl");
        let one = record("window=3,net=c8k3", 0.8, Figures::default());
        let two = record("window=5,net=c8k3", 0.9, Figures::default());
        let (store, before) = Store::open(&path).unwrap();
        assert_eq!(before, Records::default());
        store.add(&one).unwrap();
        let first = fs::read(&path).unwrap();
        let second = format!("{}\n", two.line());
        // Wherever the second line is cut off, the first one is there and the second is told of.
        for end in 1..second.len() {
            fs::write(&path, [&first, &second.as_bytes()[..end]].concat()).unwrap();
            let (store, before) = Store::open(&path).unwrap();
            if end == second.len() - 1 {
                assert_eq!(
                    before.records,
                    [one.clone(), two.clone()],
                    "only its end is missing"
                );
            } else {
                assert_eq!(before.records, std::slice::from_ref(&one), "{end}");
                let message = before.cut_off[0].to_string();
                assert!(message.contains("trials.jsonl, line 2"), "{message}");
                store.add(&two).unwrap();
            }
            let (_, after) = Store::open(&path).unwrap();
            assert_eq!(after.records, [one.clone(), two.clone()], "{end}");
            assert!(after.cut_off.is_empty());
        }
        let collected = collect(path.parent().unwrap()).unwrap();
        assert_eq!(collected.records, [one, two]);
    }

    #[test]
    fn whatever_byte_is_changed_the_line_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trials.jsonl");
        let one = record("window=3,net=c8k3", 0.8125, Figures::default());
        let two = record("window=5,net=c8k3,run=stream", 0.9, Figures::default());
        let whole = format!("{}\n{}\n", one.line(), two.line()).into_bytes();
        let ends = one.line().len();
        assert_eq!(parse(&whole, &path).unwrap().records, [one, two]);
        for at in 0..whole.len() {
            let changes = (0..8).map(|bit| whole[at] ^ 1 << bit);
            for byte in changes.chain(*b"\n 09\"{},").filter(|b| *b != whole[at]) {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                let error = parse(&damaged, &path).expect_err("a changed byte");
                let line = if at <= ends { 1 } else { 2 };
                let message = error.to_string();
                let named = format!("trials.jsonl, line {line}: ");
                assert!(
                    message.contains(&named) || byte == b'\n',
                    "{at} to {byte}: {message}"
                );
                assert!(message.contains("remove the line"), "{message}");
            }
        }
    }

    #[test]
    fn a_line_that_was_never_a_record_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trials.jsonl");
        for text in ["nonsense\n", "{}\n", "{\"spec\":\"window=3,net=c8k3\"}\n"] {
            fs::write(&path, text).unwrap();
            let message = Store::open(&path).unwrap_err().to_string();
            assert!(message.contains("trials.jsonl, line 1"), "{message}");
        }
    }
}
