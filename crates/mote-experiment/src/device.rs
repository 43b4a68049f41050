//! Device columns: a pipeline as firmware on the emulated core of each board.

use crate::error::Result;
use crate::firmware::{Firmware, Measured};
use crate::observer::{Event, Observer};
use mote_device::board::Board;
use mote_device::core::Optimize;
use mote_device::figures::{DeviceFigures, MeasurementStatus};
use mote_device::flash::FlashModel;
use mote_device::image::FirmwareBuilder;
use mote_device::measure::not_measured;
use mote_device::setup::DeviceTools;
use std::collections::HashMap;

/// Loads the boards of these names or files, with flash as `model` has it.
///
/// # Errors
/// Names the board, and the boards there are.
pub fn boards(names: &[String], model: FlashModel) -> Result<Vec<Board>> {
    let load = |name: &String| Ok(model.apply(Board::load(name)?));
    names.iter().map(load).collect()
}

/// Measures pipeline `name` on every board, one entry each. What cannot be measured says why.
pub(crate) fn measure(
    name: &str,
    firmware: &Firmware,
    boards: &[Board],
    optimize: Optimize,
    observer: &Observer,
) -> Vec<DeviceFigures> {
    let mut tools = Tools::new();
    let measured = |board: &Board| {
        let builder = match tools.builder(board) {
            Ok(builder) => builder,
            Err(why) => {
                let status = MeasurementStatus::Unavailable;
                return not_measured(board, optimize, status, why);
            }
        };
        observer.tell(Event::Building {
            pipeline: name,
            board: &board.name,
        });
        match firmware.measure(builder, board, optimize) {
            Ok(measured) => {
                let provenance = &measured.mean.provenance;
                observer.tell(Event::Measured {
                    pipeline: name,
                    board: &board.name,
                    toolchain: &provenance.toolchain,
                    emulator: &provenance.emulator,
                });
                entry(measured)
            }
            Err(error) => {
                let why = error.line();
                observer.tell(Event::MeasurementFailed {
                    pipeline: name,
                    board: &board.name,
                    why: &why,
                });
                not_measured(board, optimize, MeasurementStatus::Failed, why)
            }
        }
    };
    boards.iter().map(measured).collect()
}

/// Where firmware is built, and what this machine lacks for it.
struct Tools {
    builder: Result<FirmwareBuilder, String>,
    /// Why nothing can be measured, by architecture; looked for once.
    missing: HashMap<&'static str, Option<String>>,
}

impl Tools {
    fn new() -> Self {
        Self {
            builder: FirmwareBuilder::locate().map_err(|e| e.to_string()),
            missing: HashMap::new(),
        }
    }

    /// Returns where firmware for `board` is built, or why it cannot be measured on this machine.
    fn builder(&mut self, board: &Board) -> Result<&FirmwareBuilder, String> {
        let builder = self.builder.as_ref().map_err(String::clone)?;
        let architecture = board.core.processor().architecture;
        let look = || DeviceTools::of_this_machine(architecture, builder.cache()).why_not();
        match self.missing.entry(architecture.name).or_insert_with(look) {
            Some(why) => Err(why.clone()),
            None => Ok(builder),
        }
    }
}

/// Returns the report's entry of a measurement: means over decisions, and the cost of the longest.
fn entry(measured: Measured) -> DeviceFigures {
    let mut figures = measured.mean.figures;
    if let Some(worst) = &measured.worst {
        figures.add_longest(&worst.figures);
    }
    figures
}

/// Returns the device columns of a classical model.
pub(crate) fn none_for_classical(boards: &[Board], optimize: Optimize) -> Vec<DeviceFigures> {
    let why = "classical models are compared on the host only; they have no firmware";
    let status = MeasurementStatus::Unavailable;
    boards
        .iter()
        .map(|b| not_measured(b, optimize, status, why.to_owned()))
        .collect()
}
