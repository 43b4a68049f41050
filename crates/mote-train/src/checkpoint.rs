//! The state of a training run on disk, so that it can be resumed as if it had never stopped.

use crate::Error;
use crate::ops::Statistics;
use crate::train::Epoch;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;

const FILE: &str = "training.ckpt";
const VERSION: u32 = 1;

/// A network's state: parameters, and the statistics of its norms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub values: Vec<f32>,
    pub running: Vec<Statistics>,
}

/// The best epoch so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    pub epoch: usize,
    pub macro_f1: f64,
    pub snapshot: Snapshot,
}

/// Everything that the next epoch depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The network being trained.
    pub current: Snapshot,
    /// Moving average of the parameters.
    pub average: Vec<f32>,
    /// First and second moments of AdamW.
    pub moments: Option<[Vec<f32>; 2]>,
    /// Steps taken.
    pub steps: usize,
    pub history: Vec<Epoch>,
    pub best: Option<Best>,
}

impl State {
    /// Before the first step of training from `start`.
    pub fn new(start: Snapshot) -> Self {
        Self {
            average: start.values.clone(),
            current: start,
            moments: None,
            steps: 0,
            history: Vec::new(),
            best: None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct File<S> {
    version: u32,
    /// Digest of settings, data and seed.
    run: [u8; 32],
    state: S,
}

/// Reads the state of run `run` from `directory`; `None` when there is none yet.
pub(crate) fn load(directory: &Path, run: [u8; 32]) -> Result<Option<State>, Error> {
    let path = directory.join(FILE);
    let failed = |what: String| Error::Checkpoint {
        path: path.clone(),
        what,
    };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e.to_string())),
    };
    let (version, _): (u32, _) = postcard::take_from_bytes(&bytes)
        .map_err(|_| failed("is empty or damaged; delete it to start again".to_owned()))?;
    if version != VERSION {
        return Err(failed(format!(
            "has format {version}, not {VERSION}; delete it to start again"
        )));
    }
    let file: File<State> = postcard::from_bytes(&bytes)
        .map_err(|e| failed(format!("is damaged ({e}); delete it to start again")))?;
    if file.run != run {
        return Err(failed(
            "belongs to other settings, data or seed; choose another directory or delete it"
                .to_owned(),
        ));
    }
    Ok(Some(file.state))
}

/// Writes the state of run `run` to `directory`. A crash on the way leaves the old file intact.
pub(crate) fn save(directory: &Path, run: [u8; 32], state: &State) -> Result<(), Error> {
    let path = directory.join(FILE);
    let failed = |e: String| Error::Checkpoint {
        path: path.clone(),
        what: e,
    };
    let file = File {
        version: VERSION,
        run,
        state,
    };
    let bytes = postcard::to_stdvec(&file).map_err(|e| failed(e.to_string()))?;
    std::fs::create_dir_all(directory).map_err(|e| failed(e.to_string()))?;
    let mut temporary =
        tempfile::NamedTempFile::new_in(directory).map_err(|e| failed(e.to_string()))?;
    temporary
        .write_all(&bytes)
        .map_err(|e| failed(e.to_string()))?;
    temporary
        .persist(&path)
        .map_err(|e| failed(e.to_string()))?;
    Ok(())
}
