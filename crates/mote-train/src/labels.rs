//! The choice of labelled training windows when only a share has labels.

use crate::Error;
use crate::config::{LabelsOf, TrainConfig};
use crate::job::Job;
use mote_data::Windows;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use std::collections::{BTreeMap, BTreeSet};

/// Returns the windows of `job` to train on, and to watch training with.
pub(crate) fn divide(job: &Job<'_>, config: &TrainConfig) -> (Vec<usize>, Vec<usize>) {
    let (mut train, mut watch) = (job.train.to_vec(), job.validation.to_vec());
    if !config.hold_out {
        train.append(&mut watch);
    }
    (train, watch)
}

/// Checks that each of `indices` is a window with a class and a user.
pub(crate) fn check<'a>(
    windows: &Windows,
    indices: impl Iterator<Item = &'a usize>,
) -> Result<(), Error> {
    let classes = windows.labels.len();
    for &n in indices {
        let (Some(&class), Some(_)) = (windows.y.get(n), windows.users.get(n)) else {
            return Err(Error::Data(format!(
                "window {n} does not exist; there are {}",
                windows.len()
            )));
        };
        if class >= classes {
            return Err(Error::Data(format!(
                "window {n} has class {class}, but there are {classes} labels"
            )));
        }
    }
    Ok(())
}

/// Returns the windows of `job` whose labels training with `config` uses, in the order of the job.
///
/// # Errors
/// [`Error::Data`] when a window does not exist or has no class.
pub fn labelled(job: Job<'_>, config: &TrainConfig) -> Result<Vec<usize>, Error> {
    let (train, _) = divide(&job, config);
    check(job.windows, train.iter())?;
    let positions = positions(job.windows, &train, config);
    Ok(positions.into_iter().map(|p| train[p]).collect())
}

/// Returns the positions in `train` of the labelled windows, in increasing order. All of `train` were
/// [checked](check).
pub(crate) fn positions(windows: &Windows, train: &[usize], config: &TrainConfig) -> Vec<usize> {
    if config.labels >= 1.0 {
        return (0..train.len()).collect();
    }
    let mut rng = SmallRng::seed_from_u64(config.seed);
    let mut chosen = match config.labels_of {
        LabelsOf::Users => of_users(windows, train, config.labels, &mut rng),
        LabelsOf::Windows => of_windows(windows, train, config.labels, &mut rng),
    };
    chosen.sort_unstable();
    chosen
}

/// Returns all windows of the first users in a random order: `share` of the users, and as many more as it takes for
/// all classes.
fn of_users(windows: &Windows, train: &[usize], share: f64, rng: &mut SmallRng) -> Vec<usize> {
    let mut users: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    let mut missing = BTreeSet::new();
    for (position, &n) in train.iter().enumerate() {
        users.entry(windows.users[n]).or_default().push(position);
        missing.insert(windows.y[n]);
    }
    let mut users: Vec<Vec<usize>> = users.into_values().collect();
    users.shuffle(rng);
    let wanted = ((users.len() as f64 * share).round() as usize).max(1);
    let mut chosen = Vec::new();
    for (turn, own) in users.into_iter().enumerate() {
        if turn >= wanted && missing.is_empty() {
            break;
        }
        for &position in &own {
            missing.remove(&windows.y[train[position]]);
        }
        chosen.extend(own);
    }
    chosen
}

/// Returns `share` of the windows of every class; users take turns in a random order, each with a random window.
fn of_windows(windows: &Windows, train: &[usize], share: f64, rng: &mut SmallRng) -> Vec<usize> {
    let mut classes: BTreeMap<usize, BTreeMap<u32, Vec<usize>>> = BTreeMap::new();
    for (position, &n) in train.iter().enumerate() {
        let users = classes.entry(windows.y[n]).or_default();
        users.entry(windows.users[n]).or_default().push(position);
    }
    let mut chosen = Vec::new();
    for users in classes.into_values() {
        let mut users: Vec<Vec<usize>> = users.into_values().collect();
        users.shuffle(rng);
        users.iter_mut().for_each(|own| own.shuffle(rng));
        let total: usize = users.iter().map(Vec::len).sum();
        let wanted = ((total as f64 * share).round() as usize).max(1);
        let turns = users.iter().map(Vec::len).max();
        let turns = turns.expect("a class in the map has a user");
        let in_turn = (0..turns).flat_map(|turn| users.iter().filter_map(move |own| own.get(turn)));
        chosen.extend(in_turn.take(wanted));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 6 users with 50 windows each; class 2 is rare, and only users 2 and 3 do it.
    fn windows() -> Windows {
        let class = |i: usize| [0, 1, 0, 1, if (100..200).contains(&i) { 2 } else { 1 }][i % 5];
        Windows {
            time: 1,
            channels: 1,
            rate_hz: 1.0,
            hop: 1,
            x: vec![0.0; 300],
            y: (0..300).map(class).collect(),
            users: (0..300).map(|i| i as u32 / 50).collect(),
            recordings: vec![0; 300],
            labels: ["a", "b", "c"].map(str::to_owned).to_vec(),
        }
    }

    fn chosen(labels: f64, labels_of: LabelsOf, seed: u64) -> Vec<usize> {
        let train: Vec<usize> = (0..300).rev().collect();
        let config = TrainConfig {
            labels,
            labels_of,
            seed,
            ..TrainConfig::default()
        };
        let positions = positions(&windows(), &train, &config);
        positions.into_iter().map(|p| train[p]).collect()
    }

    fn counts<const N: usize>(chosen: &[usize], of: impl Fn(usize) -> usize) -> [usize; N] {
        let mut counts = [0; N];
        chosen.iter().for_each(|&n| counts[of(n)] += 1);
        counts
    }

    #[test]
    fn a_share_of_windows_has_all_classes_in_their_proportion_and_all_users() {
        let w = windows();
        let chosen = chosen(0.1, LabelsOf::Windows, 3);
        assert_eq!(counts(&chosen, |n| w.y[n]), [12, 16, 2]);
        let users: [usize; 6] = counts(&chosen, |n| w.users[n] as usize);
        assert!(users.iter().all(|&n| n >= 4), "{users:?}");
    }

    #[test]
    fn a_share_of_users_is_whole_users() {
        let w = windows();
        let chosen = chosen(0.5, LabelsOf::Users, 3);
        let users: [usize; 6] = counts(&chosen, |n| w.users[n] as usize);
        assert!(users.iter().all(|&n| n == 0 || n == 50), "{users:?}");
        assert!(chosen.len() >= 150);
    }

    #[test]
    fn shares_are_nested_seeded_and_never_without_a_class() {
        let w = windows();
        for of in [LabelsOf::Users, LabelsOf::Windows] {
            let few = chosen(0.2, of, 3);
            let more = chosen(0.7, of, 3);
            assert!(few.iter().all(|n| more.contains(n)));
            assert_eq!(few, chosen(0.2, of, 3));
            assert!((4..9).any(|seed| few != chosen(0.2, of, seed)));
            for seed in 0..9 {
                let classes: [usize; 3] = counts(&chosen(1e-6, of, seed), |n| w.y[n]);
                assert!(classes.iter().all(|&n| n > 0), "{of:?}: {classes:?}");
            }
            assert_eq!(chosen(1.0, of, 3).len(), 300);
        }
        assert_eq!(chosen(1e-6, LabelsOf::Windows, 3).len(), 3);
    }
}
