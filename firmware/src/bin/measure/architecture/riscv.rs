//! Semihosting and faults on a RISC-V core. A fault ends the run with a report, whatever state the stack is in.

use super::{_stack_end, _stack_start};
use crate::harness::{Status, report};
use core::arch::{asm, naked_asm};

/// # Safety
/// `arguments` is what `operation` expects.
pub unsafe fn call(operation: u32, arguments: &[u32]) -> u32 {
    let result;
    // SAFETY: the debugger (here: the emulator) takes the breakpoint and changes a0 and memory only. It knows a call by
    // these three instructions, uncompressed and within one page, which the alignment sees to.
    unsafe {
        asm!(
            ".option push",
            ".option norvc",
            ".balign 16",
            "slli x0, x0, 0x1f",
            "ebreak",
            "srai x0, x0, 7",
            ".option pop",
            inlateout("a0") operation => result, in("a1") arguments.as_ptr(),
            options(nostack, preserves_flags)
        );
    }
    result
}

/// Moves to a fresh stack, for the old one may be what faulted, and reports. Takes the place of the start-up crate's
/// handler by its name.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start_trap() -> ! {
    naked_asm!(
        ".balign 4",
        "csrr a0, mepc",
        "mv a1, sp",
        "csrr a2, mtval",
        "la sp, {top}",
        "andi sp, sp, -16",
        "j {explain}",
        top = sym _stack_start,
        explain = sym explain,
    )
}

/// Bytes below the stack's end in which an access is taken for one of the stack: a frame may be left out by so much.
const GUARD: u32 = 64 * 1024;

extern "C" fn explain(pc: u32, sp: u32, address: u32) -> ! {
    let low = &raw const _stack_end as u32;
    let below = low.wrapping_sub(GUARD)..low;
    let status = match sp < low || below.contains(&address) {
        true => Status::StackOverflow,
        false => Status::Fault,
    };
    report(status, 0, pc, sp)
}
