//! Static memory pruning: what does not contribute to the result is removed.
//!
//! The image registers only the operators in use, weights stay in flash instead of being copied to RAM, and class names
//! are not in the image. Layers that the output does not depend on are removed from the network, and so are channels
//! that are provably always zero, with every weight that reads them (`dead`). Scores stay bit for bit the same. After
//! the redundant-data removal of Katsaragakis et al. (J. Systems Architecture 142, 2023).

mod dead;

use crate::artifact::{Artifact, Context};
use crate::error::Error;
use crate::technique::{Change, Kind, Technique};
use mote_model::{Graph, Op, Operators, Weights};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Only what the result depends on: operators in use, live channels, constants left in flash, no labels.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StaticPruning {}

impl Technique for StaticPruning {
    const NAME: &'static str = "static-pruning";
    const KIND: Kind = Kind::System;

    fn apply(&self, artifact: &mut Artifact, _: &Context) -> Result<Change, Error> {
        Self::only_once(artifact.runtime.operators == Operators::Used)?;
        artifact.runtime = artifact.runtime.pruned();
        let before = weight_bytes(&artifact.graph);
        let labels: usize = artifact.graph.labels.iter().map(String::len).sum();
        let removed = dead::remove(&mut artifact.graph)?;
        let after = weight_bytes(&artifact.graph);
        let operators: BTreeSet<&str> = artifact.graph.nodes.iter().map(|n| n.op.name()).collect();
        Ok(Change {
            technique: Self::NAME.to_owned(),
            lines: vec![
                format!(
                    "{} kinds of operator are registered and linked: {}",
                    operators.len(),
                    operators.into_iter().collect::<Vec<_>>().join(", ")
                ),
                format!("{after} bytes of weights are read in flash, not copied to RAM"),
                format!(
                    "{} class names with {labels} bytes are out",
                    artifact.graph.labels.len()
                ),
                format!(
                    "{} layers and {} channels cannot change the result: {} bytes of weights are out",
                    removed.nodes,
                    removed.channels,
                    before - after
                ),
            ],
        })
    }
}

/// Counts the bytes of all weights and biases.
fn weight_bytes(graph: &Graph) -> usize {
    graph
        .nodes
        .iter()
        .filter_map(|n: &mote_model::Node| Op::weights(&n.op))
        .map(|w| match w {
            Weights::F32 { bias, .. } => w.bytes() + 4 * bias.len(),
            Weights::I8 { bias, .. } => w.bytes() + 4 * bias.len(),
        })
        .sum()
}
