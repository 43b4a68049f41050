//! Installs what the device columns need: for each architecture an emulator and a way to compile.

use crate::Error;
use crate::architecture::Architecture;
use crate::core::Core;
use crate::process::{ask, run};
use crate::toolchain::{MINIMUM_RUST, Toolchain, find_program};
use std::path::Path;
use std::process::Command;

/// Seconds a package manager may take.
const INSTALL_SECONDS: u64 = 900;

/// What this machine has, and lacks, for one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceTools {
    /// The architecture.
    pub architecture: &'static Architecture,
    /// The emulator's version line.
    pub emulator: Option<String>,
    /// How images are compiled; the error says what was tried.
    pub toolchain: Result<Toolchain, String>,
}

impl DeviceTools {
    /// Looks at the machine. May add a rustup target, which is the first thing that helps.
    pub fn of_this_machine(architecture: &'static Architecture, cache: &Path) -> Self {
        let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
        let version = ask(Command::new(architecture.emulator).arg("--version"));
        DeviceTools {
            architecture,
            emulator: version.map(first_line),
            toolchain: architecture
                .cores()
                .map(|core| Toolchain::find(core, cache))
                .try_fold(None, |_, found| found.map(Some))
                .map_err(|e| e.to_string())
                .and_then(|found| found.ok_or_else(|| "no core".to_owned())),
        }
    }

    /// Returns whether devices can be measured.
    pub fn is_complete(&self) -> bool {
        self.emulator.is_some() && self.toolchain.is_ok()
    }

    /// Returns why devices cannot be measured, in one line for the report; `None` when they can.
    pub fn why_not(&self) -> Option<String> {
        let Architecture { name, emulator, .. } = self.architecture;
        match (&self.emulator, &self.toolchain) {
            (None, _) => Some(format!("no {emulator} on this machine: {}", advice())),
            (_, Err(_)) => Some(format!(
                "nothing on this machine compiles for {name}: {}",
                advice()
            )),
            _ => None,
        }
    }
}

/// Installs what is missing for every architecture, with apt-get as root or through sudo. `say` is told each step.
///
/// # Errors
/// [`Error::Setup`] with what to do by hand, on systems without apt-get, without the right to use it, or when
/// it fails.
pub fn install(cache: &Path, say: &mut dyn FnMut(&str)) -> Result<Vec<DeviceTools>, Error> {
    let one = |architecture| install_for(architecture, cache, say);
    Architecture::ALL.into_iter().map(one).collect()
}

fn install_for(
    architecture: &'static Architecture,
    cache: &Path,
    say: &mut dyn FnMut(&str),
) -> Result<DeviceTools, Error> {
    let tools = DeviceTools::of_this_machine(architecture, cache);
    if tools.is_complete() {
        return Ok(tools);
    }
    let apt = Apt::new()?;
    // Package lists may never have been fetched on a fresh machine.
    apt.run(&["update"], say)?;
    let mut packages = Vec::new();
    if tools.emulator.is_none() {
        packages.push(emulator_package(architecture)?);
    }
    if tools.toolchain.is_err() {
        packages.extend(rust_packages()?);
        packages.push(architecture.linker_package);
    }
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(&packages);
    apt.run(&arguments, say)?;
    let tools = DeviceTools::of_this_machine(architecture, cache);
    match tools.why_not() {
        None => Ok(tools),
        Some(why) => Err(Error::Setup(why)),
    }
}

/// Returns what to do by hand.
pub fn advice() -> String {
    let mut targets: Vec<_> = Core::ALL.iter().map(|core| core.target()).collect();
    targets.dedup();
    let targets = targets.join(" ");
    if cfg!(target_os = "macos") {
        return format!("run `brew install qemu` and `rustup target add {targets}`");
    }
    let packages = Architecture::ALL.map(|a| a.emulator_packages.join(" or "));
    format!(
        "run `cargo xtask setup`, or install QEMU (Debian: {}) and run `rustup target add {targets}`",
        packages.join(", ")
    )
}

