//! What start-up and exceptions need of each architecture: one file each, with the same items.
//!
//! - the macro `entry!`, which makes a block of code the program;
//! - what the linker script of the start-up crate asks for.

#[cfg(target_arch = "arm")]
mod arm;
#[cfg(target_arch = "riscv32")]
mod riscv;
