//! What must hold for any bytes at all: one function per reader. The fuzz targets in `fuzz/` call them with what
//! libFuzzer thinks up, the tests of this crate with the small files kept in `fuzz/corpus-small/`.
//!
//! Every function panics when a promise is broken, and else returns whether the bytes were read to the end, so that
//! a test can tell a corpus that reaches the depths from one that is refused at the door.
#![allow(
    clippy::unwrap_used,
    reason = "a check that cannot be made must stop the fuzzer as a failed one does"
)]

mod data;
mod model;
mod networks;

pub use data::{arff, csv, npz, wisdm_2019, wisdm_v1};
pub use model::model;
pub use networks::{onnx, tflite};

/// A check.
pub type Check = fn(&[u8]) -> bool;

/// Every check with the name of its target, which is also that of its corpus.
pub const CHECKS: [(&str, Check); 8] = [
    ("model", model),
    ("tflite", tflite),
    ("onnx", onnx),
    ("wisdm_v1", wisdm_v1),
    ("wisdm_2019", wisdm_2019),
    ("arff", arff),
    ("csv", csv),
    ("npz", npz),
];
