//! `cargo xtask docs RESULTS`: figures in the documentation are written from a recorded run, never by hand.
//!
//! A block between `<!-- measured: BOARD: row, row -->` or `<!-- measured: TASK on BOARD: row, row -->` and
//! `<!-- /measured -->` in `README.md`, `docs/*.md` and `docs/techniques/*.md` becomes a table of those rows of
//! `results.json`; in `README.md`, `<!-- headline -->` becomes a table of what fits on a screen and `<!-- measured -->`
//! the tables that `cargo xtask compare` prints, both for the first board. Blocks whose task or rows are not in the
//! results keep what they have. Likewise a block between `<!-- streams: TASK: row, row -->` and `<!-- /streams -->` becomes
//! a table of what those rows do on continuous streams.

use crate::command::root;
use crate::marked_blocks::rewrite;
use anyhow::{Context, Result};
use mote_report::TableOptions;
use std::fs;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// A results.json of `mote compare`, for example of `--experiment system`.
    results: PathBuf,
    /// Write the whole table into README.md as well.
    #[arg(long)]
    readme: bool,
}

const MEASURED: &str = "<!-- measured -->";
const HEADLINE: &str = "<!-- headline -->";

pub fn docs(args: &Args) -> Result<()> {
    let results = mote_report::read(&args.results)?;
    for page in pages()? {
        rewrite(&page, "<!-- measured: ", |head| {
            let (board, names) = head
                .split_once(':')
                .context("expected `measured: BOARD: row, row`")?;
            let names: Vec<_> = names.split(',').map(str::trim).collect();
            Ok(mote_report::render_figures(&results, board.trim(), &names))
        })?;
        rewrite(&page, "<!-- streams: ", |head| {
            let (task, names) = head
                .split_once(':')
                .context("expected `streams: TASK: row, row`")?;
            let names: Vec<_> = names.split(',').map(str::trim).collect();
            Ok(mote_report::render_streams(&results, task.trim(), &names))
        })?;
    }
    if args.readme {
        let mut devices = results.runs.iter().flat_map(|r| &r.device);
        let options = TableOptions {
            boards: devices
                .next()
                .map(|d| d.board.clone())
                .into_iter()
                .collect(),
            ..TableOptions::default()
        };
        let table = mote_report::render_table(&results, &options);
        // What follows would fill the first screen.
        let head = table.split("\nchange against").next().unwrap_or(&table);
        let text = format!("```text\n$ cargo xtask compare\n{}\n```\n", head.trim_end());
        let readme = root().join("README.md");
        rewrite(&readme, MEASURED, |_| Ok(Some(text.clone())))?;
        let headline = mote_report::render_headline(&results);
        let headline = headline.context("nothing was measured on a device")?;
        rewrite(&readme, HEADLINE, |_| Ok(Some(headline.clone())))?;
    }
    Ok(())
}

/// Returns `README.md` and the pages of `docs`.
fn pages() -> Result<Vec<PathBuf>> {
    let mut pages = vec![root().join("README.md")];
    for folder in ["docs", "docs/techniques"].map(|folder| root().join(folder)) {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "md") {
                pages.push(path);
            }
        }
    }
    Ok(pages)
}
