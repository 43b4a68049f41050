//! `cargo xtask docs RESULTS`: figures in the documentation are written from a recorded run, never by hand.
//!
//! A block between `<!-- measured: BOARD: row, row -->` or `<!-- measured: TASK on BOARD: row, row -->` and
//! `<!-- /measured -->` in `README.md`, `docs/*.md` and `docs/techniques/*.md` becomes a table of those rows of
//! `results.json`; in `README.md`, `<!-- headline -->` becomes a table of what fits on a screen and `<!-- measured -->`
//! the tables that `cargo xtask compare` prints, both for the first board. Blocks whose task or rows are not in the
//! results keep what they have.

use crate::run::root;
use anyhow::{Context, Result, bail};
use mote_report::TableOptions;
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
    for page in pages()? {
        rewrite(&page, "<!-- measured: ", |head| {
            let (board, names) = head
                .split_once(':')
                .context("expected `measured: BOARD: row, row`")?;
            let names: Vec<_> = names.split(',').map(str::trim).collect();
            Ok(mote_report::render_figures(&results, board.trim(), &names))
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

/// `README.md` and the pages of `docs`.
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

/// Replaces what stands between lines that begin with `begin` and the closing line of that name by what `write` makes of
/// the line's rest; `None` leaves it.
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

#[cfg(test)]
mod tests {
    use super::*;

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
