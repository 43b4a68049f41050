// Each layer is a piece of assembly whose cycles on a Cortex-M0, and on an M0+, follow from the published
// timings by hand; the sums (M0 / M0+) stand beside the instructions, and again in the test.

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
            layer_00_memory(data);
            layer_01_loop();
            layer_02_branches();
            layer_03_calls();
        }
        Ok(true)
    }

    pub fn output(&self) -> &[Out] {
        &self.output
    }
}

/// ldr, ldr, str (2 each), stm of 2 (3), and 3 / 2 to return.
#[unsafe(naked)]
unsafe extern "C" fn layer_00_memory(data: *mut u32) {
    naked_asm!(
        "ldr r1, [r0]",
        "ldr r2, [r0, #4]",
        "str r1, [r0, #4]",
        "stmia r0!, {{r1, r2}}",
        "bx lr"
    )
}

/// Two moves (2); ten rounds of muls, subs and a branch (3 each, and 2 / 1 more when taken, nine times); 3 / 2.
#[unsafe(naked)]
unsafe extern "C" fn layer_01_loop() {
    naked_asm!(
        "movs r2, #3",
        "movs r1, #10",
        "2:",
        "muls r2, r1",
        "subs r1, #1",
        "bne 2b",
        "bx lr"
    )
}

/// A compare (1), a branch not taken (1), one taken (3 / 2), one always (3 / 2), and 3 / 2.
#[unsafe(naked)]
unsafe extern "C" fn layer_02_branches() {
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

/// push of 2 (3), bl (4 / 3), the callee's return (3 / 2), pop of 2 into the program counter (6 / 5).
#[unsafe(naked)]
unsafe extern "C" fn layer_03_calls() {
    naked_asm!(
        "push {{r4, lr}}",
        "bl 2f",
        "pop {{r4, pc}}",
        "2:",
        "bx lr"
    )
}
