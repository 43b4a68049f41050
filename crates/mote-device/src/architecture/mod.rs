//! What differs between instruction sets, a folder or file each: tools, emulated machines, instruction timings.
//!
//! To add one: a file that says what [`Architecture`] and [`Processor`] ask for, a line in [`Architecture::ALL`], its
//! cores in [`crate::core::Core`], and the files of the same name in `firmware/src/architecture` and
//! `firmware/src/bin/measure/architecture`.

pub mod arm;
pub mod riscv;

use crate::core::Core;
#[cfg(feature = "measure")]
use crate::cycles::CostsOfImage;

/// An instruction set: the tools for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Architecture {
    /// Name for people.
    pub name: &'static str,
    /// The emulator's program.
    pub emulator: &'static str,
    /// Debian packages that have the emulator; the first that a release knows is installed.
    pub emulator_packages: &'static [&'static str],
    /// QEMU's option that loads an image, and what stands before the image's path in its value.
    pub load: (&'static str, &'static str),
    /// The linker of a distribution's compiler, which brings none.
    pub linker: &'static str,
    /// The Debian package that has it.
    pub linker_package: &'static str,
    /// What that linker has to be told.
    pub linker_arguments: &'static [&'static str],
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [&'static Architecture; 2] = [&arm::ARM, &riscv::RISCV];

    /// Returns the cores that have it.
    pub fn cores(&'static self) -> impl Iterator<Item = Core> {
        Core::ALL
            .into_iter()
            .filter(move |core| core.processor().architecture == self)
    }
}

/// What is known of a core.
#[derive(Debug)]
pub struct Processor {
    /// Its instruction set.
    pub architecture: &'static Architecture,
    /// Name used in board files and results.
    pub name: &'static str,
    /// The Rust target.
    pub target: &'static str,
    /// LLVM's name for the core. It decides instruction scheduling, and optional instructions.
    pub cpu: &'static str,
    /// The emulated machine that stands for the core.
    pub machine: Machine,
    /// A machine for images too large for `machine`, on which they run instruction for instruction alike.
    pub large_machine: Option<Machine>,
    /// Published instruction timings; `None` where there are none, or where they do not tell how instructions overlap.
    #[cfg(feature = "measure")]
    pub timings: Option<CostsOfImage>,
    /// What is to be said of them: nothing, unless they are another core's.
    #[cfg(feature = "measure")]
    pub timings_note: &'static str,
}

/// Origin and length of a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// First address.
    pub origin: u32,
    /// Length in bytes.
    pub length: u32,
}

/// An emulated machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// QEMU's name for it.
    pub name: &'static str,
    /// What QEMU has to be told besides.
    pub arguments: &'static [&'static str],
    /// Where code and constants go.
    pub flash: Region,
    /// Where data and stack go; the address below is unmapped.
    pub ram: Region,
}

pub(crate) const KIB: u32 = 1024;
pub(crate) const MIB: u32 = 1024 * KIB;
