//! The loss of a filtered posterior, and its gradient.
//!
//! The filter is the forward algorithm of a hidden Markov model whose states are the activities: with log posterior `l`
//! after the step before, transitions `A` and logits `e`, `l <- log(A^T exp(l)) + s e`, normalised. The loss is the
//! cross-entropy of `l` at every step. The gradient goes back through all steps.

use super::{Gradient, StreamBatch};
use mote_model::Filter;

/// Probability to stay that the learnt transitions start from.
const STAY: f64 = 0.992;

/// Weight of the logits that the learnt weight starts from.
const WEIGHT: f64 = 0.2;

/// A filter as the parameters of the network describe it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Learnt {
    /// Probability of each change, `[from][to]`; rows sum to 1.
    pub transitions: Vec<f64>,
    /// Factor of the logits.
    pub weight: f64,
    classes: usize,
}

/// The gradient with respect to the parameters of the filter.
pub(super) struct FilterGradient {
    /// As the parameters.
    pub transitions: Vec<f32>,
    /// One value.
    pub weight: Vec<f32>,
}

impl Learnt {
    /// Builds the filter of parameters that are zero where they start: `transitions`, `[from][to]`, are added to the
    /// logits of the rows, and the weight is multiplied by the exponential of `weight`.
    pub fn new(transitions: &[f32], weight: &[f32], classes: usize) -> Self {
        let change = ((1.0 - STAY) / (classes.max(2) - 1) as f64).ln();
        let mut rows = Vec::with_capacity(classes * classes);
        for (from, row) in transitions.chunks_exact(classes).enumerate() {
            let start = |to: usize| if to == from { STAY.ln() } else { change };
            let logits = row
                .iter()
                .enumerate()
                .map(|(to, &t)| start(to) + f64::from(t));
            let logits: Vec<f64> = logits.collect();
            rows.extend(softmax(&logits));
        }
        let exponent = weight.first().copied().unwrap_or(0.0);
        Self {
            transitions: rows,
            weight: WEIGHT * f64::from(exponent).exp(),
            classes,
        }
    }
}

impl Learnt {
    /// Returns the filter as an operator: the cost of a change is its negative log probability.
    pub fn filter(&self) -> Filter {
        let cost = |&p: &f64| -(p.max(f64::MIN_POSITIVE).ln()) as f32;
        Filter {
            costs: self.transitions.iter().map(cost).collect(),
            weight: self.weight as f32,
            skip: None,
        }
    }
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exps: Vec<f64> = logits.iter().map(|l| (l - most).exp()).collect();
    let sum: f64 = exps.iter().sum();
    exps.into_iter().map(|e| e / sum).collect()
}

