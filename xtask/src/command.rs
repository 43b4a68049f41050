//! Running tools: one line of what is run, its output as it comes, an error that names it.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Runs `cargo` with `args` in the workspace's folder.
pub fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Result<()> {
    run(&mut cargo_command(args))
}

/// `cargo` with `args` in the workspace's folder, not yet run.
pub fn cargo_command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// Runs `command`, showing it first.
pub fn run(command: &mut Command) -> Result<()> {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let line = command.get_args().fold(program.into_owned(), |line, a| {
        line + " " + &a.to_string_lossy()
    });
    eprintln!("\n$ {line}");
    let status = command
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

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
