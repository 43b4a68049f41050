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

/// All are streams over ten seconds. Where memory is short, convolutions are plain: a separable one has a second
/// kernel, which takes code and stack.
const PRESETS: [(&str, &str, &str); 4] = [
    (
        "smallest",
        "least flash and RAM that still tells activities apart",
        "window=10,hop=5,pad=valid,net=c8k7s2-c16k5s2-c20k3,epochs=40,run=stream",
    ),
    (
        "fastest",
        "fewest cycles per second",
        "window=10,hop=1,pad=valid,net=c8k9s4-c12k5-c20k3,epochs=40,run=stream",
    ),
    (
        "balanced",
        "nearly the highest m-F1 in 16 KB of flash and 1.5 KB of RAM",
        "window=10,hop=1,pad=valid,net=c16k9s2-c20k5s2-c24k7-c28k5,epochs=50,run=stream",
    ),
    (
        "most-accurate",
        "highest m-F1 within 64 KB of flash and 8 KB of RAM",
        "window=10,hop=1,pad=valid,net=c32k9s2-d64k5s2-d96k5-d96k3,epochs=20,run=stream",
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
    fn every_preset_is_a_network_on_every_task() {
        for preset in presets().unwrap() {
            for classes in [5, 18] {
                let shapes = Shapes {
                    rate_hz: 20.0,
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
