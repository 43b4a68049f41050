//! Writes a first corpus for every target: whole, sound files, which a fuzzer damages from there.
//!
//! ```text
//! cargo run -p mote-fuzz --example seeds -- fuzz/corpus-small
//! ```

use mote_model::stream::stream;
use mote_model::{Conv1d, Graph, Op, Strategy, Weights, blob, plan};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Networks of `crates/mote-import/tests/models` that are small enough to keep.
const NETWORKS: [&str; 4] = ["head_f32", "head_int8", "ops_f32", "ops_int8"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::args().nth(1).ok_or("name a folder")?);
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = root.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)
    };
    let models =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/mote-import/tests/models");
    for name in NETWORKS {
        let bytes = fs::read(models.join(name).with_extension("tflite"))?;
        write("tflite", name, &bytes)?;
        write(
            "model",
            name,
            &model(&mote_import::tflite::import(name, &bytes)?)?,
        )?;
    }
    for name in ["cnn", "image", "steps"] {
        let bytes = fs::read(models.join(name).with_extension("onnx"))?;
        write("onnx", name, &bytes)?;
    }
    for name in ["B_f32", "B_int8"] {
        let bytes = fs::read(models.join(name).with_extension("tflite"))?;
        let graph = stream(&mote_import::tflite::import(name, &bytes)?, 20, None)?;
        write("model", &format!("{name}_stream"), &model(&graph)?)?;
    }

    // The same with weights of four bits.
    let bytes = fs::read(models.join("B_int8.tflite"))?;
    let mut graph = mote_import::tflite::import("B_int8", &bytes)?;
    for node in &mut graph.nodes {
        let Op::Conv1d(Conv1d { weights, .. }) = &mut node.op else {
            continue;
        };
        if let Weights::I8 { weights, bits, .. } = weights {
            weights.iter_mut().for_each(|w| *w /= 19);
            *bits = 4;
        }
    }
    write("model", "B_int4", &model(&graph)?)?;

    let record = |user: u32, activity: &str, i: u64| {
        format!("{user},{activity},{},-0.6946377,{i}.5,0;\n", i * 50_000_000)
    };
    let text: String = (1..9).map(|i| record(33, "Jogging", i)).collect();
    write("wisdm_v1", "records", text.as_bytes())?;
    let text: String = (1..9).map(|i| record(1600, "A", i)).collect();
    write("wisdm_2019", "records", text.as_bytes())?;

    let features = ",0.25".repeat(42);
    let attributes = "@attribute F numeric\n".repeat(43);
    let arff = format!(
        "@attribute \"user\" {{\"1\"}}\n{attributes}@attribute class{{Walking}}\n@data\n7,?{features},Walking\n\
         8,1{features},Sitting\n"
    );
    write("arff", "rows", arff.as_bytes())?;

    let named = "t,u,a,x,y,z\n1,2,w,0.5,0.25,1\n\"2\",2,w,0,0,1\n3,2,s,0,0,1\n";
    write("csv", "named", format!("\0{named}").as_bytes())?;
    write(
        "csv",
        "numbered",
        b"\x010.5;0.25;1;w;7;0.02\n0.5;0.25;1;w;7;0.04\n",
    )?;
    write("csv", "untimed", b"\x020.5,0.25,1,w,7\n0.5,0.25,1,w,7\n")?;

    let single = [
        npy("<f4", "2, 3, 3", 72),
        npy("<i8", "2,", 16),
        npy("<i4", "2,", 8),
    ]
    .concat();
    write("npz", "single", &single)?;
    let extras = [npy("<f8", "", 8), npy("<i8", "", 8)].concat();
    let double = [
        npy("<f8", "1, 2, 1", 16),
        npy("|u1", "1,", 1),
        npy("<i2", "1,", 2),
        extras,
    ]
    .concat();
    write("npz", "double", &double)?;
    Ok(())
}

/// A blob of the model format.
fn model(graph: &Graph) -> Result<Vec<u8>, mote_model::Error> {
    blob::to_blob(graph, &plan(graph, Strategy::Overlap)?)
}

/// A NumPy array of so many bytes: ones, or twos when it is of floats.
fn npy(kind: &str, shape: &str, len: usize) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    header.push_str(&" ".repeat((64 - (header.len() + 11) % 64) % 64));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    let value: &[u8] = match kind {
        "<f4" => &2f32.to_le_bytes(),
        "<f8" => &2f64.to_le_bytes(),
        "<i8" => &1i64.to_le_bytes(),
        "<i4" => &1i32.to_le_bytes(),
        "<i2" => &1i16.to_le_bytes(),
        _ => &[1],
    };
    bytes.extend(value.iter().cycle().take(len));
    bytes
}
