//! Training streams: pieces of one user's recordings, one activity after another.

use super::{StreamBatch, StreamTraining};
use crate::Error;
use crate::config::{Augmentation, TrainConfig};
use crate::frontend;
use mote_data::{Spliced, Stretch};
use mote_model::{Frontend, Shape, sensor};
use rand::Rng;
use rand::rngs::SmallRng;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What training streams are spliced from.
pub(crate) struct Streams {
    /// By user, then by activity: the stretches of signal as sensor counts, `[time][channels]`.
    users: Vec<Vec<Activity>>,
    channels: usize,
    /// Samples per stream.
    time: usize,
    /// Streams per epoch: as many as make up the signal there is.
    per_epoch: usize,
    rate_hz: f64,
}

/// All that one user recorded of one activity.
struct Activity {
    class: usize,
    stretches: Vec<Vec<f32>>,
    /// Samples in all stretches.
    samples: usize,
}

impl Streams {
    /// Gathers the stretches of `users`.
    ///
    /// # Errors
    /// [`Error::Data`] when they recorded nothing that is long enough to be cut, or a sample is not finite.
    pub fn new(
        stretches: &[Stretch],
        users: &BTreeSet<u32>,
        channels: usize,
        rate_hz: f64,
        settings: &StreamTraining,
    ) -> Result<Self, Error> {
        let mut all: BTreeMap<u32, BTreeMap<usize, Activity>> = BTreeMap::new();
        let shortest = (settings.fade * rate_hz).ceil() as usize * 2 + 1;
        let mut total = 0;
        for stretch in stretches.iter().filter(|s| users.contains(&s.user)) {
            let samples = stretch.x.len() / channels.max(1);
            // What is shorter than the changes at its two ends would never be seen alone.
            if samples < shortest {
                continue;
            }
            if stretch.x.iter().any(|x| !x.is_finite()) {
                return Err(Error::Data(format!(
                    "recording {} of user {} holds a value that is not finite",
                    stretch.recording, stretch.user
                )));
            }
            let activities = all.entry(stretch.user).or_default();
            let activity = activities.entry(stretch.class).or_insert_with(|| Activity {
                class: stretch.class,
                stretches: Vec::new(),
                samples: 0,
            });
            let counts = stretch.x.iter().map(|&x| f32::from(sensor::counts(x)));
            activity.stretches.push(counts.collect());
            activity.samples += samples;
            total += samples;
        }
        if total == 0 {
            return Err(Error::Data(
                "training on streams needs continuous recordings, and the training users have none; train on windows"
                    .to_owned(),
            ));
        }
        let time = ((settings.seconds * rate_hz).round() as usize).max(1);
        Ok(Self {
            users: all
                .into_values()
                .map(|user| user.into_values().collect())
                .collect(),
            channels,
            time,
            per_epoch: total.div_ceil(time),
            rate_hz,
        })
    }

    /// Returns the shape of a stream.
    pub fn shape(&self) -> Shape {
        Shape::new(self.time, self.channels)
    }

    /// Returns the number of streams that an epoch draws.
    pub fn per_epoch(&self) -> usize {
        self.per_epoch
    }

    /// Feeds everything that streams are drawn from to `hash`.
    pub fn digest(&self, hash: &mut Sha256) {
        hash.update(b"streams");
        for n in [self.channels, self.time, self.users.len()] {
            hash.update(n.to_le_bytes());
        }
        hash.update(self.rate_hz.to_le_bytes());
        for activity in self.users.iter().flatten() {
            hash.update(activity.class.to_le_bytes());
            for stretch in &activity.stretches {
                hash.update(stretch.len().to_le_bytes());
                for x in stretch {
                    hash.update(x.to_le_bytes());
                }
            }
        }
    }

