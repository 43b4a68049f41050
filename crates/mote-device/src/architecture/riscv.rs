//! RISC-V of 32 bits.

use super::{Architecture, KIB, MIB, Machine, Processor, Region};

/// The architecture.
pub static RISCV: Architecture = Architecture {
    name: "RISC-V",
    emulator: "qemu-system-riscv32",
    emulator_packages: &["qemu-system-riscv", "qemu-system-misc"],
    // It begins at the image's entry, where the machine's own reset does not.
    load: ("-device", "loader,cpu-num=0,file="),
    linker: "riscv64-unknown-elf-ld",
    linker_package: "binutils-riscv64-unknown-elf",
    linker_arguments: &["-melf32lriscv"],
};

/// A microcontroller core with products and compressed instructions, and without atomic operations and floats, such as
/// the ESP32-C3's. No instruction timings are published for it.
pub const RV32IMC: Processor = Processor {
    architecture: &RISCV,
    name: "rv32imc",
    target: "riscv32imc-unknown-none-elf",
    cpu: "generic-rv32",
    // Its core (Ibex) has just these instructions, so that an image with others faults.
    machine: Machine {
        name: "opentitan",
        arguments: &[],
        flash: Region {
            origin: 0x2000_0000,
            length: MIB,
        },
        ram: Region {
            origin: 0x1000_0000,
            length: 128 * KIB,
        },
    },
    large_machine: Some(Machine {
        name: "virt",
        arguments: &[
            "-bios",
            "none",
            "-m",
            "16",
            "-cpu",
            "rv32,a=false,f=false,d=false",
            // An access to the addresses before RAM, which belong to PCI, is to fault.
            "-global",
            "gpex-pcihost.allow-unmapped-accesses=off",
        ],
        // Both are in the machine's RAM, the flash at its end: code and constants are never written.
        flash: Region {
            origin: 0x8080_0000,
            length: 8 * MIB,
        },
        ram: Region {
            origin: 0x8000_0000,
            length: 8 * MIB,
        },
    }),
    #[cfg(feature = "measure")]
    timings: None,
    #[cfg(feature = "measure")]
    timings_note: "",
};
