//! `cargo xtask setup`: what firmware and emulation need.

use crate::command::root;
use anyhow::{Context, Result};

/// Installs what firmware and emulation need. A machine that cannot have it still gets every host figure, so
/// only `cargo xtask setup` itself makes this an error.
pub fn setup() -> Result<()> {
    let cache = root().join("target/mote-device");
    std::fs::create_dir_all(&cache)
        .with_context(|| format!("cannot create `{}`", cache.display()))?;
    let tools = mote_device::setup::install(&cache, &mut |step| eprintln!("{step}"))?;
    for tools in &tools {
        let name = tools.architecture.name;
        if let Some(emulator) = &tools.emulator {
            eprintln!("{name}, emulator: {emulator}");
        }
        if let Ok(toolchain) = &tools.toolchain {
            eprintln!("{name}, firmware compiler: {toolchain}");
        }
    }
    Ok(())
}
