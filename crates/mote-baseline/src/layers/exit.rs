//! Early exit.

use super::{Keep, Layer};
use crate::Cells;
use alloc::boxed::Box;
use mote::kernels::exit;
use mote::registry::Flow;
use mote::{Error, Node};

/// Ends a run whose scores are clear. The margin is in steps for int8, else the bits of an f32.
pub(super) struct Exit {
    margin: u32,
}

impl Exit {
    pub(super) fn load(node: &Node<'static>, _: Keep) -> Result<Box<dyn Layer>, Error> {
        let &[margin] = node.words()?;
        Ok(Box::new(Self { margin }))
    }
}

impl Layer for Exit {
    fn forward(&self, [scores, _]: [Cells<'_>; 2], output: Cells<'_>) -> Result<Flow, Error> {
        let clear = match scores {
            Cells::F32(scores) => {
                exit::run_f32(f32::from_bits(self.margin), scores, output.f32s()?)?
            }
            Cells::I8(scores) => exit::run_i8(self.margin as i32, scores, output.i8s()?)?,
        };
        Ok(Flow::unless(clear))
    }
}
