//! What the tests of the device share.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mote_device::core::Core;
use mote_device::emulator;
use mote_device::image::FirmwareBuilder;
use mote_model::{LayerFunction, PipelinePort, PipelineSource, PortType};
use std::fs;
use std::path::Path;

/// Returns a builder that can build and run images for `cores`; `None`, with a note on standard error, when this
/// machine cannot.
pub fn builder(cores: &[Core]) -> Option<FirmwareBuilder> {
    let builder = FirmwareBuilder::locate().unwrap();
    let missing = emulator::version().map(drop).and_then(|()| {
        cores
            .iter()
            .try_for_each(|c| builder.toolchain(*c).map(drop))
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