    /// Draws `count` streams, augmented and normalised, for a network whose step `t` reads the samples from
    /// `t * stride` to `t * stride + field`, without the last.
    pub fn draw(
        &self,
        count: usize,
        [stride, field]: [usize; 2],
        config: &TrainConfig,
        frontend: &Frontend,
        rng: &mut SmallRng,
    ) -> StreamBatch {
        let steps = (self.time + stride).saturating_sub(field) / stride;
        let mut batch = StreamBatch {
            x: Vec::with_capacity(count * self.time * self.channels),
            classes: Vec::with_capacity(count * steps),
            since: Vec::with_capacity(count * steps),
            steps,
            rate: self.rate_hz / stride as f64,
        };
        // A wearer's whole stream has one orientation; only the tempo changes from bout to bout.
        let wearer = Augmentation {
            time_warp: 0.0,
            ..config.augmentation.clone()
        };
        for _ in 0..count {
            let mut stream = self.splice(&config.stream, config.augmentation.time_warp, rng);
            wearer.change_counts(&mut stream.x, self.channels, rng);
            frontend::normalise(frontend, &mut stream.x);
            wearer.change_normalised(&mut stream.x, rng);
            batch.x.append(&mut stream.x);
            for step in 0..steps {
                let last = step * stride + field - 1;
                let bout = stream.starts.partition_point(|&start| start <= last);
                let start = bout.checked_sub(1).and_then(|bout| stream.starts.get(bout));
                batch.classes.push(stream.classes[last]);
                batch
                    .since
                    .push((last - start.copied().unwrap_or(0)) / stride);
            }
        }
        batch
    }

    /// Draws a stream of one user. Activities are drawn evenly, lengths of bouts evenly on a logarithmic scale.
    fn splice(&self, settings: &StreamTraining, time_warp: f32, rng: &mut SmallRng) -> Spliced {
        let user = &self.users[rng.random_range(0..self.users.len())];
        let samples = |seconds: f64| (seconds * self.rate_hz).round().max(1.0) as usize;
        let fade = (settings.fade * self.rate_hz).round() as usize;
        let mut stream = Spliced::default();
        let constant = user.len() == 1 || rng.random::<f64>() < settings.constant;
        let mut activity = rng.random_range(0..user.len());
        let mut first = true;
        while stream.classes.len() < self.time {
            let ratio = settings.longest_bout / settings.shortest_bout;
            let mut bout = samples(settings.shortest_bout * ratio.powf(rng.random()));
            if constant {
                bout = self.time;
            } else if first {
                // The stream begins somewhere within its first bout.
                bout = rng.random_range(1..=bout).max(fade + 1);
            } else if rng.random::<f64>() < settings.change {
                activity = (activity + rng.random_range(1..user.len())) % user.len();
            }
            first = false;
            let mut left = bout.min(self.time + fade - stream.classes.len());
            // A bout longer than the recordings there are goes on with another piece of the same activity.
            while left > 0 {
                let piece = self.piece(&user[activity], left, time_warp, rng);
                let added = stream.append(&piece, user[activity].class, fade, self.channels);
                left = left.saturating_sub(added.max(1));
            }
        }
        stream.x.truncate(self.time * self.channels);
        stream.classes.truncate(self.time);
        stream
    }