/// Returns the package of the emulator that this release has.
fn emulator_package(architecture: &Architecture) -> Result<&'static str, Error> {
    let known = |package: &&str| {
        ask(Command::new("apt-cache").args(["policy", package]))
            .is_some_and(|policy| candidate(&policy).is_some())
    };
    let packages = architecture.emulator_packages;
    packages.iter().copied().find(known).ok_or_else(|| {
        Error::Setup(format!(
            "there is no package {}: {}",
            packages.join(" or "),
            advice()
        ))
    })
}

/// Returns the packages of a compiler that is recent enough, with its library source.
fn rust_packages() -> Result<[&'static str; 2], Error> {
    let sets = [["rustc", "rust-src"], ["rustc-web", "rust-web-src"]];
    let recent = |package: &str| {
        ask(Command::new("apt-cache").args(["policy", package]))
            .and_then(|policy| candidate_version(&policy))
            .is_some_and(|version| version >= MINIMUM_RUST)
    };
    sets.into_iter().find(|set| recent(set[0])).ok_or_else(|| {
        Error::Setup(format!(
            "no package of a rustc from {}.{} on: {}",
            MINIMUM_RUST.0,
            MINIMUM_RUST.1,
            advice()
        ))
    })
}

/// Returns what the `Candidate:` line of `apt-cache policy` says, unless it is `(none)`.
fn candidate(policy: &str) -> Option<&str> {
    let line = policy
        .lines()
        .find_map(|l| l.trim().strip_prefix("Candidate:"))?;
    Some(line.trim()).filter(|candidate| *candidate != "(none)")
}

/// Reads the version in the `Candidate:` line of `apt-cache policy`.
fn candidate_version(policy: &str) -> Option<(u32, u32)> {
    let mut parts = candidate(policy)?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// apt-get, with the right to install.
struct Apt {
    sudo: bool,
}

impl Apt {
    fn new() -> Result<Self, Error> {
        let by_hand = |why: &str| Error::Setup(format!("{why}: {}", advice()));
        if find_program("apt-get").is_none() {
            return Err(by_hand("this system has no apt-get"));
        }
        if ask(Command::new("id").arg("-u")).as_deref() == Some("0") {
            return Ok(Apt { sudo: false });
        }
        let may = run(Command::new("sudo").args(["-n", "true"]), 10);
        match may {
            Ok(output) if output.status.success() => Ok(Apt { sudo: true }),
            _ => Err(by_hand(
                "installing needs root, or a sudo that asks for no password (run `sudo -v` first)",
            )),
        }
    }

    fn run(&self, arguments: &[&str], say: &mut dyn FnMut(&str)) -> Result<(), Error> {
        let mut command = if self.sudo {
            let mut command = Command::new("sudo");
            command.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
            command
        } else {
            let mut command = Command::new("apt-get");
            command.env("DEBIAN_FRONTEND", "noninteractive");
            command
        };
        say(&format!("apt-get {}", arguments.join(" ")));
        let output = run(command.args(arguments), INSTALL_SECONDS)?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::Setup(format!(
            "apt-get {} failed:\n{}",
            arguments.join(" "),
            output.tail(10)
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_candidate_version_is_read() {
        let policy = "rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0+dfsg1-1~deb12u2\n  Version table:\n";
        assert_eq!(candidate_version(policy), Some((1, 96)));
        assert_eq!(candidate_version("rustc:\n  Candidate: (none)\n"), None);
    }

    #[test]
    fn what_is_missing_is_said() {
        let tools = DeviceTools {
            architecture: Core::M4.processor().architecture,
            emulator: None,
            toolchain: Err("x".to_owned()),
        };
        assert!(!tools.is_complete());
        assert!(tools.why_not().unwrap().contains("qemu-system-arm"));
    }
}
