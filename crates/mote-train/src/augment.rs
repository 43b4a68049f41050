//! Random changes of windows that keep their activity: other amplitudes, orientations, tempi and noise.
//!
//! After Um et al. 2017 (arXiv 1706.00527), who introduced these for wearable sensors.

use crate::config::Augmentation;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// Knots of the random speed curve of a time warp.
const WARP_KNOTS: usize = 4;

/// Slowest relative speed of a time warp.
const SLOWEST: f32 = 0.25;

impl Augmentation {
    /// Changes one window of sensor counts, `[time][channels]`, before it is normalised.
    pub(crate) fn change_counts(&self, x: &mut [f32], channels: usize, rng: &mut impl Rng) {
        if self.time_warp > 0.0 {
            warp(x, channels, self.time_warp, rng);
        }
        if self.rotation > 0.0 && channels.is_multiple_of(3) {
            rotate(x, channels, self.rotation, rng);
        }
        if self.mirror != [0.0; 3] && channels.is_multiple_of(3) {
            mirror(x, channels, self.mirror, rng);
        }
        if self.scaling > 0.0 {
            let factors: Vec<f32> = (0..channels)
                .map(|_| 1.0 + self.scaling * normal(rng))
                .collect();
            for row in x.chunks_exact_mut(channels) {
                for (x, factor) in row.iter_mut().zip(&factors) {
                    *x *= factor;
                }
            }
        }
    }

    /// Adds noise to one normalised window.
    pub(crate) fn change_normalised(&self, x: &mut [f32], rng: &mut impl Rng) {
        if self.jitter > 0.0 {
            for x in x {
                *x += self.jitter * normal(rng);
            }
        }
    }
}

fn normal(rng: &mut impl Rng) -> f32 {
    StandardNormal.sample(rng)
}

/// Rotates every triple of channels about one random axis, by an angle of deviation `std`.
fn rotate(x: &mut [f32], channels: usize, std: f32, rng: &mut impl Rng) {
    let axis = [normal(rng), normal(rng), normal(rng)];
    let norm = axis.iter().map(|a| a * a).sum::<f32>().sqrt();
    if norm < 1e-6 {
        return;
    }
    let [a, b, c] = axis.map(|a| a / norm);
    let (sin, cos) = (std * normal(rng)).sin_cos();
    let k = 1.0 - cos;
    // Rodrigues' formula.
    let m = [
        [cos + a * a * k, a * b * k - c * sin, a * c * k + b * sin],
        [b * a * k + c * sin, cos + b * b * k, b * c * k - a * sin],
        [c * a * k - b * sin, c * b * k + a * sin, cos + c * c * k],
    ];
    for row in x.chunks_exact_mut(channels) {
        for v in row.chunks_exact_mut(3) {
            if let [x, y, z] = v {
                let r = m.map(|m| m[0] * *x + m[1] * *y + m[2] * *z);
                [*x, *y, *z] = r;
            }
        }
    }
}

/// Turns the sign of channels, those of each axis with its probability.
fn mirror(x: &mut [f32], channels: usize, probabilities: [f32; 3], rng: &mut impl Rng) {
    for (channel, probability) in (0..channels).zip(probabilities.into_iter().cycle()) {
        if rng.random::<f32>() < probability {
            for x in x.iter_mut().skip(channel).step_by(channels) {
                *x = -*x;
            }
        }
    }
}

