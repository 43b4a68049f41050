//! Weights outside the image: the same outputs as with weights in it, what their loading costs, and that whatever is
//! wrong with them is said.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::builder;
use mote::{Interpreter, Model, registry};
use mote_codegen::generate;
use mote_device::Error;
use mote_device::board::Board;
use mote_device::conformance::{Expected, conformance};
use mote_device::core::{Core, Optimize};
use mote_device::emulator::{Outcome, Run, Windows};
use mote_device::footprint::EXTERNAL_SECTION;
use mote_device::image::{BuildSettings, FirmwareBuilder};
use mote_device::measure::{Job, measure};
use mote_model::{Graph, PipelineSource, Runtime, Strategy, blob, plan};
use object::{Object, ObjectSection};
use std::fs;
use std::path::Path;

fn load(name: &str) -> Graph {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mote-import/tests/models");
    let tflite = fs::read(models.join(format!("{name}.tflite"))).unwrap();
    mote_import::tflite::import(name, &tflite).unwrap()
}

/// Three int8 windows, and what the engine on the host makes of them.
fn windows(graph: &Graph) -> (Vec<u8>, Vec<i8>) {
    let plan = plan(graph, Strategy::Overlap).unwrap();
    let words = blob::to_words(graph, &plan).unwrap();
    let engine = Interpreter::new(Model::parse(&words).unwrap(), registry::ALL).unwrap();
    let mut arena = vec![0; plan.arena / 4];
    let (mut bytes, mut outputs) = (Vec::new(), Vec::new());
    for n in 0..3usize {
        let input = engine.input_i8(&mut arena).unwrap();
        for (i, x) in input.iter_mut().enumerate() {
            *x = ((i + 5 * n) * 37 % 251) as u8 as i8;
            bytes.push(*x as u8);
        }
        engine.run(&mut arena).unwrap();
        outputs.extend(engine.output_i8(&arena).unwrap());
    }
    (bytes, outputs)
}

fn runtime(window: Option<usize>) -> Runtime {
    match window {
        None => Runtime::COMPILED,
        Some(bytes) => Runtime::COMPILED.paged(bytes),
    }
}

#[test]
fn outputs_are_those_of_the_host() {
    let Some(builder) = builder(&[Core::M4, Core::M0]) else {
        return;
    };
    for (name, runtime) in [
        ("A_int8", runtime(Some(1024))),
        ("B_int8", runtime(Some(256))),
    ] {
        let graph = load(name);
        let (bytes, outputs) = windows(&graph);
        let source = generate(&graph, runtime).unwrap();
        for core in [Core::M4, Core::M0] {
            let windows = Windows::new(&bytes, bytes.len() / 3);
            let expected = Expected::I8(&outputs);
            let differences =
                conformance(&builder, &source, core, Optimize::Size, windows, expected);
            assert_eq!(differences.unwrap(), [], "{name} {runtime:?} on {core}");
        }
    }
}

#[test]
fn loading_is_measured_and_weights_are_no_flash_of_the_core() {
    let Some(builder) = builder(&[Core::M4]) else {
        return;
    };
    let graph = load("A_int8");
    let (bytes, _) = windows(&graph);
    let board = Board::load("nrf52840").unwrap();
    let measured = |window: Option<usize>| {
        let source = generate(&graph, runtime(window)).unwrap();
        let job = Job {
            pipeline: &source,
            board: &board,
            optimize: Optimize::Size,
            windows: Windows::new(&bytes, bytes.len() / 3),
            hop_seconds: Some(1.0),
            stack_limit: None,
        };
        measure(&builder, &job).unwrap()
    };
    let (resident, paged) = (measured(None), measured(Some(1024)));
    assert_eq!(resident.outputs, paged.outputs);
    assert_eq!(
        (resident.figures.flash_external, resident.loading),
        (None, None)
    );
    assert!(paged.panic_free);

    // All weights once per decision, and nothing of them in the image.
    let loading = paged.loading.unwrap();
    assert_eq!(loading.traffic.bytes, paged.figures.flash_external.unwrap());
    assert!(
        paged.figures.flash_external.unwrap() > 8192,
        "{}",
        paged.figures.flash_external.unwrap()
    );
    assert!(
        paged.figures.flash_model.unwrap() < 512,
        "{}",
        paged.figures.flash_model.unwrap()
    );
    assert!(loading.traffic.reads >= paged.figures.flash_external.unwrap() / 1024);

    let bits = (5 * loading.traffic.reads + loading.traffic.bytes) as f64 * 8.0;
    let ms = loading.ms.unwrap();
    assert!((ms - bits / 8e6 * 1e3).abs() < 1e-9, "{ms}");
    let computing = paged.figures.cycles.unwrap() as f64 / 64e6 * 1e3;
    let latency = paged.figures.latency_ms.unwrap();
    assert!((latency - computing - ms).abs() < 1e-9);
    assert!((loading.share.unwrap() - ms / latency).abs() < 1e-9);
    assert!(paged.figures.energy_uj > resident.figures.energy_uj);
    let method = paged.provenance.loading.as_ref().unwrap();
    assert!(method.contains("modelled") && method.contains("KH25L8005"));

    for (name, m) in [("resident", resident), ("paged", paged)] {
        eprintln!(
            "{name}: code {} model {} external {} static {} stack {} instructions {} cycles {:?} latency {:?} ms",
            m.figures.flash_code.unwrap(),
            m.figures.flash_model.unwrap(),
            m.figures.flash_external.unwrap_or(0),
            m.figures.ram_static.unwrap(),
            m.figures.ram_stack.unwrap(),
            m.figures.instructions.unwrap(),
            m.figures.cycles,
            m.figures.latency_ms
        );
    }
    eprintln!("{loading:?}");
}

