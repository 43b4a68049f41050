//! Candidates with names, for those who do not want to search.

use crate::candidate::Candidate;
use crate::error::Error;

/// A candidate with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    /// The name.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// The candidate.
    pub candidate: Candidate,
}

/// All are trained on streams, and decide at every step with a filter behind. Convolutions are plain where memory is
/// short: a separable one has a second kernel, which takes code and stack.
const PRESETS: [(&str, &str, &str); 4] = [
    (
        "smallest",
        "least flash and RAM that still tells activities apart",
        "hop=0.4,pad=valid,net=c8k7s2-c12k5s2-c16k5s2,train=stream,epochs=300",
    ),
    (
        "fastest",
        "fewest cycles per second",
        "hop=0.4,pad=valid,net=c8k9s4-c16k5s2-c20k3,train=stream,epochs=300",
    ),
    (
        "balanced",
        "nearly the highest macro-F1 on a stream in 16 KB of flash and 1.5 KB of RAM",
        "hop=0.4,pad=valid,net=c16k9s2-c20k5s2-c24k5s2-c28k3,train=stream,epochs=500,speed=1.17",
    ),
    (
        "most-accurate",
        "highest macro-F1 on a stream within 64 KB of flash and 8 KB of RAM",
        "hop=0.4,pad=valid,net=c32k9s2-d64k7s2-d96k5s2-d96k3,train=stream,epochs=200",
    ),
];

/// Returns all presets.
///
/// # Errors
///
/// None: a test reads their texts, which are part of the program.
pub fn presets() -> Result<Vec<Preset>, Error> {
    PRESETS
        .into_iter()
        .map(|(name, purpose, text)| {
            Ok(Preset {
                name,
                purpose,
                candidate: text.parse()?,
            })
        })
        .collect()
}

/// Returns the preset of this name.
///
/// # Errors
/// [`Error::Unknown`] with the names there are.
pub fn preset(name: &str) -> Result<Preset, Error> {
    let found = presets()?.into_iter().find(|p| p.name == name);
    found.ok_or_else(|| Error::Unknown {
        kind: "preset",
        name: name.to_owned(),
        known: PRESETS.map(|(name, ..)| name).join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Shapes, network};

    #[test]
    fn every_preset_is_a_network_on_every_task_and_at_every_rate() {
        for preset in presets().unwrap() {
            for (rate_hz, classes) in [
                (20.0, 5),
                (20.0, 18),
                (25.0, 6),
                (31.25, 4),
                (50.0, 6),
                (100.0, 2),
            ] {
                let shapes = Shapes {
                    rate_hz,
                    channels: 3,
                    classes,
                };
                let (graph, _) = network(&preset.candidate, shapes).unwrap();
                graph.validate().unwrap();
            }
        }
        let message = preset("tiny").unwrap_err().to_string();
        assert!(
            message.contains("`tiny`") && message.contains("balanced"),
            "{message}"
        );
    }
}
