//! The `mote` command as a user runs it, on the built-in synthetic recordings.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Command, Output};

/// Runs `mote`.
pub fn mote(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mote"))
        .args(args)
        .env_remove("MOTE_DATA")
        .output()
        .unwrap()
}

/// Runs `mote`, expects success, and returns what it printed.
pub fn answer(args: &[&str]) -> String {
    let output = mote(args);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// As [`answer`], read as JSON.
pub fn json(args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&answer(args)).unwrap()
}

/// Runs `mote`, expects failure, and returns what it complained about.
pub fn complaint(args: &[&str]) -> String {
    let output = mote(args);
    assert_eq!(output.status.code(), Some(1), "{args:?} should fail");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked"), "{text}");
    text
}

/// `name` below `folder`, as an argument.
pub fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}
