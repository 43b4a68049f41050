//! The inference engine of Mote: `no_std`, no heap, no panics.
//!
//! It runs on the device and, with the same integer arithmetic, on the host. From the top:
//!
//! - [`Interpreter`] runs a [`Model`] (a view of the model format, nothing is copied) in an arena the caller
//!   supplies, with the operators the caller registers ([`registry`]).
//! - [`kernels`] has one operator per module, usable on its own: generated code calls them with constant
//!   shapes.
//! - [`Page`]s of weights that do not lie in the image come from a [`Storage`], checked.
//! - With the feature `boxed` there is another way to run a model: as boxed layers on a heap, the baseline that the other
//!   ways are compared with.
//! - [`quant`] is TensorFlow Lite's fixed-point arithmetic.
//!
//! Without the default features `interpreter` and `libm` the engine is what generated int8 code calls, and
//! depends on no other crate.
//!
//! ```
//! # fn main() -> Result<(), mote::Error> {
//! use mote::{Error, Interpreter, Model, registry};
//!
//! // Anything that is not a complete, intact model is refused before it can run.
//! let result = Model::parse(&[0u32; 8]);
//! assert!(matches!(result, Err(Error::NotAModel)));
//!
//! fn classify(model: &[u32], arena: &mut [u32], window: &[i8]) -> Result<usize, Error> {
//!     let network = Interpreter::new(Model::parse(model)?, registry::ALL_INT8)?;
//!     let input = network.input_i8(arena)?;
//!     for (slot, &x) in input.iter_mut().zip(window) {
//!         *slot = x;
//!     }
//!     network.run(arena)?;
//!     Ok(mote::kernels::argmax(network.output_i8(arena)?))
//! }
//! # Ok(())
//! # }
//! ```
#![no_std]
#![deny(unsafe_code)]

#[cfg(target_endian = "big")]
compile_error!("the model format is little-endian and read in place");

#[cfg(any(feature = "boxed", feature = "describe", test))]
extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(feature = "boxed")]
pub mod boxed;
mod crc;
#[cfg(feature = "describe")]
pub mod describe;
mod error;
pub mod format;
#[cfg(feature = "interpreter")]
mod interp;
pub mod kernels;
mod model;
#[cfg(feature = "interpreter")]
pub mod op;
mod outcome;
mod pager;
pub mod quant;
#[cfg(feature = "interpreter")]
pub mod registry;
mod simd;
mod storage;
#[cfg(test)]
mod testing;

pub use crc::crc32;
pub use error::Error;
#[cfg(feature = "interpreter")]
pub use interp::{Interpreter, View};
pub use model::{Elem, Model, Node, Tensor};
pub use outcome::StepOutcome;
pub use pager::Page;
pub use storage::Storage;
