//! Runs a model of any kind that Mote reads on inputs of the user, and compares what comes out.

use crate::arrays::Rows;
use crate::error::{Error, Place as _, Result};
use mote::{Interpreter, Model, View, registry};
use mote_codegen::Deployment;
use mote_import::{Element, Imported, Port};
use mote_model::session::{Scores, Session};
use mote_model::{Strategy, blob, plan, session};
use serde::Serialize;
use std::path::Path;

/// How far f32 outputs may be off by default, relative to the largest of all.
const FLOAT_TOLERANCE: f32 = 1e-4;

/// Outputs, and how they compare.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outputs {
    /// One row per input, in the file's own order and type.
    pub outputs: Vec<Vec<f32>>,
    /// Whether they are integers.
    pub integers: bool,
    /// What differs from the expected ones, if there are any to compare with.
    pub difference: Option<Difference>,
    /// Share of rows whose largest output is the label's, if there are labels.
    pub accuracy: Option<f32>,
}

/// How outputs differ from expected ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// How far an output may be off.
    pub tolerance: f32,
    /// Outputs that are off by more.
    pub wrong: usize,
    /// Outputs compared.
    pub compared: usize,
    /// The largest difference.
    pub largest: f32,
}

/// Runs the model at `path` on every row of `inputs`.
///
/// Rows of a model of another tool are in the file's own order and type; those of a deployment are windows,
/// `[time][channel]`, in m/s^2.
///
/// # Errors
/// When the model is not read, or a row has another length than its input.
pub fn run(path: &Path, inputs: &Rows) -> Result<Outputs> {
    let is_deployment = path.extension().is_some_and(|e| e == "json");
    match is_deployment {
        true => run_deployment(path, inputs),
        false => run_model(path, inputs),
    }
}

impl Outputs {
    /// Compares with `expected`, within `tolerance`: none for integers by default, little for f32.
    ///
    /// # Errors
    /// When there are more or fewer of them, or one is no class.
    pub fn compare(&mut self, expected: &Rows, tolerance: Option<f32>) -> Result<()> {
        let lens = |rows: &[Vec<f32>]| rows.iter().map(Vec::len).collect::<Vec<_>>();
        let (own, other) = (lens(&self.outputs), lens(&expected.rows));
        if own != other {
            return Err(Error::Invalid(format!(
                "--expect has {} rows of {:?} values; the model gives {} of {:?}",
                other.len(),
                other.first().unwrap_or(&0),
                own.len(),
                own.first().unwrap_or(&0)
            )));
        }
        let all = || expected.rows.iter().flatten();
        let tolerance = tolerance.unwrap_or(match self.integers {
            true => 0.0,
            false => FLOAT_TOLERANCE * all().fold(0.0, |m: f32, e| m.max(e.abs())),
        });
        let off = self.outputs.iter().flatten().zip(all());
        let off = off.map(|(found, expected)| (found - expected).abs());
        let (mut wrong, mut compared, mut largest) = (0, 0, 0f32);
        for off in off {
            compared += 1;
            largest = largest.max(off);
            // What cannot be compared is wrong, too.
            wrong += usize::from(off.is_nan() || off > tolerance);
        }
        self.difference = Some(Difference {
            tolerance,
            wrong,
            compared,
            largest,
        });
        Ok(())
    }

    /// Counts the rows whose largest output is that of `labels`: class numbers, or one-hot rows.
    ///
    /// # Errors
    /// When there are more or fewer of them.
    pub fn judge(&mut self, labels: &Rows) -> Result<()> {
        let labels = match labels.rows.as_slice() {
            // All in one row.
            [one] if one.len() == self.outputs.len() => Rows {
                rows: one.iter().map(|&label| vec![label]).collect(),
            }
            .classes(),
            _ => labels.classes(),
        };
        let labels = labels.map_err(|what| Error::Invalid(format!("--labels: {what}")))?;
        if labels.len() != self.outputs.len() {
            return Err(Error::Invalid(format!(
                "--labels has {} labels for {} inputs",
                labels.len(),
                self.outputs.len()
            )));
        }
        let classes = self.outputs.iter().map(|row| match row.as_slice() {
            &[score] => usize::from(score > 0.5),
            many => mote::kernels::argmax(many),
        });
        let right = classes
            .zip(&labels)
            .filter(|(found, label)| found == *label);
        self.accuracy = Some(right.count() as f32 / labels.len().max(1) as f32);
        Ok(())
    }

    /// Whether nothing differs, as far as it was compared.
    pub fn agree(&self) -> bool {
        self.difference.is_none_or(|d| d.wrong == 0)
    }
}

/// Refuses row `n` of another length than `expected`.
fn check_len(n: usize, row: &[f32], expected: usize) -> Result<()> {
    match row.len() == expected {
        true => Ok(()),
        false => Err(Error::Invalid(format!(
            "--inputs: row {n} has {} values; the model reads {expected}",
            row.len()
        ))),
    }
}

fn run_deployment(path: &Path, inputs: &Rows) -> Result<Outputs> {
    let deployment = Deployment::load(path)?;
    let compiled = session::compile(&deployment.graph)?;
    let mut engine = Session::new(&compiled)?;
    let mut outputs = Vec::new();
    let mut integers = false;
    for row in &inputs.rows {
        outputs.push(match engine.classify(row)?.scores {
            Scores::F32(scores) => scores,
            Scores::I8(scores) => {
                integers = true;
                scores.into_iter().map(f32::from).collect()
            }
        });
    }
    Ok(Outputs {
        outputs,
        integers,
        difference: None,
        accuracy: None,
    })
}

fn run_model(path: &Path, inputs: &Rows) -> Result<Outputs> {
    let place = || path.display().to_string();
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    let Imported {
        graph,
        input,
        output,
    } = mote_import::read(path, &bytes).place(place)?;
    let engine = |error: mote::Error| Error::Invalid(format!("{}: {error}", path.display()));
    let words = blob::to_words(&graph, &plan(&graph, Strategy::Overlap)?).place(place)?;
    let model = Model::parse(&words).map_err(engine)?;
    let mut arena = vec![0; model.arena_words()];
    let network = Interpreter::new(model, registry::ALL).map_err(engine)?;
    let mut outputs = Vec::new();
    for (n, row) in (1..).zip(&inputs.rows) {
        check_len(n, row, input.order.len())?;
        check_type(n, row, &input)?;
        let row = input.to_graph(row);
        if let Ok(slots) = network.input_i8(&mut arena) {
            slots.iter_mut().zip(&row).for_each(|(s, &x)| *s = x as i8);
        } else {
            let slots = network.input_f32(&mut arena).map_err(engine)?;
            slots.iter_mut().zip(&row).for_each(|(s, &x)| *s = x);
        }
        let mut result = Vec::new();
        let last = |_, view: View<'_>| {
            result = match view {
                View::I8(values) => values.iter().map(|&q| f32::from(q)).collect(),
                View::F32(values) => values.to_vec(),
            };
        };
        network.run_observed(&mut arena, last).map_err(engine)?;
        outputs.push(output.to_file(&result));
    }
    Ok(Outputs {
        outputs,
        integers: output.element != Element::F32,
        difference: None,
        accuracy: None,
    })
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
