//! The distance of each layer of the int8 network from that of the f32 network.

use crate::artifact::Context;
use crate::error::Error;
use mote_model::session::{self, Session};
use mote_model::{Graph, Node};

/// Returns the signal-to-quantization-noise ratio of every tensor of `quantized`, in dB: the power of the tensor in
/// `exact`, the same network in f32, over the power of the difference, on `windows`. It is infinite without a
/// difference.
///
/// # Errors
/// [`mote_model::Error::Engine`] when a window has the wrong length.
pub(super) fn sqnr(
    exact: &Graph,
    quantized: &Graph,
    context: &Context,
    windows: &[usize],
) -> Result<Vec<f64>, Error> {
    let (exact, compiled) = (session::compile(exact)?, session::compile(quantized)?);
    let (mut exact, mut rounded) = (Session::new(&exact)?, Session::new(&compiled)?);
    let mut wanted: Vec<Vec<f32>> = vec![Vec::new(); quantized.tensors.len()];
    let mut powers = vec![(0.0f64, 0.0f64); quantized.tensors.len()];
    for &n in windows {
        let window = context.windows.window(n);
        exact.run_observed(window, |tensor, values| {
            wanted[tensor] = values.to_vec();
        })?;
        rounded.run_observed(window, |tensor, values| {
            let (signal, noise) = &mut powers[tensor];
            for (&x, &y) in wanted[tensor].iter().zip(values) {
                *signal += f64::from(x).powi(2);
                *noise += f64::from(x - y).powi(2);
            }
        })?;
    }
    let ratio = |&(signal, noise): &(f64, f64)| 10.0 * (signal / noise).log10();
    Ok(powers.iter().map(ratio).collect())
}

/// Returns the node at which the ratio falls most between its inputs and its output, and by how much.
pub(super) fn steepest<'g>(graph: &'g Graph, ratios: &[f64]) -> Option<(&'g Node, f64)> {
    let of = |tensor: usize| ratios[tensor];
    let drops = graph.nodes.iter().map(|node| {
        let inputs = node.inputs.iter().map(|&i| of(i));
        (node, inputs.fold(f64::INFINITY, f64::min) - of(node.output))
    });
    drops
        .filter(|(_, drop)| drop.is_finite())
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Returns a line per layer with weights, and one that names the layer that loses most.
///
/// # Errors
/// As [`sqnr`].
pub(super) fn report(
    exact: &Graph,
    quantized: &Graph,
    context: &Context,
    windows: &[usize],
) -> Result<Vec<String>, Error> {
    let ratios = sqnr(exact, quantized, context, windows)?;
    let layers = quantized.nodes.iter();
    let mut lines: Vec<String> = layers
        .filter_map(|node| {
            let bits = node.op.weights()?.bits();
            let ratio = ratios[node.output];
            Some(format!(
                "`{}` {bits}-bit weights, signal to quantization noise {ratio:.1} dB",
                node.name
            ))
        })
        .collect();
    if let Some((node, drop)) = steepest(quantized, &ratios) {
        lines.push(format!("`{}` loses most: {drop:.1} dB", node.name));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::int8::quantize::quantize;
    use crate::int8::ranges::{Calibration, observe, range};
    use crate::int8::test_network as tests;
    use mote_model::{Op, Weights};

    #[test]
    fn a_damaged_layer_is_found() {
        let (graph, windows) = (tests::network(), tests::windows());
        let all: Vec<usize> = (0..windows.len()).collect();
        let context = tests::context(&windows, &all);
        let values = observe(&graph, &context, &all).unwrap();
        let ranges: Vec<_> = values
            .into_iter()
            .map(|v| range(v, Calibration::MinMax))
            .collect();
        let good = quantize(&graph, &ranges, &[]).unwrap();
        let ratios = sqnr(&graph, &good, &context, &all).unwrap();
        for node in &good.nodes {
            assert!(ratios[node.output] > 25.0, "{}: {ratios:?}", node.name);
        }
        for damaged in 0..good.nodes.len() {
            let mut bad = good.clone();
            let weights = match &mut bad.nodes[damaged].op {
                Op::Conv1d(conv) => &mut conv.weights,
                Op::Dense(dense) => &mut dense.weights,
                _ => continue,
            };
            if let Weights::I8 { weights, .. } = weights {
                weights.iter_mut().step_by(2).for_each(|w| *w /= 2);
            }
            let ratios = sqnr(&graph, &bad, &context, &all).unwrap();
            let (node, drop) = steepest(&bad, &ratios).unwrap();
            assert_eq!(node.name, good.nodes[damaged].name);
            assert!(drop > 10.0, "{drop}");
            let lines = report(&graph, &bad, &context, &all).unwrap();
            let last = lines.last().unwrap();
            assert!(
                last.contains(&node.name) && last.contains("loses most"),
                "{last}"
            );
        }
    }
}
