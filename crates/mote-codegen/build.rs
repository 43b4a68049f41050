//! Lists the engine's sources, which go into every exported crate.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let engine = root.join("../mote");
    let mut files = vec![PathBuf::from("build.rs")];
    walk(&engine, Path::new("src"), &mut files)?;
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let path = engine.join(file).canonicalize()?;
        println!("cargo::rerun-if-changed={}", path.display());
        // Writing to a string cannot fail.
        let _ = writeln!(list, "    ({file:?}, include_str!({path:?})),");
    }
    list.push(']');
    println!("cargo::rerun-if-changed={}", engine.join("src").display());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("engine.rs"), list)
}

/// Adds the files below `dir`, relative to `root`.
fn walk(root: &Path, dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(dir))? {
        let entry = entry?;
        let path = dir.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            walk(root, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