    /// Cuts a piece of at most `length` samples from anywhere in what was recorded of `activity`.
    fn piece(
        &self,
        activity: &Activity,
        length: usize,
        time_warp: f32,
        rng: &mut SmallRng,
    ) -> Vec<f32> {
        let mut at = rng.random_range(0..activity.samples);
        let mut stretches = activity.stretches.iter();
        let stretch = stretches.find(|s| {
            let samples = s.len() / self.channels;
            let found = at < samples;
            if !found {
                at -= samples;
            }
            found
        });
        let stretch = stretch.expect("the position is within the samples of all stretches");
        let samples = stretch.len() / self.channels;
        let length = length.min(samples);
        let start = at.min(samples - length);
        let mut piece = stretch[start * self.channels..][..length * self.channels].to_vec();
        let tempo = Augmentation {
            time_warp,
            ..Augmentation::NONE
        };
        tempo.change_counts(&mut piece, self.channels, rng);
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// Users 1 and 2 with three activities; a sample's value tells user and class.
    fn stretches() -> Vec<Stretch> {
        let mut all = Vec::new();
        for user in [1u32, 2] {
            for class in 0..3 {
                for recording in 0..2 {
                    let value = user as f32 + class as f32 / 10.0;
                    all.push(Stretch {
                        user,
                        class,
                        recording,
                        x: vec![value; 3 * (300 + 100 * recording as usize)],
                    });
                }
            }
        }
        all
    }

    fn streams(settings: &StreamTraining) -> Streams {
        Streams::new(&stretches(), &BTreeSet::from([1, 2]), 3, 20.0, settings).unwrap()
    }

    fn value(user: u32, class: usize) -> f32 {
        f32::from(sensor::counts(user as f32 + class as f32 / 10.0))
    }

    #[test]
    fn a_stream_is_of_one_user_and_its_labels_are_those_of_its_samples() {
        let settings = StreamTraining {
            fade: 0.0,
            ..StreamTraining::default()
        };
        let streams = streams(&settings);
        let mut rng = SmallRng::seed_from_u64(1);
        let (mut seen, mut changes) = (BTreeSet::new(), 0);
        for _ in 0..200 {
            let stream = streams.splice(&settings, 0.0, &mut rng);
            assert_eq!((stream.classes.len(), stream.x.len()), (600, 1800));
            let user = if stream.x[0] < value(2, 0) { 1 } else { 2 };
            for (row, &class) in stream.x.chunks(3).zip(&stream.classes) {
                assert_eq!(row, [value(user, class); 3]);
                seen.insert((user, class));
            }
            changes += (1..600)
                .filter(|&t| stream.classes[t] != stream.classes[t - 1])
                .count();
        }
        assert_eq!(seen.len(), 6);
        // Bouts of 13 s on average, four of five of them with another activity, in 170 of 200 streams.
        assert!((200..500).contains(&changes), "{changes}");
    }

    #[test]
    fn only_the_users_asked_for_are_in_it_and_a_digest_tells_them_apart() {
        let settings = StreamTraining::default();
        let digest = |users: &[u32]| {
            let users = users.iter().copied().collect();
            let streams = Streams::new(&stretches(), &users, 3, 20.0, &settings).unwrap();
            let mut hash = Sha256::new();
            streams.digest(&mut hash);
            (streams.users.len(), hash.finalize())
        };
        assert_eq!(digest(&[2]).0, 1);
        assert_ne!(digest(&[1]).1, digest(&[2]).1);
        let none = Streams::new(&stretches(), &BTreeSet::from([9]), 3, 20.0, &settings);
        let message = none.err().unwrap().to_string();
        assert!(message.contains("train on windows"), "{message}");
    }

    #[test]
    fn steps_take_the_label_of_their_last_sample() {
        let mut config = TrainConfig {
            augmentation: Augmentation::NONE,
            ..TrainConfig::default()
        };
        config.stream.fade = 0.0;
        let streams = streams(&config.stream);
        let frontend = Frontend {
            offset: vec![0; 3],
            scale: vec![1.0; 3],
        };
        let mut rng = SmallRng::seed_from_u64(3);
        let batch = streams.draw(4, [4, 53], &config, &frontend, &mut rng);
        assert_eq!(batch.steps, 137);
        assert_eq!((batch.classes.len(), batch.x.len()), (4 * 137, 4 * 1800));
        for i in 0..4 * 137 {
            let (stream, step) = (i / 137, i % 137);
            let sample = batch.x[stream * 1800 + (step * 4 + 52) * 3];
            let users = [1, 2].map(|user| value(user, batch.classes[i]));
            assert!(users.contains(&sample), "{sample} {users:?}");
        }
    }
}
