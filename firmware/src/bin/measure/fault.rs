//! A fault ends the run with a report, whatever state the stack is in.

use crate::harness::{Status, report};
use core::arch::naked_asm;

unsafe extern "C" {
    /// Lowest address of the stack, from the linker.
    static _stack_end: u8;
    /// The address above its highest.
    static _stack_start: u8;
}

/// Moves to a fresh stack, for the old one may be what faulted, and reports. Takes the vector's place by its
/// name: `cortex_m_rt::exception` allows no naked function.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn HardFault() -> ! {
    naked_asm!(
        "mrs r0, msp",
        "ldr r1, =_stack_start",
        "msr msp, r1",
        "bl {explain}",
        ".pool",
        explain = sym explain,
    )
}

/// Bytes the core pushes when it takes an exception.
const EXCEPTION_FRAME: u32 = 32;
/// Where the program counter lies in it.
const FRAME_PC: u32 = 24;

extern "C" fn explain(sp: u32) -> ! {
    let low = &raw const _stack_end as u32;
    let high = &raw const _stack_start as u32;
    if sp < low + EXCEPTION_FRAME {
        report(Status::StackOverflow, 0, 0, sp)
    }
    let pc = if sp + EXCEPTION_FRAME <= high {
        // SAFETY: the core has just pushed its frame there, within the stack.
        unsafe { ((sp + FRAME_PC) as *const u32).read() }
    } else {
        0
    };
    report(Status::Fault, 0, pc, sp)
}
