//! Runs a model as firmware of a board, on inputs of the user or random ones.

use super::host;
use crate::arrays::Rows;
use crate::error::{Error, Result};
use crate::firmware::{Firmware, Measured};
use crate::random;
use mote::kernels::convert::Grid;
use mote_codegen::Deployment;
use mote_data::Windows;
use mote_device::board::Board;
use mote_device::core::Optimize;
use mote_device::image::FirmwareBuilder;
use mote_model::{Runtime, Shape};
use std::path::{Path, PathBuf};

/// Runs the model at `path` on `board` with every row of `inputs`, and compares each output with this computer's. Below
/// `out` lies the source that is built.
///
/// A model of another tool runs as compiled code without a front end. Where it converts f32 input to int8, this computer
/// does that, and the device gives the int8 outputs. A deployment runs as it is deployed; one that is a stream takes the
/// rows one behind the other.
///
/// # Errors
/// When the model is not read, does not fit the rows, cannot be built or run, or gives other outputs.
pub fn on_board(
    path: &Path,
    inputs: &Rows,
    board: &Board,
    optimize: Optimize,
    out: &Path,
) -> Result<Measured> {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let firmware = match extension.to_lowercase().as_str() {
        "json" => {
            let deployment = Deployment::load(path)?;
            let windows = windows(&deployment, inputs)?;
            deployed(&deployment, &windows, windows.len(), out)?
        }
        "mote" => {
            return Err(Error::Invalid(format!(
                "{}: a model file says nothing of how it is deployed: name the deployment.json that it was exported from",
                path.display()
            )));
        }
        _ => model(path, inputs, out)?,
    };
    firmware.measure(&FirmwareBuilder::locate()?, board, optimize)
}

/// As [`on_board`], of the deployment at `path` on random inputs in its own range.
///
/// # Errors
/// As [`on_board`].
pub fn random_on_board(
    path: &Path,
    board: &Board,
    optimize: Optimize,
    out: &Path,
) -> Result<(String, Measured)> {
    let deployment = Deployment::load(path)?;
    let (graph, rate_hz) = (&deployment.graph, deployment.rate_hz as f32);
    let windows = random::windows(graph, deployment.window, rate_hz)?;
    let firmware = deployed(&deployment, &windows, Firmware::DECISIONS, out)?;
    let measured = firmware.measure(&FirmwareBuilder::locate()?, board, optimize)?;
    Ok((deployment.name, measured))
}

fn deployed(
    deployment: &Deployment,
    windows: &Windows,
    decisions: usize,
    out: &Path,
) -> Result<Firmware> {
    Firmware::of(
        &deployment.graph,
        deployment.runtime,
        windows,
        &(0..windows.len()).collect::<Vec<_>>(),
        decisions,
        &folder(out, &deployment.name),
        Some(deployment.hop as f64 / deployment.rate_hz),
    )
}

/// Takes the rows as windows of a deployment, `[time][channel]` in m/s^2.
fn windows(deployment: &Deployment, inputs: &Rows) -> Result<Windows> {
    let channels = deployment
        .graph
        .tensor(deployment.graph.input)?
        .shape
        .channels;
    let wanted = Shape::new(deployment.window, channels).len();
    for (n, row) in (1..).zip(&inputs.rows) {
        host::check_len(n, row, wanted)?;
    }
    Ok(Windows {
        time: deployment.window,
        channels,
        rate_hz: deployment.rate_hz as f32,
        hop: deployment.window,
        x: inputs.rows.concat(),
        y: vec![0; inputs.rows.len()],
        users: vec![0; inputs.rows.len()],
        recordings: vec![0; inputs.rows.len()],
        labels: deployment.graph.labels.clone(),
    })
}

fn model(path: &Path, inputs: &Rows, out: &Path) -> Result<Firmware> {
    let imported = host::read(path)?;
    let mut rows = host::rows(&imported, inputs)?;
    let converts = imported.graph.tensor(imported.graph.input)?.quant.is_none();
    let graph = mote_import::without_conversions(imported.graph);
    let input = graph.tensor(graph.input)?;
    if let Some(quant) = input.quant.filter(|_| converts) {
        let grid = Grid {
            scale: quant.scale,
            zero_point: quant.zero_point,
        };
        let all = rows.iter_mut().flatten();
        all.for_each(|x| *x = f32::from(grid.quantize(*x)));
    }
    let expected = host::graph(path, &graph, &rows)?;
    let of_one_type = graph
        .tensors
        .iter()
        .all(|t| t.quant.is_some() == input.quant.is_some());
    let runtime = match of_one_type {
        true => Runtime::COMPILED,
        // Compiled code has one arena of one type.
        false => Runtime::INTERPRETER,
    };
    let all = rows.iter().flatten();
    let bytes: Vec<u8> = match input.quant {
        Some(_) => all.map(|&x| x as i8 as u8).collect(),
        None => all.flat_map(|x| x.to_le_bytes()).collect(),
    };
    let run = bytes.len().checked_div(rows.len()).unwrap_or(0);
    Firmware::of_bytes(
        &graph,
        runtime,
        bytes,
        run,
        expected,
        &folder(out, &graph.name),
    )
}

fn folder(out: &Path, name: &str) -> PathBuf {
    out.join("pipelines").join(name)
}
