//! Networks from other tools.

use mote_model::{Error, Graph};
use std::path::Path;

mod builder;
mod conv;
pub mod onnx;
pub mod tflite;

/// Reads the model file `bytes`, whose format and name its `path` tells.
///
/// # Errors
/// [`Error::ModelFile`] when the path ends in neither `.tflite` nor `.onnx`; else as the importer of the format.
pub fn by_name(path: &Path, bytes: &[u8]) -> Result<Graph, Error> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default();
    match extension.to_string_lossy().to_lowercase().as_str() {
        "tflite" => tflite::import(&name, bytes),
        "onnx" => onnx::import(&name, bytes),
        other => {
            let what = format!("`{other}` is not known; there are: tflite, onnx");
            Err(Error::model_file("name", what))
        }
    }
}
