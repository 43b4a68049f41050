//! Clips outlying weights, so that int8 spends its steps on the many instead of the few.

use mote_model::{Op, Weights};
use mote_techniques::{Artifact, Change, Context, Error, Kind, Options, Technique};

/// See the [module's description](self).
pub struct Clip;

impl Technique for Clip {
    fn name(&self) -> &'static str {
        "clip"
    }

    fn kind(&self) -> Kind {
        Kind::Model
    }

    fn summary(&self) -> &'static str {
        "weights further from zero than a few root mean squares are clipped"
    }

    fn options(&self) -> &'static [(&'static str, &'static str)] {
        &[("at", "root mean squares of a layer's weights (default 4)")]
    }

    fn apply(
        &self,
        artifact: &mut Artifact,
        options: &Options,
        _: &Context,
    ) -> Result<Change, Error> {
        let at: f32 = options.get("at", 4.0)?;
        let mut clipped = 0;
        for node in &mut artifact.graph.nodes {
            let weights = match &mut node.op {
                Op::Conv1d(conv) => &mut conv.weights,
                Op::Dense(dense) => &mut dense.weights,
                _ => continue,
            };
            let Weights::F32 { weights, .. } = weights else {
                return Err(Error::Impossible {
                    technique: self.name(),
                    why: format!(
                        "layer `{}` is int8 already; name it before `int8`",
                        node.name
                    ),
                });
            };
            let squares: f32 = weights.iter().map(|w| w * w).sum();
            let limit = at * (squares / weights.len().max(1) as f32).sqrt();
            clipped += weights.iter().filter(|w| w.abs() > limit).count();
            weights.iter_mut().for_each(|w| *w = w.clamp(-limit, limit));
        }
        Ok(Change {
            technique: self.name().to_owned(),
            lines: vec![format!("{clipped} weights clipped")],
        })
    }
}
