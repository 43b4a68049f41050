//! Embeds every file of `calibration/`.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=calibration");
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("calibration");
    let mut files: Vec<String> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, std::io::Error>>()?;
    files.retain(|f| f.ends_with(".json"));
    files.sort();
    // Relative to the crate, so that what was built is right still when the checkout has moved.
    let list: String = files
        .iter()
        .map(|f| {
            format!(
                "    include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/calibration/{f}\")),\n"
            )
        })
        .collect();
    let out = Path::new(&env::var("OUT_DIR")?).join("calibrations.rs");
    fs::write(out, format!("&[\n{list}]\n"))?;
    Ok(())
}
