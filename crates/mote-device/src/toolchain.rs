//! Finds a way to compile for a core with what is on the machine.
//!
//! In this order:
//! 1. the target's standard library is installed for the active toolchain;
//! 2. `rustup target add` installs it (a failure is remembered for a day, for it costs seconds offline);
//! 3. any `rustc` of the machine whose library source is installed compiles `core` itself
//!    (`-Zbuild-std=core`), as with Debian's `rustc-web` and `rust-web-src`.

use crate::Error;
use crate::architecture::Architecture;
use crate::core::Core;
use crate::process::{ask, run};
use std::env;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// The oldest compiler the firmware builds with.
pub const MINIMUM_RUST: (u32, u32) = (1, 95);

/// Seconds `rustup target add` may take.
const RUSTUP_SECONDS: u64 = 120;

/// How long a failure of rustup is remembered.
const RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How the target's `core` library is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// It was installed.
    Installed,
    /// rustup installed it just now.
    Rustup,
    /// It is compiled from source.
    BuildStd,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Method::Installed => "installed target",
            Method::Rustup => "target added by rustup",
            Method::BuildStd => "core compiled from source",
        })
    }
}

/// A way to compile for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// Where `core` comes from.
    pub method: Method,
    /// The compiler.
    pub rustc: PathBuf,
    /// Its version line.
    pub version: String,
    /// The linker, when the compiler does not bring its own.
    pub linker: Option<PathBuf>,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.version, self.method)
    }
}

impl Toolchain {
    /// Finds a way to compile for `core`; remembers in `cache` what need not be tried again.
    ///
    /// `MOTE_TOOLCHAIN` (`installed`, `rustup`, `build-std`) allows one way only.
    ///
    /// # Errors
    /// [`Error::NoToolchain`] with the commands that would help.
    pub fn find(core: Core, cache: &Path) -> Result<Self, Error> {
        let target = core.target();
        let architecture = core.processor().architecture;
        let only = match env::var("MOTE_TOOLCHAIN").ok().as_deref() {
            None | Some("") => None,
            Some("installed") => Some(Method::Installed),
            Some("rustup") => Some(Method::Rustup),
            Some("build-std") => Some(Method::BuildStd),
            Some(value) => {
                let value = value.to_owned();
                return Err(Error::UnknownToolchain { value });
            }
        };
        let allowed = |method| only.is_none_or(|o| o == method);
        let compilers = Compiler::all();
        let mut tried = Vec::new();
        if allowed(Method::Installed) {
            match compilers.iter().find(|c| c.has_target(target)) {
                Some(compiler) => return Ok(compiler.toolchain(Method::Installed, architecture)),
                None => tried.push(format!("- no compiler has the target {target} installed")),
            }
        }
        if allowed(Method::Rustup) {
            match add_target(target, cache, only.is_some()) {
                Ok(()) => {
                    if let Some(c) = Compiler::all().iter().find(|c| c.has_target(target)) {
                        return Ok(c.toolchain(Method::Rustup, architecture));
                    }
                    tried.push("- rustup installed the target for another toolchain".to_owned());
                }
                Err(why) => tried.push(format!("- rustup target add {target}: {why}")),
            }
        }
        if allowed(Method::BuildStd) {
            match compilers.iter().find(|c| c.has_source()) {
                Some(compiler) => return Ok(compiler.toolchain(Method::BuildStd, architecture)),
                None => tried.push(format!(
                    "- no compiler from {}.{} on has its library source installed",
                    MINIMUM_RUST.0, MINIMUM_RUST.1
                )),
            }
        }
        Err(Error::NoToolchain {
            target,
            tried: tried.join("\n"),
            commands: format!(
                "  rustup target add {target}\n  apt-get install rustc-web rust-web-src {}   \
                 (Debian; or `cargo xtask setup`)",
                architecture.linker_package
            ),
        })
    }
}

#[cfg(feature = "measure")]
impl Toolchain {
    /// Returns the compiler's flags that choose the linker.
    pub(crate) fn linker_flags(&self, architecture: &Architecture) -> Vec<String> {
        let Some(linker) = &self.linker else {
            return Vec::new();
        };
        let mut flags = vec![format!("-Clinker={}", linker.display())];
        if !linker.ends_with("rust-lld") {
            flags.push("-Clinker-flavor=ld".to_owned());
            let own = architecture.linker_arguments.iter();
            flags.extend(own.map(|argument| format!("-Clink-arg={argument}")));
        }
        flags
    }
}

/// A `rustc` of this machine, recent enough.
struct Compiler {
    rustc: PathBuf,
    version: String,
    sysroot: PathBuf,
}

impl Compiler {
    /// Returns the active compiler first, then the distribution's.
    fn all() -> Vec<Compiler> {
        let active = env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
        let mut found: Vec<Compiler> = Vec::new();
        for path in [
            active,
            "/usr/bin/rustc".into(),
            "/usr/local/bin/rustc".into(),
        ] {
            if let Some(compiler) = Compiler::at(path)
                && found.iter().all(|c| c.sysroot != compiler.sysroot)
            {
                found.push(compiler);
            }
        }
        found
    }

