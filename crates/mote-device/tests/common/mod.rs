//! What the tests of the device share.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mote_device::core::Core;
use mote_device::emulator;
use mote_device::image::FirmwareBuilder;
use mote_model::cnn::{self, ConvLayer, parse_blocks};
use mote_model::{
    Cnn, Filter, Graph, LayerFunction, Padding, PipelinePort, PipelineSource, PortType, Quant,
    Shape, Weights,
};
use std::fs;
use std::path::Path;

/// Returns a builder that can build and run images for `cores`; `None`, with a note on standard error, when this
/// machine cannot.
pub fn builder(cores: &[Core]) -> Option<FirmwareBuilder> {
    let builder = FirmwareBuilder::locate().unwrap();
    let missing = cores.iter().try_for_each(|&core| {
        emulator::version(core)?;
        builder.toolchain(core).map(drop)
    });
    match missing {
        Ok(()) => Some(builder),
        Err(e) => {
            eprintln!("SKIPPED, devices cannot be emulated here (`cargo xtask setup` helps): {e}");
            None
        }
    }
}

/// Returns the hand-made pipeline `name` of `tests/pipelines`, which reads one byte. Each function `layer_...` in it is
/// a layer of the same name.
#[allow(dead_code, reason = "not every test program uses it")]
pub fn pipeline(name: &str) -> PipelineSource {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pipelines");
    handmade(&folder.join(name), 1, 1)
}

/// Returns the example pipeline of the firmware, which reads four bytes and writes two.
#[allow(dead_code, reason = "not every test program uses it")]
pub fn example() -> PipelineSource {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../firmware/example");
    handmade(&folder, 4, 2)
}

#[allow(dead_code, reason = "not every test program uses it")]
fn handmade(folder: &Path, input: usize, output: usize) -> PipelineSource {
    let text = fs::read_to_string(folder.join("pipeline.rs")).unwrap();
    let functions = text.split("fn layer_").skip(1);
    let names = functions.filter_map(|rest| rest.split('(').next());
    let port = |len| PipelinePort {
        elem: PortType::I8,
        len,
    };
    PipelineSource {
        layers: names
            .map(|name| LayerFunction {
                layer: format!("layer_{name}"),
                function: format!("layer_{name}"),
            })
            .collect(),
        text,
        features: Vec::new(),
        input: port(input),
        output: port(output),
    }
}

/// Returns a small network that decides at every step, over a window of its receptive field, with a filter behind it.
/// One of the changes is `dearer` than the others.
#[allow(dead_code, reason = "not every test program uses it")]
pub fn steps(int8: bool, dearer: f32) -> Graph {
    const CLASSES: usize = 5;
    let cnn = Cnn {
        blocks: parse_blocks("c8k5s2-d16k5s2-d24k3").unwrap(),
        padding: Padding::Valid,
        ..Cnn::default()
    };
    let input = Shape::new(cnn.receptive_field(), 3);
    let layers = cnn.layers(input).unwrap();
    let weights = |outputs: usize, taps: usize| {
        let count = outputs * taps;
        match int8 {
            true => Weights::I8 {
                weights: (0..count).map(|i| noise(i).max(-127)).collect(),
                bits: 8,
                scales: vec![0.004; outputs],
                bias: (0..outputs).map(|i| i32::from(noise(i)) * 8).collect(),
            },
            false => Weights::F32 {
                weights: (0..count).map(|i| f32::from(noise(i)) / 512.0).collect(),
                bias: (0..outputs).map(|i| f32::from(noise(i)) / 128.0).collect(),
            },
        }
    };
    let of_layer = |layer: &ConvLayer| weights(layer.out_channels, layer.fan_in());
    let convolutions = layers.iter().map(of_layer).collect();
    let head = weights(CLASSES, cnn.features_shape(input).unwrap().channels);
    let mut graph = cnn::graph("steps", input, &layers, convolutions, head).unwrap();
    if int8 {
        for (id, tensor) in graph.tensors.iter_mut().enumerate() {
            tensor.quant = Some(Quant {
                scale: 0.05,
                zero_point: if id == 0 { 3 } else { -100 },
            });
        }
    }
    let mut filter = Filter::fixed(CLASSES, 50.0, 0.3);
    filter.costs[1] += dearer;
    graph.push_filter("filter", filter).unwrap();
    graph
}

/// Returns a random number that belongs to `i`.
#[allow(dead_code, reason = "not every test program uses it")]
pub fn noise(i: usize) -> i8 {
    ((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as i8
}
