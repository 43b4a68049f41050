//! `cargo xtask bench`: how fast on this machine, and beside other engines.

use crate::command::{cargo, cargo_command, root};
use crate::marked_blocks::rewrite;
use crate::setup::setup;
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
        /// Write the table into docs/engines.md, and a few rows of it into README.md, instead.
        #[arg(long)]
        readme: bool,
    },
    /// Cycles of TensorFlow Lite networks on a board: the core's, and those it waits for flash.
    Cycles {
        /// What the example `cycles` of mote-device takes: `--board NAME`, `--clock MHZ`, `--layers`, models.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Mote and tract on this machine, on the same networks.
    Tract,
}

pub fn bench(args: &Args) -> Result<()> {
    match &args.what {
        None => {
            for package in ["mote", "mote-data", "mote-train"] {
                cargo(["bench", "--package", package])?;
            }
            Ok(())
        }
        Some(What::Peers { json, readme }) => peers(*json, *readme),
        Some(What::Cycles { arguments }) => {
            setup()?;
            let example = ["run", "--release", "--package", "mote-device", "--example"];
            let arguments = arguments.iter().map(String::as_str);
            cargo(example.into_iter().chain(["cycles", "--"]).chain(arguments))
        }
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
    let short = few_rows(&table)?;
    rewrite(&root().join("docs/engines.md"), "<!-- peers -->", |_| {
        Ok(Some(table.clone()))
    })?;
    rewrite(&root().join("README.md"), "<!-- engines -->", |_| {
        Ok(Some(short.clone()))
    })
}

/// Rows of the README, by how they begin.
const README_ROWS: [&str; 6] = [
    "| A_int8 | Mote, generated | 3 |",
    "| A_int8 | CMSIS-NN called directly (published) | O2 |",
    "| A_int8 | TFLM + CMSIS-NN, int8 registrations (published) | its own mix |",
    "| A_valid_int8_pt | Mote, generated | 3 |",
    "| A_valid_int8_pt | Mote, streaming",
    "| A_valid_int8_pt | microflow 0.1.3 | 3 |",
];

/// Returns head and README rows of the table.
fn few_rows(table: &str) -> Result<String> {
    let mut short: Vec<&str> = table.lines().take(2).collect();
    for start in README_ROWS {
        let row = table.lines().find(|line| line.starts_with(start));
        short.push(row.with_context(|| format!("the table has no row `{start}`"))?);
    }
    Ok(short.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_shows_rows_of_the_whole_table() {
        let page = std::fs::read_to_string(root().join("docs/engines.md")).unwrap();
        let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
        let (_, table) = page.split_once("<!-- peers -->\n").unwrap();
        assert!(readme.contains(&few_rows(table).unwrap()));
        assert!(few_rows("| network |\n|---|\n").is_err());
    }
}
