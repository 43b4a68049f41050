//! The system-level techniques, alone and together: scores stay, an early exit keeps to its loss, and what makes no
//! sense is refused.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mote_data::Windows;
use mote_model::sensor;
use mote_model::session::{Decision, Scores, Session, compile};
use mote_model::{Activation, Conv1d, Dense, Frontend, Graph, Op, Pool, PoolKind, Shape, Weights};
use mote_techniques::{Artifact, Change, Context, Error, Step};
use std::path::Path;

#[path = "system/program.rs"]
mod program;

const TIME: usize = 32;

/// Oscillations of two tempi in two classes, of six users; some windows are between the two.
fn windows() -> Windows {
    let mut windows = Windows {
        time: TIME,
        channels: 3,
        rate_hz: 20.0,
        hop: TIME / 2,
        x: Vec::new(),
        y: Vec::new(),
        users: Vec::new(),
        recordings: Vec::new(),
        labels: vec!["slow".into(), "fast".into()],
    };
    for n in 0..240 {
        let class = n % 2;
        let doubt = (n / 2 % 10) as f32 / 10.0;
        let tempo = if class == 0 {
            0.3 + 0.3 * doubt
        } else {
            1.2 - 0.3 * doubt
        };
        for t in 0..TIME {
            for c in 0..3 {
                let phase = (n * 7 + c) as f32;
                let noise = ((n * TIME + t) as f32 * 12.9898).sin() * 0.8;
                windows
                    .x
                    .push((t as f32 * tempo + phase).sin() * 5.0 + noise);
            }
        }
        windows.y.push(class);
        windows.users.push(n as u32 % 6);
        windows.recordings.push(n as u32);
    }
    windows
}

fn conv(out_channels: usize, input: usize, stride: usize) -> Op {
    let len = out_channels * 3 * input;
    let weights = (0..len).map(|i| (i as f32 * 1.7).sin() * 0.4).collect();
    Op::Conv1d(Conv1d {
        out_channels,
        kernel: 3,
        stride,
        dilation: 1,
        padding: [0, 0],
        groups: 1,
        activation: Activation::Relu,
        weights: Weights::F32 {
            weights,
            bias: vec![0.05; out_channels],
        },
    })
}

/// Two convolutions, a pool and a dense layer; the first channel is a difference, which fast windows excite.
fn network() -> Graph {
    let mut graph = Graph::new("net", Shape::new(TIME, 3));
    let mut first = conv(8, 3, 2);
    if let Op::Conv1d(Conv1d {
        weights: Weights::F32 { weights, .. },
        ..
    }) = &mut first
    {
        weights[..9].copy_from_slice(&[-0.5, 0.0, 0.0, 1.0, 0.0, 0.0, -0.5, 0.0, 0.0]);
    }
    graph.push("first", first).unwrap();
    graph.push("second", conv(8, 8, 1)).unwrap();
    let kernel = graph.tensor(graph.output).unwrap().shape.time;
    let pool = Pool {
        kind: PoolKind::Average,
        kernel,
        stride: 1,
        padding: [0, 0],
    };
    graph.push("pool", Op::Pool(pool)).unwrap();
    let dense = Dense {
        out_features: 2,
        activation: Activation::None,
        weights: Weights::F32 {
            weights: (0..16).map(|i| (i as f32).cos()).collect(),
            bias: vec![0.1, -0.1],
        },
    };
    graph.push("dense", Op::Dense(dense)).unwrap();
    graph.frontend = Some(Frontend {
        offset: vec![0; 3],
        scale: vec![5e-4; 3],
    });
    graph.labels = vec!["slow".into(), "fast".into()];
    graph
}

fn apply_all(steps: &[&str], windows: &Windows) -> Result<(Artifact, Vec<Change>), String> {
    let train: Vec<usize> = (0..windows.y.len()).collect();
    let context = Context {
        windows,
        train: &train,
        seed: 1,
        training: None,
    };
    let mut artifact = Artifact::baseline(network());
    let changes: Result<Vec<Change>, Error> = steps
        .iter()
        .map(|step| step.parse::<Step>()?.apply(&mut artifact, &context))
        .collect();
    let changes = changes.map_err(|e| e.to_string())?;
    Ok((artifact, changes))
}

fn decisions(artifact: &Artifact, windows: &Windows) -> Vec<Decision> {
    let compiled = compile(&artifact.network().unwrap()).unwrap();
    let mut session = Session::new(&compiled).unwrap();
    (0..windows.y.len())
        .map(|n| session.classify(windows.window(n)).unwrap())
        .collect()
}

/// The system-level techniques that change no score.
const EXACT: [&str; 5] = [
    "static-pruning",
    "flatten",
    "arena",
    "stream",
    "lazy:exit=none",
];

