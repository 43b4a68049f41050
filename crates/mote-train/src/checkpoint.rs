//! The state of a training run on disk, so that it can be resumed as if it had never stopped.
//!
//! A checkpoint ends with the SHA-256 of all bytes before it, so that a damaged file is refused and never becomes a
//! figure. Its first field is the format version, then comes the digest of all that the run depends on.

use crate::Error;
use crate::state::State;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::Path;

const FILE: &str = "training.ckpt";
const VERSION: u32 = 2;

/// Bytes of the digest at the end.
const DIGEST: usize = 32;

#[derive(Serialize, Deserialize)]
struct Contents<S> {
    version: u32,
    /// Digest of settings, data and seed.
    run: [u8; 32],
    state: S,
}

/// Reads the state of run `run` from `directory`; `None` when there is none yet.
///
/// # Errors
/// [`Error::Checkpoint`] when the file cannot be read, a byte of it has changed, or it belongs to another run.
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
    let contents = parse(&bytes).ok_or_else(|| {
        failed(
            "is damaged, or was written by another version of Mote; delete it, and training starts afresh"
                .to_owned(),
        )
    })?;
    if contents.run != run {
        return Err(failed(
            "belongs to other settings, data or seed; choose another directory, or delete it, and training starts \
             afresh"
                .to_owned(),
        ));
    }
    Ok(Some(contents.state))
}

/// Reads a checkpoint whose digest and version are right.
fn parse(bytes: &[u8]) -> Option<Contents<State>> {
    let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
    if Sha256::digest(body).as_slice() != digest {
        return None;
    }
    let (contents, rest) = postcard::take_from_bytes::<Contents<State>>(body).ok()?;
    (contents.version == VERSION && rest.is_empty()).then_some(contents)
}

/// Writes the state of run `run` to `directory`. A crash on the way leaves the old file intact.
///
/// # Errors
/// [`Error::Checkpoint`] when the file cannot be written.
pub(crate) fn save(directory: &Path, run: [u8; 32], state: &State) -> Result<(), Error> {
    let path = directory.join(FILE);
    let failed = |what: String| Error::Checkpoint {
        path: path.clone(),
        what,
    };
    let contents = Contents {
        version: VERSION,
        run,
        state,
    };
    let mut bytes = postcard::to_stdvec(&contents).map_err(|e| failed(e.to_string()))?;
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Epoch, Validation};
    use crate::network::Snapshot;
    use crate::ops::Statistics;
    use crate::state::Best;

    fn state() -> State {
        let snapshot = Snapshot {
            values: vec![0.25, -1.5, 3e-9],
            running: vec![Statistics {
                mean: vec![0.5],
                variance: vec![2.0],
            }],
        };
        let validation = Some(Validation {
            loss: 0.75,
            accuracy: 0.5,
            macro_f1: 0.4,
        });
        State {
            average: vec![0.125, -1.0, 0.0],
            moments: Some([vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.0]]),
            steps: 7,
            history: vec![Epoch {
                epoch: 0,
                loss: 1.25,
                learning_rate: 1e-3,
                validation,
            }],
            best: Some(Best {
                epoch: 0,
                macro_f1: 0.4,
                snapshot: snapshot.clone(),
            }),
            current: snapshot,
        }
    }

    #[test]
    fn what_is_saved_is_loaded_by_its_own_run_only() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(load(directory.path(), [7; 32]).unwrap(), None);
        save(directory.path(), [7; 32], &state()).unwrap();
        assert_eq!(load(directory.path(), [7; 32]).unwrap(), Some(state()));
        let message = load(directory.path(), [8; 32]).unwrap_err().to_string();
        assert!(message.contains("other settings"), "{message}");
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        save(directory.path(), [7; 32], &state()).unwrap();
        let file = directory.path().join(FILE);
        let whole = std::fs::read(&file).unwrap();
        let refused = |bytes: &[u8], what: &str| {
            std::fs::write(&file, bytes).unwrap();
            let message = load(directory.path(), [7; 32]).unwrap_err().to_string();
            let helps = message.contains(FILE) && message.contains("delete it");
            assert!(
                helps && message.contains("starts afresh"),
                "{what}: {message}"
            );
        };
        for at in 0..whole.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                refused(&bytes, &format!("byte {at} ^ {flip:#x}"));
            }
        }
        for len in 0..whole.len() {
            refused(&whole[..len], &format!("the first {len} bytes"));
        }
        refused(&[&whole[..], &[0]].concat(), "a byte more");
    }

    #[test]
    fn files_of_another_format_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let contents = Contents {
            version: VERSION + 1,
            run: [7; 32],
            state: state(),
        };
        let mut bytes = postcard::to_stdvec(&contents).unwrap();
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        std::fs::write(directory.path().join(FILE), bytes).unwrap();
        let message = load(directory.path(), [7; 32]).unwrap_err().to_string();
        assert!(message.contains("another version"), "{message}");
    }
}
