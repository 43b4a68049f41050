//! Firmware built, run and measured for real: what goes right, and what goes wrong and must be said.

mod common;

use common::{builder, example, pipeline};
use mote_device::Error;
use mote_device::board::Board;
use mote_device::core::{Core, Optimize};
use mote_device::emulator::{Counting, Outcome, Run, Windows};
use mote_device::footprint::Footprint;
use mote_device::image::{BuildSettings, FirmwareBuilder};
use mote_device::measure::{Job, measure};
use mote_model::PipelineSource;
use std::path::Path;

const INPUT: [u8; 8] = [1, 2, 3, 4, 10, 20, 30, 0x80];
/// `(1 - 4 + 9 - 16) >> 4`, `(5 + 12 + 21 + 32) >> 4`; `(10 - 40 + 90 + 512) >> 4`, `(50 + 120 + 210 - 1024) >> 4`.
const OUTPUT: [i8; 4] = [-1, 4, 35, -41];

fn job<'a>(pipeline: &'a PipelineSource, board: &'a Board, windows: Windows<'a>) -> Job<'a> {
    Job {
        pipeline,
        board,
        optimize: Optimize::Size,
        windows,
        hop_seconds: Some(1.0),
        stack_limit: None,
    }
}

/// Runs a hand-made pipeline of one-byte windows on the M4.
fn run(builder: &FirmwareBuilder, name: &str, window: &[u8], stack: u32) -> Result<Outcome, Error> {
    let mut settings = BuildSettings::new(Core::M4, Optimize::Size);
    settings.stack = stack;
    let images = builder.build(&pipeline(name), &settings)?;
    Run {
        core: settings.core,
        image: &images.measure,
        machine: settings.machine,
        stack,
        windows: Windows::new(window, window.len()),
        counting: Some(Counting {
            plugin: builder.plugin()?,
            roots: vec![],
            watched: vec![],
            limit: 10_000_000,
            flash: None,
            model: vec![],
        }),
        seconds: 120,
    }
    .start()
}

#[test]
fn a_pipeline_is_measured_and_twice_the_same() {
    let Some(builder) = builder(&[Core::M4]) else {
        return;
    };
    let (dir, board) = (example(), Board::load("nrf52840").unwrap());
    let windows = Windows::new(&INPUT, 4);
    let first = measure(&builder, &job(&dir, &board, windows)).unwrap();
    let outputs: Vec<i8> = first.outputs.iter().map(|&b| b as i8).collect();
    assert_eq!(outputs, OUTPUT);
    assert!(first.panic_free);
    assert_eq!(
        first.figures.flash_model.unwrap(),
        8,
        "two rows of four weights"
    );
    assert!(
        (100..1000).contains(&first.figures.flash_code.unwrap()),
        "{}",
        first.figures.flash_code.unwrap()
    );
    // Six bytes of pipeline, two registers, rounded up.
    assert!(
        (8..=16).contains(&first.figures.ram_static.unwrap()),
        "{}",
        first.figures.ram_static.unwrap()
    );
    assert!(
        (32..128).contains(&first.figures.ram_stack.unwrap()),
        "{}",
        first.figures.ram_stack.unwrap()
    );
    assert!(first.figures.fits == Some(true) && first.figures.fits_envelope == Some(true));

    // Two rows, each a call of the layer, and what is around them.
    let names: Vec<_> = first
        .figures
        .layers
        .iter()
        .map(|l| l.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["layer_00_dense", "layer_00_dense", "(outside layers)"]
    );
    let instructions: u64 = first
        .figures
        .layers
        .iter()
        .filter_map(|l| l.instructions)
        .sum();
    let cycles: u64 = first.figures.layers.iter().filter_map(|l| l.cycles).sum();
    assert_eq!(instructions, first.figures.instructions.unwrap());
    assert_eq!(first.figures.instructions.unwrap(), first.instructions_max);
    assert_eq!(Some(cycles), first.figures.cycles);
    let by_function: u64 = first.functions.iter().map(|l| l.work.instructions).sum();
    assert_eq!(by_function, first.figures.instructions.unwrap());
    let folded = first.folded.lines().filter_map(|l| l.rsplit(' ').next());
    assert_eq!(
        folded.map(|n| n.parse::<u64>().unwrap()).sum::<u64>(),
        cycles
    );
    assert!(
        first.folded.contains("mote_infer;layer_00_dense "),
        "{}",
        first.folded
    );

    let second = measure(&builder, &job(&dir, &board, windows)).unwrap();
    assert_eq!(first, second);
}