/// Resamples along a random, increasing time curve that stays inside the window.
fn warp(x: &mut [f32], channels: usize, std: f32, rng: &mut impl Rng) {
    let time = x.len() / channels;
    if time < 2 {
        return;
    }
    let knots: [f32; WARP_KNOTS] = std::array::from_fn(|_| (1.0 + std * normal(rng)).max(SLOWEST));
    let mut position = 0.0;
    let mut positions = Vec::with_capacity(time);
    for t in 0..time {
        positions.push(position);
        let at = t as f32 * (WARP_KNOTS - 1) as f32 / (time - 1) as f32;
        let left = (at as usize).min(WARP_KNOTS - 2);
        let share = at - left as f32;
        position += knots[left] * (1.0 - share) + knots[left + 1] * share;
    }
    let last = (time - 1) as f32;
    let end = positions[time - 1];
    // A fast curve is slowed down to fit; a slow one shows a part of the window, from a random start.
    let (speed, start) = if end > last {
        (last / end, 0.0)
    } else {
        (1.0, rng.random::<f32>() * (last - end))
    };
    let source = x.to_vec();
    for (row, position) in x.chunks_exact_mut(channels).zip(positions) {
        let at = start + position * speed;
        let left = (at as usize).min(time - 2);
        let share = (at - left as f32).clamp(0.0, 1.0);
        let pair = source[left * channels..].split_at(channels);
        for ((x, a), b) in row.iter_mut().zip(pair.0).zip(pair.1) {
            *x = a * (1.0 - share) + b * share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    fn sine() -> Vec<f32> {
        (0..60)
            .flat_map(|t| [(t as f32 * 0.3).sin() * 1000.0, 4096.0, t as f32])
            .collect()
    }

    #[test]
    fn nothing_changes_when_off() {
        let mut x = sine();
        let mut rng = SmallRng::seed_from_u64(1);
        Augmentation::NONE.change_counts(&mut x, 3, &mut rng);
        Augmentation::NONE.change_normalised(&mut x, &mut rng);
        assert_eq!(x, sine());
    }

    #[test]
    fn rotation_keeps_lengths() {
        let mut x = sine();
        rotate(&mut x, 3, 1.0, &mut SmallRng::seed_from_u64(2));
        assert_ne!(x, sine());
        for (a, b) in x.chunks(3).zip(sine().chunks(3)) {
            let length = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
            assert!((length(a) - length(b)).abs() < 0.1);
        }
    }

    #[test]
    fn mirrors_turn_whole_channels() {
        let mut rng = SmallRng::seed_from_u64(3);
        let mut turned = 0;
        for _ in 0..400 {
            let mut x = sine();
            mirror(&mut x, 3, [0.25; 3], &mut rng);
            for channel in 0..3 {
                let sign = |(a, b): (&f32, &f32)| (a == b, *a == -b);
                let signs: Vec<_> = x
                    .iter()
                    .zip(&sine())
                    .skip(channel)
                    .step_by(3)
                    .map(sign)
                    .collect();
                let kept = signs.iter().all(|&(same, _)| same);
                assert!(kept || signs.iter().all(|&(_, other)| other));
                turned += usize::from(!kept);
            }
        }
        assert!((240..360).contains(&turned), "{turned} of 1,200");
    }

    #[test]
    fn warp_keeps_order_range_and_length() {
        for seed in 0..50 {
            let mut x = sine();
            warp(&mut x, 3, 0.5, &mut SmallRng::seed_from_u64(seed));
            let clock: Vec<f32> = x.iter().skip(2).step_by(3).copied().collect();
            assert_eq!(clock.len(), 60);
            assert!(
                clock.windows(2).all(|w| w[0] < w[1]),
                "seed {seed}: {clock:?}"
            );
            assert!(clock[0] >= 0.0 && clock[59] <= 59.0 + 1e-3, "seed {seed}");
            assert!(
                x.iter()
                    .skip(1)
                    .step_by(3)
                    .all(|&g| (g - 4096.0).abs() < 0.1)
            );
        }
    }

    #[test]
    fn jitter_has_the_given_deviation() {
        let mut x = vec![0.0; 20_000];
        let jitter = Augmentation {
            jitter: 0.5,
            ..Augmentation::NONE
        };
        jitter.change_normalised(&mut x, &mut SmallRng::seed_from_u64(3));
        let var = x.iter().map(|x| x * x).sum::<f32>() / x.len() as f32;
        assert!((var.sqrt() - 0.5).abs() < 0.02, "{var}");
    }
}
