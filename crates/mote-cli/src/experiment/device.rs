//! Device columns: a pipeline as firmware on the emulated core of each board.

use super::{Experiment, evaluate};
use crate::pipeline::Pipeline;
use crate::ui::Ui;
use anyhow::{Context, Result, ensure};
use mote_device::analysis::Part;
use mote_device::board::Board;
use mote_device::conformance::{Expected, differences};
use mote_device::emulator::Windows;
use mote_device::image::Workshop;
use mote_device::measure::{Job, Measurement};
use mote_device::setup::Status;
use mote_model::{Strategy, codegen, plan, sensor};
use mote_report::{Device, Layer, Method, Status as Measured};
use mote_techniques::{Artifact, host};
use mote_train::Trained;
use std::path::{Path, PathBuf};

/// Test windows run on the device: their counts are averaged and their outputs compared with the host's.
const WINDOWS: usize = 8;

/// What the compiler optimises firmware for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Optimize {
    /// `opt-level = "s"`.
    Size,
    /// `opt-level = 3`.
    Speed,
}

impl From<Optimize> for mote_device::core::Optimize {
    fn from(optimize: Optimize) -> Self {
        match optimize {
            Optimize::Size => Self::Size,
            Optimize::Speed => Self::Speed,
        }
    }
}

/// The boards of these names or files.
pub fn boards(names: &[String]) -> Result<Vec<Board>> {
    names.iter().map(|name| Ok(Board::load(name)?)).collect()
}

/// The device columns of a neural pipeline: one entry per board. What cannot be measured says why.
pub fn measure(
    experiment: &Experiment,
    pipeline: &Pipeline,
    trained: &[Trained],
    boards: &[Board],
    optimize: Optimize,
    ui: &Ui,
) -> Result<Vec<Device>> {
    if boards.is_empty() {
        return Ok(Vec::new());
    }
    // Footprint and cycles do not depend on the fold's weights; the first fold stands for all.
    let fold = experiment.folds.first().context("there is no fold")?;
    let first = trained
        .first()
        .context("a fold without a trained network")?;
    let (artifact, _) = evaluate::artifact(experiment, pipeline, fold, first)?;
    let prepared = Prepared::new(experiment, &pipeline.name, &artifact, &fold.test)?;
    let workshop = workshop();
    boards
        .iter()
        .map(|board| {
            ui.info(format_args!(
                "{}: firmware for {}",
                pipeline.name, board.name
            ));
            let measured = match &workshop {
                Ok(workshop) => prepared.measure(workshop, board, optimize),
                Err(why) => {
                    return Ok(empty(board, optimize, Measured::Unavailable, why.clone()));
                }
            };
            Ok(match measured {
                Ok(measurement) => {
                    let method = &measurement.method;
                    ui.detail(format_args!("  {}; {}", method.toolchain, method.emulator));
                    device(board, &measurement, prepared.hop_seconds)
                }
                Err(e) => {
                    ui.warn(format_args!("{} on {}: {e:#}", pipeline.name, board.name));
                    empty(board, optimize, Measured::Failed, format!("{e:#}"))
                }
            })
        })
        .collect()
}

/// Where firmware is built, or why nothing can be measured on this machine.
fn workshop() -> Result<Workshop, String> {
    let workshop = Workshop::locate().map_err(|e| e.to_string())?;
    match Status::of_this_machine(workshop.cache()).why_not() {
        Some(why) => Err(why),
        None => Ok(workshop),
    }
}

/// A pipeline's generated source, test windows, and what the host made of them.
pub struct Prepared {
    folder: PathBuf,
    input: Vec<u8>,
    window: usize,
    expected: Vec<host::Scores>,
    hop_seconds: Option<f64>,
    layers: Vec<String>,
}

impl Prepared {
    /// Writes the source of `artifact` below the output folder and runs the host on the first of `test`.
    pub fn new(
        experiment: &Experiment,
        name: &str,
        artifact: &Artifact,
        test: &[usize],
    ) -> Result<Self> {
        let windows = &experiment.loaded.windows;
        let folder = experiment.out.join("pipelines").join(name);
        write_source(artifact, &folder)?;
        let compiled = host::compile(&artifact.graph)?;
        let mut engine = host::Host::new(&compiled)?;
        let step = (test.len() / WINDOWS).max(1);
        let mut prepared = Self {
            folder,
            input: Vec::new(),
            window: windows.stride() * 2,
            expected: Vec::new(),
            hop_seconds: (windows.time > 1)
                .then(|| windows.hop as f64 / f64::from(windows.rate_hz)),
            layers: artifact
                .graph
                .nodes
                .iter()
                .map(|n| n.name.clone())
                .collect(),
        };
        for &n in test.iter().step_by(step).take(WINDOWS) {
            let window = windows.window(n);
            prepared
                .input
                .extend(window.iter().flat_map(|&x| sensor::counts(x).to_le_bytes()));
            prepared.expected.push(engine.scores(window)?);
        }
        ensure!(
            !prepared.expected.is_empty(),
            "there is no test window to run on the device"
        );
        Ok(prepared)
    }

