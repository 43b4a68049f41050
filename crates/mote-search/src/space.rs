//! The candidates that a search chooses from: at random, or one step away from a good one.
//!
//! The sampler is our own, because a candidate is not a list of numbers that a library could vary: the number of blocks
//! differs, and most random choices make no network at all, or none that runs as a stream.

use crate::candidate::{Candidate, Train};
use mote_model::cnn::{Block, Cnn, Nonlinearity, Padding};
use rand::Rng;
use rand::seq::IndexedRandom;

const CHANNELS: [usize; 14] = [4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 64, 80, 96, 128];
const KERNELS: [usize; 5] = [3, 5, 7, 9, 11];
const MOST_BLOCKS: usize = 6;

/// The choices of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    /// Window lengths in milliseconds.
    pub windows_ms: Vec<u32>,
    /// Time between two decisions in milliseconds, as the application asks for it.
    pub hop_ms: u32,
    /// Epochs of training.
    pub epochs: Vec<usize>,
    /// Bits of weights.
    pub bits: Vec<u8>,
    /// Whether contrastive pretraining may be used. It takes several times as long to train.
    pub slow_training: bool,
    /// Whether weights may lie in an external storage.
    pub paging: bool,
}

impl Default for Space {
    fn default() -> Self {
        Self {
            windows_ms: vec![3000, 5000, 10_000],
            hop_ms: 1000,
            epochs: vec![25],
            bits: vec![8, 4],
            slow_training: false,
            paging: false,
        }
    }
}

fn pick<T: Copy>(from: &[T], otherwise: T, rng: &mut impl Rng) -> T {
    from.choose(rng).copied().unwrap_or(otherwise)
}

/// Returns the value `steps` further in a rising list, starting from the one nearest to `value`.
fn move_in(list: &[usize], value: usize, steps: isize) -> usize {
    let nearest = (0..list.len())
        .min_by_key(|&i| list[i].abs_diff(value))
        .expect("lists of choices are not empty");
    let last = list.len().saturating_sub(1);
    let to = nearest.saturating_add_signed(steps).min(last);
    list[to]
}

impl Space {
    /// Draws a candidate at random. It may be impossible.
    pub fn sample(&self, rng: &mut impl Rng) -> Candidate {
        let count = rng.random_range(2..=4);
        let mut channels = pick(&CHANNELS[..6], 8, rng);
        let blocks = (0..count)
            .map(|i| {
                if i > 0 {
                    channels = move_in(&CHANNELS, channels, pick(&[0, 1, 2, 3], 1, rng));
                }
                Block {
                    separable: i > 0 && rng.random_bool(0.7),
                    channels,
                    kernel: pick(&KERNELS, 5, rng),
                    stride: if i < 2 && rng.random_bool(0.75) { 2 } else { 1 },
                    dilation: 1,
                }
            })
            .collect();
        let stream = rng.random_bool(0.7);
        let train = match stream && rng.random_bool(0.7) {
            true => Train::Stream,
            false => Train::Windows,
        };
        let mut candidate = Candidate {
            window_ms: match train {
                Train::Windows => pick(&self.windows_ms, 3000, rng),
                _ => 0,
            },
            train,
            hop_ms: self.hop_ms,
            cnn: Cnn {
                padding: padding(!stream && rng.random_bool(0.5)),
                blocks,
                nonlinearity: Nonlinearity::Relu,
            },
            epochs: pick(&self.epochs, 25, rng),
            contrastive: 0,
            pca: 0,
            prune: 0,
            qat: 0,
            bits: 8,
            stream,
            dwell_ms: 0,
            weight_milli: 0,
            speed_milli: 0,
            lazy: !stream && rng.random_bool(0.2),
            page: 0,
        };
        if rng.random_bool(0.4) {
            self.change_compression(&mut candidate, rng);
        }
        candidate
    }

