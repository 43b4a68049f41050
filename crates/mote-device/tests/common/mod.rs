//! What the tests of the device share.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mote_device::core::Core;
use mote_device::emulator;
use mote_device::image::FirmwareBuilder;
use std::path::{Path, PathBuf};

/// Returns a builder that can build and run images for `cores`; `None`, with a note on standard error, when this
/// machine cannot.
pub fn builder(cores: &[Core]) -> Option<FirmwareBuilder> {
    let builder = FirmwareBuilder::locate().unwrap();
    let missing = emulator::version().map(drop).and_then(|()| {
        cores
            .iter()
            .try_for_each(|c| builder.toolchain(*c).map(drop))
    });
    match missing {
        Ok(()) => Some(builder),
        Err(e) => {
            eprintln!("SKIPPED, devices cannot be emulated here (`cargo xtask setup` helps): {e}");
            None
        }
    }
}

/// A hand-made pipeline of `tests/pipelines`.
#[allow(dead_code, reason = "not every test program uses it")]
pub fn pipeline(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/pipelines")
        .join(name)
}

/// The example pipeline of the firmware.
#[allow(dead_code, reason = "not every test program uses it")]
pub fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../firmware/example")
}