    /// Builds and runs the pipeline for `board`, and compares its outputs with the host's.
    pub fn measure(
        &self,
        workshop: &Workshop,
        board: &Board,
        optimize: Optimize,
    ) -> Result<Measurement> {
        let job = Job {
            pipeline: &self.folder,
            board,
            optimize: optimize.into(),
            windows: Windows::new(&self.input, self.window),
            hop_seconds: self.hop_seconds,
            stack_limit: None,
        };
        let mut measurement = mote_device::measure::measure(workshop, &job)?;
        self.compare(&measurement)?;
        for part in &mut measurement.layers {
            self.name_layer(&mut part.name);
        }
        Ok(measurement)
    }

    /// The interpreter's profile counts steps, generated code names functions; people know layers.
    fn name_layer(&self, name: &mut String) {
        let number = match (name.strip_prefix("step "), name.strip_prefix("layer_")) {
            (Some(step), _) => step.parse::<usize>().ok().and_then(|n| n.checked_sub(1)),
            (_, Some(rest)) => rest.split('_').next().and_then(|n| n.parse().ok()),
            _ => None,
        };
        if let Some(layer) = number.and_then(|n| self.layers.get(n)) {
            name.clone_from(layer);
        }
    }

    fn compare(&self, measurement: &Measurement) -> Result<()> {
        let mut int8 = Vec::new();
        let mut float = Vec::new();
        for scores in &self.expected {
            match scores {
                host::Scores::I8(values) => int8.extend_from_slice(values),
                host::Scores::F32(values) => float.extend_from_slice(values),
            }
        }
        let expected = if float.is_empty() {
            Expected::I8(&int8)
        } else {
            Expected::F32(&float)
        };
        let wrong = differences(&measurement.outputs, expected)?;
        if let Some(first) = wrong.first() {
            anyhow::bail!(
                "{} of the device's outputs differ from the host's; the first is output {}: {} instead of {}",
                wrong.len(),
                first.index,
                first.found,
                first.expected
            );
        }
        Ok(())
    }
}

/// Writes `pipeline.rs` of `artifact` into `folder`.
fn write_source(artifact: &Artifact, folder: &Path) -> Result<()> {
    let plan = plan(&artifact.graph, Strategy::InPlace)?;
    let source = codegen::generate(&artifact.graph, &plan, artifact.flavour)?;
    let path = folder.join("pipeline.rs");
    // An unchanged source keeps its time, so that nothing is compiled again.
    if std::fs::read_to_string(&path).is_ok_and(|old| old == source) {
        return Ok(());
    }
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, source))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

/// The report's entry of a measurement.
fn device(board: &Board, m: &Measurement, hop_seconds: Option<f64>) -> Device {
    let method = |names: &[&str], method: Method| -> Vec<(String, Method)> {
        names
            .iter()
            .map(|name| ((*name).to_owned(), method))
            .collect()
    };
    let late = m
        .budget
        .latency_ms
        .zip(hop_seconds)
        .is_some_and(|(ms, hop)| ms > hop * 1e3);
    Device {
        board: m.board.clone(),
        core: m.core.name().to_owned(),
        optimize: m.optimize.level().to_owned(),
        clock_mhz: Some(board.clock_mhz),
        flash_code: Some(m.flash_code),
        flash_model: Some(m.flash_model),
        flash_limit: Some(u64::from(board.flash_kib) * 1024),
        ram_static: Some(m.ram_static),
        ram_stack: Some(m.ram_stack),
        ram_heap: Some(m.ram_heap),
        ram_limit: Some(u64::from(board.ram_kib) * 1024),
        instructions: Some(m.instructions),
        cycles: m.cycles,
        latency_ms: m.budget.latency_ms,
        energy_uj: m.budget.energy_uj,
        average_power_uw: m.budget.average_power_uw,
        battery_days: m.budget.battery_life_days,
        fits: Some(m.fits.flash && m.fits.ram && !late),
        fits_envelope: Some(m.fits.envelope),
        method: [
            method(&["flash_code", "flash_model", "ram_static"], Method::Elf),
            method(&["ram_stack", "ram_heap", "instructions"], Method::Emulated),
            method(
                &[
                    "cycles",
                    "latency_ms",
                    "energy_uj",
                    "average_power_uw",
                    "battery_days",
                ],
                Method::Modelled,
            ),
        ]
        .concat()
        .into_iter()
        .collect(),
        layers: m.layers.iter().map(layer).collect(),
        status: Measured::Measured,
        ..Device::default()
    }
}

fn layer(part: &Part) -> Layer {
    Layer {
        name: part.name.clone(),
        instructions: Some(part.work.instructions),
        cycles: part.work.cycles,
    }
}

/// The device columns of a classical model.
pub fn none_for_classical(boards: &[Board], optimize: Optimize) -> Vec<Device> {
    let why = "classical models are compared on the host only; they have no firmware";
    boards
        .iter()
        .map(|b| empty(b, optimize, Measured::Unavailable, why.to_owned()))
        .collect()
}

/// An entry without figures.
fn empty(board: &Board, optimize: Optimize, status: Measured, why: String) -> Device {
    Device {
        board: board.name.clone(),
        core: board.core.name().to_owned(),
        optimize: mote_device::core::Optimize::from(optimize)
            .level()
            .to_owned(),
        clock_mhz: Some(board.clock_mhz),
        status,
        why: Some(why),
        ..Device::default()
    }
}
