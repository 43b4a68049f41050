//! Importers of other tools' model files.

use crate::model::run;
use mote_model::{Error, Graph, Strategy, blob, plan};

/// Most weights and largest activation of a network that is planned and written.
const MAX_ELEMENTS: usize = 1 << 16;

/// A TensorFlow Lite model.
pub fn tflite(bytes: &[u8]) -> bool {
    network(mote_import::tflite::import("fuzzed", bytes))
}

/// An ONNX model.
pub fn onnx(bytes: &[u8]) -> bool {
    network(mote_import::onnx::import("fuzzed", bytes))
}

/// What was imported is valid, can be planned, and if it can be written, runs.
fn network(imported: Result<Graph, Error>) -> bool {
    let Ok(graph) = imported else {
        return false;
    };
    graph.validate().unwrap();
    let large = |t: &mote_model::Tensor| t.shape.len() > MAX_ELEMENTS;
    if graph.tensors.iter().any(large) || graph.parameters() > MAX_ELEMENTS {
        return false;
    }
    let plan = plan(&graph, Strategy::Lifetimes).unwrap();
    if let Ok(words) = blob::to_words(&graph, &plan) {
        run(&words);
    }
    true
}
