//! `cargo xtask setup`: what firmware and emulation need.

use crate::command::root;
use anyhow::{Context, Result};

/// Installs what firmware and emulation need. A machine that cannot have it still gets every host figure, so
/// only `cargo xtask setup` itself makes this an error.
pub fn setup() -> Result<()> {
    let cache = root().join("target/mote-device");
    std::fs::create_dir_all(&cache)
        .with_context(|| format!("cannot create `{}`", cache.display()))?;
    let status = mote_device::setup::install(&cache, &mut |step| eprintln!("{step}"))?;
    if let Some(emulator) = &status.emulator {
        eprintln!("emulator: {emulator}");
    }
    if let Ok(toolchain) = &status.toolchain {
        eprintln!("firmware compiler: {toolchain}");
    }
    Ok(())
}
