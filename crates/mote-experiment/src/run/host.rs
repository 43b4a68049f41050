//! Runs a model of any kind on this computer.

use super::Outputs;
use crate::arrays::Rows;
use crate::error::{Error, Place as _, Result};
use mote::{Elem, Interpreter, Model, registry};
use mote_codegen::Deployment;
use mote_import::{Element, Imported, Port};
use mote_model::session::{Scores, Session};
use mote_model::{Graph, Strategy, blob, plan, session};
use std::path::Path;

impl Outputs {
    /// Collects the `scores` of each row, which `order` brings into the order of the file.
    fn of(scores: Vec<Scores>, integers: bool, order: impl Fn(Vec<f32>) -> Vec<f32>) -> Self {
        let row = |scores: Scores| {
            order(match scores {
                Scores::F32(scores) => scores,
                Scores::I8(scores) => scores.into_iter().map(f32::from).collect(),
            })
        };
        Self {
            outputs: scores.into_iter().map(row).collect(),
            integers,
            difference: None,
            accuracy: None,
        }
    }
}

/// Runs a deployment; every window is the first one of its stream.
pub(super) fn deployment(path: &Path, inputs: &Rows) -> Result<Outputs> {
    let deployment = Deployment::load(path)?;
    let compiled = session::compile(&deployment.graph)?;
    let mut engine = Session::new(&compiled)?;
    let mut scores = Vec::new();
    for (n, row) in (1..).zip(&inputs.rows) {
        let place = || format!("--inputs: row {n}");
        scores.push(engine.classify(row).place(place)?.scores);
    }
    let integers = matches!(scores.first(), Some(Scores::I8(_)));
    Ok(Outputs::of(scores, integers, |row| row))
}

/// Runs a model of another tool.
pub(super) fn model(path: &Path, inputs: &Rows) -> Result<Outputs> {
    let imported = read(path)?;
    let rows = rows(&imported, inputs)?;
    let scores = graph(path, &imported.graph, &rows)?;
    let output = &imported.output;
    let integers = output.element != Element::F32;
    Ok(Outputs::of(scores, integers, |row| output.to_file(&row)))
}

/// Runs a file in the engine's model format.
pub(super) fn blob(path: &Path, inputs: &Rows) -> Result<Outputs> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    let (words, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(Error::Invalid(format!(
            "{}: {} bytes, which are no whole words: it is damaged, or no model of `mote export --to blob`",
            path.display(),
            bytes.len()
        )));
    }
    let words: Vec<u32> = words.iter().map(|w| u32::from_le_bytes(*w)).collect();
    let scores = words_on_rows(path, &words, &inputs.rows)?;
    let integers = matches!(scores.first(), Some(Scores::I8(_)));
    Ok(Outputs::of(scores, integers, |row| row))
}

/// Reads the model of another tool at `path`.
pub(super) fn read(path: &Path) -> Result<Imported> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    mote_import::read(path, &bytes).place(|| path.display().to_string())
}

/// Brings `inputs` into the order and type of the network's own input.
pub(super) fn rows(imported: &Imported, inputs: &Rows) -> Result<Vec<Vec<f32>>> {
    let input = &imported.input;
    let mut rows = Vec::new();
    for (n, row) in (1..).zip(&inputs.rows) {
        check_len(n, row, input.order.len())?;
        check_type(n, row, input)?;
        rows.push(input.to_graph(row));
    }
    Ok(rows)
}

/// Runs `graph`, read from `path`, on rows of its own input.
pub(super) fn graph(path: &Path, graph: &Graph, rows: &[Vec<f32>]) -> Result<Vec<Scores>> {
    let place = || path.display().to_string();
    let words = blob::to_words(graph, &plan(graph, Strategy::Overlap)?).place(place)?;
    words_on_rows(path, &words, rows)
}

/// Runs the model `words` on rows of its input: sensor counts where it has a front end.
fn words_on_rows(path: &Path, words: &[u32], rows: &[Vec<f32>]) -> Result<Vec<Scores>> {
    let engine = |error: mote::Error| Error::Invalid(format!("{}: {error}", path.display()));
    let model = Model::parse(words).map_err(engine)?;
    let (input, output) = (
        model.input().map_err(engine)?,
        model.output().map_err(engine)?,
    );
    let has_frontend = model.frontend().is_some();
    let mut arena = vec![0; model.arena_words()];
    let network = Interpreter::new(model, registry::ALL).map_err(engine)?;
    let mut outputs = Vec::new();
    for (n, row) in (1..).zip(rows) {
        check_len(n, row, input.len())?;
        if has_frontend {
            let counts: Vec<i16> = row.iter().map(|&x| x as i16).collect();
            network.load_counts(&counts, &mut arena).map_err(engine)?;
        } else if let Ok(slots) = network.input_i8(&mut arena) {
            slots.iter_mut().zip(row).for_each(|(s, &x)| *s = x as i8);
        } else {
            let slots = network.input_f32(&mut arena).map_err(engine)?;
            slots.iter_mut().zip(row).for_each(|(s, &x)| *s = x);
        }
        if !network.run(&mut arena).map_err(engine)? {
            // A stream that has no decision yet.
            continue;
        }
        outputs.push(match output.elem {
            Elem::F32 => Scores::F32(network.output_f32(&arena).map_err(engine)?.to_vec()),
            Elem::I8 => Scores::I8(network.output_i8(&arena).map_err(engine)?.to_vec()),
        });
    }
    Ok(outputs)
}

/// Refuses row `n` of another length than `expected`.
pub(super) fn check_len(n: usize, row: &[f32], expected: usize) -> Result<()> {
    match row.len() == expected {
        true => Ok(()),
        false => Err(Error::Invalid(format!(
            "--inputs: row {n} has {} values; the model reads {expected}",
            row.len()
        ))),
    }
}

/// Refuses numbers that the type of the input has not.
fn check_type(n: usize, row: &[f32], input: &Port) -> Result<()> {
    let (low, high, name) = match input.element {
        Element::F32 => return Ok(()),
        Element::I8 => (-128.0, 127.0, "int8"),
        Element::U8 => (0.0, 255.0, "uint8"),
    };
    match row
        .iter()
        .find(|x| !(low..=high).contains(*x) || x.fract() != 0.0)
    {
        None => Ok(()),
        Some(x) => Err(Error::Invalid(format!(
            "--inputs: row {n} has {x}, and the model reads {name}: give the quantized values"
        ))),
    }
}
