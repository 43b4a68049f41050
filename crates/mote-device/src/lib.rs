//! What a pipeline costs on a device: firmware builds, footprint, emulation, cycles and energy.
//!
//! From a directory with a generated `pipeline.rs` to a [`measure::Measurement`]:
//!
//! - [`toolchain`] finds a compiler for the core, [`setup`] installs what is missing;
//! - [`image`] builds the two images of `firmware/`, *deploy* and *measure*, and keeps them;
//! - [`footprint`] reads flash and RAM from the deployed image's ELF file;
//! - [`emulator`] runs the measured image in QEMU under our plugin, which counts every instruction
//!   ([`profile`]);
//! - [`architecture`] knows instruction sets and cores; [`cycles`] and [`analysis`] make cycles per layer and function of
//!   the counts, [`flash`] says how long the core waits for code and weights;
//! - [`board`] and [`energy`] make milliseconds, microjoules and days of the cycles;
//! - [`measure`] does all of it, [`conformance`] compares outputs between cores.

#![allow(
    clippy::expect_used,
    reason = "a host crate: an invariant that does not hold is a bug, and says so"
)]

pub mod architecture;
pub mod core;
mod error;
mod process;
pub mod setup;
pub mod toolchain;

#[cfg(feature = "measure")]
pub mod analysis;
#[cfg(feature = "measure")]
pub mod board;
#[cfg(feature = "measure")]
pub mod conformance;
#[cfg(feature = "measure")]
pub mod cycles;
#[cfg(feature = "measure")]
pub mod emulator;
#[cfg(feature = "measure")]
pub mod energy;
#[cfg(feature = "figures")]
pub mod figures;
#[cfg(feature = "measure")]
pub mod flash;
#[cfg(feature = "measure")]
pub mod footprint;
#[cfg(feature = "measure")]
pub mod image;
#[cfg(feature = "measure")]
pub mod measure;
#[cfg(feature = "measure")]
pub mod profile;

pub use error::Error;