/// Returns the loss of `logits`, `[n][steps][classes]`, with its gradient. Targets are smoothed by `smoothing`.
pub(super) fn loss(
    batch: &StreamBatch,
    logits: &[f32],
    filter: &Learnt,
    smoothing: f32,
) -> Gradient {
    let classes = filter.classes;
    let rows = batch.classes.len();
    let share = 1.0 / rows.max(1) as f64;
    let smoothing = f64::from(smoothing);
    let smooth = smoothing / classes as f64;
    let mut total = 0.0;
    let mut by_logits = vec![0.0f32; logits.len()];
    let mut by_transitions = vec![0.0f64; classes * classes];
    let mut by_weight = 0.0f64;
    let streams = logits
        .chunks_exact(batch.steps * classes)
        .zip(batch.classes.chunks_exact(batch.steps))
        .zip(by_logits.chunks_exact_mut(batch.steps * classes));
    for ((logits, truth), by_logits) in streams {
        // Forward: the prior of each step, and the posterior after it.
        let mut priors = Vec::with_capacity(batch.steps * classes);
        let mut posteriors = Vec::with_capacity(batch.steps * classes);
        let mut posterior = vec![1.0 / classes as f64; classes];
        for (row, &class) in logits.chunks_exact(classes).zip(truth) {
            let prior: Vec<f64> = (0..classes)
                .map(|to| {
                    let from = posterior.iter().enumerate();
                    from.map(|(from, p)| p * filter.transitions[from * classes + to])
                        .sum()
                })
                .collect();
            let evidence = prior.iter().zip(row);
            let z: Vec<f64> = evidence
                .map(|(q, &e)| q.ln() + filter.weight * f64::from(e))
                .collect();
            let most = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let norm = most + z.iter().map(|z| (z - most).exp()).sum::<f64>().ln();
            posterior = z.iter().map(|z| (z - norm).exp()).collect();
            let all: f64 = z.iter().map(|z| z - norm).sum();
            total -= (1.0 - smoothing) * (z[class] - norm) + smooth * all;
            priors.extend(prior);
            posteriors.extend_from_slice(&posterior);
        }
        // Backward: `later` is the gradient with respect to the posterior by all later steps.
        let mut later = vec![0.0f64; classes];
        for step in (0..batch.steps).rev() {
            let at = step * classes;
            let p = &posteriors[at..at + classes];
            let q = &priors[at..at + classes];
            let mean: f64 = p.iter().zip(&later).map(|(p, g)| p * g).sum();
            let uniform = vec![1.0 / classes as f64; classes];
            let before = match at.checked_sub(classes) {
                Some(from) => &posteriors[from..at],
                None => &uniform,
            };
            let mut earlier = vec![0.0f64; classes];
            for to in 0..classes {
                let target = smooth
                    + if truth[step] == to {
                        1.0 - smoothing
                    } else {
                        0.0
                    };
                let by_z = share * (p[to] - target) + p[to] * (later[to] - mean);
                let e = f64::from(logits[at + to]);
                by_logits[at + to] = (filter.weight * by_z) as f32;
                by_weight += e * by_z;
                let by_q = by_z / q[to];
                for from in 0..classes {
                    let change = from * classes + to;
                    earlier[from] += filter.transitions[change] * by_q;
                    by_transitions[change] += before[from] * by_q;
                }
            }
            later = earlier;
        }
    }
    // From probabilities to the logits of each row, and from the weight to its exponent.
    let rows = filter.transitions.chunks_exact(classes);
    let gradients = by_transitions.chunks_exact(classes);
    let transitions = rows.zip(gradients).flat_map(|(a, g)| {
        let mean: f64 = a.iter().zip(g).map(|(a, g)| a * g).sum();
        a.iter()
            .zip(g)
            .map(move |(a, g)| (a * (g - mean)) as f32)
            .collect::<Vec<_>>()
    });
    Gradient {
        loss: (total * share) as f32,
        filter: Some(FilterGradient {
            transitions: transitions.collect(),
            weight: vec![(by_weight * filter.weight) as f32],
        }),
        logits: by_logits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    fn example(classes: usize, steps: usize, streams: usize) -> (StreamBatch, Vec<f32>) {
        let mut rng = SmallRng::seed_from_u64(7);
        let rows = streams * steps;
        let batch = StreamBatch {
            x: Vec::new(),
            classes: (0..rows).map(|i| (i / 4) % classes).collect(),
            since: (0..rows).map(|i| i % 4).collect(),
            steps,
            rate: 5.0,
        };
        let logits = (0..rows * classes)
            .map(|_| rng.random_range(-3.0..3.0))
            .collect();
        (batch, logits)
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let (batch, logits) = example(3, 9, 2);
        let theta: Vec<f32> = (0..9).map(|i| 0.3 * (i as f32 - 4.0)).collect();
        let weight = [0.4f32];
        let at = |theta: &[f32], weight: &[f32], logits: &[f32]| {
            loss(&batch, logits, &Learnt::new(theta, weight, 3), 0.05)
        };
        let g = at(&theta, &weight, &logits);
        let step = 1e-2f32;
        let slope = |change: &dyn Fn(f32) -> f32| (change(step) - change(-step)) / (2.0 * step);
        let close = |exact: f32, numeric: f32| {
            assert!(
                (exact - numeric).abs() < 2e-3 * (1.0 + exact.abs()),
                "{exact} {numeric}"
            );
        };
        for i in [0, 5, 13, 26, 40, 53] {
            let numeric = slope(&|d| {
                let mut logits = logits.clone();
                logits[i] += d;
                at(&theta, &weight, &logits).loss
            });
            close(g.logits[i], numeric);
        }
        let filter = g.filter.unwrap();
        for i in 0..9 {
            let numeric = slope(&|d| {
                let mut theta = theta.clone();
                theta[i] += d;
                at(&theta, &weight, &logits).loss
            });
            close(filter.transitions[i], numeric);
        }
        close(
            filter.weight[0],
            slope(&|d| at(&theta, &[weight[0] + d], &logits).loss),
        );
    }

    #[test]
    fn a_filter_at_its_start_stays_with_the_activity() {
        let filter = Learnt::new(&[0.0; 16], &[0.0], 4);
        for from in 0..4 {
            let row = &filter.transitions[from * 4..][..4];
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!((row[from] - 0.992).abs() < 1e-9);
        }
        assert_eq!(filter.weight, 0.2);
    }

    #[test]
    fn logits_that_are_always_right_cost_least() {
        let (batch, _) = example(3, 40, 1);
        let filter = Learnt::new(&[0.0; 9], &[0.0], 3);
        let logits = |right: f32| -> Vec<f32> {
            let row = |&class: &usize| (0..3).map(move |k| if k == class { right } else { 0.0 });
            batch.classes.iter().flat_map(row).collect()
        };
        let losses = [0.0, 4.0, 30.0].map(|right| loss(&batch, &logits(right), &filter, 0.0).loss);
        assert!((losses[0] - 3.0f32.ln()).abs() < 1e-5, "{losses:?}");
        assert!(losses[0] > losses[1] && losses[1] > losses[2], "{losses:?}");
    }
}
