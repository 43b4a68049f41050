//! Divides windows into training, validation and test sets, by user.

use crate::{Error, Windows};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

/// One of this many training users is held out for validation.
const VALIDATION_SHARE: usize = 8;

/// A way to divide windows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SplitKind {
    /// `group:K`: users in `k` groups of about as many windows each; every group is tested once.
    GroupKFold {
        /// Groups, two or more.
        k: usize,
    },
    /// `loso`, leave one subject out: every user is tested alone. `louo` is read as the same.
    LeaveOneSubjectOut,
    /// `users:test=1,2;validation=3`: one fold, test and validation users named, all others train.
    FixedUsers {
        /// Users tested.
        test: Vec<u32>,
        /// Users who validate; drawn from the training users when empty.
        validation: Vec<u32>,
    },
    /// `random:K`: windows at random. It leaks: a user's overlapping windows are on both sides.
    RandomWindows {
        /// Parts, two or more.
        k: usize,
    },
    /// `time:K`: the windows of each user and class in `k` parts, one after the other in time; each part is tested once by a
    /// network that learnt from the others. The same users train and test, so that figures hold for these people only.
    /// Windows that share signal with a test window are left out of training.
    Time {
        /// Parts, two or more.
        k: usize,
    },
    /// `all`: one fold in which everyone trains and no one is tested, for a network that is deployed after other splits
    /// have shown how good it is. It is not read from text, as nothing can be compared with it.
    AllUsers,
}

impl SplitKind {
    /// Returns whether users are on both sides, so that figures say nothing about other people.
    pub fn leaks(&self) -> bool {
        matches!(
            self,
            SplitKind::RandomWindows { .. } | SplitKind::Time { .. }
        )
    }
}

impl Default for SplitKind {
    fn default() -> Self {
        SplitKind::GroupKFold { k: 10 }
    }
}

impl fmt::Display for SplitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |users: &[u32]| {
            let users: Vec<String> = users.iter().map(u32::to_string).collect();
            users.join(",")
        };
        match self {
            SplitKind::GroupKFold { k } => write!(f, "group:{k}"),
            SplitKind::LeaveOneSubjectOut => f.write_str("loso"),
            SplitKind::FixedUsers { test, validation } if validation.is_empty() => {
                write!(f, "users:test={}", list(test))
            }
            SplitKind::FixedUsers { test, validation } => {
                write!(
                    f,
                    "users:test={};validation={}",
                    list(test),
                    list(validation)
                )
            }
            SplitKind::RandomWindows { k } => write!(f, "random:{k}"),
            SplitKind::Time { k } => write!(f, "time:{k}"),
            SplitKind::AllUsers => f.write_str("all"),
        }
    }
}

impl FromStr for SplitKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |reason: &str| Error::Split {
            split: text.to_owned(),
            reason: reason.to_owned(),
        };
        let (kind, rest) = match text.split_once(':') {
            Some((kind, rest)) => (kind, Some(rest)),
            None => (text, None),
        };
        let parts = || match rest.map_or(Ok(10), str::parse) {
            Ok(k) if k >= 2 => Ok(k),
            _ => Err(bad("the number of folds must be 2 or more, as in group:10")),
        };
        match kind {
            "group" => Ok(SplitKind::GroupKFold { k: parts()? }),
            "random" => Ok(SplitKind::RandomWindows { k: parts()? }),
            "time" => Ok(SplitKind::Time { k: parts()? }),
            "loso" | "louo" if rest.is_none() => Ok(SplitKind::LeaveOneSubjectOut),
            "users" => {
                let form = "must look like users:test=1,2;validation=3";
                let (mut test, mut validation) = (Vec::new(), Vec::new());
                for part in rest.unwrap_or("").split(';') {
                    let (side, users) = part.split_once('=').ok_or_else(|| bad(form))?;
                    let users: Result<Vec<u32>, _> =
                        users.split(',').map(|u| u.trim().parse()).collect();
                    match side.trim() {
                        "test" => test = users.map_err(|_| bad(form))?,
                        "validation" => validation = users.map_err(|_| bad(form))?,
                        _ => return Err(bad(form)),
                    }
                }
                if test.is_empty() {
                    return Err(bad("no test user is named"));
                }
                Ok(SplitKind::FixedUsers { test, validation })
            }
            _ => Err(bad(
                "there are group:K, loso (leave one subject out), time:K, random:K and users:test=1,2;validation=3",
            )),
        }
    }
}

/// One division of the windows; indices are in increasing order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Name for tables: `3/10`, or `user 1605`.
    pub name: String,
    /// Windows to learn from.
    pub train: Vec<usize>,
    /// Windows to stop training and choose settings by.
    pub validation: Vec<usize>,
    /// Windows to report on.
    pub test: Vec<usize>,
    /// Users among the training windows.
    pub train_users: Vec<u32>,
    /// Users among the validation windows.
    pub validation_users: Vec<u32>,
    /// Users among the test windows.
    pub test_users: Vec<u32>,
}

