//! The choice of layers whose weights take four bits.

use super::quantize::quantize;
use super::sqnr;
use crate::artifact::Context;
use crate::error::Error;
use mote::format::MAX_TAPS_I4;
use mote_model::{Graph, Node, Op, Weights};

/// Most windows on which sensitivities are measured.
const WINDOWS: usize = 128;

/// Returns whether the engine can run `op` with weights of four bits.
pub(super) fn fits_four_bits(op: &Op) -> bool {
    let groups = match op {
        Op::Conv1d(conv) => conv.groups,
        _ => 1,
    };
    op.weights().is_some_and(|weights| match weights {
        Weights::F32 { weights, bias } => groups == 1 && weights.len() <= MAX_TAPS_I4 * bias.len(),
        Weights::I8 { .. } => false,
    })
}

/// Counts the weights of a node, without biases.
fn count(op: &Op) -> usize {
    op.weights().map_or(0, |w| match w {
        Weights::F32 { weights, .. } => weights.len(),
        Weights::I8 { weights, .. } => weights.len(),
    })
}

/// Counts the bytes of the weights when those of the nodes in `few_bits` take four bits, and the others eight.
pub(super) fn weight_bytes(graph: &Graph, few_bits: &[bool]) -> usize {
    let nodes = graph.nodes.iter().enumerate();
    nodes
        .map(|(i, node)| match few_bits.get(i) {
            Some(true) => count(&node.op).div_ceil(2),
            _ => count(&node.op),
        })
        .sum()
}

/// Returns for each node that can take four bits how much that adds to the noise of the scores, relative to their
/// power, when all other nodes have eight bits.
///
/// # Errors
/// Those of quantizing and running.
pub(super) fn losses(
    graph: &Graph,
    ranges: &[(f32, f32)],
    context: &Context,
    windows: &[usize],
) -> Result<Vec<Option<f64>>, Error> {
    let some: Vec<usize> = {
        let step = windows.len().div_ceil(WINDOWS).max(1);
        windows.iter().copied().step_by(step).collect()
    };
    // The scores are taken before a softmax, which hides changes of clear decisions.
    let weighted = |n: &&Node| n.op.weights().is_some();
    let scores = graph.nodes.iter().rfind(weighted).map(|n| n.output);
    let noise = |few_bits: &[bool]| -> Result<f64, Error> {
        let quantized = quantize(graph, ranges, few_bits)?;
        let ratios = sqnr::sqnr(graph, &quantized, context, &some)?;
        let ratio = scores.and_then(|t| ratios.get(t)).copied();
        Ok(10f64.powf(-ratio.unwrap_or(f64::INFINITY) / 10.0))
    };
    let least = noise(&[])?;
    let mut losses = Vec::new();
    for (i, node) in graph.nodes.iter().enumerate() {
        losses.push(if fits_four_bits(&node.op) {
            let alone: Vec<bool> = (0..=i).map(|n| n == i).collect();
            Some(noise(&alone)? - least)
        } else {
            None
        });
    }
    Ok(losses)
}

/// Chooses the nodes that take four bits so that `share` of the bytes of weights is saved: those of least loss per
/// byte.
///
/// # Errors
/// Says what can be saved at most.
pub(super) fn choose(
    graph: &Graph,
    losses: &[Option<f64>],
    share: f64,
) -> Result<Vec<bool>, String> {
    let total = weight_bytes(graph, &[]);
    let mut few_bits = vec![false; graph.nodes.len()];
    let mut order: Vec<(usize, f64)> = graph
        .nodes
        .iter()
        .zip(losses)
        .enumerate()
        .filter_map(|(i, (node, loss))| Some((i, (*loss)? / count(&node.op).max(1) as f64)))
        .collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut left = order.into_iter();
    loop {
        let saved = 1.0 - weight_bytes(graph, &few_bits) as f64 / total.max(1) as f64;
        if saved >= share {
            return Ok(few_bits);
        }
        match left.next().and_then(|(i, _)| few_bits.get_mut(i)) {
            Some(few) => *few = true,
            None => {
                return Err(format!(
                    "four bits wherever they fit save {:.1} % of the weights' bytes, not {:.1} %; ask for less",
                    100.0 * saved,
                    100.0 * share
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_network as tests;
    use super::*;

    #[test]
    fn layers_of_least_loss_per_byte_come_first_until_the_share_is_saved() {
        let graph = tests::network();
        let total = weight_bytes(&graph, &[]);
        let counts: Vec<usize> = graph.nodes.iter().map(|n| count(&n.op)).collect();
        // The largest layer loses most in all, but least per byte; the depthwise one cannot.
        let loss = |n: &Node| {
            let weight = match n.name.as_str() {
                "pointwise" => 0.5,
                "first" => 3.0,
                _ => 1.0,
            };
            fits_four_bits(&n.op).then(|| weight * count(&n.op) as f64)
        };
        let losses: Vec<Option<f64>> = graph.nodes.iter().map(loss).collect();
        let names = |share| -> Result<Vec<&str>, String> {
            let few_bits = choose(&graph, &losses, share)?;
            let chosen = graph.nodes.iter().zip(few_bits).filter(|(_, few)| *few);
            Ok(chosen.map(|(n, _)| n.name.as_str()).collect())
        };
        assert_eq!(names(0.01), Ok(vec!["pointwise"]));
        let both = (counts[2] / 2 + 1) as f64 / total as f64;
        assert_eq!(names(both), Ok(vec!["pointwise", "dense"]));
        let error = names(0.499).unwrap_err();
        assert!(error.contains("ask for less"), "{error}");
    }

    #[test]
    fn a_layer_whose_outputs_do_not_count_loses_nothing() {
        let (mut graph, windows) = (tests::network(), tests::windows());
        let all: Vec<usize> = (0..windows.len()).collect();
        let context = tests::context(&windows, &all);
        let ranges = vec![(-4.0, 4.0); graph.tensors.len()];
        let hearing = losses(&graph, &ranges, &context, &all).unwrap();
        assert!(hearing[1].is_none(), "depthwise");
        for layer in [2, 4] {
            assert!(hearing[layer].unwrap() > 1e-6, "{hearing:?}");
        }
        // The dense layer listens to its bias only.
        if let Op::Dense(dense) = &mut graph.nodes[4].op
            && let Weights::F32 { weights, .. } = &mut dense.weights
        {
            weights.fill(0.0);
        }
        let deaf = losses(&graph, &ranges, &context, &all).unwrap();
        assert!(deaf[2].unwrap().abs() < 1e-9, "{deaf:?}");
    }
}
