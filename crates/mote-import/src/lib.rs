//! Networks from other tools.

use mote_model::{Error, Graph};
use std::path::Path;

mod builder;
mod conv;
pub mod onnx;
mod port;
pub mod tflite;

pub use builder::without_conversions;
pub use port::{Element, Imported, Port};

/// Reads the model file `bytes`, whose format and name its `path` tells.
///
/// # Errors
/// As [`read`].
pub fn by_name(path: &Path, bytes: &[u8]) -> Result<Graph, Error> {
    Ok(read(path, bytes)?.graph)
}

/// As [`by_name`], with what the file says about its input and output. Weights of an ONNX model that lie in another file
/// are read from beside `path`.
///
/// # Errors
/// [`Error::ModelFile`] when the path ends in none of `.tflite`, `.lite` and `.onnx`; else as the importer of the format.
pub fn read(path: &Path, bytes: &[u8]) -> Result<Imported, Error> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default();
    match extension.to_string_lossy().to_lowercase().as_str() {
        "tflite" | "lite" => tflite::read(&name, bytes),
        "onnx" => onnx::read(&name, bytes, path.parent()),
        other => {
            let what = format!("`{other}` is not known; there are: tflite, lite, onnx");
            Err(Error::model_file("name", what))
        }
    }
}

/// The number whose 16-bit float has these bits.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, mantissa) = (bits >> 10 & 0x1f, f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => mantissa * 2f32.powi(-24),
        31 if mantissa == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + mantissa) * 2f32.powi(i32::from(exponent) - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_their_bits_say() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0x7bff, 65504.0),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan());
    }
}