/// Divides `windows`. The same windows, kind and seed give the same folds.
///
/// # Errors
/// [`Error::Split`] when there are not enough users or windows, or a named user is not there.
pub fn folds(windows: &Windows, kind: &SplitKind, seed: u64) -> Result<Vec<Fold>, Error> {
    let mut rng = StdRng::seed_from_u64(seed);
    let split = Split {
        windows,
        kind,
        counts: count_users(windows),
    };
    if let SplitKind::RandomWindows { k } = kind {
        return split.random(*k, &mut rng);
    }
    if let SplitKind::Time { k } = kind {
        return split.by_time(*k);
    }
    if *kind == SplitKind::AllUsers {
        return Ok(vec![split.all_users()]);
    }
    let groups = match kind {
        SplitKind::FixedUsers { test, .. } => vec![test.iter().copied().collect()],
        SplitKind::GroupKFold { k } => split.groups(*k, &mut rng)?,
        _ => split.counts.keys().map(|&u| BTreeSet::from([u])).collect(),
    };
    let named = matches!(kind, SplitKind::LeaveOneSubjectOut);
    let total = groups.len();
    (1..)
        .zip(groups)
        .map(|(n, test)| {
            let name = match test.first() {
                Some(user) if named => format!("user {user}"),
                _ => format!("{n}/{total}"),
            };
            split.by_users(name, &test, &mut rng)
        })
        .collect()
}

/// Counts the windows of each user.
fn count_users(windows: &Windows) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    for &user in &windows.users {
        *counts.entry(user).or_default() += 1;
    }
    counts
}

/// What a split is made from.
struct Split<'a> {
    windows: &'a Windows,
    kind: &'a SplitKind,
    counts: BTreeMap<u32, usize>,
}

