//! Joins decoded instructions with a core's timing table.
//!
//! An instruction skipped inside an `IT` block is charged as if executed, so that the sum never flatters.

use super::instruction::{Code, Instruction};
use crate::Error;
use crate::cycles::{Cost, Costs};

/// A core's timing table: the cost of an instruction, given the one behind it.
type Timing = fn(&Instruction, Option<&Instruction>) -> Cost;

struct ImageCosts {
    code: Code,
    timing: Timing,
}

/// Returns the costs by `timing` of the instructions in the ELF image `bytes`.
///
/// # Errors
/// What is wrong with the image.
pub fn costs(bytes: &[u8], timing: Timing) -> Result<Box<dyn Costs>, String> {
    let code = Code::of_image(bytes)?;
    Ok(Box::new(ImageCosts { code, timing }))
}

impl Costs for ImageCosts {
    fn at(&self, address: u32) -> Result<Cost, Error> {
        let instruction = self.code.decode(address)?;
        // Behind the last instruction of a function there may be data: then nothing pairs.
        let next = self.code.decode(address + instruction.size).ok();
        Ok((self.timing)(&instruction, next.as_ref()))
    }
}
