//! Cycles, modelled from exact execution counts and the core's published instruction timings.
//!
//! What an instruction costs when memory answers at once is a matter of the architecture, which decodes it: see
//! [`crate::architecture`]. Waits for flash come on top: see [`crate::flash`]. Contention on the bus is not modelled.

use crate::Error;

/// Cycles of one instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Each time it executes.
    pub each: u64,
    /// On top, each time control goes elsewhere than to the instruction behind it.
    pub taken: u64,
}

impl Cost {
    pub(crate) const fn new(each: u64, taken: u64) -> Self {
        Self { each, taken }
    }

    /// Returns the cycles of `executed` executions of which `taken` jumped.
    pub const fn of(self, executed: u64, taken: u64) -> u64 {
        self.each * executed + self.taken * taken
    }
}

/// The costs of an image's instructions on one core.
pub trait Costs {
    /// Returns the cost of the instruction at `address`.
    ///
    /// # Errors
    /// [`Error::UnknownInstruction`] when there is none, or none with a known timing.
    fn at(&self, address: u32) -> Result<Cost, Error>;
}

/// Reads the code of an ELF image, whose costs are asked for.
///
/// The error is what is wrong with the image.
pub type CostsOfImage = fn(&[u8]) -> Result<Box<dyn Costs>, String>;
