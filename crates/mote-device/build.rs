//! Embeds `boards/*.toml`, so that the program knows them without a checkout.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let dir =
        PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../boards");
    println!("cargo:rerun-if-changed={}", dir.display());
    let entries = fs::read_dir(&dir).expect("boards/ is part of the repository");
    let mut paths: Vec<_> = entries
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    paths.sort();
    let mut list = String::from("&[\n");
    for path in paths {
        println!("cargo:rerun-if-changed={}", path.display());
        let path = path.canonicalize().expect("just listed");
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        list.push_str(&format!("    ({name:?}, include_str!({path:?})),\n"));
    }
    list.push(']');
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("boards.rs");
    fs::write(out, list).expect("cannot write the list of boards");
}
