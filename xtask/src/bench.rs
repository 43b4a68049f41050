//! `cargo xtask bench`: how fast on this machine, and beside other engines.

use crate::docs::rewrite;
use crate::run::{cargo, cargo_command, root, setup};
use anyhow::{Context, Result, bail};
use std::process::Stdio;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Mote and microflow, built and run on the emulated Cortex-M4, beside published figures of other engines.
    Peers {
        /// As JSON.
        #[arg(long, conflicts_with = "readme")]
        json: bool,
        /// Write the table into README.md instead.
        #[arg(long)]
        readme: bool,
    },
    /// Mote and tract on this machine, on the same networks.
    Tract,
}

pub fn bench(args: &Args) -> Result<()> {
    match args.what {
        None => {
            for package in ["mote", "mote-data", "mote-train"] {
                cargo(["bench", "--package", package])?;
            }
            Ok(())
        }
        Some(What::Peers { json, readme }) => peers(json, readme),
        Some(What::Tract) => cargo(["bench", "--manifest-path", "benches/tract/Cargo.toml"]),
    }
}

fn peers(json: bool, readme: bool) -> Result<()> {
    setup()?;
    let example = [
        "run",
        "--release",
        "--package",
        "mote-device",
        "--example",
        "peers",
        "--",
    ];
    if !readme {
        return cargo(example.into_iter().chain(json.then_some("--json")));
    }
    let mut command = cargo_command(example.into_iter().chain(["--markdown"]));
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the comparison failed ({})", output.status);
    }
    let table = String::from_utf8(output.stdout).context("the table is not text")?;
    rewrite(&root().join("README.md"), "<!-- peers -->", |_| {
        Ok(Some(table.clone()))
    })
}