#[test]
fn scores_stay_under_every_combination() {
    let windows = windows();
    for first in [&[][..], &["int8"][..]] {
        let (baseline, _) = apply_all(first, &windows).unwrap();
        let expected = decisions(&baseline, &windows);
        assert!(expected.iter().any(|d| d.scores != expected[0].scores));
        for chosen in combinations() {
            let steps: Vec<&str> = first.iter().copied().chain(chosen).collect();
            let (artifact, changes) = apply_all(&steps, &windows).unwrap();
            assert!(changes.iter().all(|c| !c.lines.is_empty()));
            assert_eq!(decisions(&artifact, &windows), expected, "{steps:?}");
        }
    }
}

/// Every choice of techniques that change no score.
fn combinations() -> impl Iterator<Item = Vec<&'static str>> {
    (0..1usize << EXACT.len()).map(|bits| {
        let chosen = EXACT.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1);
        chosen.map(|(_, technique)| *technique).collect()
    })
}

#[test]
fn generated_code_gives_the_scores_of_the_engine_under_every_combination() {
    let windows = windows();
    let others = [
        vec!["lazy:loss=0.02"],
        vec!["static-pruning", "arena", "flatten", "lazy:loss=0.02"],
        vec!["flatten", "paged:window=512"],
        vec![
            "static-pruning",
            "arena",
            "flatten",
            "stream",
            "paged:window=512",
        ],
    ];
    let mut pipelines: Vec<Vec<&str>> = Vec::new();
    for chosen in combinations().chain(others) {
        pipelines.push(chosen.clone());
        pipelines.push([vec!["int8"], chosen].concat());
    }
    let artifacts: Vec<Artifact> = pipelines
        .iter()
        .map(|steps| apply_all(steps, &windows).unwrap().0)
        .collect();
    // Both classes, all users, clear windows and doubtful ones.
    let some: Vec<usize> = (0..windows.len()).step_by(11).collect();
    let counts: Vec<Vec<i16>> = some
        .iter()
        .map(|&n| {
            windows
                .window(n)
                .iter()
                .map(|&x| sensor::counts(x))
                .collect()
        })
        .collect();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("combinations");
    let generated = program::scores(&artifacts, &counts, &dir);
    for ((steps, artifact), generated) in pipelines.iter().zip(&artifacts).zip(generated) {
        let decisions = decisions(artifact, &windows);
        let expected: Vec<String> = some
            .iter()
            .map(|&n| match &decisions[n].scores {
                Scores::F32(scores) => format!("{scores:?}"),
                Scores::I8(scores) => format!("{scores:?}"),
            })
            .collect();
        assert_eq!(generated, expected, "{steps:?}");
    }
}

#[test]
fn an_early_exit_stops_many_decisions_and_keeps_to_its_loss() {
    let windows = windows();
    for first in [&[][..], &["int8"][..]] {
        let steps: Vec<&str> = first.iter().copied().chain(["lazy:loss=0.02"]).collect();
        let (baseline, _) = apply_all(first, &windows).unwrap();
        let (lazy, changes) = apply_all(&steps, &windows).unwrap();
        assert!(lazy.graph.has_exits(), "{changes:?}");
        let right = |decisions: &[Decision]| {
            let pairs = decisions.iter().zip(&windows.y);
            pairs.filter(|(d, y)| d.class() == **y).count() as f64 / windows.y.len() as f64
        };
        let (all, some) = (decisions(&baseline, &windows), decisions(&lazy, &windows));
        let early = some.iter().filter(|d| d.early).count();
        assert!(early > windows.y.len() / 4, "{early}");
        assert!(right(&some) >= right(&all) - 0.02);
        // A decision that went through is the network's own.
        for (a, b) in all.iter().zip(&some).filter(|(_, b)| !b.early) {
            assert_eq!(a, b);
        }
    }
}

#[test]
fn an_exit_is_where_it_was_asked_for() {
    let windows = windows();
    let (artifact, _) = apply_all(&["lazy:exit=second,loss=0.5"], &windows).unwrap();
    let names: Vec<&str> = artifact
        .graph
        .nodes
        .iter()
        .map(|n| n.name.as_str())
        .collect();
    assert_eq!(
        &names[1..5],
        [
            "second",
            "second_exit_pool",
            "second_exit_scores",
            "second_exit"
        ]
    );
    let error = apply_all(&["lazy:exit=third"], &windows).unwrap_err();
    assert!(
        error.contains("`third`") && error.contains("first, second"),
        "{error}"
    );
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let windows = windows();
    let refused = |steps: &[&str]| apply_all(steps, &windows).unwrap_err();
    for name in [
        "static-pruning",
        "flatten",
        "arena",
        "stream",
        "lazy:exit=none",
    ] {
        let error = refused(&[name, name]);
        assert!(error.contains("twice"), "{error}");
    }
    let error = refused(&["lazy:loss=0.02", "stream"]);
    assert!(error.contains("before `lazy`"), "{error}");
    let error = refused(&["lazy:loss=0.02", "int8"]);
    assert!(error.contains("before `lazy`"), "{error}");
    assert!(refused(&["stream:hop=7"]).contains("hop"));
    assert!(refused(&["lazy:loss=2"]).contains("loss"));
    assert!(refused(&["paged"]).contains("name `flatten` before it"));
}
