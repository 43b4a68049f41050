//! Continuous streams of one user, spliced from recordings of one activity each.
//!
//! Training and evaluation both need what real life is: one activity after another. [`Spliced`] joins pieces with a
//! cross-fade; [`sequence`] is the evaluation stream of a user.

use crate::Stretch;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Exp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A stream of pieces, one after another.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spliced {
    /// Samples, `[time][channels]`.
    pub x: Vec<f32>,
    /// Class per sample.
    pub classes: Vec<usize>,
    /// The first sample of each bout, a stretch of time with one activity, in order; the first is 0.
    pub starts: Vec<usize>,
}

impl Spliced {
    /// Appends `piece`, `[time][channels]`, whose first `fade` samples overlap with the last ones there are: one fades
    /// out while the other fades in, in equal steps, and the activity changes in the middle. A piece of the activity
    /// that there is already goes on with its bout. Returns how many samples the stream is longer.
    pub fn append(&mut self, piece: &[f32], class: usize, fade: usize, channels: usize) -> usize {
        let have = self.classes.len();
        let length = piece.len() / channels.max(1);
        let fade = fade.min(have).min(length.saturating_sub(1));
        let start = have - fade;
        let overlap = self.x[start * channels..].chunks_exact_mut(channels);
        for (t, (old, new)) in overlap.zip(piece.chunks_exact(channels)).enumerate() {
            let share = (t + 1) as f32 / (fade + 1) as f32;
            for (old, new) in old.iter_mut().zip(new) {
                *old = *old * (1.0 - share) + new * share;
            }
        }
        let middle = start + fade / 2;
        if length > 0 && self.classes.last().is_none_or(|&last| last != class) {
            self.starts.push(middle);
        }
        self.x.extend_from_slice(&piece[fade * channels..]);
        self.classes.truncate(middle);
        self.classes.resize(start + length, class);
        start + length - have
    }
}

/// How long the bouts of an evaluation stream are, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bouts {
    /// Drawn from an exponential distribution, as pauses between random events are.
    Exponential {
        /// Their mean.
        mean: f64,
        /// The shortest.
        least: f64,
    },
    /// All the same; the end of a recording is a bout of its own when it lasts three quarters of that.
    Fixed(f64),
}

impl Bouts {
    /// Mean and shortest length of the bouts of the streams whose figures are quoted, in seconds.
    pub const QUOTED_MEAN: f64 = 30.0;
    /// See [`Bouts::QUOTED_MEAN`].
    pub const QUOTED_LEAST: f64 = 3.0;

    /// The bouts of the streams whose figures are quoted.
    pub const QUOTED: Self = Self::Exponential {
        mean: Self::QUOTED_MEAN,
        least: Self::QUOTED_LEAST,
    };

    /// Returns the length of a shortest bout in seconds.
    fn least(self) -> f64 {
        match self {
            Bouts::Exponential { least, .. } => least,
            Bouts::Fixed(seconds) => 0.75 * seconds,
        }
    }

    /// Draws a length in seconds.
    fn draw(self, rng: &mut impl Rng) -> f64 {
        match self {
            Bouts::Exponential { mean, least } => {
                // An exponential distribution has no memory: cut at `least`, it is the same one, later.
                let rest = (mean - least).max(1e-3);
                let rest = Exp::new(rest.recip()).map_or(rest, |exp| exp.sample(rng));
                least + rest
            }
            Bouts::Fixed(seconds) => seconds,
        }
    }
}

/// What evaluation streams are made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SequenceSpec {
    /// Lengths of bouts.
    pub bouts: Bouts,
    /// Time of a change from one activity to the next, in seconds; 0 is a hard cut.
    pub fade: f64,
    /// Seed of lengths and order.
    pub seed: u64,
}

