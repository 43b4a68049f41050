//! The embedded default: synthetic recordings, always there, always labelled as such.

use super::{Dataset, Source};
use crate::{
    Error, Files, IngestReport, Recording, Sink, SynthSpec, files::hex, synth::synthesize,
};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Source of synthetic recordings; see [`SynthSpec`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Synthetic {
    /// What to generate.
    pub spec: SynthSpec,
}

impl Source for Synthetic {
    fn name(&self) -> &str {
        "synthetic"
    }

    fn dataset(&self) -> Option<&'static Dataset> {
        None
    }

    fn locate(&self, _: Option<&Path>) -> Option<Files> {
        Some(Files::at("(made up)"))
    }

    fn wants(&self, _: &str) -> bool {
        false
    }

    fn is_synthetic(&self) -> bool {
        true
    }

    fn read(&self, _: &Files, ingest: &mut IngestReport, sink: &mut dyn Sink) -> Result<(), Error> {
        ingest.files += 1;
        synthesize(&self.spec, ingest, sink)
    }

    fn digest(&self, _: &Files) -> Result<String, Error> {
        let mut hash = Hash(Sha256::new());
        synthesize(&self.spec, &mut IngestReport::default(), &mut hash)?;
        Ok(hex(&hash.0.finalize()))
    }
}

/// Computes the digest of recordings instead of keeping them.
struct Hash(Sha256);

impl Sink for Hash {
    fn recording(&mut self, recording: Recording, _: &mut IngestReport) -> Result<(), Error> {
        for value in &recording.samples {
            self.0.update(value.to_le_bytes());
        }
        Ok(())
    }

    fn window(&mut self, _: u32, _: &str, _: &[f32], _: &mut IngestReport) -> Result<(), Error> {
        Ok(())
    }
}
