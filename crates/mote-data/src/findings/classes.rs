//! Whether a task makes sense with the windows there are.

use super::{Finding, FindingKind, names, percent};
use crate::{IngestReport, Stretch, Windows};
use std::collections::{BTreeMap, BTreeSet};

/// Share of a class that may lie in stretches shorter than a window without a word.
const SHORT: f64 = 0.2;

/// Users from which figures begin to say something about people who were not recorded.
const FEW: usize = 5;

/// Returns what is missing. `records` are those of each activity that was read.
pub(crate) fn findings(
    windows: &Windows,
    stretches: &[Stretch],
    records: &BTreeMap<String, u64>,
    ingest: &IngestReport,
) -> Vec<Finding> {
    let mut all = Vec::new();
    for (class, label) in windows.labels.iter().enumerate() {
        let count = records.get(label).copied().unwrap_or(0);
        let found = windows.y.contains(&class);
        if count == 0 {
            let text = format!(
                "class {label:?} has no record: take it out of the labels, or look for its spelling among the labels of the files"
            );
            all.push(Finding::new(FindingKind::ClassWithoutRecords, text));
        } else if !found {
            let text = format!(
                "class {label:?} has {count} records and no window: its stretches are shorter than one window"
            );
            all.push(Finding::new(FindingKind::ClassWithoutWindows, text));
        } else {
            all.extend(short(windows, stretches, class, label));
        }
    }
    all.extend(missing_classes(windows, ingest));
    let users: BTreeSet<u32> = windows.users.iter().copied().collect();
    if (1..FEW).contains(&users.len()) {
        let text = match users.len() {
            1 => "all windows are of one user: figures say how well this person is known, not how well others will be; \
                  divide them with --split time"
                .to_owned(),
            n => format!(
                "there are {n} users: figures rest on {n} people, and say little about others (--split loso tests each once)"
            ),
        };
        all.push(Finding::new(FindingKind::FewUsers, text));
    }
    if windows.time > 1 && windows.channels > windows.time {
        let text = format!(
            "windows of {} steps and {} channels: an array [windows, channels, time] has to be transposed to [windows, time, \
             channels]",
            windows.time, windows.channels
        );
        all.push(Finding::new(FindingKind::SwappedAxes, text));
    }
    all
}

/// Says how much of a class lies in stretches shorter than a window.
fn short(windows: &Windows, stretches: &[Stretch], class: usize, label: &str) -> Option<Finding> {
    let lengths = stretches
        .iter()
        .filter(|s| s.class == class)
        .map(|s| s.x.len() / windows.channels.max(1));
    let (whole, lost) = lengths.fold((0usize, 0usize), |(all, lost), n| {
        (all + n, lost + if n < windows.time { n } else { 0 })
    });
    let share = lost as f64 / whole.max(1) as f64;
    (share > SHORT).then(|| {
        let seconds = windows.time as f64 / f64::from(windows.rate_hz);
        let text = format!(
            "{} of class {label:?} lies in stretches shorter than a window of {seconds} s, and is left out; shorter windows \
             (--window) keep more",
            percent(share)
        );
        Finding::new(FindingKind::ShortStretches, text)
    })
}

/// Names the users who lack a class that others have.
fn missing_classes(windows: &Windows, ingest: &IngestReport) -> Option<Finding> {
    let there: BTreeSet<(u32, usize)> = windows
        .users
        .iter()
        .copied()
        .zip(windows.y.iter().copied())
        .collect();
    let users: BTreeSet<u32> = there.iter().map(|(user, _)| *user).collect();
    let classes: BTreeSet<usize> = there.iter().map(|(_, class)| *class).collect();
    let lacking: Vec<String> = users
        .iter()
        .filter_map(|&user| {
            let missing: Vec<String> = classes
                .iter()
                .filter(|&&class| !there.contains(&(user, class)))
                .filter_map(|&class| windows.labels.get(class).cloned())
                .collect();
            let user = ingest.users.get(&user).cloned().unwrap_or(user.to_string());
            (!missing.is_empty()).then(|| format!("{user} ({})", names(&missing, 3)))
        })
        .collect();
    (!lacking.is_empty()).then(|| {
        let text = format!(
            "{} of {} users have no window of some class: {}",
            lacking.len(),
            users.len(),
            names(&lacking, 3)
        );
        Finding::new(FindingKind::UserWithoutClass, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(labels: &[&str], of: &[(u32, usize)]) -> Windows {
        Windows {
            time: 40,
            channels: 3,
            rate_hz: 20.0,
            hop: 20,
            x: vec![0.0; 120 * of.len()],
            y: of.iter().map(|w| w.1).collect(),
            users: of.iter().map(|w| w.0).collect(),
            recordings: vec![0; of.len()],
            labels: labels.iter().map(|&l| l.to_owned()).collect(),
        }
    }

    #[test]
    fn missing_classes_and_users_are_named() {
        let windows = windows(&["hop", "sit", "walk"], &[(1, 1), (1, 2), (2, 2)]);
        let records = BTreeMap::from([("sit".to_owned(), 90), ("walk".to_owned(), 200)]);
        let mut ingest = IngestReport::default();
        ingest.users.insert(2, "anna".to_owned());
        let found = findings(&windows, &[], &records, &ingest);
        let texts: Vec<&str> = found.iter().map(|f| f.text.as_str()).collect();
        assert_eq!(found[0].kind, FindingKind::ClassWithoutRecords);
        assert!(texts[0].contains("\"hop\""), "{texts:?}");
        assert_eq!(found[1].kind, FindingKind::UserWithoutClass);
        assert!(texts[1].contains("1 of 2 users") && texts[1].contains("anna (sit)"));
        assert_eq!(found[2].kind, FindingKind::FewUsers);
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn signal_that_is_too_short_for_a_window_is_counted() {
        let windows = windows(&["a", "b"], &[(1, 0)]);
        let stretch = |class, steps: usize| Stretch {
            user: 1,
            class,
            recording: 0,
            x: vec![0.0; 3 * steps],
        };
        let records = BTreeMap::from([("a".to_owned(), 90), ("b".to_owned(), 30)]);
        let stretches = [stretch(0, 60), stretch(0, 30), stretch(1, 30)];
        let found = findings(&windows, &stretches, &records, &IngestReport::default());
        assert_eq!(found[0].kind, FindingKind::ShortStretches);
        assert!(
            found[0].text.starts_with("33 % of class \"a\""),
            "{}",
            found[0].text
        );
        assert_eq!(found[1].kind, FindingKind::ClassWithoutWindows);
    }
}
