//! The cycle models, against sums done by hand.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{builder, pipeline};
use mote_device::board::Board;
use mote_device::core::{Core, Optimize};
use mote_device::emulator::Windows;
use mote_device::image::FirmwareBuilder;
use mote_device::measure::{Job, measure};

fn cycles_by_layer(builder: &FirmwareBuilder, name: &str, board: &str) -> Vec<(String, u64)> {
    let job = Job {
        pipeline: &pipeline(name),
        board: &Board::load(board).unwrap().without_waiting(),
        optimize: Optimize::Size,
        windows: Windows::new(&[0, 0, 0], 1),
        hop_seconds: None,
        stack_limit: None,
    };
    let measurement = measure(builder, &job).unwrap();
    let layers = measurement.figures.layers.into_iter();
    layers
        .filter(|l| l.name.starts_with("layer_"))
        .map(|l| (l.name, l.cycles.unwrap()))
        .collect()
}

fn named<const N: usize>(expected: [(&str, u64); N]) -> Vec<(String, u64)> {
    expected.map(|(n, c)| (n.to_owned(), c)).to_vec()
}

#[test]
fn cortex_m4_cycles_follow_from_the_published_timings() {
    let Some(builder) = builder(&[Core::M4]) else {
        return;
    };
    let expected = named([
        ("layer_00_independent_loads", 1 + 1 + 1 + 2 + 3),
        ("layer_01_dependent_loads", 1 + 1 + 2 + 2 + 2 + 3),
        ("layer_02_load_then_store", (1 + 1) + (2 + 1) + 3),
        ("layer_03_mac_loop", 2 + 10 * 4 + 9 * 2 + 3),
        ("layer_04_branches", 1 + 1 + 3 + 3 + 3),
        ("layer_05_division", 2 + 12 + 12 + 1 + 3),
        ("layer_06_multiple", 4 + 3 + 3 + 3 + (4 + 2)),
        ("layer_07_calls", 3 + 3 + (1 + 1 + 1 + 3) + (3 + 2)),
        ("layer_08_float", 2 + 2 + 1 + 1 + 3 + 14 + 14 + 1 + 1 + 3),
        ("layer_09_compare_and_branch", 1 + 1 + 3 + 3),
    ]);
    assert_eq!(
        cycles_by_layer(&builder, "timings_m4", "nrf52840"),
        expected
    );
}

#[test]
fn cortex_m0_cycles_follow_from_the_published_timings() {
    let Some(builder) = builder(&[Core::M0]) else {
        return;
    };
    let m0 = named([
        ("layer_00_memory", 2 + 2 + 2 + 3 + 3),
        ("layer_01_loop", 2 + 10 * 3 + 9 * 2 + 3),
        ("layer_02_branches", 1 + 1 + 3 + 3 + 3),
        ("layer_03_calls", 3 + 4 + 3 + 6),
    ]);
    assert_eq!(cycles_by_layer(&builder, "timings_m0", "microbit"), m0);
    let m0_plus = named([
        ("layer_00_memory", 2 + 2 + 2 + 3 + 2),
        ("layer_01_loop", 2 + 10 * 3 + 9 + 2),
        ("layer_02_branches", 1 + 1 + 2 + 2 + 2),
        ("layer_03_calls", 3 + 3 + 2 + 5),
    ]);
    assert_eq!(cycles_by_layer(&builder, "timings_m0", "rp2040"), m0_plus);
}
