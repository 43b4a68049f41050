//! Functions of one f32 value. In int8 they are [tables](super::lookup).
//!
//! Parameters: of the hard ones, slope and shift in f32.

use super::{Operator, same_len, words};
#[cfg(feature = "describe")]
use crate::describe::{Body, Describe, Fields};
use crate::kernels::function;
use crate::{Error, Node, StepOutcome};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::vec::Vec;
use core::cell::Cell;

/// Declares a function without parameters: what it computes, name, code, and the kernel.
macro_rules! plain {
    ($(#[$doc:meta])* $name:ident, $code:literal, $kernel:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Operator for $name {
            const CODE: u8 = $code;
            const IMPORTED: bool = true;
            type Input = f32;
            type Output = f32;
            type Layer<'m> = ();

            fn parse(_: &Node<'_>, _: &[u32]) -> Result<(), Error> {
                Ok(())
            }

            fn check(node: &Node<'_>) -> Result<(), Error> {
                same_len(node)
            }

            fn run(
                (): &(),
                [input, _]: [&[Cell<f32>]; 2],
                output: &[Cell<f32>],
            ) -> Result<StepOutcome, Error> {
                function::$kernel(input, output)?;
                Ok(StepOutcome::Continue)
            }
        }

        #[cfg(feature = "describe")]
        impl Describe for $name {
            fn encode((): &()) -> (Fields, Vec<u32>) {
                (Fields::none::<f32>(), Vec::new())
            }

            fn rust((): &()) -> Body {
                let kernel = stringify!($kernel);
                Body::Call(format!("kernels::function::{kernel}(input, output)"))
            }
        }
    };
}

plain! {
    /// `1 / (1 + exp(-x))`.
    SigmoidF32, 34, sigmoid
}
plain! {
    /// Hyperbolic tangent.
    TanhF32, 35, tanh
}
plain! {
    /// Natural logarithm.
    LogF32, 36, log
}

/// Declares a function that is straight between two bounds, by slope and shift: what it computes, name, code, and whether
/// it is multiplied by `x`.
macro_rules! hard {
    ($(#[$doc:meta])* $name:ident, $code:literal, $times_x:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Operator for $name {
            const CODE: u8 = $code;
            const IMPORTED: bool = true;
            const WORDS: usize = 2;
            type Input = f32;
            type Output = f32;
            type Layer<'m> = [f32; 2];

            fn parse(_: &Node<'_>, parameters: &[u32]) -> Result<[f32; 2], Error> {
                Ok(words::<2>(parameters)?.map(f32::from_bits))
            }

            fn check(node: &Node<'_>) -> Result<(), Error> {
                same_len(node)?;
                Self::parse(node, node.parameters()).map(drop)
            }

            fn run(
                layer: &[f32; 2],
                [input, _]: [&[Cell<f32>]; 2],
                output: &[Cell<f32>],
            ) -> Result<StepOutcome, Error> {
                function::hard(*layer, $times_x, input, output)?;
                Ok(StepOutcome::Continue)
            }
        }

        #[cfg(feature = "describe")]
        impl Describe for $name {
            fn encode(layer: &[f32; 2]) -> (Fields, Vec<u32>) {
                (Fields::none::<f32>(), layer.map(f32::to_bits).to_vec())
            }

            fn rust(layer: &[f32; 2]) -> Body {
                let [slope, shift] = layer.map(f32::to_bits);
                Body::Call(format!(
                    "kernels::function::hard([f32::from_bits({slope:#x}), f32::from_bits({shift:#x})], {}, input, output)",
                    $times_x
                ))
            }
        }
    };
}

hard! {
    /// `x * min(max(slope * x + shift, 0), 1)`.
    HardSwishF32, 37, true
}
hard! {
    /// `min(max(slope * x + shift, 0), 1)`.
    HardSigmoidF32, 38, false
}
