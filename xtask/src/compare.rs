//! `cargo xtask compare`: the main job on the best data at hand.

use crate::command::{cargo, root};
use crate::setup::setup;
use anyhow::Result;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// Use the built-in synthetic recordings even when real ones are there.
    #[arg(long)]
    synthetic: bool,
    /// Options for `mote compare`, e.g. `-- --task motionsense/6 --folds 5`.
    #[arg(last = true)]
    rest: Vec<OsString>,
}

/// The task of the main job.
const TASK: &str = "wisdm-2019-watch/5";
/// The data set it needs, as `mote data fetch` knows it.
const DATASET: &str = "wisdm-2019";

pub fn compare(args: &Args) -> Result<()> {
    if let Err(e) = setup() {
        eprintln!("note: {e:#}; the device columns stay empty");
    }
    let data = if args.synthetic {
        None
    } else {
        find_data().or_else(offer_download)
    };
    let mut command: Vec<OsString> = ["run", "--release", "--package", "mote-cli", "--", "compare"]
        .map(OsString::from)
        .into();
    let chosen = |name: &str| {
        args.rest
            .iter()
            .any(|a| a.to_string_lossy().starts_with(name))
    };
    if !chosen("--task") {
        let task = if data.is_some() { TASK } else { "synthetic/6" };
        command.extend(["--task".into(), task.into()]);
    }
    if let Some(data) = data
        && !chosen("--data")
    {
        command.extend(["--data".into(), data.into()]);
    }
    command.extend(args.rest.iter().cloned());
    cargo(command)
}

/// The first folder that holds WISDM 2019, zipped or not.
fn find_data() -> Option<PathBuf> {
    let places = [
        std::env::var_os("MOTE_DATA").map(PathBuf::from),
        Some(root().join("../shared/data")),
        Some(root().join("data")),
    ];
    places
        .into_iter()
        .flatten()
        .find(|place| place.join(DATASET).is_dir())
}

/// Asks on a terminal whether to download; elsewhere says what would be needed.
fn offer_download() -> Option<PathBuf> {
    let place = root().join("data");
    eprintln!(
        "WISDM 2019 was not found: set MOTE_DATA to the folder that holds `{DATASET}/`, or download it with\n  \
         cargo run --release -p mote-cli -- data fetch {DATASET} --data {}",
        place.display()
    );
    if !std::io::stdin().is_terminal() {
        eprintln!("Going on with SYNTHETIC recordings.");
        return None;
    }
    eprint!("Download it now (about 300 MB)? [y/N] ");
    std::io::stderr().flush().ok()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).ok()?;
    if !answer.trim().eq_ignore_ascii_case("y") {
        eprintln!("Going on with SYNTHETIC recordings.");
        return None;
    }
    let fetch = [
        "run",
        "--release",
        "--package",
        "mote-cli",
        "--",
        "data",
        "fetch",
        DATASET,
        "--data",
    ];
    match cargo(
        fetch
            .map(OsString::from)
            .into_iter()
            .chain([place.clone().into()]),
    ) {
        Ok(()) => Some(place),
        Err(e) => {
            eprintln!("{e:#}\nGoing on with SYNTHETIC recordings.");
            None
        }
    }
}
