//! Device columns: a pipeline as firmware on the emulated core of each board.

use super::network::Network;
use super::prepared::{Measured as Figures, Prepared};
use super::{Experiment, evaluate, plan};
use crate::pipeline::Pipeline;
use crate::ui::Ui;
use anyhow::{Context, Result};
use mote_device::board::Board;
use mote_device::image::Workshop;
use mote_device::measure::not_measured;
use mote_device::setup::Status;
use mote_report::{DeviceFigures, MeasurementStatus};

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
) -> Result<Vec<DeviceFigures>> {
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
                    return Ok(not_measured(
                        board,
                        optimize.into(),
                        MeasurementStatus::Unavailable,
                        why.clone(),
                    ));
                }
            };
            Ok(match measured {
                Ok(figures) => {
                    let provenance = &figures.mean.provenance;
                    ui.detail(format_args!(
                        "  {}; {}",
                        provenance.toolchain, provenance.emulator
                    ));
                    device(figures)
                }
                Err(e) => {
                    ui.warn(format_args!("{} on {}: {e:#}", pipeline.name, board.name));
                    not_measured(
                        board,
                        optimize.into(),
                        MeasurementStatus::Failed,
                        format!("{e:#}"),
                    )
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

/// Returns the report's entry of a measurement: means over decisions, and the cost of the longest.
fn device(figures: Figures) -> DeviceFigures {
    let mut device = figures.mean.figures;
    if let Some(worst) = &figures.worst {
        device.add_longest(&worst.figures);
    }
    device
}

/// The device columns of a classical model.
pub fn none_for_classical(boards: &[Board], optimize: Optimize) -> Vec<DeviceFigures> {
    let why = "classical models are compared on the host only; they have no firmware";
    boards
        .iter()
        .map(|b| {
            not_measured(
                b,
                optimize.into(),
                MeasurementStatus::Unavailable,
                why.to_owned(),
            )
        })
        .collect()
}
