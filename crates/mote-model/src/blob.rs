//! Writes the engine's model format ([`mote::format`]).
//!
//! Everything that can be computed ahead of time is: quantized multipliers, clamps, biases with the input's
//! zero point folded in, weights in the order the kernels read them.

mod size;

pub use crate::op::output_grid;
pub use size::int8_bytes;

use crate::op::{Site, scale};
use crate::{Error, Graph, Node, Plan, Tensor};
use mote::format;
use mote::quant::Multiplier;

/// The model of `graph` with the arena laid out as `plan` says, as the bytes of a file.
///
/// # Errors
/// As [`to_words`].
pub fn to_blob(graph: &Graph, plan: &Plan) -> Result<Vec<u8>, Error> {
    let words = to_words(graph, plan)?;
    Ok(words.iter().flat_map(|w| w.to_le_bytes()).collect())
}

/// The model of `graph` with the arena laid out as `plan` says.
///
/// # Errors
/// When the graph is not valid, the plan is not one of this graph, or a value does not fit the format; the
/// message names layer and field.
pub fn to_words(graph: &Graph, plan: &Plan) -> Result<Vec<u32>, Error> {
    graph.validate()?;
    plan.check(graph)?;
    let network = |field, value: usize| byte(field, value, |what| Error::network(field, what));
    let mut words = vec![
        format::MAGIC,
        0,
        u32::from_le_bytes([
            format::VERSION,
            network("number of tensors", graph.tensors.len())?,
            network("number of nodes", graph.nodes.len())?,
            0,
        ]),
        u32::from_le_bytes([
            network("input", graph.input)?,
            network("output", graph.output)?,
            0,
            0,
        ]),
        (plan.arena / 4) as u32,
        scale(graph.tensor(graph.input)?).to_bits(),
        scale(graph.tensor(graph.output)?).to_bits(),
        0,
    ];
    for (id, (tensor, &offset)) in graph.tensors.iter().zip(&plan.offsets).enumerate() {
        words.extend(tensor_words(id, tensor, offset)?);
    }
    let first_node = words.len();
    let mut parameters = Vec::new();
    let first_parameter = first_node + graph.nodes.len() * format::NODE_WORDS;
    for node in &graph.nodes {
        let at = first_parameter + parameters.len();
        let (record, own) = node_words(graph, node)?;
        words.extend(record);
        words.push(at as u32);
        parameters.extend(own);
    }
    words.extend(parameters);
    if let Some(frontend) = frontend_words(graph)? {
        let at = words.len() as u32;
        if let Some(slot) = words.get_mut(7) {
            *slot = at;
        }
        words.extend(frontend);
    }
    let len = words.len() as u32 + 1;
    if let Some(slot) = words.get_mut(1) {
        *slot = len;
    }
    words.push(mote::crc32(&words));
    Ok(words)
}

/// `value` as a byte, or the error `error` makes of the reason.
fn byte(field: &str, value: usize, error: impl Fn(String) -> Error) -> Result<u8, Error> {
    u8::try_from(value).map_err(|_| error(format!("{field} {value}; the format allows up to 255")))
}

/// `value` as a halfword, or the error `error` makes of the reason.
fn half(field: &str, value: usize, error: impl Fn(String) -> Error) -> Result<u32, Error> {
    u16::try_from(value)
        .map(u32::from)
        .map_err(|_| error(format!("{field} {value}; the format allows up to 65535")))
}

fn tensor_words(id: usize, tensor: &Tensor, offset: usize) -> Result<[u32; 2], Error> {
    let error = |what| Error::network("tensors", format!("tensor {id}: {what}"));
    let time = half("time", tensor.shape.time, error)?;
    let channels = half("channels", tensor.shape.channels, error)?;
    let offset = half("arena word", offset / 4, error)?;
    let (elem, zero_point) = match tensor.quant {
        Some(q) => (format::ELEM_I8, q.zero_point),
        None => (format::ELEM_F32, 0),
    };
    let rest = offset | u32::from(elem) << 16 | u32::from(zero_point as u8) << 24;
    Ok([time | channels << 16, rest])
}

fn frontend_words(graph: &Graph) -> Result<Option<Vec<u32>>, Error> {
    let Some(frontend) = &graph.frontend else {
        return Ok(None);
    };
    let quant = graph.tensor(graph.input)?.quant;
    let channels = frontend.offset.iter().zip(&frontend.scale);
    Ok(Some(
        channels
            .flat_map(|(&offset, &scale)| {
                let offset = i32::from(offset) as u32;
                match quant {
                    Some(q) => {
                        let m = Multiplier::from_real(f64::from(scale) / f64::from(q.scale));
                        [offset, m.value as u32, m.exponent as u32]
                    }
                    None => [offset, scale.to_bits(), 0],
                }
            })
            .collect(),
    ))
}

/// Writes one node: all words of its record but the last, and its parameters.
fn node_words(
    graph: &Graph,
    node: &Node,
) -> Result<([u32; format::NODE_WORDS - 1], Vec<u32>), Error> {
    let (first, second) = (node.first_input(), node.second_input());
    let error = |what| Error::invalid(&node.name, "tensors", what);
    let tensors = [
        byte("input", first, error)?,
        byte("input", second, error)?,
        byte("output", node.output, error)?,
    ];
    let site = Site {
        node: &node.name,
        input: graph.tensor(first)?,
        second: graph.tensor(second)?,
        output: graph.tensor(node.output)?,
    };
    let encoded = node.op.with(|op| op.encode(&site))?;
    let [first, second, output] = tensors;
    let record = encoded
        .fields
        .to_words(u32::from_le_bytes([encoded.op, first, second, output]))
        .map_err(|(field, value, limit)| {
            let what = format!("{field} {value}; the format allows up to {limit}");
            site.error("geometry", what)
        })?;
    Ok((record, encoded.parameters))
}
