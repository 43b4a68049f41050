//! `cargo xtask docs RESULTS`: figures in the documentation are written from a recorded run, never by hand.
//!
//! A block between `<!-- measured: BOARD: row, row -->` and `<!-- /measured -->` in `docs/techniques/*.md` becomes a
//! table of those rows of `results.json`; in `README.md`, `<!-- headline -->` becomes a table of what fits on a screen and
//! `<!-- measured -->` the tables that `cargo xtask compare` prints, both for the first board. Pages whose rows are not in the results keep what they have.

use crate::run::root;
use anyhow::{Context, Result, bail};
use mote_report::{Results, Run, TableOptions};
use std::fs;
use std::path::{Path, PathBuf};

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
    let folder = root().join("docs/techniques");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        rewrite(&entry?.path(), "<!-- measured: ", |head| {
            Ok(rows(&results, head)?.map(|table| format!("{table}\n")))
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
        rewrite(&readme, HEADLINE, |_| headline(&results).map(Some))?;
    }
    Ok(())
}

/// What a system in Python and PyTorch with these techniques claims, on another and easier protocol.
const CLAIMS: &str =
    "| *claims of the original, in Python* | *.937* | | *80,000 in all* | | *30* | |";

/// The rows that ran as firmware on the first board, beside the original's claims.
fn headline(results: &Results) -> Result<String> {
    let first = results.runs.iter().find_map(|r| r.device.first());
    let first = first.context("nothing was measured on a device")?;
    let device = |run: &Run| run.device.iter().find(|d| d.board == first.board).cloned();
    let mut table = format!(
        "| {} on {} | accuracy | m-F1 | flash, B | RAM, B | ms | µJ |\n\
         |---|---:|---:|---:|---:|---:|---:|\n{CLAIMS}\n",
        results.task, first.board
    );
    for run in &results.runs {
        let Some(device) = device(run).filter(|d| d.cycles.is_some()) else {
            continue;
        };
        let sum = |parts: &[Option<u64>]| {
            let sum: Option<u64> = parts.iter().copied().sum();
            sum.map_or("-".to_owned(), grouped)
        };
        let decimal = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.2}"));
        table.push_str(&format!(
            "| `{}` | {:.3} | {:.3} | {} | {} | {} | {} |\n",
            run.pipeline,
            run.metrics.accuracy.mean,
            run.metrics.macro_f1.mean,
            sum(&[device.flash_code, device.flash_model]),
            sum(&[device.ram_static, device.ram_stack, device.ram_heap]),
            decimal(device.latency_ms),
            decimal(device.energy_uj),
        ));
    }
    Ok(table)
}

/// Replaces what stands between lines that begin with `begin` and the closing line of that name by what `write` makes of the line's rest;
/// `None` leaves it.
pub fn rewrite(
    path: &Path,
    begin: &str,
    write: impl Fn(&str) -> Result<Option<String>>,
) -> Result<()> {
    let old =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name: String = begin.chars().filter(|c| c.is_alphanumeric()).collect();
    let end = format!("<!-- /{name} -->");
    let mut new = String::new();
    let mut lines = old.lines();
    while let Some(line) = lines.next() {
        new.push_str(line);
        new.push('\n');
        let Some(head) = line.strip_prefix(begin) else {
            continue;
        };
        let mut body = String::new();
        loop {
            match lines.next() {
                Some(line) if line == end => break,
                Some(line) => body.push_str(&format!("{line}\n")),
                None => bail!("{}: `{line}` has no `{end}` behind it", path.display()),
            }
        }
        let head = head.trim_end_matches("-->").trim();
        let written = write(head).with_context(|| format!("{}: `{line}`", path.display()))?;
        new.push_str(&written.unwrap_or(body));
        new.push_str(&format!("{end}\n"));
    }
    if new != old {
        fs::write(path, new).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}

/// The table `head`, written `BOARD: row, row`, asks for; `None` when the results lack a row.
fn rows(results: &Results, head: &str) -> Result<Option<String>> {
    let (board, names) = head
        .split_once(':')
        .context("expected `measured: BOARD: row, row`")?;
    let mut table = format!(
        "{} on {}, {}:\n\n\
         | pipeline | code | model | static | stack | heap | instructions | cycles | accuracy |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|",
        results.task,
        board,
        results.runs.first().map_or("", |r| r.split.as_str())
    );
    for name in names.split(',').map(str::trim) {
        match results.runs.iter().find(|r| r.pipeline == name) {
            Some(run) => table.push_str(&format!("\n{}", row(run, board.trim())?)),
            None => return Ok(None),
        }
    }
    Ok(Some(table))
}

fn row(run: &Run, board: &str) -> Result<String> {
    let device = run.device.iter().find(|d| d.board == board);
    let device =
        device.with_context(|| format!("`{}` was not measured on {board}", run.pipeline))?;
    let figure = |value: Option<u64>| value.map_or("-".to_owned(), grouped);
    let worst = device
        .cycles_worst
        .map_or(String::new(), |c| format!(" (at most {})", grouped(c)));
    Ok(format!(
        "| `{}` | {} | {} | {} | {} | {} | {} | {}{worst} | {:.3} |",
        run.pipeline,
        figure(device.flash_code),
        figure(device.flash_model),
        figure(device.ram_static),
        figure(device.ram_stack),
        figure(device.ram_heap),
        figure(device.instructions),
        figure(device.cycles),
        run.metrics.accuracy.mean
    ))
}

/// `1,234,567`.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
    }

    #[test]
    fn only_marked_blocks_change() {
        let dir = std::env::temp_dir().join(format!("mote-docs-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("page.md");
        let page = "a\n<!-- measured: b: x -->\nold\n<!-- /measured -->\nc\n";
        fs::write(&path, page).unwrap();
        rewrite(&path, "<!-- measured: ", |head| {
            Ok(Some(format!("[{head}]\n")))
        })
        .unwrap();
        let changed = fs::read_to_string(&path).unwrap();
        assert_eq!(changed, page.replace("old", "[b: x]"));
        rewrite(&path, "<!-- measured: ", |_| Ok(None)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), changed);
        fs::write(&path, "<!-- measured: b: x -->\n").unwrap();
        assert!(rewrite(&path, "<!-- measured: ", |_| Ok(None)).is_err());
        fs::remove_dir_all(&dir).unwrap();
    }
}
