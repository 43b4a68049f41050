//! Guards what techniques are worth: named pipelines are built and run, and their figures held against those in
//! `gate.toml`.
//!
//! - No figure may have grown by more than 3 % (and 16 bytes). When one has on purpose, `cargo xtask record` writes
//!   the new ones.
//! - Pipelines that differ clearly in a recorded figure differ the same way round now. This holds under any
//!   compiler; the growth is only looked at under the one that the figures were recorded with.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{builder, steps};
use mote_codegen::generate;
use mote_device::board::Board;
use mote_device::core::{Core, Optimize};
use mote_device::emulator::Windows;
use mote_device::image::FirmwareBuilder;
use mote_device::measure::{Job, measure};
use mote_model::Runtime;
use mote_model::stream::{Schedule, stream};
use mote_model::{Graph, Op, Weights};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Largest growth of a figure.
const GROWTH: f64 = 0.03;

/// Bytes or instructions that a figure may grow by in any case: padding of a section.
const SLACK: u64 = 16;

/// Ratio of two recorded figures from which their order is guarded.
const CLEAR: f64 = 1.1;

/// What is recorded.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedFigures {
    /// The compiler, and where `core` comes from.
    compiler: String,
    /// By board and pipeline.
    figures: BTreeMap<String, Figures>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Figures {
    flash_code: u64,
    flash_model: u64,
    /// Statics and heap.
    ram: u64,
    stack: u64,
    instructions: u64,
}

impl Figures {
    fn named(&self) -> [(&'static str, u64); 5] {
        [
            ("flash_code", self.flash_code),
            ("flash_model", self.flash_model),
            ("ram", self.ram),
            ("stack", self.stack),
            ("instructions", self.instructions),
        ]
    }
}

/// The pipelines: network, name, how it is run, and the hop of a stream.
fn pipelines() -> Vec<(&'static str, &'static str, Runtime, Option<usize>)> {
    let base = Runtime::BASELINE;
    let alone = [
        ("baseline", base, None),
        ("static-pruning", base.pruned(), None),
        ("flatten", base.compiled(), None),
        ("lazy", base.lazy(), None),
        ("arena", base.planned(), None),
        ("stream", base, Some(20)),
        ("windowed", Runtime::COMPILED, None),
        ("all", Runtime::COMPILED.lazy(), Some(20)),
    ];
    let few = |&(name, ..): &(&str, Runtime, Option<usize>)| {
        ["baseline", "windowed", "all"].contains(&name)
    };
    let of = |network, (name, runtime, hop)| (network, name, runtime, hop);
    let a = alone.iter().map(|&p| of("A_valid_int8_pt", p));
    let b = alone.iter().filter(|p| few(p)).map(|&p| of("B_f32", p));
    let packed = of("A_valid_int8_pt", ("four-bits", Runtime::COMPILED, None));
    // A network that decides at every step, with filters behind it.
    let compiled = [
        ("filter", Some(4)),
        ("filter-of-pairs", Some(4)),
        ("filter-windowed", None),
    ];
    let steps = compiled.map(|(name, hop)| of("steps", (name, Runtime::COMPILED, hop)));
    let interpreted = of(
        "steps",
        ("filter-interpreted", Runtime::INTERPRETER, Some(4)),
    );
    a.chain(b)
        .chain([packed])
        .chain(steps)
        .chain([interpreted])
        .collect()
}

/// The network of `name`; in the pipeline `four-bits`, with such weights in all convolutions but the first.
fn load(name: &str, pipeline: &str) -> Graph {
    if name == "steps" {
        return steps(
            true,
            if pipeline == "filter-of-pairs" {
                0.5
            } else {
                0.0
            },
        );
    }
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mote-import/tests/models");
    let tflite = fs::read(models.join(format!("{name}.tflite"))).unwrap();
    let mut graph = mote_import::tflite::import(name, &tflite).unwrap();
    if pipeline == "four-bits" {
        for node in graph.nodes.iter_mut().skip(1) {
            if let Op::Conv1d(conv) = &mut node.op
                && let Weights::I8 { weights, bits, .. } = &mut conv.weights
            {
                *bits = 4;
                weights.iter_mut().for_each(|w| *w /= 16);
            }
        }
    }
    graph
}

fn figures(
    builder: &FirmwareBuilder,
    board: &str,
    (network, name, runtime, hop): (&str, &str, Runtime, Option<usize>),
) -> Figures {
    let graph = match hop {
        None => load(network, name),
        Some(hop) => stream(&load(network, name), hop, None).unwrap(),
    };
    let run = graph.tensor(graph.input).unwrap().bytes();
    let (warm_up, per_decision) =
        Schedule::of(&graph).map_or((0, 1), |schedule| (schedule.first, schedule.every));
    let bytes: Vec<u8> = (0..run * (warm_up + 2 * per_decision))
        .map(|i| {
            if run.is_multiple_of(4) && i % 4 == 3 {
                0
            } else {
                (i * 37) as u8
            }
        })
        .collect();
    let job = Job {
        pipeline: &generate(&graph, runtime).unwrap(),
        board: &Board::load(board).unwrap(),
        optimize: Optimize::Speed,
        windows: Windows {
            bytes: &bytes,
            window: run,
            warm_up,
            per_decision,
        },
        hop_seconds: None,
        stack_limit: None,
    };
    let m = measure(builder, &job).unwrap();
    Figures {
        flash_code: m.figures.flash_code.unwrap(),
        flash_model: m.figures.flash_model.unwrap(),
        ram: m.figures.ram_static.unwrap() + m.figures.ram_heap.unwrap(),
        stack: m.figures.ram_stack.unwrap(),
        instructions: m.figures.instructions.unwrap(),
    }
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gate.toml")
}

/// Figures that grew beyond what is allowed, as sentences.
fn grown(recorded: &RecordedFigures, now: &BTreeMap<String, Figures>) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, figures) in now {
        let Some(before) = recorded.figures.get(name) else {
            complaints.push(format!("{name} is not recorded"));
            continue;
        };
        for ((what, old), (_, new)) in before.named().into_iter().zip(figures.named()) {
            let limit = (old as f64 * (1.0 + GROWTH)) as u64;
            if new > limit.max(old + SLACK) {
                complaints.push(format!("{name}: {what} grew from {old} to {new}"));
            }
        }
    }
    complaints
}

