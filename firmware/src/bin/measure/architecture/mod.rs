//! What the harness needs of each architecture: one file each, with the same items.
//!
//! - `call`, a semihosting call;
//! - a handler of faults, which moves to a fresh stack and reports.

#[cfg(target_arch = "arm")]
mod arm;
#[cfg(target_arch = "riscv32")]
mod riscv;

#[cfg(target_arch = "arm")]
pub use arm::call;
#[cfg(target_arch = "riscv32")]
pub use riscv::call;

unsafe extern "C" {
    /// Lowest address of the stack, from the linker.
    static _stack_end: u8;
    /// The address above its highest.
    static _stack_start: u8;
}