impl Split<'_> {
    fn error(&self, reason: String) -> Error {
        Error::Split {
            split: self.kind.to_string(),
            reason,
        }
    }

    /// Puts users into `k` groups: the user with most windows first, each into the group with fewest windows so far.
    /// Users with about equally many windows (within a fifth) are ordered by the seed.
    fn groups(&self, k: usize, rng: &mut StdRng) -> Result<Vec<BTreeSet<u32>>, Error> {
        let mut users: Vec<(u32, usize)> = self.counts.iter().map(|(&u, &n)| (u, n)).collect();
        if users.len() < k {
            let reason = match users.len() {
                1 => "all windows are of one user; divide them by time: --split time --folds 5"
                    .to_owned(),
                n => format!(
                    "{n} users cannot make {k} groups; --folds {n}, or --split loso, tests each of them once"
                ),
            };
            return Err(self.error(reason));
        }
        users.shuffle(rng);
        users.sort_by_key(|&(_, n)| std::cmp::Reverse(((n as f64).log2() * 4.0) as u32));
        let mut groups = vec![(0, BTreeSet::new()); k];
        for (user, count) in users {
            if let Some((windows, group)) = groups.iter_mut().min_by_key(|(n, _)| *n) {
                *windows += count;
                group.insert(user);
            }
        }
        Ok(groups.into_iter().map(|(_, group)| group).collect())
    }

    /// Builds the fold that tests the users in `test`.
    fn by_users(
        &self,
        name: String,
        test: &BTreeSet<u32>,
        rng: &mut StdRng,
    ) -> Result<Fold, Error> {
        let mut train: Vec<u32> = self
            .counts
            .keys()
            .copied()
            .filter(|u| !test.contains(u))
            .collect();
        let validation: BTreeSet<u32> = match self.kind {
            SplitKind::FixedUsers { test, validation } => {
                for user in test.iter().chain(validation) {
                    if !self.counts.contains_key(user) {
                        return Err(self.error(format!("there is no user {user} in the data")));
                    }
                }
                if let Some(user) = validation.iter().find(|u| test.contains(u)) {
                    let reason = format!("user {user} is to be tested and cannot validate");
                    return Err(self.error(reason));
                }
                validation.iter().copied().collect()
            }
            _ => BTreeSet::new(),
        };
        // A single user who is left trains alone, and validates with windows of their own.
        let alone = train.len() == 1 && validation.is_empty();
        let validation = if alone {
            validation
        } else if validation.is_empty() {
            let count = (train.len() / VALIDATION_SHARE).max(1);
            train.shuffle(rng);
            train.iter().copied().take(count).collect()
        } else {
            validation
        };
        let mut fold = Fold {
            name,
            train: Vec::new(),
            validation: Vec::new(),
            test: Vec::new(),
            train_users: Vec::new(),
            validation_users: Vec::new(),
            test_users: Vec::new(),
        };
        for (n, user) in self.windows.users.iter().enumerate() {
            if test.contains(user) {
                fold.test.push(n);
            } else if validation.contains(user) {
                fold.validation.push(n);
            } else {
                fold.train.push(n);
            }
        }
        if fold.train.is_empty() {
            let reason = match self.counts.len() {
                1 => {
                    "all windows are of one user, and nobody is left to train on; divide them by time: --split time --folds 5"
                }
                _ => "no user is left to train on",
            };
            return Err(self.error(reason.to_owned()));
        }
        if alone {
            fold.validation = self.last_of_each_class(&mut fold.train);
        }
        self.name_users(&mut fold);
        Ok(fold)
    }

    /// Takes the last windows of each user and class out of `train`, as many as validate, and returns them.
    fn last_of_each_class(&self, train: &mut Vec<usize>) -> Vec<usize> {
        let mut sets: BTreeMap<(u32, usize), Vec<usize>> = BTreeMap::new();
        for &n in train.iter() {
            sets.entry((self.windows.users[n], self.windows.y[n]))
                .or_default()
                .push(n);
        }
        let last = sets.values().flat_map(|set| {
            let keep = set.len() - set.len() / VALIDATION_SHARE;
            set.iter().skip(keep).copied()
        });
        let validation: BTreeSet<usize> = last.collect();
        train.retain(|n| !validation.contains(n));
        validation.into_iter().collect()
    }

    /// Builds `k` folds of parts in time.
    fn by_time(&self, k: usize) -> Result<Vec<Fold>, Error> {
        let windows = self.windows;
        let mut sets: BTreeMap<(u32, usize), Vec<usize>> = BTreeMap::new();
        for (n, (&user, &class)) in windows.users.iter().zip(&windows.y).enumerate() {
            sets.entry((user, class)).or_default().push(n);
        }
        if let Some(((user, class), set)) = sets.iter().find(|(_, set)| set.len() < 2 * k) {
            let label = windows.labels.get(*class).map_or("", String::as_str);
            let reason = format!(
                "user {user} has {} windows of {label:?}, too few for {k} parts; take fewer (--folds 2)",
                set.len()
            );
            return Err(self.error(reason));
        }
        // Windows of one recording share signal when they begin less than a window apart.
        let near = windows.time.div_ceil(windows.hop.max(1)).saturating_sub(1);
        let fold = |part: usize| {
            let tested =
                |place: usize, len: usize| (part * len / k..(part + 1) * len / k).contains(&place);
            let (mut train, mut test) = (Vec::new(), Vec::new());
            for set in sets.values() {
                for (place, &n) in set.iter().enumerate() {
                    let shares = |other: usize| {
                        let same = set.get(other).map(|&m| windows.recordings.get(m));
                        tested(other, set.len()) && same == Some(windows.recordings.get(n))
                    };
                    if tested(place, set.len()) {
                        test.push(n);
                    } else if !(place.saturating_sub(near)..=place + near).any(shares) {
                        train.push(n);
                    }
                }
            }
            train.sort_unstable();
            test.sort_unstable();
            let validation = self.last_of_each_class(&mut train);
            let mut fold = Fold {
                name: format!("{}/{k}", part + 1),
                train,
                validation,
                test,
                train_users: Vec::new(),
                validation_users: Vec::new(),
                test_users: Vec::new(),
            };
            self.name_users(&mut fold);
            fold
        };
        Ok((0..k).map(fold).collect())
    }

    /// Builds the fold in which everyone trains.
    fn all_users(&self) -> Fold {
        let mut fold = Fold {
            name: "all users".to_owned(),
            train: (0..self.windows.len()).collect(),
            validation: Vec::new(),
            test: Vec::new(),
            train_users: Vec::new(),
            validation_users: Vec::new(),
            test_users: Vec::new(),
        };
        self.name_users(&mut fold);
        fold
    }

    /// Builds `k` folds of windows drawn at random, whoever they belong to.
    fn random(&self, k: usize, rng: &mut StdRng) -> Result<Vec<Fold>, Error> {
        let count = self.windows.len();
        if count < 2 * k {
            return Err(self.error(format!("{count} windows are too few for {k} parts")));
        }
        let mut order: Vec<usize> = (0..count).collect();
        order.shuffle(rng);
        let folds = (0..k).map(|part| {
            let sides = order.iter().enumerate();
            let (test, mut train): (Vec<_>, Vec<_>) = sides.partition(|(i, _)| i % k == part);
            let (train, validation) = {
                let held = (train.len() / VALIDATION_SHARE).max(1);
                train.shuffle(rng);
                let rest = train.split_off(held.min(train.len()));
                (rest, train)
            };
            let side = |windows: Vec<(usize, &usize)>| {
                let mut windows: Vec<usize> = windows.into_iter().map(|(_, &n)| n).collect();
                windows.sort_unstable();
                windows
            };
            let mut fold = Fold {
                name: format!("{}/{k}", part + 1),
                train: side(train),
                validation: side(validation),
                test: side(test),
                train_users: Vec::new(),
                validation_users: Vec::new(),
                test_users: Vec::new(),
            };
            self.name_users(&mut fold);
            fold
        });
        Ok(folds.collect())
    }

    /// Fills in the users of each side.
    fn name_users(&self, fold: &mut Fold) {
        let users = |side: &[usize]| {
            let users = side
                .iter()
                .filter_map(|&n| self.windows.users.get(n).copied());
            users.collect::<BTreeSet<u32>>().into_iter().collect()
        };
        fold.train_users = users(&fold.train);
        fold.validation_users = users(&fold.validation);
        fold.test_users = users(&fold.test);
    }
}
