//! Cortex-M.

use super::{Architecture, KIB, MIB, Machine, Processor, Region};

#[cfg(feature = "measure")]
mod instruction;
#[cfg(feature = "measure")]
mod m0;
#[cfg(feature = "measure")]
mod m4;
#[cfg(feature = "measure")]
mod timing;

/// The architecture.
pub static ARM: Architecture = Architecture {
    name: "Cortex-M",
    emulator: "qemu-system-arm",
    emulator_packages: &["qemu-system-arm"],
    load: ("-kernel", ""),
    linker: "arm-none-eabi-ld",
    linker_package: "binutils-arm-none-eabi",
    linker_arguments: &[],
};

/// Cortex-M0.
pub const M0: Processor = Processor {
    architecture: &ARM,
    name: "cortex-m0",
    target: "thumbv6m-none-eabi",
    cpu: "cortex-m0",
    machine: MICROBIT,
    // ARMv6-M code runs unchanged on an emulated Cortex-M3 with more memory.
    large_machine: Some(mps2("mps2-an385")),
    #[cfg(feature = "measure")]
    timings: Some(|image| timing::costs(image, m0::cortex_m0)),
    #[cfg(feature = "measure")]
    timings_note: "",
};

/// Cortex-M0+. One build serves M0 and M0+: they differ in timing only.
pub const M0_PLUS: Processor = Processor {
    name: "cortex-m0+",
    #[cfg(feature = "measure")]
    timings: Some(|image| timing::costs(image, m0::cortex_m0_plus)),
    ..M0
};

/// Cortex-M3.
pub const M3: Processor = Processor {
    architecture: &ARM,
    name: "cortex-m3",
    target: "thumbv7m-none-eabi",
    cpu: "cortex-m3",
    machine: mps2("mps2-an385"),
    large_machine: None,
    #[cfg(feature = "measure")]
    timings: None,
    #[cfg(feature = "measure")]
    timings_note: "",
};

/// Cortex-M4 with FPU.
pub const M4: Processor = Processor {
    architecture: &ARM,
    name: "cortex-m4",
    target: "thumbv7em-none-eabihf",
    cpu: "cortex-m4",
    machine: mps2("mps2-an386"),
    large_machine: None,
    #[cfg(feature = "measure")]
    timings: Some(|image| timing::costs(image, m4::cortex_m4)),
    #[cfg(feature = "measure")]
    timings_note: "",
};

/// Cortex-M7 with single-precision FPU. It issues instructions in pairs in ways that a table could not tell.
pub const M7: Processor = Processor {
    name: "cortex-m7",
    // The optional double-precision unit must not be used.
    cpu: "cortex-m4",
    machine: mps2("mps2-an500"),
    #[cfg(feature = "measure")]
    timings: None,
    ..M4
};

/// Cortex-M33 with FPU and DSP instructions. No timings are published: those of the M4 stand for them, which four networks on
/// an nRF5340 bear out within 6 % (`docs/cycles.md`).
pub const M33: Processor = Processor {
    architecture: &ARM,
    name: "cortex-m33",
    target: "thumbv8m.main-none-eabihf",
    cpu: "cortex-m33",
    machine: Machine {
        name: "mps2-an505",
        arguments: &[],
        flash: Region {
            origin: 0x1000_0000,
            length: 4 * MIB,
        },
        ram: Region {
            origin: 0x3800_0000,
            length: 4 * MIB,
        },
    },
    large_machine: None,
    #[cfg(feature = "measure")]
    timings: Some(|image| timing::costs(image, m4::cortex_m4)),
    #[cfg(feature = "measure")]
    timings_note: " of the cortex-m4, as none are published (four networks on an nRF5340 took .995, .944, 1.045 and .972 of them)",
};

const MICROBIT: Machine = Machine {
    name: "microbit",
    arguments: &[],
    flash: Region {
        origin: 0,
        length: 256 * KIB,
    },
    ram: Region {
        origin: 0x2000_0000,
        length: 16 * KIB,
    },
};

const fn mps2(name: &'static str) -> Machine {
    Machine {
        name,
        arguments: &[],
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