#[test]
fn both_images_run_the_same_inference() {
    let Some(builder) = builder(&[Core::M4]) else {
        return;
    };
    let images = builder
        .build(&example(), &BuildSettings::new(Core::M4, Optimize::Size))
        .unwrap();
    let size = |path: &Path, name: &str| {
        let symbols = Footprint::read(path).unwrap().symbols;
        symbols
            .into_iter()
            .find(|s| s.name.contains(name))
            .unwrap()
            .size
    };
    for name in ["mote_infer", "layer_00_dense"] {
        assert_eq!(size(&images.deploy, name), size(&images.measure, name));
    }
}

#[test]
fn windows_of_a_wrong_length_are_refused() {
    let Some(builder) = builder(&[Core::M4]) else {
        return;
    };
    let (dir, board) = (example(), Board::load("nrf52840").unwrap());
    let windows = Windows::new(&INPUT[..6], 3);
    let error = measure(&builder, &job(&dir, &board, windows)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::InputLength {
                given: 3,
                wanted: 4
            }
        ),
        "{error}"
    );
    // The device itself says so, too.
    let error = run(&builder, "recursion", &[1, 2], 1024).unwrap_err();
    assert!(
        matches!(
            error,
            Error::InputLength {
                given: 2,
                wanted: 1
            }
        ),
        "{error}"
    );
}

#[test]
fn a_stack_too_small_is_reported() {
    let Some(builder) = builder(&[Core::M4]) else {
        return;
    };
    let shallow = run(&builder, "recursion", &[2], 1024).unwrap();
    assert_eq!(shallow.outputs, [3]);
    let error = run(&builder, "recursion", &[100], 1024).unwrap_err();
    assert!(
        matches!(error, Error::StackOverflow { limit: 1024 }),
        "{error}"
    );
    let deep = run(&builder, "recursion", &[100], 16 * 1024).unwrap();
    assert_eq!(deep.outputs, [101]);
}

#[test]
fn the_stack_grows_with_what_the_pipeline_uses() {
    let Some(builder) = builder(&[Core::M4]) else {
        return;
    };
    let (dir, board) = (pipeline("recursion"), Board::load("nrf52840").unwrap());
    let stack = |depth: u8| {
        let bytes = [depth];
        let windows = Windows::new(&bytes, 1);
        measure(&builder, &job(&dir, &board, windows))
            .unwrap()
            .figures
            .ram_stack
            .unwrap()
    };
    let (ten, twenty, thirty) = (stack(10), stack(20), stack(30));
    assert_eq!(thirty - twenty, twenty - ten);
    assert!(
        twenty - ten >= 10 * 32,
        "eight words a level: {ten} {twenty}"
    );
}

#[test]
fn a_damaged_model_is_reported() {
    let Some(builder) = builder(&[Core::M4]) else {
        return;
    };
    let error = run(&builder, "refusing", &[0], 1024).unwrap_err();
    assert!(error.to_string().contains("CRC-32"), "{error}");
}

#[test]
fn a_pipeline_that_never_ends_is_stopped() {
    let Some(builder) = builder(&[Core::M4]) else {
        return;
    };
    let error = run(&builder, "endless", &[0], 1024).unwrap_err();
    assert!(
        matches!(error, Error::InstructionLimit { limit: 10_000_000 }),
        "{error}"
    );

    let settings = BuildSettings::new(Core::M4, Optimize::Size);
    let images = builder.build(&pipeline("endless"), &settings).unwrap();
    let unwatched = Run {
        core: settings.core,
        image: &images.measure,
        machine: settings.machine,
        stack: settings.stack,
        windows: Windows::new(&[0], 1),
        counting: None,
        seconds: 1,
    };
    let error = unwatched.start().unwrap_err();
    assert!(
        matches!(error, Error::Timeout { seconds: 1, .. }),
        "{error}"
    );
}

#[test]
fn a_pipeline_that_does_not_compile_shows_the_compilers_words() {
    let Some(builder) = builder(&[Core::M4]) else {
        return;
    };
    let nonsense = PipelineSource {
        text: "pub type Elem = Nonsense;".to_owned(),
        ..example()
    };
    let error = builder
        .build(&nonsense, &BuildSettings::new(Core::M4, Optimize::Size))
        .unwrap_err();
    assert!(error.to_string().contains("Nonsense"), "{error}");
}
