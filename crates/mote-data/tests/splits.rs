//! No user on two sides, whatever the data looks like.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use mote_data::{Error, Fold, SplitKind, Windows, folds};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn windows(users: Vec<u32>) -> Windows {
    let n = users.len();
    Windows {
        time: 1,
        channels: 1,
        rate_hz: 1.0,
        hop: 1,
        x: (0..n).map(|i| i as f32).collect(),
        y: vec![0; n],
        recordings: users.clone(),
        users,
        labels: vec!["a".to_owned()],
    }
}

fn users_of(w: &Windows, side: &[usize]) -> BTreeSet<u32> {
    side.iter().map(|&n| w.users[n]).collect()
}

fn check_complete(w: &Windows, fold: &Fold) {
    let mut all = [&fold.train[..], &fold.validation, &fold.test].concat();
    all.sort_unstable();
    assert!(
        all.into_iter().eq(0..w.len()),
        "each window is on exactly one side"
    );
    for (side, users) in [
        (&fold.train, &fold.train_users),
        (&fold.validation, &fold.validation_users),
        (&fold.test, &fold.test_users),
    ] {
        assert!(!side.is_empty());
        assert!(users_of(w, side).iter().eq(users));
    }
}

fn check_apart(w: &Windows, fold: &Fold) {
    check_complete(w, fold);
    let [train, validation, test] =
        [&fold.train, &fold.validation, &fold.test].map(|side| users_of(w, side));
    assert!(train.is_disjoint(&validation));
    assert!(train.is_disjoint(&test));
    assert!(validation.is_disjoint(&test));
}

proptest! {
    #[test]
    fn no_user_is_on_two_sides(
        users in prop::collection::vec(0u32..12, 12..400),
        k in 2usize..8,
        seed: u64,
    ) {
        let w = windows(users);
        let distinct = users_of(&w, &(0..w.len()).collect::<Vec<_>>());
        for kind in [SplitKind::GroupKFold { k }, SplitKind::LeaveOneSubjectOut] {
            let enough = distinct.len() >= 3 && (kind == SplitKind::LeaveOneSubjectOut || distinct.len() >= k);
            match folds(&w, &kind, seed) {
                Ok(folds) => {
                    let mut tested: Vec<u32> = Vec::new();
                    for fold in &folds {
                        check_apart(&w, fold);
                        tested.extend(&fold.test_users);
                    }
                    tested.sort_unstable();
                    prop_assert!(tested.iter().eq(&distinct), "every user is tested once");
                }
                Err(e) => prop_assert!(!enough || distinct.len() - distinct.len() / k < 3, "{e}"),
            }
        }
    }

    #[test]
    fn fixed_users_stay_where_they_are_put(
        users in prop::collection::vec(0u32..6, 60..200),
        test in 0u32..6,
        validation in 0u32..6,
        seed: u64,
    ) {
        let w = windows(users);
        let kind = SplitKind::FixedUsers { test: vec![test], validation: vec![validation] };
        match folds(&w, &kind, seed) {
            Ok(folds) => {
                check_apart(&w, &folds[0]);
                prop_assert_eq!(&folds[0].test_users, &[test]);
                prop_assert_eq!(&folds[0].validation_users, &[validation]);
            }
            Err(_) => prop_assert!(test == validation || !w.users.contains(&test) || !w.users.contains(&validation)),
        }
    }

    #[test]
    fn text_and_kind_are_one(k in 2usize..50, test in prop::collection::vec(0u32..99, 1..4), validation in prop::collection::vec(0u32..99, 0..4)) {
        for kind in [
            SplitKind::GroupKFold { k },
            SplitKind::LeaveOneSubjectOut,
            SplitKind::RandomWindows { k },
            SplitKind::Time { k },
            SplitKind::FixedUsers { test, validation },
        ] {
            prop_assert_eq!(&kind.to_string().parse::<SplitKind>().unwrap(), &kind);
        }
    }
}

#[test]
fn groups_are_balanced_by_windows_and_change_with_the_seed() {
    // Users of very different sizes: 10 to 200 windows.
    let users: Vec<u32> = (0..20u32)
        .flat_map(|u| vec![u; 10 + 10 * u as usize])
        .collect();
    let w = windows(users);
    let kind = SplitKind::GroupKFold { k: 5 };
    let first = folds(&w, &kind, 1).unwrap();
    for fold in &first {
        let share = fold.test.len() as f64 / (w.len() as f64 / 5.0);
        assert!((0.85..1.15).contains(&share), "{share}");
    }
    assert_eq!(first, folds(&w, &kind, 1).unwrap());
    let groups = |seed| -> Vec<_> {
        let folds = folds(&w, &kind, seed).unwrap();
        folds.into_iter().map(|f| f.test_users).collect()
    };
    assert_ne!(groups(1), groups(2));
}

