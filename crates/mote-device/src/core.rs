//! The processor cores Mote knows; what is known of each is in [`crate::architecture`].

pub use crate::architecture::{Machine, Region};
use crate::architecture::{Processor, arm, riscv};
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
    /// RISC-V with products and compressed instructions.
    Rv32imc,
}

impl Core {
    /// Every core.
    pub const ALL: [Core; 7] = [
        Core::M0,
        Core::M0Plus,
        Core::M3,
        Core::M4,
        Core::M7,
        Core::M33,
        Core::Rv32imc,
    ];

    /// Returns what is known of the core.
    pub const fn processor(self) -> &'static Processor {
        match self {
            Core::M0 => &arm::M0,
            Core::M0Plus => &arm::M0_PLUS,
            Core::M3 => &arm::M3,
            Core::M4 => &arm::M4,
            Core::M7 => &arm::M7,
            Core::M33 => &arm::M33,
            Core::Rv32imc => &riscv::RV32IMC,
        }
    }

    /// Returns the name used in board files and results.
    pub const fn name(self) -> &'static str {
        self.processor().name
    }

    /// Returns the Rust target.
    pub const fn target(self) -> &'static str {
        self.processor().target
    }

    /// Returns the emulated machine that stands for the core.
    pub const fn machine(self) -> Machine {
        self.processor().machine
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
        let known = |c: &Core| c.name().strip_prefix("cortex-").unwrap_or(c.name()) == short;
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
