//! Images with a heap: what its peak is, that it is what they need, and what is said when they get less.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::builder;
use mote_codegen::generate;
use mote_device::Error;
use mote_device::board::Board;
use mote_device::core::{Core, Optimize};
use mote_device::emulator::{Outcome, Run, Windows};
use mote_device::footprint::Footprint;
use mote_device::image::{BuildSettings, FirmwareBuilder};
use mote_device::measure::{Job, Measurement, measure};
use mote_model::{Graph, PipelineSource, Runtime};
use std::fs;
use std::path::Path;

/// Returns a reference network, and its source as the baseline.
fn baseline(name: &str) -> (Graph, PipelineSource) {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mote-import/tests/models");
    let tflite = fs::read(models.join(format!("{name}.tflite"))).unwrap();
    let graph = mote_import::tflite::import(name, &tflite).unwrap();
    let source = generate(&graph, Runtime::BASELINE).unwrap();
    (graph, source)
}

fn measured(builder: &FirmwareBuilder, name: &str, board: &str) -> (Graph, Measurement) {
    let (graph, source) = baseline(name);
    let bytes = vec![0; graph.tensor(graph.input).unwrap().bytes()];
    let job = Job {
        pipeline: &source,
        board: &Board::load(board).unwrap(),
        optimize: Optimize::Size,
        windows: Windows::new(&bytes, bytes.len()),
        hop_seconds: Some(1.0),
        stack_limit: None,
    };
    (graph, measure(builder, &job).unwrap())
}

#[test]
fn the_heap_holds_all_tensors_and_weights_and_is_twice_the_same() {
    let Some(builder) = builder(&[Core::M4]) else {
        return;
    };
    let (graph, first) = measured(&builder, "B_int8", "nrf52840");
    let tensors: usize = graph.tensors.iter().map(|t| t.bytes()).sum();
    let held = (tensors + graph.parameters()) as u64;
    assert!(
        first.figures.ram_heap.unwrap() > held,
        "{} for {held}",
        first.figures.ram_heap.unwrap()
    );
    // The heap's memory is no static: what is left is the allocator, the pipeline and two registers.
    assert!(
        first.figures.ram_static.unwrap() < 200,
        "{}",
        first.figures.ram_static.unwrap()
    );
    assert!(first.figures.fits_ram().unwrap());
    let (_, second) = measured(&builder, "B_int8", "nrf52840");
    assert_eq!(first, second);
}

/// Runs the measured image of `source` on an M4 with `heap` bytes of RAM behind statics and stack.
fn run_with(
    builder: &FirmwareBuilder,
    source: &PipelineSource,
    input: usize,
    heap: u32,
) -> Result<Outcome, Error> {
    let mut settings = BuildSettings::new(Core::M4, Optimize::Size);
    let images = builder.build(source, &settings)?;
    let statics = Footprint::read(&images.measure)?.ram_static as u32;
    settings.machine.ram.length = settings.stack + statics + heap;
    Run {
        core: settings.core,
        image: &builder.build(source, &settings)?.measure,
        machine: settings.machine,
        stack: settings.stack,
        windows: Windows::new(&vec![0; input], input),
        counting: None,
        seconds: 60,
    }
    .start()
}

#[test]
fn the_peak_is_the_heap_that_suffices_and_less_is_reported() {
    let Some(builder) = builder(&[Core::M4]) else {
        return;
    };
    let (graph, source) = baseline("B_int8");
    let input = graph.tensor(graph.input).unwrap().bytes();
    let ample = run_with(&builder, &source, input, 1 << 20).unwrap();
    let tight = run_with(&builder, &source, input, ample.heap).unwrap();
    assert_eq!(tight, ample);
    let error = run_with(&builder, &source, input, ample.heap - 4).unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
}

#[test]
fn a_heap_too_large_for_the_machine_is_measured_on_a_larger_one() {
    let Some(builder) = builder(&[Core::M0]) else {
        return;
    };
    let (_, m) = measured(&builder, "A_int8", "microbit");
    assert!(
        m.figures.ram_heap.unwrap() > 12 * 1024,
        "{}",
        m.figures.ram_heap.unwrap()
    );
    assert!(m.provenance.emulator.contains("mps2-an385"));
}
