//! What a network costs.

use crate::Error;
use crate::export;
use crate::network::{Network, Snapshot};
use mote_model::Frontend;
use mote_model::blob::int8_bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The cost that a share refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cost {
    /// Multiply-accumulates per inference.
    Mac,
    /// Weights and biases of the network with norms folded in.
    Parameters,
    /// Bytes of the model once `int8` has quantized it.
    Bytes,
}

impl Cost {
    /// Returns what `network` costs.
    pub(super) fn of(self, network: &Network) -> Result<usize, Error> {
        let (cnn, input, classes) = (&network.cnn, network.input, network.classes);
        match self {
            Cost::Mac => Ok(cnn.macs(input, classes)?),
            Cost::Parameters => Ok(cnn.parameters(input, classes)?),
            Cost::Bytes => bytes(network),
        }
    }
}

/// Returns the bytes of the int8 model of `network`.
fn bytes(network: &Network) -> Result<usize, Error> {
    let snapshot = Snapshot {
        values: vec![0.0; network.params.len()],
        running: network.initial_statistics(),
    };
    let mut graph = export::graph("cnn", network, &snapshot)?;
    let channels = network.input.channels;
    graph.frontend = Some(Frontend {
        offset: vec![0; channels],
        scale: vec![1.0; channels],
    });
    Ok(int8_bytes(&graph)?)
}