/// Splices all that `user` recorded into one stream: recordings are cut into bouts, which follow one another in a random
/// order, never two of one activity in a row. Each sample is used once. A bout is as long as was drawn from the middle of
/// one fade to the middle of the next. What is too short for a bout is not in the stream, and neither is what is left when
/// only one activity has samples. The same data, user and settings give the same stream.
pub fn sequence(
    stretches: &[Stretch],
    user: u32,
    channels: usize,
    rate_hz: f64,
    spec: &SequenceSpec,
) -> Spliced {
    let mut rng = SmallRng::seed_from_u64(spec.seed ^ (u64::from(user) << 32));
    let samples = |seconds: f64| (seconds * rate_hz).round().max(1.0) as usize;
    let fade = (spec.fade * rate_hz).round() as usize;
    // Half a fade at each end is the neighbour's.
    let least = (samples(spec.bouts.least()) + fade).max(2 * fade + 1);
    // By class: what is left of its stretches.
    let mut left: BTreeMap<usize, Vec<&[f32]>> = BTreeMap::new();
    for stretch in stretches.iter().filter(|s| s.user == user) {
        if stretch.x.len() / channels.max(1) >= least {
            left.entry(stretch.class).or_default().push(&stretch.x);
        }
    }
    let amount = |rest: &Vec<&[f32]>| {
        rest.iter()
            .map(|x| x.len() / channels.max(1))
            .sum::<usize>()
    };
    let mut stream = Spliced::default();
    loop {
        let last = stream.classes.last().copied();
        let amounts: Vec<(usize, usize)> = left
            .iter()
            .map(|(&class, rest)| (class, amount(rest)))
            .filter(|&(_, samples)| samples > 0)
            .collect();
        let total: usize = amounts.iter().map(|(_, n)| n).sum();
        let others = || amounts.iter().filter(|&&(class, _)| Some(class) != last);
        let sum: usize = others().map(|(_, n)| n).sum();
        if sum == 0 {
            return stream;
        }
        // An activity with more than half of what is left comes whenever it can, or some of it would stay over.
        let most = others()
            .max_by_key(|(_, n)| *n)
            .filter(|(_, n)| 2 * n > total);
        let chosen = most.or_else(|| {
            let mut at = rng.random_range(0..sum);
            others().find(|&&(_, n)| {
                let found = at < n;
                at = at.saturating_sub(n);
                found
            })
        });
        // The sum is not zero, so one of the others is chosen, and has samples left.
        let Some(&(class, _)) = chosen else {
            return stream;
        };
        let Some(rest) = left.get_mut(&class) else {
            return stream;
        };
        let which = rng.random_range(0..rest.len());
        let stretch = rest[which];
        let have = stretch.len() / channels;
        let drawn = samples(spec.bouts.draw(&mut rng)) + fade;
        let mut length = drawn.max(least).min(have);
        // A rest too short for a bout of its own stays with this one.
        if have - length < least && matches!(spec.bouts, Bouts::Exponential { .. }) {
            length = have;
        }
        let (piece, after) = stretch.split_at(length * channels);
        stream.append(piece, class, fade, channels);
        if after.len() / channels >= least {
            rest[which] = after;
        } else {
            rest.swap_remove(which);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two users, three activities, two recordings each; every sample has a value of its own.
    fn stretches() -> Vec<Stretch> {
        let mut all = Vec::new();
        let mut value = 0.0;
        for user in [1u32, 2] {
            for class in 0..3 {
                for _ in 0..2 {
                    let x = (0..2400).map(|t| value + t as f32).collect();
                    value += 10_000.0;
                    all.push(Stretch {
                        user,
                        class,
                        recording: all.len() as u32,
                        x,
                    });
                }
            }
        }
        all
    }

    fn spec(bouts: Bouts, fade: f64) -> SequenceSpec {
        SequenceSpec {
            bouts,
            fade,
            seed: 1,
        }
    }

    const EXPONENTIAL: Bouts = Bouts::Exponential {
        mean: 30.0,
        least: 3.0,
    };

    #[test]
    fn changes_fade_and_the_label_turns_in_the_middle() {
        let mut stream = Spliced::default();
        assert_eq!(stream.append(&[0.0; 6], 4, 3, 1), 6);
        assert_eq!(stream.append(&[4.0; 6], 7, 3, 1), 3);
        assert_eq!(stream.x, [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0]);
        assert_eq!(stream.classes, [4, 4, 4, 4, 7, 7, 7, 7, 7]);
        assert_eq!(stream.append(&[4.0; 4], 7, 2, 1), 2);
        assert_eq!(
            stream.starts,
            [0, 4],
            "the same activity again is no bout of its own"
        );
    }

    #[test]
    fn recordings_shorter_than_a_bout_are_left_out() {
        let all = |samples: usize| -> Vec<Stretch> {
            let of = |class| Stretch {
                user: 1,
                class,
                recording: class as u32,
                x: vec![class as f32; samples],
            };
            (0..3).map(of).collect()
        };
        let length = |samples, bouts| {
            let stream = sequence(&all(samples), 1, 1, 20.0, &spec(bouts, 0.0));
            (stream.classes.len(), stream.starts.len())
        };
        assert_eq!(length(59, EXPONENTIAL), (0, 0));
        assert_eq!(length(60, EXPONENTIAL), (180, 3));
        assert_eq!(length(890, Bouts::Fixed(60.0)), (0, 0));
        assert_eq!(length(900, Bouts::Fixed(60.0)), (2700, 3));
    }

    #[test]
    fn each_sample_of_the_user_is_used_once_and_no_activity_follows_itself() {
        let all = stretches();
        for bouts in [EXPONENTIAL, Bouts::Fixed(5.0), Bouts::Fixed(60.0)] {
            let stream = sequence(&all, 1, 1, 20.0, &spec(bouts, 0.0));
            let mut samples = stream.x.clone();
            samples.sort_by(f32::total_cmp);
            samples.dedup();
            assert_eq!(samples.len(), stream.x.len(), "a sample is there twice");
            let own = all.iter().filter(|s| s.user == 1);
            let total: usize = own.clone().map(|s| s.x.len()).sum();
            // With three activities of equal length, no more than one bout stays over.
            assert!(total - stream.x.len() <= 2400, "{}", stream.x.len());
            for (x, &class) in stream.x.iter().zip(&stream.classes) {
                let stretch = &all[(*x / 10_000.0) as usize];
                assert_eq!((stretch.user, stretch.class), (1, class));
            }
            for pair in stream.starts.windows(2) {
                assert_ne!(stream.classes[pair[1]], stream.classes[pair[1] - 1]);
                assert!(pair[1] > pair[0]);
            }
        }
    }

    #[test]
    fn bouts_have_the_lengths_that_were_asked_for() {
        let all = stretches();
        let lengths = |bouts| -> Vec<usize> {
            let stream = sequence(&all, 2, 1, 20.0, &spec(bouts, 0.0));
            stream.starts.windows(2).map(|w| w[1] - w[0]).collect()
        };
        assert!(lengths(Bouts::Fixed(10.0)).iter().all(|&n| n == 200));
        // 120 s are two bouts of 50 s, and 20 s that are too few for a third.
        assert_eq!(lengths(Bouts::Fixed(50.0)), [1000; 11]);
        // Of 80 s, the last 40 s are nearly as much.
        let mut short = lengths(Bouts::Fixed(80.0));
        short.sort_unstable();
        short.dedup();
        assert!(short.iter().all(|n| [800, 1600].contains(n)), "{short:?}");
        let exponential = lengths(EXPONENTIAL);
        assert!(exponential.iter().all(|&n| n >= 60));
        assert!(
            exponential.iter().any(|&n| n % 20 != 0),
            "not on a grid of seconds"
        );
        let faded = sequence(&all, 2, 1, 20.0, &spec(Bouts::Fixed(5.0), 0.5));
        let inner = faded.starts[1..].windows(2);
        let exact = inner.clone().filter(|w| w[1] - w[0] == 100).count();
        // Recordings of 120 s are cut into 21 bouts of 5.5 s, and end with one that is a bit shorter.
        assert!(exact >= 6 * 20 && inner.clone().all(|w| w[1] - w[0] >= 75));
        let same = sequence(&all, 2, 1, 20.0, &spec(EXPONENTIAL, 0.5));
        assert_eq!(same, sequence(&all, 2, 1, 20.0, &spec(EXPONENTIAL, 0.5)));
        let other = SequenceSpec {
            seed: 2,
            ..spec(EXPONENTIAL, 0.5)
        };
        assert_ne!(same, sequence(&all, 2, 1, 20.0, &other));
    }
}