/// Runs the measured image at `path` over one window.
fn run(path: &Path, settings: &BuildSettings, window: &[u8]) -> Result<Outcome, Error> {
    Run {
        core: settings.core,
        image: path,
        machine: settings.machine,
        stack: settings.stack,
        windows: Windows::new(window, window.len()),
        counting: None,
        seconds: 60,
    }
    .start()
}

fn built(builder: &FirmwareBuilder, source: &PipelineSource, settings: &BuildSettings) -> Vec<u8> {
    let images = builder.build(source, settings).unwrap();
    fs::read(&images.measure).unwrap()
}

#[test]
fn damaged_weights_are_an_error_on_the_device() {
    let Some(builder) = builder(&[Core::M4]) else {
        return;
    };
    let graph = load("B_int8");
    let (bytes, outputs) = windows(&graph);
    let window = &bytes[..bytes.len() / 3];
    let source = generate(&graph, runtime(Some(256))).unwrap();
    let settings = BuildSettings::new(Core::M4, Optimize::Size);
    let image = built(&builder, &source, &settings);
    let elf = object::File::parse(&*image).unwrap();
    let section = elf.section_by_name(EXTERNAL_SECTION).unwrap();
    let (start, len) = section.file_range().unwrap();

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    fs::write(&path, &image).unwrap();
    let right = run(&path, &settings, window).unwrap();
    assert_eq!(right.outputs.len(), outputs.len() / 3);
    assert_eq!(right.traffic[0].bytes, len);

    // Each byte, or some of all pages.
    let full = std::env::var_os("MOTE_CONFORMANCE").is_some_and(|v| v == "full");
    let step = if full { 1 } else { 61 };
    let mut found = 0;
    for i in (0..len).step_by(step) {
        let mut damaged = image.clone();
        damaged[(start + i) as usize] ^= 1 << (i % 8);
        fs::write(&path, &damaged).unwrap();
        let error = run(&path, &settings, window).unwrap_err();
        let said = matches!(error, Error::Inference { window: 0, .. });
        assert!(said && error.to_string().contains("CRC-32"), "{i}: {error}");
        found += 1;
    }
    eprintln!("{found} of {len} bytes damaged in turn: found every time");
}

#[test]
fn a_storage_cut_short_is_an_error_on_the_device() {
    let Some(builder) = builder(&[Core::M4]) else {
        return;
    };
    let graph = load("B_int8");
    let (bytes, _) = windows(&graph);
    let mut source = generate(&graph, runtime(Some(256))).unwrap();
    // Only the first word is left.
    let (head, rest) = source
        .text
        .split_once("pub static WEIGHTS: [u32; ")
        .unwrap();
    let (_, list) = rest.split_once("] = [").unwrap();
    let (list, tail) = list.split_once("];").unwrap();
    let (first, _) = list.split_once(',').unwrap();
    source.text = format!("{head}pub static WEIGHTS: [u32; 1] = [{first}];{tail}");
    let settings = BuildSettings::new(Core::M4, Optimize::Size);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    fs::write(&path, built(&builder, &source, &settings)).unwrap();
    let error = run(&path, &settings, &bytes[..bytes.len() / 3]).unwrap_err();
    let said = matches!(error, Error::Inference { window: 0, .. });
    assert!(said && error.to_string().contains("truncated"), "{error}");
}
