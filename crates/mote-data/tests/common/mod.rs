//! What several tests need.
#![allow(dead_code, reason = "each test binary uses some of it")]

use mote_data::{Error, Files, IngestReport, Reason, Recording, Sink, Source};
use std::{fs, path::Path};

/// Keeps everything.
#[derive(Default)]
pub struct Keep {
    pub recordings: Vec<Recording>,
    pub windows: Vec<(u32, String, Vec<f32>)>,
}

impl Sink for Keep {
    fn recording(&mut self, recording: Recording, _: &mut IngestReport) -> Result<(), Error> {
        self.recordings.push(recording);
        Ok(())
    }

    fn window(&mut self, u: u32, a: &str, v: &[f32], _: &mut IngestReport) -> Result<(), Error> {
        self.windows.push((u, a.to_owned(), v.to_vec()));
        Ok(())
    }
}

/// Reads `bytes` as the file `name` of `source`.
pub fn read(source: &dyn Source, name: &str, bytes: &[u8]) -> Result<(IngestReport, Keep), Error> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), name, bytes);
    read_at(source, folder.path())
}

/// Reads the folder or archive at `path`.
pub fn read_at(source: &dyn Source, path: &Path) -> Result<(IngestReport, Keep), Error> {
    let (mut ingest, mut keep) = (IngestReport::default(), Keep::default());
    source.read(&Files::at(path), &mut ingest, &mut keep)?;
    Ok((ingest, keep))
}

/// Writes a file, with the folders above it.
pub fn write(root: &Path, name: &str, bytes: &[u8]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Rejections as `(line, reason)`.
pub fn rejections(ingest: &IngestReport) -> Vec<(u64, Reason)> {
    assert_eq!(ingest.read, ingest.accepted + ingest.rejected());
    ingest.examples.iter().map(|e| (e.line, e.reason)).collect()
}