#[test]
fn random_windows_leak_and_say_so() {
    let w = windows((0..100).map(|i| i % 5).collect());
    let kind: SplitKind = "random:4".parse().unwrap();
    assert!(kind.leaks() && !SplitKind::default().leaks());
    let all = folds(&w, &kind, 3).unwrap();
    let mut tested: Vec<usize> = all.iter().flat_map(|f| f.test.clone()).collect();
    tested.sort_unstable();
    assert!(tested.into_iter().eq(0..100));
    for fold in &all {
        check_complete(&w, fold);
        assert!(!users_of(&w, &fold.train).is_disjoint(&users_of(&w, &fold.test)));
    }
}

#[test]
fn one_of_two_users_trains_alone() {
    let w = windows([vec![1; 16], vec![2; 24]].concat());
    let all = folds(&w, &SplitKind::LeaveOneSubjectOut, 0).unwrap();
    assert_eq!(all.len(), 2);
    for fold in &all {
        check_complete(&w, fold);
        assert_eq!((fold.test_users.len(), fold.train_users.len()), (1, 1));
        assert_eq!(fold.train_users, fold.validation_users);
        assert_ne!(fold.train_users, fold.test_users);
        assert_eq!(fold.validation.len(), fold.train.len() / 7);
    }
}

#[test]
fn parts_in_time_share_no_signal() {
    let mut w = windows([vec![1; 40], vec![2; 40]].concat());
    // Windows overlap by half; user 1 has two recordings, between which nothing is shared.
    (w.time, w.hop) = (60, 30);
    w.recordings = (0..80).map(|n| [0, 1, 2][(n / 20).min(2)]).collect();
    let kind: SplitKind = "time:4".parse().unwrap();
    assert!(kind.leaks());
    let all = folds(&w, &kind, 1).unwrap();
    let mut tested: Vec<usize> = all.iter().flat_map(|f| f.test.clone()).collect();
    tested.sort_unstable();
    assert!(tested.into_iter().eq(0..80));
    for fold in &all {
        assert_eq!(fold.test_users, [1, 2]);
        assert_eq!(fold.train_users, [1, 2]);
        for &test in &fold.test {
            for &other in fold.train.iter().chain(&fold.validation) {
                assert_ne!(test, other);
                let same = w.recordings[test] == w.recordings[other];
                assert!(!same || test.abs_diff(other) > 1, "{test} and {other}");
            }
        }
    }
    // Of 80 windows a quarter is tested; one or two at each border are left out.
    let kept = |f: &mote_data::Fold| f.train.len() + f.validation.len();
    assert!(
        all.iter().all(|f| f.test.len() == 20 && kept(f) >= 56),
        "{:?}",
        all.iter().map(kept).collect::<Vec<_>>()
    );
    let few = folds(&windows(vec![1; 6]), &kind, 1)
        .unwrap_err()
        .to_string();
    assert!(few.contains("user 1 has 6 windows"), "{few}");
}

#[test]
fn impossible_splits_say_why() {
    let one = windows(vec![1; 8]);
    for kind in ["group:2", "loso"] {
        let error = folds(&one, &kind.parse().unwrap(), 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains("--split time"), "{error}");
    }
    let w = windows(vec![1, 1, 2, 2]);
    for (kind, part) in [
        ("group:3", "2 users cannot make 3 groups"),
        ("users:test=9", "no user 9"),
        ("users:test=1;validation=1", "cannot validate"),
        ("random:3", "too few"),
    ] {
        let error = folds(&w, &kind.parse().unwrap(), 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains(part) && error.contains(kind), "{error}");
    }
    for text in [
        "",
        "group:1",
        "group:x",
        "loso:3",
        "users:",
        "users:test=a",
        "users:train=1",
        "best",
    ] {
        assert!(
            matches!(text.parse::<SplitKind>(), Err(Error::Split { .. })),
            "{text}"
        );
    }
    // The name of earlier versions, which stands in older results and scripts.
    let loso: SplitKind = "louo".parse().unwrap();
    assert_eq!(
        (loso.to_string().as_str(), loso),
        ("loso", SplitKind::LeaveOneSubjectOut)
    );
    assert_eq!(
        "group".parse::<SplitKind>().unwrap(),
        SplitKind::GroupKFold { k: 10 }
    );
}
