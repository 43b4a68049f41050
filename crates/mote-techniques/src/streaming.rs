//! Streaming data structures.
//!
//! The network consumes samples as they arrive: each layer keeps the few input steps its next output needs, the
//! global pool keeps running sums, and neither a whole window nor a whole activation ever exists. A decision
//! costs only the samples that are new since the last one. Scores are bit for bit those of the windowed network;
//! the rule at the edges is that there are none ([`mote_model::stream`]). After Rybakov et al. 2020 (arXiv
//! 2005.06720), streaming keyword spotting.

use crate::artifact::Stream;
use crate::{Artifact, Change, Context, Error, Kind, Options, Technique};
use mote_model::{Strategy, plan, stream};

/// See the [module's description](self).
pub struct Streaming;

impl Technique for Streaming {
    fn name(&self) -> &'static str {
        "stream"
    }

    fn kind(&self) -> Kind {
        Kind::System
    }

    fn summary(&self) -> &'static str {
        "samples are consumed as they arrive: no whole window, no whole activation"
    }

    fn options(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "hop",
                "samples between two decisions (default: the task's hop, brought down to a multiple of the network's stride)",
            ),
            (
                "tick",
                "samples consumed at a time; divides the hop (default: what suits the network)",
            ),
        ]
    }

    fn apply(
        &self,
        artifact: &mut Artifact,
        options: &Options,
        context: &Context,
    ) -> Result<Change, Error> {
        self.once(artifact.stream.is_some())?;
        if artifact.graph.has_exits() {
            return Err(Error::Impossible {
                technique: self.name(),
                why: "an early exit has nothing to skip in a stream, where every layer moves on with every sample; name `stream` before `lazy`".into(),
            });
        }
        let stride = stream::total_stride(&artifact.graph);
        let whole = (context.windows.hop / stride).max(1) * stride;
        let hop = options.get("hop", whole)?;
        let tick = match options.get("tick", 0)? {
            0 => None,
            tick => Some(tick),
        };
        let windowed = plan(&artifact.graph, Strategy::Overlap)?.arena;
        artifact.stream = Some(Stream { hop, tick });
        let network = artifact.network()?;
        let streamed = plan(&network, Strategy::Overlap)?.arena;
        let tick = network.tensor(network.input)?.shape.time;
        Ok(Change {
            technique: self.name().to_owned(),
            lines: vec![format!(
                "a decision every {hop} samples, {tick} consumed at a time; state and activations take {streamed} bytes, those of a window {windowed}"
            )],
        })
    }
}
