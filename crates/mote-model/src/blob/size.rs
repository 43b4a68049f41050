//! What a network takes in flash before it is quantized, or even trained.

use super::to_words;
use crate::op::Grids;
use crate::{Error, Graph, Quant, Strategy, Weights, plan};

/// Bytes of the model of `graph`, an f32 network, once it is quantized with eight bits for all weights. Only shapes
/// count, and whether there is a front end; not what the weights are.
///
/// # Errors
/// As [`to_words`].
pub fn int8_bytes(graph: &Graph) -> Result<usize, Error> {
    let mut graph = graph.clone();
    for tensor in &mut graph.tensors {
        let (scale, zero_point) = (1.0, 0);
        tensor.quant = Some(Quant { scale, zero_point });
    }
    for node in &mut graph.nodes {
        if let Grids::Fixed(grid) = node.op.with(|op| op.grids())
            && let Some(output) = graph.tensors.get_mut(node.output)
        {
            output.quant = Some(grid);
        }
        if let Some(weights) = node.op.weights_mut()
            && let Weights::F32 { weights: w, bias } = weights
        {
            *weights = Weights::I8 {
                weights: vec![0; w.len()],
                bits: 8,
                scales: vec![0.5; bias.len()],
                bias: vec![0; bias.len()],
            };
        }
    }
    Ok(4 * to_words(&graph, &plan(&graph, Strategy::Lifetimes)?)?.len())
}
