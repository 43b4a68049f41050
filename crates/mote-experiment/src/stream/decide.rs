//! The decisions of a row on a stream, made as they will be on the device.

use crate::error::Result;
use mote_data::Windows;
use mote_model::Graph;
use mote_model::session::{self, Compiled, Session};
use mote_model::stream::Schedule;
use mote_train::classical::Classical;
use mote_train::features;

/// What decides.
pub(crate) enum Decider<'a> {
    /// A network, by the engine.
    Network(&'a NetworkDecider),
    /// A classical model on features of the last window.
    Classical {
        /// The model.
        model: &'a Classical,
        /// Windows of the shape that it takes; their samples are not used.
        like: &'a Windows,
        /// Samples between two decisions.
        hop: usize,
    },
}

/// A network and how often it decides.
pub(crate) struct NetworkDecider {
    compiled: Compiled,
    channels: usize,
    /// Samples between two windows; a stream decides when it does.
    hop: usize,
    /// When a stream decides; `None` for whole windows.
    stream: Option<Schedule>,
}

impl NetworkDecider {
    /// Compiles `network`, which decides every `hop` samples when it is no stream.
    pub fn new(network: &Graph, hop: usize) -> Result<Self> {
        Ok(Self {
            compiled: session::compile(network)?,
            channels: network.tensor(network.input)?.shape.channels,
            hop,
            stream: Schedule::of(network),
        })
    }

    /// Returns whether the network is a stream that decides about one step, so that it takes windows of any length.
    pub fn decides_per_step(&self) -> bool {
        self.stream.is_some_and(|s| s.receptive_field.is_some())
    }

    /// Returns the last decision on `x`, `[time][channels]`, from a fresh state; `None` when there is none.
    ///
    /// # Errors
    /// When the engine refuses the network.
    pub fn last(&self, x: &[f32]) -> Result<Option<usize>> {
        let mut last = None;
        self.each(x, |_, class, _| last = Some(class))?;
        Ok(last)
    }

    /// Calls `each` with the sample that every decision on `x`, `[time][channels]`, came with, the decision, and the
    /// probability that the network gives to it, if it gives one.
    fn each(&self, x: &[f32], mut each: impl FnMut(usize, usize, Option<f32>)) -> Result<()> {
        for decision in Session::new(&self.compiled)?.decisions(x, self.hop) {
            let (sample, scores) = decision?;
            each(sample, scores.class(), self.compiled.confidence(&scores));
        }
        Ok(())
    }
}

/// What was decided on a stream.
pub(crate) struct Decided {
    /// The last decision at each sample; `None` before the first.
    pub classes: Vec<Option<usize>>,
    /// The samples that decisions came with, and their probabilities; empty when the network gives none.
    pub confidences: Vec<(usize, f32)>,
}

impl Decider<'_> {
    /// Decides about `x`, `[time][channels]`, from a fresh state.
    ///
    /// # Errors
    /// When the engine refuses the network.
    pub fn decisions(&self, x: &[f32]) -> Result<Decided> {
        let channels = match self {
            Decider::Network(network) => network.channels,
            Decider::Classical { like, .. } => like.channels,
        };
        let mut decided = vec![None; x.len() / channels.max(1)];
        let mut confidences = Vec::new();
        let note = |sample: usize, class: usize, confidence: Option<f32>| {
            if let Some(slot) = decided.get_mut(sample) {
                *slot = Some(class);
            }
            confidences.extend(confidence.map(|p| (sample, p)));
        };
        match self {
            Decider::Network(network) => network.each(x, note)?,
            Decider::Classical { model, like, hop } => classical(model, like, *hop, x, note)?,
        }
        // A decision stands until the next.
        let mut last = None;
        for slot in &mut decided {
            last = slot.or(last);
            *slot = last;
        }
        Ok(Decided {
            classes: decided,
            confidences,
        })
    }
}

/// Calls `each` with every decision of `model` on windows of `x`, and the last sample of its window.
fn classical(
    model: &Classical,
    like: &Windows,
    hop: usize,
    x: &[f32],
    mut each: impl FnMut(usize, usize, Option<f32>),
) -> Result<()> {
    let stride = like.stride();
    let cut: Vec<&[f32]> = x.windows(stride).step_by(hop * like.channels).collect();
    let windows = Windows {
        time: like.time,
        channels: like.channels,
        rate_hz: like.rate_hz,
        hop,
        x: cut.concat(),
        y: vec![0; cut.len()],
        users: vec![0; cut.len()],
        recordings: vec![0; cut.len()],
        labels: like.labels.clone(),
    };
    let table = features::table(&windows)?;
    let rows: Vec<usize> = (0..cut.len()).collect();
    for (n, class) in model.predict(&table, &rows)?.into_iter().enumerate() {
        each(n * hop + like.time - 1, class, None);
    }
    Ok(())
}
