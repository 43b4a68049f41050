//! Lifetime-planned memory: one static arena instead of a heap.
//!
//! The baseline keeps one buffer per tensor for the whole run, on a heap. With this technique a tensor lives only from
//! its producer to its last consumer, and tensors share one static arena whose size is a constant of the image. The
//! planner says whether the arena is provably the smallest (`mote_model::plan`). After Katsaragakis et al. (ISCAS
//! 2020), who move Python objects between static and dynamic memory.

use crate::artifact::{Artifact, Context};
use crate::error::Error;
use crate::technique::{Change, Kind, Technique};
use mote_model::{ArenaLayout, Plan, Strategy, plan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One static arena planned by lifetimes instead of a buffer per tensor for the whole run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Arena {}

impl Technique for Arena {
    const NAME: &'static str = "arena";
    const KIND: Kind = Kind::System;

    fn apply(&self, artifact: &mut Artifact, _: &Context) -> Result<Change, Error> {
        Self::only_once(artifact.runtime.arena == ArenaLayout::Planned)?;
        artifact.runtime = artifact.runtime.planned();
        let graph = artifact.network()?;
        let every = plan(&graph, Strategy::KeepAll)?;
        let overlaid = artifact.runtime.plan(&graph)?;
        let proof = if overlaid.optimal {
            "provably the least"
        } else {
            "not proven the least"
        };
        let mut lines = vec![format!(
            "tensors take {} bytes instead of {}, {proof}; at least {} are live at once",
            overlaid.arena, every.arena, overlaid.peak_lower_bound
        )];
        lines.extend(picture(&graph, &overlaid));
        Ok(Change {
            technique: Self::NAME.to_owned(),
            lines,
        })
    }
}

/// Draws the plan as text, one line per tensor: its bytes in the arena, and the layers between which it lives.
fn picture(graph: &mote_model::Graph, plan: &Plan) -> Vec<String> {
    const WIDTH: usize = 32;
    let column = |byte: usize| (byte * WIDTH).div_ceil(plan.arena.max(1)).min(WIDTH);
    let name = |node: usize| graph.nodes[node].name.as_str();
    plan.rows()
        .iter()
        .map(|row| {
            let first = (row.offset * WIDTH / plan.arena.max(1)).min(WIDTH - 1);
            let end = column(row.offset + row.len).max(first + 1);
            format!(
                "[{}{}{}] bytes {} to {}, from `{}` to `{}`",
                " ".repeat(first),
                "#".repeat(end - first),
                " ".repeat(WIDTH - end),
                row.offset,
                row.offset + row.len,
                name(row.first),
                name(row.last)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_data::Windows;
    use mote_model::{Activation, Graph, Op, Shape};

    #[test]
    fn it_says_how_much_it_saves_and_goes_only_once() {
        let mut graph = Graph::new("chain", Shape::new(4, 2));
        for name in ["a", "b", "c"] {
            graph.push(name, Op::Activation(Activation::Relu)).unwrap();
        }
        let windows = Windows {
            time: 4,
            channels: 2,
            rate_hz: 20.0,
            hop: 2,
            x: Vec::new(),
            y: Vec::new(),
            users: Vec::new(),
            recordings: Vec::new(),
            labels: Vec::new(),
        };
        let context = Context {
            windows: &windows,
            train: &[],
            seed: 1,
            training: None,
        };
        let mut artifact = Artifact::baseline(graph);
        let change = Arena {}.apply(&mut artifact, &context).unwrap();
        // In place, four tensors of 32 bytes become one.
        assert!(
            change.lines[0].starts_with("tensors take 32 bytes instead of 128"),
            "{change:?}"
        );
        assert!(Arena {}.apply(&mut artifact, &context).is_err());
    }
}
