//! Parts of pages that a program writes: what stands between two marks.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

/// Replaces what stands between each line that begins with `begin` and its closing line by the text that `write` returns
/// for the rest of the line; `None` leaves it. The closing line of `<!-- name` is `<!-- /name -->`.
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
