//! What trials found, kept in a file of JSON lines.

use crate::{Error, Figures, Prediction, Spec};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How thoroughly a candidate is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Effort {
    /// Folds that are trained and tested.
    pub folds: usize,
    /// Percent of the candidate's epochs.
    pub percent: u32,
}

impl Effort {
    /// The epochs of a candidate that has `full`; at least one.
    pub fn epochs(self, full: usize) -> usize {
        (full * self.percent as usize).div_ceil(100).max(1)
    }

    /// Epochs of all folds: what it takes, relative to others of the same candidate.
    pub fn cost(self, full: usize) -> f64 {
        (self.epochs(full) * self.folds) as f64
    }
}

/// One finished trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The candidate.
    pub spec: Spec,
    /// How thoroughly it was tried.
    pub effort: Effort,
    /// Everything else that decides what comes out: task, split, seed, board and so on, as data of whoever runs trials.
    /// Records of another context are not compared.
    pub context: serde_json::Value,
    /// The command that repeats the trial.
    pub command: String,
    /// Macro-averaged F1 on test users, mean over folds; of the engine, as deployed.
    pub macro_f1: f64,
    /// Share of test windows that were classified correctly, mean over folds.
    pub accuracy: f64,
    /// What the trained network takes, by the cost model.
    pub predicted: Prediction,
    /// The same as figures of the board.
    pub figures: Figures,
    /// The figures of an image that was built and run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Figures>,
    /// Seconds the trial took.
    pub seconds: f64,
    /// Why there is no result; everything else is then meaningless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl Record {
    /// Measured figures, else predicted ones.
    pub fn best_figures(&self) -> &Figures {
        self.measured.as_ref().unwrap_or(&self.figures)
    }
}

/// A file of records, one JSON document per line. Every record is on disk before it is used.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    file: Mutex<File>,
}

impl Store {
    /// Opens the file at `path` or makes it, and reads what is in it. A last line that was cut off, as by a loss of
    /// power, is dropped.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Record`] for a line before the last that is no record.
    pub fn open(path: &Path) -> Result<(Self, Vec<Record>), Error> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::io(path))?;
        }
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(Error::io(path)(e)),
        };
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let records = parse(text.get(..whole).unwrap_or_default(), path)?;
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(path);
        let file = file.map_err(Error::io(path))?;
        file.set_len(whole as u64).map_err(Error::io(path))?;
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
        let line = serde_json::to_string(record).map_err(|e| Error::io(&self.path)(e.into()))?;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(format!("{line}\n").as_bytes())
            .and_then(|()| file.flush())
            .map_err(Error::io(&self.path))
    }
}

/// The records in all files `*.json` and `*.jsonl` of a folder, as trials that ran elsewhere leave them.
///
/// # Errors
/// [`Error::Io`], [`Error::Record`].
pub fn collect(folder: &Path) -> Result<Vec<Record>, Error> {
    let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "json" || e == "jsonl"))
        .collect();
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
        all.extend(parse(&text, &path)?);
    }
    Ok(all)
}

fn parse(text: &str, path: &Path) -> Result<Vec<Record>, Error> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, l)| !l.trim().is_empty());
    lines
        .map(|(i, line)| {
            serde_json::from_str(line).map_err(|e| Error::Record {
                path: path.to_owned(),
                line: i + 1,
                what: e.to_string(),
            })
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn record(spec: &str, macro_f1: f64, figures: Figures) -> Record {
        Record {
            spec: spec.parse().unwrap(),
            effort: Effort {
                folds: 2,
                percent: 100,
            },
            context: "test".into(),
            command: format!("mote trial --spec {spec}"),
            macro_f1,
            accuracy: macro_f1,
            predicted: Prediction {
                flash_code: 0,
                flash_model: figures.flash,
                ram_static: figures.ram,
                ram_stack: 0,
                cycles: figures.cycles,
            },
            figures,
            measured: None,
            seconds: 1.0,
            failed: None,
        }
    }

    #[test]
    fn records_survive_and_a_torn_line_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fit/trials.jsonl");
        let one = record("window=3,net=c8k3", 0.8, Figures::default());
        let two = record("window=5,net=c8k3", 0.9, Figures::default());
        let (store, before) = Store::open(&path).unwrap();
        assert!(before.is_empty());
        store.add(&one).unwrap();
        fs::write(
            &path,
            format!("{}{{\"spec\":", fs::read_to_string(&path).unwrap()),
        )
        .unwrap();
        let (store, before) = Store::open(&path).unwrap();
        assert_eq!(before, std::slice::from_ref(&one));
        store.add(&two).unwrap();
        assert_eq!(Store::open(&path).unwrap().1, [one.clone(), two.clone()]);
        assert_eq!(collect(path.parent().unwrap()).unwrap(), [one, two]);
    }

    #[test]
    fn a_damaged_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trials.jsonl");
        fs::write(&path, "nonsense\n").unwrap();
        let message = Store::open(&path).unwrap_err().to_string();
        assert!(message.contains("trials.jsonl, line 1"), "{message}");
    }

    #[test]
    fn an_effort_is_a_share_of_the_epochs() {
        let effort = Effort {
            folds: 3,
            percent: 20,
        };
        assert_eq!(effort.epochs(25), 5);
        assert_eq!(effort.epochs(1), 1);
        assert_eq!(effort.cost(25), 15.0);
    }
}
