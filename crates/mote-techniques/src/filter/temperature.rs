//! The temperature that makes probabilities of a filter's levels mean what they say.
//!
//! Training users' recordings are spliced into streams, as the evaluation does with those of test users, and the network
//! decides as it will on the device. The temperature is the one of least cross-entropy (Guo et al. 2017).

use crate::artifact::{Artifact, Context};
use crate::error::Error;
use mote_data::{Bouts, SequenceSpec, Spliced, sequence};
use mote_metrics::Calibration;
use mote_model::session::{Compiled, Scores, Session, compile};
use std::collections::BTreeSet;

/// Decisions that are looked at, of all users together: an hour or two.
const DECISIONS: usize = 20_000;

/// Temperatures that are tried: an int8 filter has room for costs up to 16 nats, and few steps in a small one.
const RANGE: [f64; 2] = [0.25, 16.0];

/// Costs that an int8 filter has room for, in nats.
const MOST_COST: f64 = 15.9;

/// The temperature, and what it is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    pub temperature: f64,
    /// Expected calibration error on the training users.
    pub error: f64,
    /// The same, with the temperature 1.
    pub error_before: f64,
    /// Number of users.
    pub users: usize,
}

/// Why there is no temperature.
pub(super) enum Refusal {
    /// There are no recordings to make streams of.
    NoStreams,
    Error(Error),
}

/// Levels of all classes in nats, and the true class.
type Example = (Vec<f32>, usize);

/// Fits the temperature of the levels that the network of `artifact`, with its filter, gives on training users' streams.
pub(super) fn fit(artifact: &Artifact, context: &Context) -> Result<Fit, Refusal> {
    let training = context.training.ok_or(Refusal::NoStreams)?;
    let windows = context.windows;
    let users: BTreeSet<u32> = context
        .train
        .iter()
        .filter_map(|&n| windows.users.get(n).copied())
        .collect();
    let spec = SequenceSpec {
        bouts: Bouts::QUOTED,
        fade: 0.5,
        seed: context.seed,
    };
    let network = artifact.network().map_err(Refusal::Error)?;
    let compiled = compile(&network).map_err(|e| Refusal::Error(e.into()))?;
    let each = DECISIONS / users.len().max(1);
    let mut examples: Vec<Example> = Vec::new();
    for &user in &users {
        let rate_hz = f64::from(windows.rate_hz);
        let stream = sequence(
            training.job.stretches,
            user,
            windows.channels,
            rate_hz,
            &spec,
        );
        let found = decide(&compiled, windows.hop, &stream, each);
        examples.extend(found.map_err(|e| Refusal::Error(e.into()))?);
    }
    if examples.is_empty() {
        return Err(Refusal::NoStreams);
    }
    let dearest = artifact.filter.iter().flat_map(|filter| &filter.costs);
    let dearest = dearest.fold(0.0f64, |most, &cost| most.max(f64::from(cost)));
    let least = RANGE[0].max(dearest / MOST_COST).min(1.0);
    let temperature = least_cross_entropy(&examples, [least, RANGE[1]]);
    let error = |temperature: f64| {
        let mut calibration = Calibration::default();
        for (levels, class) in &examples {
            let (best, p) = most_likely(levels, temperature);
            calibration.add(p, best == *class);
        }
        calibration.expected_error().expect("there are examples")
    };
    Ok(Fit {
        temperature,
        error: error(temperature),
        error_before: error(1.0),
        users: users.len(),
    })
}

/// Runs the network over `stream` from a fresh state, for at most `count` decisions; windows are `hop` samples apart.
fn decide(
    compiled: &Compiled,
    hop: usize,
    stream: &Spliced,
    count: usize,
) -> Result<Vec<Example>, mote_model::Error> {
    let mut session = Session::new(compiled)?;
    let decisions = session.decisions(&stream.x, hop).take(count);
    let example = |decision| {
        let (sample, scores): (usize, Scores) = decision?;
        Ok((compiled.reals(&scores), stream.classes[sample]))
    };
    decisions.map(example).collect()
}

/// Returns the temperature of least mean cross-entropy. That has one minimum over the inverse of the temperature.
fn least_cross_entropy(examples: &[Example], [least, most]: [f64; 2]) -> f64 {
    let loss = |inverse: f64| -> f64 {
        let each = examples.iter().map(|(levels, class)| {
            let of = |&level: &f32| f64::from(level) * inverse;
            let sum: f64 = levels.iter().map(|level| of(level).exp()).sum();
            sum.ln() - levels.get(*class).map_or(0.0, of)
        });
        each.sum()
    };
    let (mut low, mut high) = (1.0 / most, 1.0 / least);
    for _ in 0..40 {
        let third = (high - low) / 3.0;
        match loss(low + third) < loss(high - third) {
            true => high -= third,
            false => low += third,
        }
    }
    2.0 / (low + high)
}

/// Returns the likeliest class of `levels`, which are 0 or less, and its probability.
fn most_likely(levels: &[f32], temperature: f64) -> (usize, f64) {
    let weights: Vec<f64> = levels
        .iter()
        .map(|&level| (f64::from(level) / temperature).exp())
        .collect();
    let best = mote::kernels::argmax(levels);
    let sum: f64 = weights.iter().sum();
    (best, weights.get(best).map_or(0.0, |w| w / sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temperature_makes_confidence_accuracy() {
        // Levels say e^-4, 2 %, for the other class; it is right in every fourth case: 1 / (1 + e^(-4 / T)) = .75.
        let examples: Vec<Example> = (0..400)
            .map(|i| (vec![0.0, -4.0], usize::from(i % 4 == 0)))
            .collect();
        let temperature = least_cross_entropy(&examples, RANGE);
        assert!(
            (temperature - 4.0 / 3f64.ln()).abs() < 1e-3,
            "{temperature}"
        );
        let (best, p) = most_likely(&[0.0, -4.0], temperature);
        assert_eq!(best, 0);
        assert!((p - 0.75).abs() < 1e-4, "{p}");
        // All right: as cold as is allowed.
        let right: Vec<Example> = (0..9).map(|_| (vec![0.0, -4.0], 0)).collect();
        assert!((least_cross_entropy(&right, [0.5, 16.0]) - 0.5).abs() < 1e-3);
    }
}
