//! Which training windows are labelled, when only a share of them is.

use crate::{Job, TrainConfig};
use mote_data::Windows;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use std::collections::BTreeMap;

/// Windows of `job` to train on, and to watch training with.
pub(crate) fn divide(job: &Job<'_>, config: &TrainConfig) -> (Vec<usize>, Vec<usize>) {
    let (mut train, mut watch) = (job.train.to_vec(), job.validation.to_vec());
    if !config.hold_out {
        train.append(&mut watch);
    }
    (train, watch)
}

/// Windows of `job` whose labels training with `config` uses, in increasing order of their place in the job.
pub fn labelled(job: Job<'_>, config: &TrainConfig) -> Vec<usize> {
    let (train, _) = divide(&job, config);
    positions(job.windows, &train, config.labels, config.seed)
        .into_iter()
        .filter_map(|position| train.get(position).copied())
        .collect()
}

/// Positions in `train` of the labelled windows, in increasing order: of every class `share`, rounded, and at
/// least one; users take turns in a random order, each with a random window.
pub(crate) fn positions(windows: &Windows, train: &[usize], share: f64, seed: u64) -> Vec<usize> {
    if share >= 1.0 {
        return (0..train.len()).collect();
    }
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut classes: BTreeMap<usize, BTreeMap<u32, Vec<usize>>> = BTreeMap::new();
    for (position, &n) in train.iter().enumerate() {
        if let (Some(&class), Some(&user)) = (windows.y.get(n), windows.users.get(n)) {
            let users = classes.entry(class).or_default();
            users.entry(user).or_default().push(position);
        }
    }
    let mut chosen = Vec::new();
    for users in classes.into_values() {
        let mut users: Vec<Vec<usize>> = users.into_values().collect();
        users.shuffle(&mut rng);
        users.iter_mut().for_each(|own| own.shuffle(&mut rng));
        let total: usize = users.iter().map(Vec::len).sum();
        let wanted = ((total as f64 * share).round() as usize).max(1);
        let turns = users.iter().map(Vec::len).max().unwrap_or(0);
        let in_turn = (0..turns).flat_map(|turn| users.iter().filter_map(move |own| own.get(turn)));
        chosen.extend(in_turn.take(wanted));
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 6 users with 50 windows each; class 2 is rare.
    fn windows() -> Windows {
        Windows {
            time: 1,
            channels: 1,
            rate_hz: 1.0,
            hop: 1,
            x: vec![0.0; 300],
            y: (0..300).map(|i| [0, 1, 0, 1, 2][i % 5]).collect(),
            users: (0..300).map(|i| i as u32 / 50).collect(),
            recordings: vec![0; 300],
            labels: ["a", "b", "c"].map(str::to_owned).to_vec(),
        }
    }

    #[test]
    fn a_share_has_all_classes_in_their_proportion_and_all_users() {
        let w = windows();
        let train: Vec<usize> = (0..300).rev().collect();
        let chosen = positions(&w, &train, 0.1, 3);
        let count = |class| {
            let of = |&&p: &&usize| w.y[train[p]] == class;
            chosen.iter().filter(of).count()
        };
        assert_eq!([count(0), count(1), count(2)], [12, 12, 6]);
        for user in 0..6 {
            let of = |&&p: &&usize| w.users[train[p]] == user;
            assert_eq!(chosen.iter().filter(of).count(), 5);
        }
    }

    #[test]
    fn shares_are_nested_seeded_and_never_without_a_class() {
        let w = windows();
        let train: Vec<usize> = (0..300).collect();
        let few = positions(&w, &train, 0.05, 3);
        let more = positions(&w, &train, 0.25, 3);
        assert!(few.iter().all(|p| more.contains(p)));
        assert_eq!(few, positions(&w, &train, 0.05, 3));
        assert_ne!(few, positions(&w, &train, 0.05, 4));
        let fewest = positions(&w, &train, 1e-6, 3);
        let classes: Vec<usize> = fewest.iter().map(|&p| w.y[p]).collect();
        assert_eq!(fewest.len(), 3);
        assert!([0, 1, 2].iter().all(|c| classes.contains(c)));
        assert_eq!(positions(&w, &train, 1.0, 3), train);
    }
}
