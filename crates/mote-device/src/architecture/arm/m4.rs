//! Cortex-M4 (Arm 100166, section 3.3; LLVM's `ARMScheduleM4.td` for what it leaves open).

use super::instruction::{Class, Instruction};
use crate::cycles::Cost;

/// Cycles to refill the pipeline: published as 1 to 3, by alignment and fetch width of the target.
const REFILL: u64 = 2;

/// Integer division takes 2 to 12 cycles, by the operands' leading zeros and ones: the most is charged.
const DIVISION: u64 = 12;

/// Returns the cycles of `instruction`, followed in memory by `next`.
pub fn cortex_m4(instruction: &Instruction, next: Option<&Instruction>) -> Cost {
    let words = |n: u32| u64::from(n);
    match instruction.class {
        Class::Alu | Class::Multiply | Class::MultiplyLong | Class::Store | Class::Float => {
            Cost::new(1, 0)
        }
        Class::Divide => Cost::new(DIVISION, 0),
        Class::Load { to } => Cost::new(if overlaps(to, next) { 1 } else { 2 }, 0),
        Class::LoadMultiple(n) | Class::StoreMultiple(n) => Cost::new(1 + words(n), 0),
        Class::LoadAndJump(n) => Cost::new(1 + words(n), REFILL),
        Class::Branch | Class::CompareAndBranch | Class::Call | Class::BranchRegister => {
            Cost::new(1, REFILL)
        }
        Class::TableBranch => Cost::new(2, REFILL),
        Class::FloatMac => Cost::new(3, 0),
        Class::FloatDivide => Cost::new(14, 0),
        Class::FloatLoad(n) => Cost::new(1 + words(n), 0),
        Class::FloatStore(n) => Cost::new(if n == 1 { 1 } else { 1 + words(n) }, 0),
        Class::System => Cost::new(2, 0),
    }
}

/// Returns whether the second cycle of a load of register `to` is shared with `next`: a single load or store that does
/// not wait for it.
fn overlaps(to: u16, next: Option<&Instruction>) -> bool {
    next.is_some_and(|n| {
        matches!(n.class, Class::Load { .. } | Class::Store) && !n.uses.contains(&to)
    })
}
