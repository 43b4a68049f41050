//! The int8 network of an f32 network, given the range of every tensor.

use super::weights::{impossible, quantize_weights};
use crate::error::Error;
use mote_model::op::OutputGrid;
use mote_model::{Graph, Op, Quant};

/// Builds the int8 network of `graph` from each tensor's range; nodes in `few_bits` get weights of four bits.
pub(super) fn quantize(
    graph: &Graph,
    ranges: &[(f32, f32)],
    few_bits: &[bool],
) -> Result<Graph, Error> {
    let mut out = graph.clone();
    for (tensor, &(low, high)) in out.tensors.iter_mut().zip(ranges) {
        tensor.quant = Some(Quant::over(low, high));
    }
    for (index, node) in out.nodes.iter_mut().enumerate() {
        let bits = if few_bits.get(index) == Some(&true) {
            4
        } else {
            8
        };
        let input_quant = out.tensors[node.inputs[0]].quant;
        let input_quant = input_quant.expect("every tensor has a range");
        let output = &mut out.tensors[node.output];
        match &node.op {
            Op::Exit(_) => {
                return Err(impossible(
                    "an early exit is set on the network as it runs; name `int8` before `lazy`",
                ));
            }
            Op::History(_) | Op::WindowPool(_) | Op::Filter(_) => {
                return Err(impossible(format!(
                    "layer `{}` is of a stream already; quantize before",
                    node.name
                )));
            }
            Op::Quantize | Op::Dequantize => {
                return Err(impossible(format!(
                    "layer `{}` changes the element type already",
                    node.name
                )));
            }
            _ => {}
        }
        match node.op.output_grid() {
            OutputGrid::Own => {}
            OutputGrid::Input => output.quant = Some(input_quant),
            OutputGrid::Fixed(quant) => output.quant = Some(quant),
        }
        if let Some(weights) = node.op.weights_mut() {
            *weights = quantize_weights(weights, input_quant.scale, bits)?;
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_model::session::{self, Session};
    use mote_model::{LeakyRelu, Shape};

    #[test]
    fn a_leaky_relu_gets_a_grid_of_its_own() {
        let mut graph = Graph::new("leaky", Shape::new(4, 3));
        let leaky = LeakyRelu { alpha: 0.25 };
        graph.push("leaky", Op::LeakyRelu(leaky)).unwrap();
        let ranges = [(-2.0, 1.0), (-0.5, 1.0)];
        let quantized = quantize(&graph, &ranges, &[]).unwrap();
        let grids: Vec<_> = quantized.tensors.iter().map(|t| t.quant).collect();
        assert_eq!(
            grids,
            ranges.map(|(low, high)| Some(Quant::over(low, high)))
        );
        Session::new(&session::compile(&quantized).unwrap()).unwrap();
    }
}
