//! Clips outlying weights, so that int8 spends its steps on the many instead of the few.

use mote_model::{Op, Weights};
use mote_techniques::{Artifact, Change, Context, Error, Kind, Technique};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Weights further from zero than a few root mean squares are clipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Clip {
    /// Root mean squares of a layer's weights at which they are clipped.
    #[schemars(range(min = 1, max = 100))]
    pub at: f32,
}

impl Default for Clip {
    fn default() -> Self {
        Self { at: 4.0 }
    }
}

impl Technique for Clip {
    const NAME: &'static str = "clip";
    const KIND: Kind = Kind::Model;

    fn apply(&self, artifact: &mut Artifact, _: &Context) -> Result<Change, Error> {
        let mut clipped = 0;
        for node in &mut artifact.graph.nodes {
            let weights = match &mut node.op {
                Op::Conv1d(conv) => &mut conv.weights,
                Op::Dense(dense) => &mut dense.weights,
                _ => continue,
            };
            let Weights::F32 { weights, .. } = weights else {
                return Err(Self::impossible(format!(
                    "layer `{}` is int8 already; name it before `int8`",
                    node.name
                )));
            };
            let squares: f32 = weights.iter().map(|w| w * w).sum();
            let limit = self.at * (squares / weights.len().max(1) as f32).sqrt();
            clipped += weights.iter().filter(|w| w.abs() > limit).count();
            weights.iter_mut().for_each(|w| *w = w.clamp(-limit, limit));
        }
        Ok(Change {
            technique: Self::NAME.to_owned(),
            lines: vec![format!("{clipped} weights clipped")],
        })
    }
}