/// Pairs of one board and network whose order in a figure has turned round, as sentences.
fn turned(recorded: &RecordedFigures, now: &BTreeMap<String, Figures>) -> Vec<String> {
    let mut complaints = Vec::new();
    let group = |name: &str| name.rsplit_once(' ').map(|(group, _)| group.to_owned());
    for (small, a) in &recorded.figures {
        for (large, b) in recorded
            .figures
            .iter()
            .filter(|(n, _)| group(n) == group(small))
        {
            let (Some(a_now), Some(b_now)) = (now.get(small), now.get(large)) else {
                continue;
            };
            let before = a.named().into_iter().zip(b.named());
            let after = a_now.named().into_iter().zip(b_now.named());
            for (((what, a), (_, b)), ((_, a_now), (_, b_now))) in before.zip(after) {
                if a as f64 * CLEAR < b as f64 && a_now >= b_now {
                    complaints.push(format!(
                        "{what} of {small} was below that of {large} ({a} and {b}), and is not now ({a_now} and {b_now})"
                    ));
                }
            }
        }
    }
    complaints
}

#[test]
fn no_pipeline_grew_and_none_changed_places() {
    let Some(builder) = builder(&[Core::M0, Core::M4]) else {
        return;
    };
    let mut now = BTreeMap::new();
    for board in ["stm32l4r5", "microbit"] {
        for pipeline in pipelines() {
            let (network, name, ..) = pipeline;
            let key = format!("{board} {network} {name}");
            now.insert(key, figures(&builder, board, pipeline));
        }
    }
    let compiler = builder.toolchain(Core::M4).unwrap().to_string();
    if std::env::var_os("MOTE_RECORD").is_some() {
        let record = RecordedFigures {
            compiler,
            figures: now,
        };
        let text = toml::to_string(&record).unwrap();
        fs::write(
            path(),
            format!("# Written by `cargo xtask record`.\n{text}"),
        )
        .unwrap();
        return;
    }
    let text = fs::read_to_string(path()).unwrap();
    let recorded: RecordedFigures = toml::from_str(&text).unwrap();
    let turned = turned(&recorded, &now);
    assert!(turned.is_empty(), "{}", turned.join("\n"));
    if recorded.compiler != compiler {
        eprintln!(
            "growth is not checked: the figures were recorded with {}, this is {compiler}",
            recorded.compiler
        );
        return;
    }
    let grown = grown(&recorded, &now);
    assert!(
        grown.is_empty(),
        "{}\nif that is on purpose, record the new figures: cargo xtask record",
        grown.join("\n")
    );
}

#[test]
fn growth_and_changed_places_are_noticed() {
    let figures = |n: u64| Figures {
        flash_code: 1000,
        flash_model: 1000,
        ram: 10_000,
        stack: n,
        instructions: 10 * n,
    };
    let map = |a, b| {
        BTreeMap::from([
            ("b N x".to_owned(), figures(a)),
            ("b N y".to_owned(), figures(b)),
        ])
    };
    let recorded = RecordedFigures {
        compiler: String::new(),
        figures: map(1000, 2000),
    };
    assert!(grown(&recorded, &map(1030, 2000)).is_empty());
    assert_eq!(grown(&recorded, &map(1031, 2000)).len(), 2);
    assert!(turned(&recorded, &map(1900, 1901)).is_empty());
    assert_eq!(turned(&recorded, &map(2000, 2000)).len(), 2);
    let unknown = BTreeMap::from([("b N z".to_owned(), figures(1))]);
    assert_eq!(grown(&recorded, &unknown), ["b N z is not recorded"]);
}
