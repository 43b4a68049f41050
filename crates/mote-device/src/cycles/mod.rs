//! Cycles, modelled from exact execution counts and the core's published instruction timings.
//!
//! A core's timing is a function from an instruction, and the one behind it, to [`Cost`]. Memory answers at
//! once: flash wait states and bus contention are not modelled. An instruction skipped inside an `IT` block is
//! charged as if executed, so that the sum never flatters.

mod m0;
mod m4;

use crate::core::Core;
use crate::disasm::Instruction;

/// Cycles of one instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Each time it executes.
    pub each: u64,
    /// On top, each time control goes elsewhere than to the instruction behind it.
    pub taken: u64,
}

impl Cost {
    const fn new(each: u64, taken: u64) -> Self {
        Self { each, taken }
    }

    /// Returns the cycles of `executed` executions of which `taken` jumped.
    pub const fn of(self, executed: u64, taken: u64) -> u64 {
        self.each * executed + self.taken * taken
    }
}

/// A core's timing table.
pub type Timing = fn(&Instruction, Option<&Instruction>) -> Cost;

/// Returns the timing table of `core`; `None` where none is published (M33), or where instructions pair up in ways
/// the table could not tell (M7).
pub fn timing(core: Core) -> Option<Timing> {
    match core {
        Core::M0 => Some(m0::cortex_m0),
        Core::M0Plus => Some(m0::cortex_m0_plus),
        Core::M4 => Some(m4::cortex_m4),
        Core::M3 | Core::M7 | Core::M33 => None,
    }
}
