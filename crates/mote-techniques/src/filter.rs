//! A filter over decisions.
//!
//! What a wearer does lasts. The filter keeps a level per activity, the logarithm of its probability; a step's evidence
//! raises some, and a change of activity has a cost, so that only evidence that lasts changes the decision. It is the
//! Viterbi recursion of a hidden Markov model whose states are the activities (Rabiner 1989, section III.B): additions
//! and maxima, some bytes of state. Training on streams learns the costs and the weight of the evidence with the network.

mod temperature;

use crate::artifact::{Artifact, Context};
use crate::error::Error;
use crate::technique::{Change, Kind, Technique};
use mote_model::Filter as Operator;
use mote_model::stream::{decides_per_step, total_stride};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Average time of one activity when none is given, in seconds.
const DWELL: f64 = 30.0;

/// Weight of a decision's scores when none is given.
const WEIGHT: f64 = 0.3;

/// A decision changes only for evidence that lasts: a filter over decisions, learnt with the network or fixed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Average time of one activity, in seconds. Without `dwell` and `weight`, the filter is the one that was learnt with
    /// the network; where none was, they are 30 s and 0.3.
    #[schemars(range(min = 0.1, max = 86400))]
    pub dwell: Option<f64>,
    /// Factor of a decision's scores: more decides faster, less decides steadier.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub weight: Option<f64>,
    /// Factor of the weight, learnt or given. The learnt filter decides as is likeliest; above 1 it follows a change earlier and
    /// leaves the right activity more often.
    #[schemars(range(min = 0.1, max = 10))]
    pub speed: Option<f64>,
    /// Whether scores become probabilities, by a softmax whose temperature is fitted on streams of the training users: so
    /// that firmware can say that it is not sure.
    pub confidence: bool,
}

impl Technique for Filter {
    const NAME: &'static str = "filter";
    const KIND: Kind = Kind::System;

    fn apply(&self, artifact: &mut Artifact, context: &Context) -> Result<Change, Error> {
        Self::only_once(artifact.filter.is_some())?;
        if artifact.graph.has_exits() {
            return Err(Self::impossible(
                "an early exit ends a run before the filter, which would miss that decision; use `lazy` or `filter`",
            ));
        }
        // A stream of a network that decides at every step feeds it all of them, however rarely decisions are read.
        let stride = total_stride(&artifact.graph);
        let hop = match artifact.stream {
            Some(_) if decides_per_step(&artifact.graph) => stride,
            Some(stream) => stream.hop,
            None => context.windows.hop,
        };
        let rate = f64::from(context.windows.rate_hz) / hop as f64;
        let learnt = match (self.dwell, self.weight, context.training) {
            (None, None, Some(training)) => {
                let trained = artifact.trained.as_ref().unwrap_or(training.trained);
                artifact.learnt_filter.as_ref().or(trained.filter.as_ref())
            }
            _ => None,
        };
        let (filter, line) = match learnt {
            Some(learnt) => {
                let filter = over_steps(learnt, (hop / stride).max(1));
                let line = format!(
                    "learnt with the network: scores weigh {:.2}, a change costs {:.1} on average",
                    filter.weight,
                    mean_change(&filter.costs)
                );
                (filter, line)
            }
            None => {
                let classes = artifact.graph.tensor(artifact.graph.output)?.shape.len();
                let dwell = self.dwell.unwrap_or(DWELL);
                let weight = self.weight.unwrap_or(WEIGHT);
                let filter = Operator::fixed(classes, dwell * rate, weight as f32);
                let line = format!(
                    "scores weigh {weight}, a change costs {:.1}, as for activities of {dwell} s",
                    mean_change(&filter.costs)
                );
                (filter, line)
            }
        };
        let speed = self.speed.unwrap_or(1.0);
        let filter = Operator {
            weight: filter.weight * speed as f32,
            ..filter
        };
        artifact.filter = Some(filter.clone());
        // Says now, with this technique's name, what would fail later.
        artifact.network()?;
        let mut lines = vec![line];
        if self.speed.is_some() {
            lines.push(format!(
                "scores weigh {speed} times as much, {:.2}",
                filter.weight
            ));
        }
        if self.confidence {
            let fit = temperature::fit(artifact, context).map_err(|e| match e {
                temperature::Refusal::NoStreams => Self::impossible(
                    "the temperature of probabilities is fitted on the recordings of training users, and this network \
                     came without any; leave `confidence` out",
                ),
                temperature::Refusal::Error(e) => e,
            })?;
            // All levels are divided by the temperature when costs and weight are.
            let cooled = |x: &f32| x / fit.temperature as f32;
            artifact.filter = Some(Operator {
                costs: filter.costs.iter().map(cooled).collect(),
                weight: cooled(&filter.weight),
                ..filter
            });
            artifact.confidence = true;
            artifact.network()?;
            lines.push(format!(
                "probabilities have the temperature {:.2}; expected calibration error on the {} training users {:.3}, \
                 with the temperature 1 {:.3}",
                fit.temperature,
                fit.users,
                fit.error,
                fit.error_before
            ));
        }
        Ok(Change {
            technique: Self::NAME.to_owned(),
            lines,
        })
    }
}

/// Returns the mean cost of changes to another activity.
fn mean_change(costs: &[f32]) -> f32 {
    let classes = costs.len().isqrt();
    let changes = costs
        .iter()
        .enumerate()
        .filter(|(i, _)| i % (classes + 1) != 0);
    let (sum, count) = changes.fold((0.0, 0), |(sum, n), (_, cost)| (sum + cost, n + 1));
    sum / count.max(1) as f32
}

/// Returns the filter for decisions that are `steps` of the learnt ones apart: the probabilities of a change within so
/// many steps, and evidence that stands for all of them.
fn over_steps(learnt: &Operator, steps: usize) -> Operator {
    let classes = learnt.costs.len().isqrt();
    let one: Vec<f64> = learnt
        .costs
        .iter()
        .map(|&c| (-f64::from(c)).exp())
        .collect();
    let mut all = one.clone();
    for _ in 1..steps {
        let cell = |i: usize| -> f64 {
            let (from, to) = (i / classes, i % classes);
            (0..classes)
                .map(|k| all[from * classes + k] * one[k * classes + to])
                .sum()
        };
        all = (0..all.len()).map(cell).collect();
    }
    Operator {
        costs: all.iter().map(|p| (-p.ln()).max(0.0) as f32).collect(),
        weight: learnt.weight * steps as f32,
        skip: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_for_rarer_decisions_expects_more_changes_between_them() {
        let learnt = Operator {
            costs: [0.9f32, 0.1, 0.2, 0.8].map(|p| -p.ln()).to_vec(),
            weight: 0.2,
            skip: None,
        };
        assert_eq!(over_steps(&learnt, 1).weight, 0.2);
        let two = over_steps(&learnt, 2);
        // .9 * .9 + .1 * .2 to stay with the first of two.
        let stay = (-two.costs[0]).exp();
        assert!((stay - 0.83).abs() < 1e-5, "{stay}");
        assert!((two.weight - 0.4).abs() < 1e-6);
        assert!((mean_change(&two.costs) - (0.17f32.ln() + 0.34f32.ln()) / -2.0).abs() < 1e-5);
    }
}
