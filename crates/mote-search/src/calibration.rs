//! The cost model: coefficients fitted to networks that were built and run on the emulated core, and what they predict.
//!
//! Model and arena are exact: they come from the format writer and the planner. Cycles are a sum over layers, each a
//! linear function of what its kind of kernel does; code and stack are sums over the kinds of layers in use.
//!
//! `cargo xtask calibrate` measures a set of networks and writes one file per core and optimisation. Each file has the
//! measurements, so that the fit can be repeated, and the errors on networks that were left out of the fit.

use crate::candidate::Candidate;
use crate::error::Error;
use crate::least_squares::{absolute, relative};
use crate::network::{Shapes, network};
use crate::prediction::Prediction;
use crate::work::{
    LayerKind, Work, code_amounts, exact, model_amounts, stack_amounts, statics_amounts, work,
};
use mote_device::core::{Core, Optimize};
use mote_model::{Graph, Runtime, WeightMemory};
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
    /// Cycles per decision of each layer in order, and of what runs outside layers at the end; `None` where no timing
    /// of the core is published.
    pub cycles: Option<Vec<u64>>,
}

/// Errors of predictions, as shares of the measured values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Misses {
    /// Median of the absolute errors.
    pub median: f64,
    /// Largest absolute error.
    pub worst: f64,
}

/// The costs of layers, code and memory on one core.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The core.
    pub core: Core,
    /// The optimisation of the firmware.
    pub optimize: Optimize,
    /// How it was measured.
    pub method: String,
    /// Cycles per [amount](Work::amounts) of each kind of layer; `None` where no timing is published.
    pub cycles: Option<BTreeMap<LayerKind, Vec<f64>>>,
    /// Bytes of code: a constant, per layer that computes, per depthwise layer and once for all of them, per padded
    /// layer and once, per history and once.
    pub code: Vec<f64>,
    /// Bytes of model beyond the format: a constant, and per layer.
    pub model: Vec<f64>,
    /// Bytes of statics beyond the arena: a constant, and per value of the input.
    pub statics: Vec<f64>,
    /// Bytes of stack: a constant, and more if there are depthwise layers, and padded ones.
    pub stack: Vec<f64>,
    /// Errors on networks that were left out of the fit, by figure.
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
    /// Returns the calibration of `core` at `optimize` that comes with the program. An M0+ runs the same code as an M0
    /// in nearly the same cycles, and has its calibration.
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

    /// Predicts what `graph` takes when it is held as `runtime` says. With early exits, it is the longest decision.
    /// Reading paged weights from their storage is not included.
    ///
    /// # Errors
    /// When the planner or the format writer does not accept the network.
    pub fn predict(
        &self,
        graph: &Graph,
        runtime: Runtime,
    ) -> Result<Prediction, mote_model::Error> {
        let (bytes, arena) = exact(graph, runtime)?;
        let sum = |coefficients: &[f64], amounts: &[f64]| -> f64 {
            coefficients.iter().zip(amounts).map(|(c, a)| c * a).sum()
        };
        let cycles = self.cycles.as_ref().map(|per_kind| {
            let of = |work: &Work| {
                per_kind
                    .get(&work.kind)
                    .map_or(0.0, |c| sum(c, &work.amounts))
            };
            work(graph).iter().map(of).sum::<f64>().round() as u64
        });
        let whole = |value: f64| value.max(0.0).round() as u64;
        let model = bytes as f64 + sum(&self.model, &model_amounts(graph));
        // Paged weights are not in flash; the window for them is in RAM.
        let (model, window) = match runtime.weights {
            WeightMemory::Paged { window, .. } => {
                (model - graph.parameters() as f64, window as f64)
            }
            WeightMemory::InRam | WeightMemory::InFlash => (model, 0.0),
        };
        Ok(Prediction {
            flash_code: whole(sum(&self.code, &code_amounts(graph))),
            flash_model: whole(model),
            ram_static: whole(arena as f64 + sum(&self.statics, &statics_amounts(graph)) + window),
            ram_stack: whole(sum(&self.stack, &stack_amounts(graph))),
            cycles,
        })
    }
    /// Fits coefficients to `samples`, and measures how well they predict networks that are left out.
    ///
    /// # Errors
    /// [`Error::Calibration`] with fewer than 8 samples; [`Error::Impossible`] when the network of one is.
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
        let mut layers: BTreeMap<LayerKind, Vec<(Vec<f64>, f64)>> = BTreeMap::new();
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
        let cycles: BTreeMap<LayerKind, Vec<f64>> = layers
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

    /// Returns the error of the prediction of each figure of `sample`, as a share of it.
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
        median: errors[errors.len() / 2],
        worst: errors[errors.len() - 1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            // The same fit can be repeated from the samples that are stored.
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
