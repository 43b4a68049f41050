//! Which parts of paths say who did what.

use regex::Regex;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

/// Beginnings of words that name activities.
const ACTIVITIES: [&str; 78] = [
    "walk", "jog", "run", "stair", "up", "down", "ascend", "descend", "sit", "stand", "lie", "lay",
    "lying", "sleep", "cycl", "bik", "jump", "fall", "eat", "drink", "typ", "writ", "clap", "wav",
    "gest", "punch", "flex", "kick", "idle", "rest", "still", "squat", "push", "pull", "rope",
    "vacuum", "iron", "driv", "bus", "car", "train", "bend", "hop", "swim", "row", "climb", "cook",
    "brush", "circle", "swipe", "shak", "tap", "left", "right", "normal", "anomal", "noise",
    "other", "wlk", "ups", "dws", "std", "lift", "lunge", "burpee", "plank", "throw", "catch",
    "dribbl", "skip", "snap", "wing", "ring", "slope", "forward", "back", "adl", "shuffl",
];

/// Beginnings of words that say where a sensor was, or what a file holds.
const PLACES: [&str; 24] = [
    "left", "right", "pocket", "wrist", "hand", "waist", "chest", "ankle", "hip", "arm", "leg",
    "thigh", "foot", "head", "back", "watch", "phone", "acc", "gyr", "mag", "train", "test", "raw",
    "data",
];

/// What a person or a recording of one is called.
static USER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(s|sa|se|u|p|sub|subj|subject|user|person|part|participant|volunteer|vol|id|proband)[ _-]?\d+$")
        .expect("the expression is correct")
});

/// What stands before the number of a person.
static PERSON: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(s|u|p|sub|subj|subject|user|person|participant|volunteer|id|proband)$")
        .expect("the expression is correct")
});

/// A pattern of paths, and what it found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub pattern: String,
    pub activities: BTreeSet<String>,
    pub users: BTreeSet<String>,
}

/// One part of all paths: a run of characters between two delimiters.
struct Part {
    /// The delimiter before it, which is `/` between folders.
    before: char,
    values: Vec<String>,
    /// Whether the values are followed by digits, which do not belong to them.
    numbered: bool,
}

impl Part {
    fn distinct(&self) -> BTreeSet<&str> {
        self.values.iter().map(String::as_str).collect()
    }

    /// Share of the distinct values that are activities.
    fn activities(&self) -> f64 {
        let distinct = self.distinct();
        let is = |v: &&&str| {
            let word = v.to_lowercase();
            v.chars().any(char::is_alphabetic) && ACTIVITIES.iter().any(|a| word.starts_with(a))
        };
        distinct.iter().filter(is).count() as f64 / distinct.len().max(1) as f64
    }

    fn is_user(&self) -> bool {
        self.values.iter().all(|v| USER.is_match(v))
    }

    fn is_number(&self) -> bool {
        self.values
            .iter()
            .all(|v| !v.is_empty() && v.chars().all(|c| c.is_ascii_digit()))
    }
}

/// Finds a pattern in `paths` that says what was done, or who did it; only what is `wanted` of both is looked for.
pub(super) fn pattern(paths: &[String], activity_wanted: bool, user_wanted: bool) -> Option<Found> {
    let parts = parts(paths)?;
    let many = |p: &&Part| p.distinct().len() <= 60;
    let activity = activity_wanted
        .then(|| {
            let named = parts
                .iter()
                .enumerate()
                .filter(|(_, p)| many(p) && p.activities() >= 0.5);
            let named = named.max_by(|(_, a), (_, b)| a.activities().total_cmp(&b.activities()));
            // Folders of words are what people sort recordings by.
            let words = |p: &&Part| {
                let letters =
                    |v: &String| v.chars().all(|c| c.is_alphabetic() || "_- ".contains(c));
                p.values.iter().all(letters)
                    && (2..=60).contains(&p.distinct().len())
                    && !p.is_user()
            };
            let folder = || {
                let last = parts.iter().rposition(|p| p.before == '/').unwrap_or(0);
                let mut above = parts.iter().enumerate().take(last);
                above.find(|(_, p)| words(p) && p.distinct().len() * 2 <= paths.len().max(4))
            };
            named.or_else(folder).map(|(at, _)| at)
        })
        .flatten();
    let user = user_wanted
        .then(|| {
            let free = parts
                .iter()
                .enumerate()
                .filter(|(at, _)| Some(*at) != activity);
            let before = |at: usize| at.checked_sub(1).and_then(|before| parts.get(before));
            // "Subject_01" is one name in two parts.
            let in_two = |at: usize, p: &Part| {
                p.is_number()
                    && before(at).is_some_and(|b| {
                        b.distinct().len() == 1 && b.values.iter().all(|v| PERSON.is_match(v))
                    })
            };
            let named = free.clone().find(|(at, p)| p.is_user() || in_two(*at, p));
            // Words that come back under several activities, and are no places, are names.
            let worded = || {
                free.clone().find(|(_, p)| {
                    let words = p
                        .values
                        .iter()
                        .all(|v| v.len() > 1 && v.chars().all(char::is_alphabetic));
                    let place = |v: &&str| {
                        PLACES
                            .iter()
                            .any(|place| v.to_lowercase().starts_with(place))
                    };
                    words
                        && p.activities() < 0.5
                        && !p.distinct().iter().any(place)
                        && comes_back(p, activity.and_then(|at| parts.get(at)))
                })
            };
            // A number that comes back under several activities is a person; a running one never does.
            let numbered = || {
                free.clone().find(|(at, p)| {
                    let Some(activity) = activity.and_then(|at| parts.get(at)) else {
                        return false;
                    };
                    // Files of one activity are often numbered, too: a person has several files of one kind.
                    let pairs: BTreeSet<_> = p.values.iter().zip(&activity.values).collect();
                    let folder =
                        p.before == '/' && parts.get(at + 1).is_some_and(|next| next.before == '/');
                    p.is_number()
                        && comes_back(p, Some(activity))
                        && (folder || pairs.len() < paths.len())
                })
            };
            named.or_else(worded).or_else(numbered).map(|(at, _)| at)
        })
        .flatten();
    if activity.is_none() && user.is_none() {
        return None;
    }
    let values = |at: Option<usize>| {
        let part = at.and_then(|at| parts.get(at));
        part.map_or(BTreeSet::new(), |p| p.values.iter().cloned().collect())
    };
    Some(Found {
        pattern: text(&parts, activity, user, paths),
        activities: values(activity),
        users: values(user),
    })
}

