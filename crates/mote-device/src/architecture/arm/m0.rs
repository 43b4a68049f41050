//! Cortex-M0 (Arm DDI 0432, section 3.3) and M0+ (Arm DDI 0484, section 3.3), both with the single-cycle
//! multiplier that nRF51 and RP2040 have. Classes these cores lack do not occur.

use super::instruction::{Class, Instruction};
use crate::cycles::Cost;

/// What differs between the two cores.
struct PipelineCost {
    /// On top of one cycle, for a jump to an address or register.
    jump: u64,
    /// On top of one cycle, for `BL`.
    call: u64,
    /// On top of one cycle per word and one more, for `POP` into the program counter.
    pop: u64,
    /// Barriers and special registers.
    system: u64,
}

const M0: PipelineCost = PipelineCost {
    jump: 2,
    call: 3,
    pop: 3,
    system: 4,
};

const M0_PLUS: PipelineCost = PipelineCost {
    jump: 1,
    call: 2,
    pop: 2,
    system: 3,
};

/// Returns the cycles on a Cortex-M0.
pub fn cortex_m0(instruction: &Instruction, _next: Option<&Instruction>) -> Cost {
    cost(&M0, instruction.class)
}

/// Returns the cycles on a Cortex-M0+.
pub fn cortex_m0_plus(instruction: &Instruction, _next: Option<&Instruction>) -> Cost {
    cost(&M0_PLUS, instruction.class)
}

fn cost(core: &PipelineCost, class: Class) -> Cost {
    match class {
        Class::Load { .. } | Class::Store => Cost::new(2, 0),
        Class::LoadMultiple(n) | Class::StoreMultiple(n) => Cost::new(1 + u64::from(n), 0),
        Class::LoadAndJump(n) => Cost::new(1 + u64::from(n), core.pop),
        Class::Branch | Class::BranchRegister => Cost::new(1, core.jump),
        Class::Call => Cost::new(1, core.call),
        Class::System => Cost::new(core.system, 0),
        _ => Cost::new(1, 0),
    }
}
