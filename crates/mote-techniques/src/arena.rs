//! Lifetime-planned memory: one static arena instead of a heap.
//!
//! The baseline boxes every layer on a heap, copies the model's constants to RAM and keeps one buffer per
//! tensor for the whole run. With this technique the engine's interpreter reads the constants in flash, and
//! tensors live only from their producer to their last consumer, overlaid in one arena whose size is a constant
//! of the image. The planner says whether the arena is provably the smallest (`mote_model::plan`). After
//! Katsaragakis et al. (ISCAS 2020), who move Python objects between static and dynamic memory.

use crate::{Artifact, Change, Context, Error, Kind, Options, Technique};
use mote_model::codegen::Flavour;
use mote_model::{Strategy, plan};

/// See the [module's description](self).
pub struct Arena;

impl Technique for Arena {
    fn name(&self) -> &'static str {
        "arena"
    }

    fn kind(&self) -> Kind {
        Kind::System
    }

    fn summary(&self) -> &'static str {
        "one static arena planned by lifetimes instead of boxed layers and a buffer per tensor on a heap"
    }

    fn apply(&self, artifact: &mut Artifact, _: &Options, _: &Context) -> Result<Change, Error> {
        if artifact.flavour != Flavour::Boxed {
            return Err(Error::Impossible {
                technique: self.name(),
                why: "the pipeline has no heap any more; name it once, before `flatten`".into(),
            });
        }
        artifact.flavour = Flavour::Interpreter;
        let every = plan(&artifact.graph, Strategy::KeepAll)?;
        let overlaid = plan(&artifact.graph, Strategy::InPlace)?;
        let proof = if overlaid.optimal {
            "provably the least"
        } else {
            "not proven the least"
        };
        Ok(Change {
            technique: self.name().to_owned(),
            lines: vec![format!(
                "tensors take {} bytes instead of {}, {proof}; at least {} are live at once",
                overlaid.arena, every.arena, overlaid.peak_lower_bound
            )],
        })
    }
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
        };
        let mut artifact = Artifact::baseline(graph);
        let change = Arena
            .apply(&mut artifact, &Options::default(), &context)
            .unwrap();
        // In place, four tensors of 32 bytes become one.
        assert!(
            change.lines[0].starts_with("tensors take 32 bytes instead of 128"),
            "{change:?}"
        );
        assert!(
            Arena
                .apply(&mut artifact, &Options::default(), &context)
                .is_err()
        );
    }
}
