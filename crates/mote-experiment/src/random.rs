//! Windows of random inputs in a network's own range, for measuring where no data are at hand.

use crate::error::{Error, Result};
use mote_data::Windows;
use mote_model::{Graph, SENSOR_G_PER_COUNT};

/// Windows, enough for a stream to fill.
const WINDOWS: usize = 64;

/// Range of f32 inputs: standardized samples.
const F32: (f32, f32) = (-2.0, 2.0);

/// Returns windows of `time` samples in m/s^2, which the front end of `graph` turns into values all over the range of its
/// input.
///
/// # Errors
/// When the network has no front end.
pub(crate) fn windows(graph: &Graph, time: usize, rate_hz: f32) -> Result<Windows> {
    let input = graph.tensor(graph.input)?;
    let frontend = graph.frontend.as_ref().ok_or_else(|| {
        Error::invalid("the network has no front end: its inputs are not those of a sensor")
    })?;
    let (low, high) = match input.quant {
        Some(quant) => {
            let real = |q: f32| (q - f32::from(quant.zero_point)) * quant.scale;
            (real(-128.0), real(127.0))
        }
        None => F32,
    };
    let mut state = 1u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let channels = input.shape.channels;
    let count = SENSOR_G_PER_COUNT * mote_data::STANDARD_GRAVITY;
    let parameters = frontend.offset.iter().zip(&frontend.scale).cycle();
    let x = parameters.take(WINDOWS * time * channels);
    let x = x.map(|(&offset, &scale)| {
        let real = low + (high - low) * uniform();
        (real / scale + f32::from(offset)) * count
    });
    let outputs = graph.tensor(graph.output)?.shape.len();
    Ok(Windows {
        time,
        channels,
        rate_hz,
        hop: time,
        x: x.collect(),
        y: (0..WINDOWS).map(|n| n % outputs.max(1)).collect(),
        users: (0..WINDOWS as u32).map(|n| n % 4).collect(),
        recordings: (0..WINDOWS as u32).collect(),
        labels: (0..outputs).map(|n| n.to_string()).collect(),
    })
}
