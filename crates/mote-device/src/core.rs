//! The processor cores Mote knows: compiler target, emulator machine, memory map.

use std::fmt;
use std::str::FromStr;

/// A processor core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "measure", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "measure", serde(try_from = "String", into = "String"))]
pub enum Core {
    /// Cortex-M0.
    M0,
    /// Cortex-M0+: the M0's instructions with a shorter pipeline.
    M0Plus,
    /// Cortex-M3.
    M3,
    /// Cortex-M4 with FPU.
    M4,
    /// Cortex-M7 with single-precision FPU.
    M7,
    /// Cortex-M33 with FPU and DSP instructions.
    M33,
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
    /// Where code and constants go.
    pub flash: Region,
    /// Where data and stack go; the address below is unmapped.
    pub ram: Region,
}

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

const fn mps2(name: &'static str) -> Machine {
    Machine {
        name,
        flash: Region {
            origin: 0,
            length: 4 * MIB,
        },
        ram: Region {
            origin: 0x2000_0000,
            length: 4 * MIB,
        },
    }
}

impl Core {
    /// Every core.
    pub const ALL: [Core; 6] = [
        Core::M0,
        Core::M0Plus,
        Core::M3,
        Core::M4,
        Core::M7,
        Core::M33,
    ];

    /// Returns the name used in board files and results.
    pub const fn name(self) -> &'static str {
        match self {
            Core::M0 => "cortex-m0",
            Core::M0Plus => "cortex-m0+",
            Core::M3 => "cortex-m3",
            Core::M4 => "cortex-m4",
            Core::M7 => "cortex-m7",
            Core::M33 => "cortex-m33",
        }
    }

    /// Returns the Rust target.
    pub const fn target(self) -> &'static str {
        match self {
            Core::M0 | Core::M0Plus => "thumbv6m-none-eabi",
            Core::M3 => "thumbv7m-none-eabi",
            Core::M4 | Core::M7 => "thumbv7em-none-eabihf",
            Core::M33 => "thumbv8m.main-none-eabihf",
        }
    }

    /// Returns LLVM's name for the core. It decides instruction scheduling, and gives the M33 its DSP extension.
    pub const fn cpu(self) -> &'static str {
        match self {
            // One build serves both: they differ in timing only.
            Core::M0 | Core::M0Plus => "cortex-m0",
            Core::M3 => "cortex-m3",
            // The M7's optional double-precision unit must not be used.
            Core::M4 | Core::M7 => "cortex-m4",
            Core::M33 => "cortex-m33",
        }
    }

    /// Returns the emulated machine that stands for the core.
    pub const fn machine(self) -> Machine {
        match self {
            Core::M0 | Core::M0Plus => Machine {
                name: "microbit",
                flash: Region {
                    origin: 0,
                    length: 256 * KIB,
                },
                ram: Region {
                    origin: 0x2000_0000,
                    length: 16 * KIB,
                },
            },
            Core::M3 => mps2("mps2-an385"),
            Core::M4 => mps2("mps2-an386"),
            Core::M7 => mps2("mps2-an500"),
            Core::M33 => Machine {
                name: "mps2-an505",
                flash: Region {
                    origin: 0x1000_0000,
                    length: 4 * MIB,
                },
                ram: Region {
                    origin: 0x3800_0000,
                    length: 4 * MIB,
                },
            },
        }
    }

    /// Returns a machine for images too large for [`Core::machine`]: ARMv6-M code runs unchanged, instruction for
    /// instruction, on an emulated Cortex-M3 with more memory.
    pub const fn large_machine(self) -> Option<Machine> {
        match self {
            Core::M0 | Core::M0Plus => Some(mps2("mps2-an385")),
            _ => None,
        }
    }
}

impl fmt::Display for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Core {
    type Err = String;

    /// Accepts `cortex-m4` and `m4`, in either case.
    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let short = lower.strip_prefix("cortex-").unwrap_or(&lower);
        let known = |c: &Core| c.name().strip_prefix("cortex-") == Some(short);
        Core::ALL.into_iter().find(known).ok_or_else(|| {
            let names: Vec<_> = Core::ALL.iter().map(|c| c.name()).collect();
            format!("unknown core `{text}`: use one of {}", names.join(", "))
        })
    }
}

impl TryFrom<String> for Core {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Core> for String {
    fn from(core: Core) -> String {
        core.name().to_owned()
    }
}

/// How an image is optimised: the compiler's `opt-level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "measure", derive(serde::Serialize, serde::Deserialize))]
pub enum Optimize {
    /// Size, loops kept as they are.
    #[cfg_attr(feature = "measure", serde(rename = "z"))]
    Smallest,
    /// Size.
    #[cfg_attr(feature = "measure", serde(rename = "s"))]
    Size,
    /// Speed.
    #[cfg_attr(feature = "measure", serde(rename = "3"))]
    Speed,
}

impl Optimize {
    /// Returns the `opt-level`.
    pub const fn level(self) -> &'static str {
        match self {
            Optimize::Smallest => "z",
            Optimize::Size => "s",
            Optimize::Speed => "3",
        }
    }
}

impl FromStr for Optimize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "z" => Ok(Optimize::Smallest),
            "s" => Ok(Optimize::Size),
            "3" => Ok(Optimize::Speed),
            _ => Err(format!("unknown optimisation `{text}`: use s, z or 3")),
        }
    }
}

impl fmt::Display for Optimize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.level())
    }
}
