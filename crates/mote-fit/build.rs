//! Embeds every file of `calibration/`.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=calibration");
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("calibration");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    files.retain(|f| f.extension().is_some_and(|e| e == "json"));
    files.sort();
    let list: String = files
        .iter()
        .map(|f| format!("    include_str!({f:?}),\n"))
        .collect();
    let out = Path::new(&env::var("OUT_DIR")?).join("calibrations.rs");
    fs::write(out, format!("&[\n{list}]\n"))?;
    Ok(())
}
