//! Networks from other tools.

pub mod tflite;
