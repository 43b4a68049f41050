//! Installs what the device columns need: an emulator and a way to compile for a Cortex-M.

use crate::Error;
use crate::core::Core;
use crate::process::{ask, run};
use crate::toolchain::{MINIMUM_RUST, Toolchain, find_program};
use std::path::Path;
use std::process::Command;

/// The emulator's program.
pub const EMULATOR: &str = "qemu-system-arm";

/// Seconds a package manager may take.
const INSTALL_SECONDS: u64 = 900;

/// What this machine has, and lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceTools {
    /// The emulator's version line.
    pub emulator: Option<String>,
    /// How images are compiled; the error says what was tried.
    pub toolchain: Result<Toolchain, String>,
}

impl DeviceTools {
    /// Looks at the machine. May add a rustup target, which is the first thing that helps.
    pub fn of_this_machine(cache: &Path) -> Self {
        let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
        DeviceTools {
            emulator: ask(Command::new(EMULATOR).arg("--version")).map(first_line),
            toolchain: Core::ALL
                .iter()
                .map(|core| Toolchain::find(core.target(), cache))
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
        match (&self.emulator, &self.toolchain) {
            (None, _) => Some(format!("no {EMULATOR} on this machine: {}", advice())),
            (_, Err(_)) => Some(format!(
                "nothing on this machine compiles for a Cortex-M: {}",
                advice()
            )),
            _ => None,
        }
    }
}

/// Installs what is missing, with apt-get as root or through sudo. `say` is told each step.
///
/// # Errors
/// [`Error::Setup`] with what to do by hand, on systems without apt-get, without the right to use it, or when
/// it fails.
pub fn install(cache: &Path, say: &mut dyn FnMut(&str)) -> Result<DeviceTools, Error> {
    let tools = DeviceTools::of_this_machine(cache);
    if tools.is_complete() {
        return Ok(tools);
    }
    let mut packages = Vec::new();
    if tools.emulator.is_none() {
        packages.push(EMULATOR);
    }
    let apt = Apt::new()?;
    if tools.toolchain.is_err() {
        apt.run(&["update"], say)?;
        packages.extend(rust_packages()?);
        packages.push("binutils-arm-none-eabi");
    }
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(&packages);
    if apt.run(&arguments, say).is_err() {
        // Package lists may never have been fetched on a fresh machine.
        apt.run(&["update"], say)?;
        apt.run(&arguments, say)?;
    }
    let tools = DeviceTools::of_this_machine(cache);
    match tools.why_not() {
        None => Ok(tools),
        Some(why) => Err(Error::Setup(why)),
    }
}

/// Returns what to do by hand.
pub fn advice() -> &'static str {
    if cfg!(target_os = "macos") {
        "run `brew install qemu` and `rustup target add thumbv6m-none-eabi thumbv7m-none-eabi \
         thumbv7em-none-eabihf thumbv8m.main-none-eabihf`"
    } else {
        "run `cargo xtask setup`, or install QEMU (Debian: qemu-system-arm) and run `rustup target add \
         thumbv6m-none-eabi thumbv7m-none-eabi thumbv7em-none-eabihf thumbv8m.main-none-eabihf`"
    }
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

/// Reads the version in the `Candidate:` line of `apt-cache policy`.
fn candidate_version(policy: &str) -> Option<(u32, u32)> {
    let line = policy
        .lines()
        .find_map(|l| l.trim().strip_prefix("Candidate:"))?;
    let mut parts = line.trim().split('.');
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
            emulator: None,
            toolchain: Err("x".to_owned()),
        };
        assert!(!tools.is_complete());
        assert!(tools.why_not().unwrap().contains(EMULATOR));
    }
}