/// Returns whether most values of `part`, of which there are several, stand with more than one activity.
fn comes_back(part: &Part, activity: Option<&Part>) -> bool {
    let Some(activity) = activity else {
        return false;
    };
    let mut seen: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (who, what) in part.values.iter().zip(&activity.values) {
        seen.entry(who).or_default().insert(what);
    }
    let several = seen.values().filter(|a| a.len() > 1).count();
    (2..=200).contains(&seen.len()) && several * 2 > seen.len()
}

/// Writes the pattern.
fn text(parts: &[Part], activity: Option<usize>, user: Option<usize>, paths: &[String]) -> String {
    let mut text = String::new();
    let first = activity.into_iter().chain(user).min().unwrap_or(0);
    // Folders above the first part that says something do not matter.
    let start = (0..=first)
        .rev()
        .find(|&n| parts.get(n).is_none_or(|p| p.before == '/'))
        .unwrap_or(0);
    let mut skipped = false;
    for (n, part) in parts.iter().enumerate().skip(start) {
        let says = Some(n) == activity || Some(n) == user;
        let needed = activity.into_iter().chain(user).any(|at| {
            at > n
                && !parts
                    .iter()
                    .skip(n + 1)
                    .take(at - n)
                    .any(|p| p.before == '/')
        });
        if n > start && (says || needed || part.before == '/') {
            text.push(part.before);
            skipped = false;
        }
        if says {
            let name = if Some(n) == activity {
                "activity"
            } else {
                "user"
            };
            text += &match part.numbered {
                true => format!("{{{name}:[a-z]+}}"),
                false => format!("{{{name}}}"),
            };
            if part.numbered {
                text.push('*');
                skipped = true;
            }
        } else if part.before == '/' || needed || n == start {
            text += match part.distinct().len() {
                1 if part.values.first().is_some_and(|v| {
                    v.chars().any(char::is_alphabetic) && !v.contains(['{', '}'])
                }) =>
                {
                    part.values.first().map_or("*", String::as_str)
                }
                _ => "*",
            };
            skipped = false;
        } else if !skipped {
            // What is left of this folder or file name.
            text.push(part.before);
            text.push('*');
            skipped = true;
        }
    }
    let endings: BTreeSet<&str> = paths
        .iter()
        .filter_map(|p| p.rsplit_once('.'))
        .map(|(_, e)| e)
        .collect();
    match (endings.len(), endings.first()) {
        (1, Some(ending)) => format!("{text}.{ending}"),
        _ => format!("{text}.*"),
    }
}

/// Takes paths apart, where all have the same parts.
fn parts(paths: &[String]) -> Option<Vec<Part>> {
    let stems: Vec<Vec<&str>> = paths
        .iter()
        .map(|p| {
            p.rsplit_once('.')
                .map_or(p.as_str(), |(stem, _)| stem)
                .split('/')
                .collect()
        })
        .collect();
    let depth = stems.iter().map(Vec::len).min()?;
    // Only folders right above the files are alike everywhere.
    let component = |from_end: usize| -> Vec<&str> {
        stems
            .iter()
            .filter_map(|s| s.get(s.len() - from_end).copied())
            .collect()
    };
    let mut all = Vec::new();
    for from_end in (1..=depth).rev() {
        let values = component(from_end);
        all.extend(tokens(&values));
    }
    Some(all)
}