    /// Draws a candidate one or two steps away from `parent`. It may be impossible.
    pub fn mutate(&self, parent: &Candidate, rng: &mut impl Rng) -> Candidate {
        let mut candidate = parent.clone();
        for _ in 0..rng.random_range(1..=2) {
            match rng.random_range(0..10) {
                0..=5 => change_network(&mut candidate, rng),
                6 if candidate.train == Train::Windows => {
                    candidate.window_ms = pick(&self.windows_ms, candidate.window_ms, rng);
                }
                6 => {
                    candidate.train = match candidate.train {
                        Train::Stream => Train::PooledStream,
                        _ => Train::Stream,
                    };
                }
                7 if candidate.train != Train::Windows => {
                    candidate.train = Train::Windows;
                    (candidate.dwell_ms, candidate.weight_milli) = (0, 0);
                    candidate.window_ms = pick(&self.windows_ms, 3000, rng);
                }
                7 if candidate.stream && rng.random_bool(0.5) => {
                    candidate.train = Train::Stream;
                    candidate.window_ms = 0;
                }
                7 => {
                    candidate.stream = !candidate.stream;
                    candidate.cnn.padding = padding(!candidate.stream && rng.random_bool(0.5));
                    candidate.lazy &= !candidate.stream;
                }
                8 => candidate.epochs = pick(&self.epochs, candidate.epochs, rng),
                _ => self.change_compression(&mut candidate, rng),
            }
        }
        candidate
    }

    fn change_compression(&self, candidate: &mut Candidate, rng: &mut impl Rng) {
        match rng.random_range(0..6) {
            0 | 1 => candidate.qat = pick(&[0, 5, 8], 0, rng),
            2 => candidate.prune = pick(&[0, 30, 50], 0, rng),
            3 => candidate.bits = pick(&self.bits, 8, rng),
            4 if self.slow_training => candidate.contrastive = pick(&[0, 30], 0, rng),
            5 if self.paging => candidate.page = pick(&[0, 512, 1024], 0, rng),
            _ => candidate.lazy = !candidate.stream && !candidate.lazy,
        }
    }
}

fn padding(same: bool) -> Padding {
    match same {
        true => Padding::Same,
        false => Padding::Valid,
    }
}

fn change_network(candidate: &mut Candidate, rng: &mut impl Rng) {
    let count = candidate.cnn.blocks.len();
    if count == 0 {
        return;
    }
    let at = rng.random_range(0..count);
    match rng.random_range(0..8) {
        0 if count < MOST_BLOCKS => {
            if let Some(&block) = candidate.cnn.blocks.get(at) {
                let new = Block {
                    stride: 1,
                    separable: true,
                    ..block
                };
                candidate.cnn.blocks.insert(at + 1, new);
            }
        }
        1 if count > 1 => {
            candidate.cnn.blocks.remove(at);
        }
        what => {
            let Some(block) = candidate.cnn.blocks.get_mut(at) else {
                return;
            };
            match what {
                2 => block.stride = 3 - block.stride.clamp(1, 2),
                3 => block.separable = at > 0 && !block.separable,
                4 => block.kernel = move_in(&KERNELS, block.kernel, pick(&[-1, 1], 1, rng)),
                _ => {
                    block.channels =
                        move_in(&CHANNELS, block.channels, pick(&[-2, -1, 1, 2], 1, rng))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use std::collections::BTreeSet;

    #[test]
    fn every_candidate_reads_back_and_stays_within_the_choices() {
        let space = Space::default();
        let mut rng = StdRng::seed_from_u64(7);
        let mut seen = BTreeSet::new();
        let mut candidate = space.sample(&mut rng);
        for i in 0..500 {
            candidate = match i % 3 {
                0 => space.sample(&mut rng),
                _ => space.mutate(&candidate, &mut rng),
            };
            assert_eq!(
                candidate.to_string().parse::<Candidate>().unwrap(),
                candidate
            );
            let own = candidate.train != Train::Windows;
            assert!(own == (candidate.window_ms == 0));
            assert!(own || space.windows_ms.contains(&candidate.window_ms));
            assert!((1..=MOST_BLOCKS).contains(&candidate.cnn.blocks.len()));
            let padded = candidate.cnn.padding == Padding::Same;
            assert!(
                !(candidate.stream && (candidate.lazy || padded)),
                "{candidate}"
            );
            assert!(
                candidate.contrastive == 0
                    && candidate.page == 0
                    && [4, 8].contains(&candidate.bits)
            );
            seen.insert(candidate.clone());
        }
        assert!(seen.len() > 400, "{} different ones", seen.len());
    }

    #[test]
    fn steps_in_a_list_stop_at_its_ends() {
        assert_eq!(move_in(&CHANNELS, 8, 1), 12);
        assert_eq!(move_in(&CHANNELS, 9, -5), 4);
        assert_eq!(move_in(&CHANNELS, 128, 2), 128);
    }
}
