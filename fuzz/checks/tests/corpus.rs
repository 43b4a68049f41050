//! Feeds every kept corpus file to its check.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

use mote_fuzz::CHECKS;
use std::fs;
use std::path::{Path, PathBuf};

/// A kept corpus is for the repository: few kilobytes per target.
const MOST_BYTES: u64 = 64 << 10;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_kept_file_keeps_its_promise() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus-small");
    for (name, check) in CHECKS {
        let (mut read, mut bytes) = (0, 0);
        for path in files(&root.join(name)) {
            let content = fs::read(&path).unwrap();
            bytes += content.len() as u64;
            read += u64::from(check(&content));
        }
        assert!(read > 0, "no file of `{name}` is read to the end");
        assert!(bytes <= MOST_BYTES, "`{name}` keeps {bytes} bytes");
    }
}

#[test]
fn every_check_has_a_target() {
    let manifest = include_str!("../../Cargo.toml");
    for (name, _) in CHECKS {
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "`{name}` is not in fuzz/Cargo.toml"
        );
    }
}
