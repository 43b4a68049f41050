//! Coefficients of the cost model, fitted to networks that were built and run on the emulated core.
//!
//! `cargo xtask calibrate` measures a set of networks and writes one file per core and optimisation. Each holds the
//! measurements, so that a fit can be repeated, and its errors on networks it was not fitted to.

use crate::cost::{
    Kind, Work, code_amounts, exact, model_amounts, stack_amounts, statics_amounts, work,
};
use crate::network::{Shapes, network};
use crate::{Candidate, Error};
use mote_device::core::{Core, Optimize};
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The files of `calibration/`.
const FILES: &[&str] = include!(concat!(env!("OUT_DIR"), "/calibrations.rs"));

/// One measured network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The network.
    #[serde(rename = "spec")]
    pub candidate: Candidate,
    /// Flash beyond the model, in bytes.
    pub flash_code: u64,
    /// Flash of the model, in bytes.
    pub flash_model: u64,
    /// RAM of statics, in bytes.
    pub ram_static: u64,
    /// Deepest stack, in bytes.
    pub ram_stack: u64,
    /// Cycles of each layer per decision, in order, and last those outside layers; `None` where the core's timing is
    /// not published.
    pub cycles: Option<Vec<u64>>,
}

/// Errors of predictions, as shares of what was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Misses {
    /// Median of the absolute errors.
    pub median: f64,
    /// Largest absolute error.
    pub worst: f64,
}

/// What layers, code and memory of one core cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The core.
    pub core: Core,
    /// The optimisation of the firmware.
    pub optimize: Optimize,
    /// How it was measured.
    pub method: String,
    /// Cycles per [amount](Work::amounts) of each kind of layer; `None` where no timing is published.
    pub cycles: Option<BTreeMap<Kind, Vec<f64>>>,
    /// Bytes of code: a constant, per layer that computes, per depthwise layer and for the first, per padded layer and
    /// for the first, per history and for the first.
    pub code: Vec<f64>,
    /// Bytes of model beyond the format's: constant, per layer.
    pub model: Vec<f64>,
    /// Bytes of statics beyond the arena: a constant, per value of the input.
    pub statics: Vec<f64>,
    /// Bytes of stack: a constant, more with depthwise layers, more with padded ones.
    pub stack: Vec<f64>,
    /// Errors on networks that were left out of the fit, one by one, by figure.
    pub misses: BTreeMap<String, Misses>,
    /// What was measured.
    pub samples: Vec<Sample>,
}

/// The task of the calibration's networks.
pub const SHAPES: Shapes = Shapes {
    rate_hz: 20.0,
    channels: 3,
    classes: 6,
};

impl Calibration {
    /// The calibration of `core` at `optimize` that comes with the program. An M0+ runs the M0's code in nearly its
    /// cycles, and takes its calibration.
    ///
    /// # Errors
    /// [`Error::NotCalibrated`].
    pub fn of(core: Core, optimize: Optimize) -> Result<Self, Error> {
        let like = match core {
            Core::M0Plus => Core::M0,
            other => other,
        };
        for text in FILES {
            let one: Self =
                serde_json::from_str(text).map_err(|e| Error::Calibration(e.to_string()))?;
            if one.core == like && one.optimize == optimize {
                return Ok(one);
            }
        }
        Err(Error::NotCalibrated {
            core: core.name(),
            optimize,
        })
    }

    /// Fits coefficients to `samples`, and tells how well they predict networks that are left out.
    ///
    /// # Errors
    /// [`Error::Calibration`] with fewer than 8 samples; [`Error::Impossible`] when one's network is.
    pub fn fit(
        core: Core,
        optimize: Optimize,
        method: String,
        samples: Vec<Sample>,
    ) -> Result<Self, Error> {
        if samples.len() < 8 {
            return Err(Error::Calibration(format!(
                "{} networks were measured; at least 8 are needed",
                samples.len()
            )));
        }
        let mut whole = Self::fit_to(core, optimize, &samples)?;
        let mut misses: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for left_out in 0..samples.len() {
            let mut others = samples.clone();
            let sample = others.remove(left_out);
            let fit = Self::fit_to(core, optimize, &others)?;
            for (figure, error) in fit.errors(&sample)? {
                misses.entry(figure.to_owned()).or_default().push(error);
            }
        }
        whole.method = method;
        whole.misses = misses.into_iter().map(|(f, e)| (f, summary(e))).collect();
        whole.samples = samples;
        Ok(whole)
    }

