//! Runs a model of any kind that Mote reads on inputs of the user, and compares what comes out.

mod board;
mod host;

pub use board::{on_board, random_on_board};

use crate::arrays::Rows;
use crate::error::{Error, Result};
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
    /// Rows whose largest output is in another place than the expected one.
    pub other_class: usize,
}

/// Runs the model at `path` on every row of `inputs`.
///
/// Rows of a model of another tool or of a model file (`*.mote`) are in the file's own order and type, samples of a front
/// end being sensor counts; those of a deployment are windows, `[time][channel]`, in m/s^2.
///
/// # Errors
/// When the model is not read, or a row has another length than its input.
pub fn run(path: &Path, inputs: &Rows) -> Result<Outputs> {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    match extension.to_lowercase().as_str() {
        "json" => host::deployment(path, inputs),
        "mote" => host::blob(path, inputs),
        _ => host::model(path, inputs),
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
        let pairs = self.outputs.iter().zip(&expected.rows);
        let argmax = |row: &Vec<f32>| mote::kernels::argmax(row);
        let other_class = pairs.filter(|(a, b)| argmax(a) != argmax(b)).count();
        self.difference = Some(Difference {
            other_class,
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
            [one] if one.len() == self.outputs.len() && one.len() > 1 => Rows {
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
