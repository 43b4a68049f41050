//! The published data sets, where they are: counts known from their authors and from other tools.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use mote_data::{Loaded, Source, WindowSpec, WisdmV1, load, summary, task};
use std::{collections::BTreeSet, path::PathBuf};

/// The task's windows, or a notice that its data is not here.
fn real(name: &str) -> Option<Loaded> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let root = std::env::var_os("MOTE_DATA").map_or(PathBuf::from(beside), PathBuf::from);
    let task = task(name).unwrap();
    if task.source.locate(Some(&root)).is_none() {
        eprintln!("skipped: no data of {name} in {}", root.display());
        return None;
    }
    let loaded = load(&task, Some(&root), &WindowSpec::default()).unwrap();
    assert!(!loaded.synthetic && loaded.digest.len() == 64);
    let summary = summary(&task, Some(&root), &WindowSpec::default()).unwrap();
    assert_eq!(summary.ingest, loaded.ingest);
    assert_eq!(
        summary
            .activities
            .values()
            .map(|a| a.windows)
            .sum::<usize>(),
        loaded.windows.len()
    );
    Some(loaded)
}

fn users(loaded: &Loaded) -> usize {
    loaded.windows.users.iter().collect::<BTreeSet<_>>().len()
}

fn per_class(loaded: &Loaded) -> Vec<usize> {
    let w = &loaded.windows;
    (0..w.labels.len())
        .map(|class| w.y.iter().filter(|&&y| y == class).count())
        .collect()
}

#[test]
fn motionsense_has_its_rows() {
    let Some(loaded) = real("motionsense/6") else {
        return;
    };
    let ingest = &loaded.ingest;
    assert_eq!(
        (ingest.files, ingest.accepted, ingest.rejected()),
        (360, 1_433_825, 0)
    );
    assert_eq!((ingest.short, ingest.unused, users(&loaded)), (0, 0, 24));
    // 7.96 h in windows every 1.5 s, less the tail of each of 360 recordings.
    assert_eq!(per_class(&loaded), [4551, 1749, 2028, 1686, 4505, 4070]);
}

#[test]
fn wisdm_features_have_their_rows() {
    let Some(loaded) = real("wisdm-v1.1-features/6") else {
        return;
    };
    assert_eq!(per_class(&loaded), [2081, 1625, 632, 528, 306, 246]);
    assert_eq!((users(&loaded), loaded.windows.channels), (36, 43));
    assert_eq!(
        (loaded.ingest.missing_values, loaded.ingest.rejected()),
        (381 + 131 + 103, 0)
    );
    // XAVG is 0 in every row, and XSTANDDEV equals ZSTANDDEV.
    let rows = || loaded.windows.x.chunks(43);
    assert!(rows().all(|r| r[30] == 0.0 && r[39] == r[41]));
    let walking_only = (0..loaded.windows.len()).filter(|&n| loaded.windows.users[n] == 9);
    assert!(walking_only.map(|n| loaded.windows.y[n]).all(|y| y == 0));
}

#[test]
fn wisdm_2019_loses_next_to_nothing() {
    for (name, users_here) in [("wisdm-2019-watch/18", 36), ("wisdm-2019-phone/5", 18)] {
        let Some(loaded) = real(name) else { continue };
        // A copy may hold all 51 users; what follows is about the one these figures were taken from.
        if users(&loaded) != users_here {
            eprintln!("skipped: {} users in this copy of {name}", users(&loaded));
            continue;
        }
        let ingest = &loaded.ingest;
        assert_eq!((ingest.rejected(), ingest.gaps, ingest.short), (0, 0, 0));
        let by_time = |user: u32, label: &str| {
            let w = &loaded.windows;
            let class = w.labels.iter().position(|l| l == label);
            (0..w.len())
                .filter(|&n| w.users[n] == user && Some(w.y[n]) == class)
                .count()
        };
        if name == "wisdm-2019-watch/18" {
            assert_eq!(ingest.accepted, 2_375_104);
            assert_eq!((by_time(1616, "jogging"), by_time(1618, "catch")), (0, 0));
            // 7,920 samples at twice the usual rate are still three minutes.
            assert!(
                (115..=120).contains(&by_time(1621, "sitting")),
                "{}",
                by_time(1621, "sitting")
            );
        } else {
            assert_eq!(ingest.accepted, 1_165_519);
            assert!((115..=120).contains(&by_time(1607, "walking")));
        }
    }
}

#[test]
fn the_fragment_of_wisdm_v1_reads() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let root = std::env::var_os("MOTE_DATA").map_or(PathBuf::from(beside), PathBuf::from);
    let path = root.join("wisdm-v1.1/WISDM_ar_v1.1_raw.fragment.txt");
    if !path.exists() {
        eprintln!("skipped: no {}", path.display());
        return;
    }
    // A fragment is no data set: the task must not find it.
    assert_eq!(WisdmV1.locate(Some(&path)), None);
    let (ingest, keep) = common::read_at(&WisdmV1, &path).unwrap();
    assert_eq!((ingest.read, ingest.blank_lines), (551, 0), "{ingest}");
    let users: BTreeSet<u32> = keep.recordings.iter().map(|r| r.user).collect();
    assert_eq!(users, BTreeSet::from([26, 33]));
}