    fn fit_to(core: Core, optimize: Optimize, samples: &[Sample]) -> Result<Self, Error> {
        let mut layers: BTreeMap<Kind, Vec<(Vec<f64>, f64)>> = BTreeMap::new();
        let (mut code, mut stack) = (Vec::new(), Vec::new());
        let (mut model, mut statics) = (Vec::new(), Vec::new());
        for sample in samples {
            let (graph, runtime) = network(&sample.candidate, SHAPES)?;
            let (bytes, arena) = exact(&graph, runtime).map_err(impossible(&sample.candidate))?;
            code.push((code_amounts(&graph), sample.flash_code as f64));
            stack.push((stack_amounts(&graph), sample.ram_stack as f64));
            model.push((
                model_amounts(&graph),
                sample.flash_model as f64 - bytes as f64,
            ));
            statics.push((
                statics_amounts(&graph),
                sample.ram_static as f64 - arena as f64,
            ));
            if let Some(cycles) = &sample.cycles {
                for (Work { kind, amounts }, &cycles) in work(&graph).into_iter().zip(cycles) {
                    layers
                        .entry(kind)
                        .or_default()
                        .push((amounts, cycles as f64));
                }
            }
        }
        let cycles: BTreeMap<Kind, Vec<f64>> = layers
            .into_iter()
            .map(|(kind, rows)| (kind, relative(&rows, true)))
            .collect();
        Ok(Self {
            core,
            optimize,
            method: String::new(),
            cycles: (!cycles.is_empty()).then_some(cycles),
            code: relative(&code, true),
            model: absolute(&model, false),
            statics: absolute(&statics, false),
            stack: relative(&stack, true),
            misses: BTreeMap::new(),
            samples: Vec::new(),
        })
    }

    /// By how much the prediction misses each figure of `sample`, as a share of it.
    fn errors(&self, sample: &Sample) -> Result<Vec<(&'static str, f64)>, Error> {
        let (graph, runtime) = network(&sample.candidate, SHAPES)?;
        let predicted = self
            .predict(&graph, runtime)
            .map_err(impossible(&sample.candidate))?;
        let miss = |predicted: u64, measured: u64| {
            (predicted as f64 - measured as f64).abs() / (measured as f64).max(1.0)
        };
        let flash = sample.flash_code + sample.flash_model;
        let ram = sample.ram_static + sample.ram_stack;
        let mut all = vec![
            ("code", miss(predicted.flash_code, sample.flash_code)),
            (
                "flash",
                miss(predicted.flash_code + predicted.flash_model, flash),
            ),
            ("model", miss(predicted.flash_model, sample.flash_model)),
            ("ram", miss(predicted.ram_static + predicted.ram_stack, ram)),
        ];
        if let Some((predicted, measured)) = predicted.cycles.zip(sample.cycles.as_ref()) {
            all.push(("cycles", miss(predicted, measured.iter().sum())));
        }
        Ok(all)
    }
}

fn impossible(candidate: &Candidate) -> impl Fn(mote_model::Error) -> Error + '_ {
    |source| Error::Impossible {
        candidate: candidate.to_string(),
        source,
    }
}

fn summary(mut errors: Vec<f64>) -> Misses {
    errors.sort_by(f64::total_cmp);
    Misses {
        median: errors.get(errors.len() / 2).copied().unwrap_or_default(),
        worst: errors.last().copied().unwrap_or_default(),
    }
}

/// Coefficients with the least squared relative error, none negative where `positive`.
fn relative(rows: &[(Vec<f64>, f64)], positive: bool) -> Vec<f64> {
    let scaled: Vec<_> = rows
        .iter()
        .map(|(amounts, target)| {
            let scale = 1.0 / target.abs().max(1.0);
            (amounts.iter().map(|a| a * scale).collect(), target * scale)
        })
        .collect();
    absolute(&scaled, positive)
}

