//! What several tests need.
#![allow(dead_code, reason = "each test binary uses some of it")]

use mote_data::{Account, Error, Files, Reason, Recording, Sink, Source};
use std::{fs, path::Path};

/// Keeps everything.
#[derive(Default)]
pub struct Keep {
    pub recordings: Vec<Recording>,
    pub windows: Vec<(u32, String, Vec<f32>)>,
}

impl Sink for Keep {
    fn recording(&mut self, recording: Recording, _: &mut Account) -> Result<(), Error> {
        self.recordings.push(recording);
        Ok(())
    }

    fn window(&mut self, u: u32, a: &str, v: &[f32], _: &mut Account) -> Result<(), Error> {
        self.windows.push((u, a.to_owned(), v.to_vec()));
        Ok(())
    }
}

/// Reads `bytes` as the file `name` of `source`.
pub fn read(source: &dyn Source, name: &str, bytes: &[u8]) -> Result<(Account, Keep), Error> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), name, bytes);
    read_at(source, folder.path())
}

/// Reads the folder or archive at `path`.
pub fn read_at(source: &dyn Source, path: &Path) -> Result<(Account, Keep), Error> {
    let (mut account, mut keep) = (Account::default(), Keep::default());
    source.read(&Files::at(path), &mut account, &mut keep)?;
    Ok((account, keep))
}

/// Writes a file, with the folders above it.
pub fn write(root: &Path, name: &str, bytes: &[u8]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Rejections as `(line, reason)`.
pub fn rejections(account: &Account) -> Vec<(u64, Reason)> {
    assert_eq!(account.read, account.accepted + account.rejected());
    account
        .examples
        .iter()
        .map(|e| (e.line, e.reason))
        .collect()
}