/// Takes a folder or file name apart where all names have the same delimiters; otherwise at the first one, where what is
/// before it comes back.
fn tokens(values: &[&str]) -> Vec<Part> {
    let delimiter = |c: char| matches!(c, '_' | '-' | '.' | ' ');
    let split: Vec<Vec<&str>> = values
        .iter()
        .map(|v| v.split(delimiter).collect())
        .collect();
    let marks: BTreeSet<Vec<char>> = values
        .iter()
        .map(|v| v.chars().filter(|c| delimiter(*c)).collect())
        .collect();
    let whole = |values: Vec<String>| Part {
        before: '/',
        values,
        numbered: false,
    };
    let owned = |v: &[&str]| v.iter().map(|&v| v.to_owned()).collect::<Vec<_>>();
    // Delimiters that all names have in common part them; what is behind these is one part.
    let common = marks.iter().map(Vec::as_slice).reduce(|a, b| {
        let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        a.get(..same).unwrap_or(&[])
    });
    let common = common.unwrap_or(&[]);
    if marks.len() == 1 || common.len() > 1 {
        let before = std::iter::once('/').chain(common.iter().copied());
        let parts = before.enumerate().map(|(n, before)| {
            let values: Vec<&str> = match n == common.len() {
                true => values.iter().map(|v| behind(v, n, delimiter)).collect(),
                false => split.iter().filter_map(|s| s.get(n).copied()).collect(),
            };
            numbered(before, &values)
        });
        return parts.collect();
    }
    let firsts: Vec<&str> = split.iter().filter_map(|s| s.first().copied()).collect();
    let firsts = numbered('/', &firsts);
    if firsts.activities() >= 0.5 {
        let rest = Part {
            before: values
                .first()
                .and_then(|v| v.chars().find(|c| delimiter(*c)))
                .unwrap_or('_'),
            values: owned(values),
            numbered: false,
        };
        let same = values
            .iter()
            .all(|v| v.chars().find(|c| delimiter(*c)) == Some(rest.before));
        if same || firsts.numbered {
            return vec![firsts, rest];
        }
    }
    vec![whole(owned(values))]
}

/// Returns what is behind the first `count` delimiters of `text`.
fn behind(text: &str, count: usize, delimiter: impl Fn(char) -> bool) -> &str {
    text.splitn(count + 1, delimiter).last().unwrap_or(text)
}

/// A part whose values are words with a number behind is that of the words, when these are activities.
fn numbered(before: char, values: &[&str]) -> Part {
    let word = |v: &&str| v.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let words: Vec<String> = values.iter().map(word).collect();
    let part = Part {
        before,
        values: words,
        numbered: true,
    };
    let cut = part
        .values
        .iter()
        .zip(values)
        .any(|(w, v)| w.len() < v.len() && !w.is_empty());
    let letters = part
        .values
        .iter()
        .all(|w| !w.is_empty() && w.chars().all(|c| c.is_ascii_alphabetic()));
    if cut && letters && part.activities() >= 0.5 {
        return part;
    }
    Part {
        before,
        values: values.iter().map(|&v| v.to_owned()).collect(),
        numbered: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[&str]) -> Option<Found> {
        let paths: Vec<String> = paths.iter().map(|&p| p.to_owned()).collect();
        pattern(&paths, true, true)
    }

    #[test]
    fn shapes_that_people_use() {
        for (paths, pattern, activities, users) in [
            (
                &["walk/s01/a.csv", "walk/s02/a.csv", "sit/s01/b.csv"][..],
                "{activity}/{user}/*.csv",
                "sit walk",
                "s01 s02",
            ),
            (
                &[
                    "Subject_01_ADL_Walking_1_2016.csv",
                    "Subject_02_ADL_Sitting_1_2017.csv",
                ],
                "*_{user}_ADL_{activity}_*.csv",
                "Sitting Walking",
                "",
            ),
            (
                &["run.1.csv", "run.2.csv", "idle.1.csv"],
                "{activity}.*.csv",
                "idle run",
                "",
            ),
            (
                &["walk1.txt", "walk2.txt", "sit1.txt"],
                "{activity:[a-z]+}*.txt",
                "sit walk",
                "",
            ),
            (
                &[
                    "run s01 2024-05-01 10-22-01/Raw Data.csv",
                    "sit s02 2024-05-02 10-25-01/Raw Data.csv",
                ],
                "{activity} {user} *",
                "run sit",
                "s01 s02",
            ),
            (
                &["data/Walking/1.txt", "data/Resting/1.txt"],
                "{activity}/*.txt",
                "Resting Walking",
                "",
            ),
        ] {
            let found = found(paths).unwrap_or_else(|| panic!("{paths:?}"));
            let words = |s: &BTreeSet<String>| s.iter().cloned().collect::<Vec<_>>().join(" ");
            assert_eq!(words(&found.activities), activities, "{found:?}");
            if !users.is_empty() {
                assert_eq!(words(&found.users), users, "{found:?}");
            }
            let compiled = crate::described::Pattern::try_from(found.pattern.clone()).unwrap();
            for path in paths {
                assert!(compiled.parts(path).is_some(), "{path}: {}", found.pattern);
            }
            if !pattern.starts_with('*') && !pattern.ends_with(" *") {
                assert_eq!(found.pattern, pattern);
            }
        }
        assert_eq!(found(&["a.csv", "b.csv"]), None);
    }
}