/// Coefficients with the least squared error. Where they must not be negative, the most negative one is left out
/// until none is: a layer that does more never costs less.
fn absolute(rows: &[(Vec<f64>, f64)], positive: bool) -> Vec<f64> {
    let width = rows.first().map_or(0, |(amounts, _)| amounts.len());
    let used = |column: &usize| {
        rows.iter()
            .any(|(a, _)| a.get(*column).is_some_and(|&v| v != 0.0))
    };
    let mut columns: Vec<usize> = (0..width).filter(used).collect();
    loop {
        let found = solve(rows, &columns);
        let negative = found
            .iter()
            .zip(&columns)
            .filter(|(c, _)| positive && **c < 0.0)
            .min_by(|a, b| a.0.total_cmp(b.0));
        let Some((_, &worst)) = negative else {
            let mut all = vec![0.0; width];
            for (&column, value) in columns.iter().zip(found) {
                if let Some(slot) = all.get_mut(column) {
                    *slot = value;
                }
            }
            return all;
        };
        columns.retain(|&c| c != worst);
    }
}

/// Least squares over some columns; the shortest of all solutions where there are many.
fn solve(rows: &[(Vec<f64>, f64)], columns: &[usize]) -> Vec<f64> {
    // Columns of like size, so that what counts as zero means the same in each.
    let size = |column: usize| {
        let squares = rows.iter().filter_map(|(a, _)| a.get(column));
        squares
            .map(|v| v * v)
            .sum::<f64>()
            .sqrt()
            .max(f64::MIN_POSITIVE)
    };
    let sizes: Vec<f64> = columns.iter().map(|&c| size(c)).collect();
    let matrix = DMatrix::from_fn(rows.len(), columns.len(), |r, c| {
        let value = rows.get(r).and_then(|(a, _)| a.get(*columns.get(c)?));
        value.zip(sizes.get(c)).map_or(0.0, |(v, s)| v / s)
    });
    let targets = DVector::from_iterator(rows.len(), rows.iter().map(|(_, t)| *t));
    // It fails for a negative tolerance only.
    let found = matrix.svd(true, true).solve(&targets, 1e-9);
    match found {
        Ok(found) => found.iter().zip(&sizes).map(|(v, s)| v / s).collect(),
        Err(_) => vec![0.0; columns.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_are_found_again_and_never_negative() {
        let row = |a: f64, b: f64| (vec![1.0, a, b], 30.0 + 2.0 * a);
        let rows: Vec<_> = (0..9)
            .map(|i| row(f64::from(i * 7 % 5), f64::from(i)))
            .collect();
        let found = relative(&rows, true);
        for (found, wanted) in found.iter().zip([30.0, 2.0, 0.0]) {
            assert!((found - wanted).abs() < 1e-6, "{found} instead of {wanted}");
        }
        // The second column lowers the target: it may not be used.
        let falling: Vec<_> = (0..9)
            .map(|i| (vec![1.0, f64::from(i)], 100.0 - f64::from(i)))
            .collect();
        let found = absolute(&falling, true);
        assert_eq!(found[1], 0.0);
        assert!((found[0] - 96.0).abs() < 1e-6);
    }

    #[test]
    fn the_calibrations_are_read_and_good_enough_to_choose_by() {
        for (core, optimize) in [
            (Core::M4, Optimize::Speed),
            (Core::M4, Optimize::Size),
            (Core::M0Plus, Optimize::Speed),
        ] {
            let c = Calibration::of(core, optimize).unwrap();
            for (figure, limit) in [("flash", 0.10), ("ram", 0.15), ("cycles", 0.15)] {
                let misses = c.misses[figure];
                assert!(
                    misses.median < limit,
                    "{core} {optimize}: {figure} {misses:?}"
                );
            }
            // What is stored is what the samples give.
            let again = Calibration::fit(c.core, c.optimize, c.method.clone(), c.samples.clone());
            assert_eq!(again.unwrap().misses.len(), c.misses.len());
        }
        let message = Calibration::of(Core::M7, Optimize::Smallest).unwrap_err();
        assert!(
            message.to_string().contains("cargo xtask calibrate"),
            "{message}"
        );
    }
}
