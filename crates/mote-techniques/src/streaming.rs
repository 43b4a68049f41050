//! Streaming data structures.
//!
//! The network consumes samples as they arrive. Each layer keeps the few input steps that its next output needs, the
//! global pool keeps running sums, and neither a whole window nor a whole activation ever exists. A decision costs only
//! the samples that are new since the last one. Scores are bit for bit those of the windowed network, which has to be
//! without padding ([`mote_model::stream`]). After Rybakov et al. 2020 (arXiv 2005.06720), streaming keyword spotting.

use crate::artifact::{Artifact, Context, Stream};
use crate::error::Error;
use crate::technique::{Change, Kind, Technique};
use mote_model::{Strategy, plan, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Samples are consumed as they arrive: no whole window, no whole activation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Streaming {
    /// Samples between two decisions; by default the task's hop, rounded down to a multiple of the network's stride, or,
    /// for a network that decides at every step, two steps where they come within half a second, else one.
    #[schemars(range(min = 1))]
    pub hop: Option<usize>,
    /// Samples consumed at a time, a divisor of the hop; by default what suits the network.
    #[schemars(range(min = 1))]
    pub tick: Option<usize>,
}

impl Technique for Streaming {
    const NAME: &'static str = "stream";
    const KIND: Kind = Kind::System;

    fn check(&self) -> Result<(), Error> {
        match (self.hop, self.tick) {
            (Some(hop), Some(tick)) if hop % tick != 0 => Err(Self::wrong_option(
                "tick",
                format!(
                    "{tick} samples at a time do not make a hop of {hop}; give a divisor of it"
                ),
            )),
            _ => Ok(()),
        }
    }

    fn apply(&self, artifact: &mut Artifact, context: &Context) -> Result<Change, Error> {
        Self::only_once(artifact.stream.is_some())?;
        if artifact.graph.has_exits() {
            return Err(Self::impossible(
                "an early exit has nothing to skip in a stream, where every layer moves on with every sample; name `stream` before `lazy`",
            ));
        }
        if artifact.filter.is_some() {
            return Err(Self::impossible(
                "the filter counts with decisions as often as they come before; name `stream` before `filter`",
            ));
        }
        let stride = stream::total_stride(&artifact.graph);
        let half_second = f64::from(context.windows.rate_hz) / 2.0;
        let whole = match stream::decides_per_step(&artifact.graph) {
            // Convolutions load their weights once for two steps.
            true if 2.0 * stride as f64 <= half_second => 2 * stride,
            true => stride,
            false => (context.windows.hop / stride).max(1) * stride,
        };
        let hop = self.hop.unwrap_or(whole);
        let windowed = plan(&artifact.graph, Strategy::Overlap)?.arena;
        artifact.stream = Some(Stream {
            hop,
            tick: self.tick,
        });
        let network = artifact.network()?;
        let streamed = plan(&network, Strategy::Overlap)?.arena;
        let tick = network.tensor(network.input)?.shape.time;
        Ok(Change {
            technique: Self::NAME.to_owned(),
            lines: vec![format!(
                "a decision every {hop} samples, {tick} consumed at a time; state and activations take {streamed} bytes, those of a window {windowed}"
            )],
        })
    }
}
