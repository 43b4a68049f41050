//! The second architecture, as far as it differs from the first: figures without cycles, faults, machines.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{builder, example, pipeline};
use mote_device::Error;
use mote_device::board::Board;
use mote_device::core::{Core, Machine, Optimize};
use mote_device::emulator::{Outcome, Run, Windows};
use mote_device::image::{BuildSettings, FirmwareBuilder};
use mote_device::measure::{Job, measure};

const CORE: Core = Core::Rv32imc;

/// Runs the pipeline `recursion`, which calls itself as often as the window says.
fn recurse(
    builder: &FirmwareBuilder,
    machine: Machine,
    depth: u8,
    stack: u32,
) -> Result<Outcome, Error> {
    let mut settings = BuildSettings::on(machine, CORE, Optimize::Size);
    settings.stack = stack;
    let images = builder.build(&pipeline("recursion"), &settings)?;
    Run {
        core: CORE,
        image: &images.measure,
        machine,
        stack,
        windows: Windows::new(&[depth], 1),
        counting: None,
        seconds: 60,
    }
    .start()
}

#[test]
fn a_pipeline_is_measured_but_for_cycles() {
    let Some(builder) = builder(&[CORE]) else {
        return;
    };
    let input = [1, 2, 3, 4, 10, 20, 30, 0x80];
    let job = Job {
        pipeline: &example(),
        board: &Board::load("esp32c3").unwrap(),
        optimize: Optimize::Size,
        windows: Windows::new(&input, 4),
        hop_seconds: Some(1.0),
        stack_limit: None,
    };
    let m = measure(&builder, &job).unwrap();
    // As on a Cortex-M: see `device.rs`.
    assert_eq!(
        m.outputs.iter().map(|&b| b as i8).collect::<Vec<_>>(),
        [-1, 4, 35, -41]
    );
    assert!(m.panic_free);
    let figures = &m.figures;
    assert_eq!(figures.flash_model, Some(8), "two rows of four weights");
    assert!((200..1500).contains(&figures.flash_code.unwrap()));
    // Six bytes of pipeline and two registers: the linker script's stack and heap are no statics.
    assert!((8..=16).contains(&figures.ram_static.unwrap()));
    assert!((16..200).contains(&figures.ram_stack.unwrap()));
    // Two rows, each a call of the layer, and what is around them: calls are told from jumps.
    let names: Vec<_> = figures.layers.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(
        names,
        ["layer_00_dense", "layer_00_dense", "(outside layers)"]
    );
    let instructions: u64 = figures.layers.iter().filter_map(|l| l.instructions).sum();
    assert_eq!(Some(instructions), figures.instructions);
    assert_eq!((figures.cycles, figures.latency_ms), (None, None));
    let why = figures.why.as_deref().unwrap();
    assert!(
        why.contains("no instruction timings are published for rv32imc"),
        "{why}"
    );
    assert_eq!(measure(&builder, &job).unwrap(), m);
}

#[test]
fn a_stack_too_small_is_reported_on_both_machines() {
    let Some(builder) = builder(&[CORE]) else {
        return;
    };
    for machine in [CORE.machine(), CORE.processor().large_machine.unwrap()] {
        let deep = recurse(&builder, machine, 100, 16 * 1024).unwrap();
        assert_eq!(deep.outputs, [101], "{}", machine.name);
        let error = recurse(&builder, machine, 100, 1024).unwrap_err();
        assert!(
            matches!(error, Error::StackOverflow { limit: 1024 }),
            "{}: {error}",
            machine.name
        );
    }
}