    fn at(rustc: PathBuf) -> Option<Compiler> {
        let version = ask(Command::new(&rustc).arg("--version"))?;
        let sysroot = ask(Command::new(&rustc).args(["--print", "sysroot"]))?;
        (parse_version(&version)? >= MINIMUM_RUST).then(|| Compiler {
            rustc,
            version,
            sysroot: PathBuf::from(sysroot),
        })
    }

    fn has_target(&self, target: &str) -> bool {
        let lib = self.sysroot.join("lib/rustlib").join(target).join("lib");
        fs::read_dir(lib).is_ok_and(|files| {
            files
                .flatten()
                .any(|f| f.file_name().to_string_lossy().starts_with("libcore-"))
        })
    }

    fn has_source(&self) -> bool {
        let library = self.sysroot.join("lib/rustlib/src/rust/library");
        library.join("core/src/lib.rs").is_file() && library.join("Cargo.lock").is_file()
    }

    fn toolchain(&self, method: Method, architecture: &Architecture) -> Toolchain {
        Toolchain {
            method,
            rustc: self.rustc.clone(),
            version: self.version.clone(),
            linker: if bundled_linker(&self.sysroot).is_some() {
                None
            } else {
                foreign_linker(architecture)
            },
        }
    }
}

/// Returns the `rust-lld` that rustup's toolchains carry.
fn bundled_linker(sysroot: &Path) -> Option<PathBuf> {
    fs::read_dir(sysroot.join("lib/rustlib"))
        .ok()?
        .flatten()
        .map(|d| d.path().join("bin/rust-lld"))
        .find(|lld| lld.is_file())
}

/// Finds a linker for a compiler that has none: that of another toolchain, or binutils.
fn foreign_linker(architecture: &Architecture) -> Option<PathBuf> {
    let other = Compiler::all()
        .iter()
        .find_map(|c| bundled_linker(&c.sysroot));
    other.or_else(|| find_program("rust-lld").or_else(|| find_program(architecture.linker)))
}

/// Finds the program `name` in `PATH`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

/// Reads `(1, 95)` from `rustc 1.95.0 (…)`.
fn parse_version(line: &str) -> Option<(u32, u32)> {
    let mut parts = line.split_whitespace().nth(1)?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Asks rustup for `target`, unless it failed lately and `insist` is not set.
fn add_target(target: &str, cache: &Path, insist: bool) -> Result<(), String> {
    if find_program("rustup").is_none() {
        return Err("there is no rustup".to_owned());
    }
    let note = cache.join(format!("rustup-{target}.failed"));
    if !insist && let Some(why) = recent_failure(&note) {
        return Err(format!(
            "{why} (delete {} to try again now)",
            note.display()
        ));
    }
    // Two rustups at once overwrite each other's list of what is installed.
    let _turn = take_turn(cache).map_err(|e| e.to_string())?;
    let mut rustup = Command::new("rustup");
    rustup
        .args(["target", "add", target])
        .env("RUST_BACKTRACE", "0");
    let why = match run(&mut rustup, RUSTUP_SECONDS) {
        Ok(output) if output.status.success() => {
            // Nothing to remember any more; there may have been nothing before either.
            let _ = fs::remove_file(&note);
            return Ok(());
        }
        Ok(output) => output.tail(3),
        Err(e) => e.to_string(),
    };
    // Not being able to remember costs time later, nothing else.
    let _ = fs::write(&note, &why);
    Err(why)
}

/// Waits until no other process of ours uses rustup; the turn ends when the file closes.
fn take_turn(cache: &Path) -> Result<File, Error> {
    fs::create_dir_all(cache).map_err(Error::io(cache))?;
    let path = cache.join("rustup.lock");
    let file = File::create(&path).map_err(Error::io(&path))?;
    file.lock().map_err(Error::io(&path))?;
    Ok(file)
}

fn recent_failure(note: &Path) -> Option<String> {
    let written = fs::metadata(note).ok()?.modified().ok()?;
    let age = SystemTime::now()
        .duration_since(written)
        .unwrap_or_default();
    (age < RETRY_AFTER).then(|| fs::read_to_string(note).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(
            parse_version("rustc 1.96.0 (ac68 2026-05-25)"),
            Some((1, 96))
        );
        assert_eq!(parse_version("rustc 1.97.0-nightly (x)"), Some((1, 97)));
        assert_eq!(parse_version("clang"), None);
    }

    #[test]
    fn a_failure_of_rustup_is_remembered() {
        let dir = std::env::temp_dir().join(format!("mote-rustup-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let note = dir.join("rustup-nowhere.failed");
        assert_eq!(recent_failure(&note), None);
        fs::write(&note, "no network").unwrap();
        assert_eq!(recent_failure(&note).as_deref(), Some("no network"));
        fs::remove_dir_all(&dir).unwrap();
    }
}
