//! The embedded default: made-up recordings, always there, always labelled as such.

use super::{Dataset, Source};
use crate::{Account, Error, Files, Recording, Sink, SynthSpec, files::hex, synth::synthesize};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Source of synthetic recordings; see [`SynthSpec`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Synthetic {
    /// What to make.
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

    fn read(&self, _: &Files, account: &mut Account, sink: &mut dyn Sink) -> Result<(), Error> {
        account.files += 1;
        synthesize(&self.spec, account, sink)
    }

    fn digest(&self, _: &Files) -> Result<String, Error> {
        let mut hash = Hash(Sha256::new());
        synthesize(&self.spec, &mut Account::default(), &mut hash)?;
        Ok(hex(&hash.0.finalize()))
    }
}

struct Hash(Sha256);

impl Sink for Hash {
    fn recording(&mut self, recording: Recording, _: &mut Account) -> Result<(), Error> {
        for value in recording.samples.iter().flatten() {
            self.0.update(value.to_le_bytes());
        }
        Ok(())
    }

    fn window(&mut self, _: u32, _: &str, _: &[f32], _: &mut Account) -> Result<(), Error> {
        Ok(())
    }
}
