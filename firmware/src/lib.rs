//! What the deployed and the measured image share: the generated pipeline and the two calls into it.
//!
//! The pipeline is the file `pipeline.rs` in the directory `MOTE_PIPELINE_DIR`. It has
//!
//! ```text
//! pub type Elem = i8 | i16 | f32;          // what the sensor side writes
//! pub type Out = i8 | f32;                 // what the application reads
//! pub const INPUT_LEN: usize;
//! pub const OUTPUT_LEN: usize;
//! pub struct Pipeline;                     // all RAM the inference needs but stack
//! impl Pipeline {
//!     pub const fn new() -> Self;
//!     pub fn init(&mut self) -> Result<(), mote::Error>;
//!     pub fn input(&mut self) -> &mut [Elem];
//!     pub fn run(&mut self) -> Result<bool, mote::Error>; // whether there is a new decision
//!     pub fn output(&self) -> &[Out];
//! }
//! mod model_data { /* statics: everything that is model and not code */ }
//! ```
//!
//! A pipeline that allocates is built with the feature `heap`. One that pages its weights is built with the feature
//! `external`, and has besides
//!
//! ```text
//! impl<S: mote::Storage> Pipeline<S> { pub const fn over(storage: S) -> Self; }
//! pub mod external { pub static WEIGHTS: [u32; _]; } // in section `.external`
//! ```
#![no_std]

mod architecture;

#[cfg(feature = "external")]
pub mod external;

#[cfg(feature = "heap")]
pub mod heap;

/// The generated pipeline.
#[allow(
    missing_docs,
    clippy::new_without_default,
    reason = "generated; the crate page documents its items"
)]
pub mod pipeline {
    include!(concat!(env!("MOTE_PIPELINE_DIR"), "/pipeline.rs"));
}

#[cfg(not(feature = "external"))]
pub use pipeline::Pipeline;
pub use pipeline::{Elem, INPUT_LEN, OUTPUT_LEN, Out};

/// The generated pipeline, over the modelled storage.
#[cfg(feature = "external")]
pub type Pipeline = pipeline::Pipeline<external::Nor>;

/// The pipeline as it is when the core starts.
pub const fn pipeline() -> Pipeline {
    #[cfg(feature = "external")]
    return Pipeline::over(external::Nor);
    #[cfg(not(feature = "external"))]
    Pipeline::new()
}

/// Prepares the pipeline, once, before the first [`mote_infer`].
///
/// A function of its own, never inlined, so that both images run the same code and a profiler can name it.
///
/// # Errors
/// When the model in the image is damaged or asks for what the image does not contain.
#[inline(never)]
#[unsafe(no_mangle)]
pub fn mote_init(pipeline: &mut Pipeline) -> Result<(), mote::Error> {
    pipeline.init()
}

/// One run on the samples in `pipeline.input()`; true when `pipeline.output()` holds a new decision. See
/// [`mote_init`] for why it is a function.
///
/// # Errors
/// When [`mote_init`] has not succeeded.
#[inline(never)]
#[unsafe(no_mangle)]
pub fn mote_infer(pipeline: &mut Pipeline) -> Result<bool, mote::Error> {
    pipeline.run()
}

/// Nothing in an image without a heap panics, which is checked by symbol; Rust wants the handler all the same.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
