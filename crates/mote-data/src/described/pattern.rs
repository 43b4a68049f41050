//! Patterns of paths, such as `{user}_ADL_{activity}_*.csv`: which parts of a path say who did what.

use super::reader::Known;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;

/// Names that a pattern may have in braces.
const NAMES: [&str; 3] = ["user", "activity", "device"];

/// A compiled pattern.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pattern {
    regex: Regex,
}

impl TryFrom<String> for Pattern {
    type Error = String;

    /// Compiles a pattern: `{user}`, `{activity}` and `{device}` match text without `/`, as little as will do, `*` any
    /// text without `/`, `**/` any folders, `?` one character; `{user:[0-9]+}` gives the part a regular expression.
    fn try_from(text: String) -> Result<Self, String> {
        let bad = |what: &str| format!("pattern {text:?}: {what}");
        // A pattern names the last parts of a path; folders above it do not matter.
        let mut regex = "(?:^|/)".to_owned();
        let mut rest = text.as_str();
        let mut seen = Vec::new();
        while let Some(c) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("**/") {
                regex += "(?:.*/)?";
                rest = after;
                continue;
            }
            if c == '{' {
                let end = closing(rest).ok_or_else(|| bad("a { is not closed"))?;
                let inside = rest.get(1..end).unwrap_or("");
                let (name, part) = inside.split_once(':').unwrap_or((inside, "[^/]+?"));
                if !NAMES.contains(&name) {
                    let what = format!(
                        "{{{name}}} is not known; there are {{user}}, {{activity}} and {{device}}"
                    );
                    return Err(bad(&what));
                }
                if seen.contains(&name) {
                    return Err(bad(&format!("{{{name}}} is there twice")));
                }
                seen.push(name);
                regex += &format!("(?P<{name}>{part})");
                rest = rest.get(end + 1..).unwrap_or("");
                continue;
            }
            match c {
                '*' => regex += "[^/]*?",
                '?' => regex += "[^/]",
                _ => regex += &regex::escape(&c.to_string()),
            }
            rest = rest.get(c.len_utf8()..).unwrap_or("");
        }
        regex += "$";
        let regex = RegexBuilder::new(&regex).case_insensitive(true).build();
        let regex = regex.map_err(|e| bad(&e.to_string()))?;
        Ok(Self { regex })
    }
}

/// Finds the brace that closes the first one; a regular expression may have braces of its own.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (i, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(i),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

impl Pattern {
    /// Returns whether the pattern has `{name}`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.regex.capture_names().flatten().any(|n| n == name)
    }

    /// Returns what stands for each name in braces in the path `name`; `None` where the path does not fit.
    pub(crate) fn parts(&self, name: &str) -> Option<Known> {
        let captures = self.regex.captures(name)?;
        let part = |what: &str| Some(captures.name(what)?.as_str().to_owned());
        Some(Known {
            user: part("user"),
            activity: part("activity"),
            device: part("device"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(pattern: &str, name: &str) -> (Option<String>, Option<String>) {
        let pattern = Pattern::try_from(pattern.to_owned()).unwrap();
        let parts = pattern.parts(name).unwrap_or_default();
        (parts.user, parts.activity)
    }

    #[test]
    fn parts_of_file_and_folder_names() {
        let some = |u: &str, a: &str| (Some(u.to_owned()), Some(a.to_owned()));
        for (pattern, name, found) in [
            (
                "S_{user}_ADL_{activity}_*.csv",
                "zip/S_01_ADL_Hands_Up_1_2017.csv",
                some("01", "Hands"),
            ),
            (
                "S_{user}_ADL_{activity:[A-Za-z_]+}_[0-9]*.csv",
                "S_01_ADL_Hands_Up_1_2017.csv",
                (None, None),
            ),
            (
                "S_{user}_*_{activity:[A-Za-z_]+}_?_*.csv",
                "S_01_ADL_Hands_Up_1_2017.csv",
                some("01", "Hands_Up"),
            ),
            (
                "{activity}/{user}/*.txt",
                "all/walk/7/a.TXT",
                some("7", "walk"),
            ),
            (
                "{activity} {user} */Raw Data.csv",
                "rec/run s01 2024-05-01 10-22/Raw Data.csv",
                some("s01", "run"),
            ),
            (
                "{activity}_*/sub_{user}.csv",
                "a/wlk_7/sub_24.csv",
                some("24", "wlk"),
            ),
        ] {
            assert_eq!(parts(pattern, name), found, "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_that_are_wrong() {
        for (pattern, part) in [
            ("{user", "not closed"),
            ("{person}.csv", "{person} is not known"),
            ("{user}_{user}.csv", "twice"),
            ("{user:[}.csv", "pattern"),
        ] {
            let error = Pattern::try_from(pattern.to_owned()).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
