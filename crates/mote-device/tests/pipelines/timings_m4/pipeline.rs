// Each layer is a piece of assembly whose cycles on a Cortex-M4 follow from the published timings by hand; the
// sums stand beside the instructions, and again in the test.

use core::arch::naked_asm;

pub type Elem = i8;
pub type Out = i8;
pub const INPUT_LEN: usize = 1;
pub const OUTPUT_LEN: usize = 1;

pub struct Pipeline {
    input: [Elem; 1],
    output: [Out; 1],
    scratch: [u32; 8],
}

impl Pipeline {
    pub const fn new() -> Self {
        Self {
            input: [0],
            output: [0],
            scratch: [0; 8],
        }
    }

    pub fn init(&mut self) -> Result<(), mote::Error> {
        Ok(())
    }

    pub fn input(&mut self) -> &mut [Elem] {
        &mut self.input
    }

    pub fn run(&mut self) -> Result<bool, mote::Error> {
        let data = self.scratch.as_mut_ptr();
        // SAFETY: they read and write the eight words of `data` only, and keep the calling convention.
        unsafe {
            layer_00_independent_loads(data);
            layer_01_dependent_loads(data);
            layer_02_load_then_store(data);
            layer_03_mac_loop();
            layer_04_branches();
            layer_05_division();
            layer_06_multiple(data);
            layer_07_calls();
            layer_08_float(data);
            layer_09_compare_and_branch();
        }
        Ok(true)
    }

    pub fn output(&self) -> &[Out] {
        &self.output
    }
}

/// Four loads in a row: 1 + 1 + 1 + 2, and 3 to return.
#[unsafe(naked)]
unsafe extern "C" fn layer_00_independent_loads(data: *mut u32) {
    naked_asm!(
        "ldr r1, [r0]",
        "ldr r2, [r0, #4]",
        "ldr r3, [r0, #8]",
        "ldr r12, [r0, #12]",
        "bx lr"
    )
}

/// Three loads, each of the address of the next (the first word is made to point at itself): an add (1), a
/// store (1), 2 + 2 + 2, and 3.
#[unsafe(naked)]
unsafe extern "C" fn layer_01_dependent_loads(data: *mut u32) {
    naked_asm!(
        "adds r1, r0, #0",
        "str r1, [r0]",
        "ldr r1, [r1]",
        "ldr r1, [r1]",
        "ldr r1, [r1]",
        "bx lr"
    )
}

/// A load beside an independent store (1 + 1), a load whose word is stored at once (2 + 1), and 3.
#[unsafe(naked)]
unsafe extern "C" fn layer_02_load_then_store(data: *mut u32) {
    naked_asm!(
        "ldr r1, [r0]",
        "str r0, [r0, #4]",
        "ldr r1, [r0]",
        "str r1, [r0, #4]",
        "bx lr"
    )
}

/// Two moves (2); ten rounds of smlad, sxtb16, subs and a branch (3 each and 2 more when taken, nine times: 10
/// * (1 + 1 + 1 + 1) + 9 * 2); and 3.
#[unsafe(naked)]
unsafe extern "C" fn layer_03_mac_loop() {
    naked_asm!(
        "movs r2, #0",
        "movs r1, #10",
        "2:",
        "smlad r2, r1, r1, r2",
        "sxtb16 r3, r2",
        "subs r1, #1",
        "bne 2b",
        "bx lr"
    )
}

/// A compare (1), a branch not taken (1), one taken (3), one always (3), and 3.
#[unsafe(naked)]
unsafe extern "C" fn layer_04_branches() {
    naked_asm!(
        "cmp r0, r0",
        "bne 2f",
        "beq 3f",
        "2:",
        "nop",
        "3:",
        "b 4f",
        "nop",
        "4:",
        "bx lr"
    )
}

/// Two moves (2), two divisions (12 each), a product with 64 bits (1), and 3.
#[unsafe(naked)]
unsafe extern "C" fn layer_05_division() {
    naked_asm!(
        "movs r1, #100",
        "movs r2, #7",
        "udiv r3, r1, r2",
        "sdiv r3, r1, r2",
        "smull r2, r3, r1, r2",
        "bx lr"
    )
}

/// push of 3 (4), stm of 2 (3), ldm of 2 (3), ldrd (3), pop of 3 into the program counter (4 + 2).
#[unsafe(naked)]
unsafe extern "C" fn layer_06_multiple(data: *mut u32) {
    naked_asm!(
        "push {{r4, r5, lr}}",
        "stmia r0!, {{r4, r5}}",
        "ldmdb r0!, {{r4, r5}}",
        "ldrd r2, r3, [r0]",
        "pop {{r4, r5, pc}}"
    )
}

/// push of 2 (3), bl (3), in the callee an it (1), a skipped add (1) and the return (3), pop of 2 (3 + 2).
#[unsafe(naked)]
unsafe extern "C" fn layer_07_calls() {
    naked_asm!(
        "push {{r4, lr}}",
        "bl 2f",
        "pop {{r4, pc}}",
        "2:",
        "cmp r0, r0",
        "it ne",
        "addne r0, #1",
        "bx lr"
    )
}

/// vldr (2), vldr (2), vadd (1), vmul (1), vfma (3), vdiv (14), vsqrt (14), vmov (1), vstr (1), and 3.
#[unsafe(naked)]
unsafe extern "C" fn layer_08_float(data: *mut u32) {
    naked_asm!(
        ".fpu fpv4-sp-d16",
        "vldr s0, [r0]",
        "vldr s1, [r0, #4]",
        "vadd.f32 s2, s0, s1",
        "vmul.f32 s2, s0, s1",
        "vfma.f32 s2, s0, s1",
        "vdiv.f32 s2, s0, s1",
        "vsqrt.f32 s2, s0",
        "vmov r1, s2",
        "vstr s2, [r0]",
        "bx lr"
    )
}

/// A move (1), cbz not taken (1), cbnz taken (3), and 3.
#[unsafe(naked)]
unsafe extern "C" fn layer_09_compare_and_branch() {
    naked_asm!(
        "movs r0, #1",
        "cbz r0, 2f",
        "cbnz r0, 2f",
        "nop",
        "2:",
        "bx lr"
    )
}
