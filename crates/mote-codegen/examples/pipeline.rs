//! A TensorFlow Lite model as the source of a firmware's pipeline:
//!
//! ```text
//! cargo run -p mote-codegen --example pipeline -- MODEL.tflite [interpreter|compiled|boxed] > pipeline.rs
//! ```

use mote_codegen::generate;
use mote_model::Runtime;
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().ok_or("give the path of a .tflite model")?;
    let runtime = match arguments.next().as_deref() {
        None | Some("interpreter") => Runtime::INTERPRETER,
        Some("compiled") => Runtime::COMPILED,
        Some("boxed") => Runtime::BASELINE,
        Some(other) => {
            return Err(format!("`{other}`: expected interpreter, compiled or boxed").into());
        }
    };
    let name = Path::new(&model).file_stem().unwrap_or_default();
    let bytes = std::fs::read(&model).map_err(|e| format!("{model}: {e}"))?;
    let graph = mote_import::tflite::import(&name.to_string_lossy(), &bytes)?;
    let plan = runtime.plan(&graph)?;
    eprintln!(
        "{} layers, {} parameters, {} MAC, arena {} bytes (optimal: {})",
        graph.nodes.len(),
        graph.parameters(),
        graph.macs(),
        plan.arena,
        plan.optimal
    );
    print!("{}", generate(&graph, runtime)?.text);
    Ok(())
}
