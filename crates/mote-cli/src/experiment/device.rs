//! Device columns: a pipeline as firmware on the emulated core of each board.

use super::network::Network;
use super::prepared::{Measured as Figures, Prepared};
use super::{Experiment, evaluate, plan};
use crate::pipeline::Pipeline;
use crate::ui::Ui;
use anyhow::{Context, Result};
use mote_device::analysis::Part;
use mote_device::board::Board;
use mote_device::image::Workshop;
use mote_device::measure::Measurement;
use mote_device::setup::Status;
use mote_report::{Device, Layer, Method, Status as Measured};

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
    network: &Network,
    boards: &[Board],
    optimize: Optimize,
    ui: &Ui,
) -> Result<Vec<Device>> {
    if boards.is_empty() {
        return Ok(Vec::new());
    }
    // Footprint and cycles do not depend on the fold's weights; the first fold stands for all.
    let fold = experiment.folds.first().context("there is no fold")?;
    let applied = evaluate::artifact(experiment, pipeline, 0, fold, network)?;
    let prepared = Prepared::new(
        experiment,
        &pipeline.name,
        &applied.0,
        &fold.test,
        plan::hop(experiment, pipeline.spec.as_ref(), &applied.0),
    )?;
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
                Ok(figures) => {
                    let method = &figures.mean.method;
                    ui.detail(format_args!("  {}; {}", method.toolchain, method.emulator));
                    device(board, &figures, prepared.hop_seconds())
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

/// The report's entry of a measurement.
fn device(board: &Board, figures: &Figures, hop_seconds: Option<f64>) -> Device {
    let m = &figures.mean;
    let worst = figures.worst.as_ref();
    let method = |names: &[&str], method: Method| -> Vec<(String, Method)> {
        names
            .iter()
            .map(|name| ((*name).to_owned(), method))
            .collect()
    };
    let longest: &Measurement = worst.unwrap_or(m);
    let late = longest
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
        flash_external: m.loading.map(|_| m.flash_external),
        loading_ms: m.loading.and_then(|l| l.waiting_ms),
        loading_uj: m.loading.and_then(|l| l.energy_uj),
        flash_limit: Some(u64::from(board.flash_kib) * 1024),
        ram_static: Some(m.ram_static),
        ram_stack: Some(m.ram_stack),
        ram_heap: Some(m.ram_heap),
        ram_limit: Some(u64::from(board.ram_kib) * 1024),
        instructions: Some(m.instructions),
        cycles: m.cycles,
        cycles_worst: worst.and_then(|w| w.cycles),
        latency_worst_ms: worst.and_then(|w| w.budget.latency_ms),
        energy_worst_uj: worst.and_then(|w| w.budget.energy_uj),
        latency_ms: m.budget.latency_ms,
        energy_uj: m.budget.energy_uj,
        average_power_uw: m.budget.average_power_uw,
        battery_days: m.budget.battery_life_days,
        fits: Some(m.fits.flash && m.fits.ram && !late),
        fits_envelope: Some(m.fits.envelope),
        method: [
            method(
                &["flash_code", "flash_model", "flash_external", "ram_static"],
                Method::Elf,
            ),
            method(&["ram_stack", "ram_heap", "instructions"], Method::Emulated),
            method(
                &[
                    "cycles",
                    "cycles_worst",
                    "latency_ms",
                    "latency_worst_ms",
                    "energy_uj",
                    "energy_worst_uj",
                    "loading_ms",
                    "loading_uj",
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
        why: unknown(board, m),
    }
}

/// Why a board's figures are not all there.
fn unknown(board: &Board, m: &Measurement) -> Option<String> {
    if m.cycles.is_none() {
        return Some(m.method.cycles.clone());
    }
    match (&board.energy, &board.sleep) {
        (None, _) => Some("the board file has no energy per cycle".to_owned()),
        (_, None) => Some("the board file has no sleep power".to_owned()),
        _ => None,
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
