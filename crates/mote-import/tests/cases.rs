//! Models as Keras and PyTorch write them, from the folders beside the checkout, against the outputs of the reference
//! kernels: int8 bit for bit. Without the folders there is nothing to test.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mote::{Interpreter, Model, View, registry};
use mote_model::{Strategy, blob, plan};
use serde::Deserialize;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Golden {
    dtype: String,
    inputs: Vec<Vec<f32>>,
    outputs: Vec<Vec<f32>>,
}

/// Models of the folders `cases/models` and `models/field`, with their golden outputs.
fn models() -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    let extra = std::env::var_os("MOTE_MODELS").map(PathBuf::from);
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folders = [shared.join("cases/models"), shared.join("models/field")];
    for folder in folders.into_iter().chain(extra) {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            eprintln!(
                "{} is not there; its models are not tested",
                folder.display()
            );
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            let extension = path
                .extension()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let golden = match extension.as_str() {
                "onnx" => format!("{stem}_onnx.golden.json"),
                "tflite" | "lite" => format!("{stem}.golden.json"),
                _ => continue,
            };
            found.push((path.clone(), path.with_file_name(golden)));
        }
    }
    found.sort();
    found
}

/// How far outputs may be off, relative to the largest.
fn tolerance(name: &str, dtype: &str) -> f32 {
    match (name, dtype) {
        (_, "int8" | "uint8") => 0.0,
        // TensorFlow Lite quantizes activations as they come; here they stay f32.
        (name, _) if name.starts_with("dynamic") => 0.05,
        (name, _) if name.ends_with("_int8") || name.starts_with("qcnn") => 0.0,
        _ => 2e-5,
    }
}

/// Runs the model; where it differs from its golden outputs, says how much.
fn compare(path: &Path, golden: &Path) -> Result<(), String> {
    let bytes = std::fs::read(path).unwrap();
    let imported = mote_import::read(path, &bytes).map_err(|e| e.to_string())?;
    let graph = &imported.graph;
    let plan = plan(graph, Strategy::Overlap).map_err(|e| e.to_string())?;
    let words = blob::to_words(graph, &plan).map_err(|e| e.to_string())?;
    let network = Interpreter::new(Model::parse(&words).unwrap(), registry::ALL).unwrap();
    let golden: Golden = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
    let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
    let tolerance = tolerance(&stem, &golden.dtype);
    let mut arena = vec![0x5a5a_5a5a; plan.arena.div_ceil(4)];
    let all = golden.outputs.iter().flatten();
    let largest = all.fold(0f32, |m, e| m.max(e.abs()));
    let (mut wrong, mut count, mut worst) = (0, 0, 0f32);
    for (input, expected) in golden.inputs.iter().zip(&golden.outputs) {
        let input = imported.input.to_graph(input);
        match network.input_i8(&mut arena) {
            Ok(slots) => slots
                .iter_mut()
                .zip(&input)
                .for_each(|(s, &x)| *s = x as i8),
            Err(_) => network
                .input_f32(&mut arena)
                .unwrap()
                .copy_from_slice(&input),
        }
        let mut result = Vec::new();
        network
            .run_observed(&mut arena, |_, view| {
                result = match view {
                    View::I8(y) => y.iter().map(|&q| f32::from(q)).collect(),
                    View::F32(y) => y.to_vec(),
                }
            })
            .unwrap();
        let found = imported.output.to_file(&result);
        if found.len() != expected.len() {
            return Err(format!(
                "{} outputs, {} expected",
                found.len(),
                expected.len()
            ));
        }
        for (f, e) in found.iter().zip(expected) {
            count += 1;
            let off = (f - e).abs();
            worst = worst.max(off);
            wrong += usize::from(off > tolerance * largest || f.is_nan());
        }
    }
    match wrong {
        0 => Ok(()),
        _ => Err(format!(
            "{wrong} of {count} outputs differ, by up to {worst}"
        )),
    }
}

#[test]
fn every_model_is_right_or_refused_for_a_reason() {
    let mut failures = Vec::new();
    for (path, golden) in models() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match compare(&path, &golden) {
            Ok(()) => println!("{name}: right"),
            Err(e) if e.contains("LSTM") && name.starts_with("lstm") => println!("{name}: {e}"),
            Err(e) => failures.push(format!("{name}: {e}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Whatever bytes of a model are damaged, it is refused or makes a network that can be planned.
#[test]
fn damaged_models_never_panic() {
    let mut state = 7u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    for (path, _) in models() {
        let whole = std::fs::read(&path).unwrap();
        // Weights are most of a large file, and say nothing about its structure.
        for _ in 0..(6_000_000 / whole.len()).clamp(20, 400) {
            let mut bytes = whole.clone();
            for _ in 0..1 + random(4) {
                let at = random(bytes.len());
                bytes[at] = [0, 1, 2, 4, 0x7f, 0x80, 0xff, random(256) as u8][random(8)];
            }
            if random(4) == 0 {
                bytes.truncate(random(whole.len()));
            }
            if let Ok(imported) = mote_import::read(&path, &bytes)
                && imported
                    .graph
                    .tensors
                    .iter()
                    .all(|t| t.shape.len() < 1 << 20)
            {
                let planned = plan(&imported.graph, Strategy::Lifetimes).unwrap();
                let _ = blob::to_words(&imported.graph, &planned);
            }
        }
    }
}
