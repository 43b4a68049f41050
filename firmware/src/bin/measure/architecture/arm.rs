//! Semihosting and faults on a Cortex-M. A fault ends the run with a report, whatever state the stack is in.

use super::{_stack_end, _stack_start};
use crate::harness::{Status, report};
use core::arch::{asm, naked_asm};

/// # Safety
/// `arguments` is what `operation` expects.
pub unsafe fn call(operation: u32, arguments: &[u32]) -> u32 {
    let result;
    // SAFETY: the debugger (here: the emulator) takes the breakpoint and changes r0 and memory only.
    unsafe {
        asm!("bkpt #0xab", inlateout("r0") operation => result, in("r1") arguments.as_ptr(),
             options(nostack, preserves_flags));
    }
    result
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
