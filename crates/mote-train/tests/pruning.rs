//! Pruning as its users see it: smaller, as good, the same every time, and resumed.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use common::windows;
use mote_data::Windows;
use mote_model::blob::int8_bytes;
use mote_model::{Block, Cnn, Graph, Op};
use mote_train::{
    Cost, Criterion, Error, Hooks, Job, PruneConfig, TrainConfig, Trained, prune, train,
};
use std::sync::atomic::AtomicBool;

fn config() -> TrainConfig {
    TrainConfig {
        network: Cnn {
            blocks: vec![Block::plain(16, 5, 2), Block::separable(24, 3, 2)],
            ..Cnn::default()
        },
        epochs: 12,
        batch: 16,
        learning_rate: 1e-2,
        ..TrainConfig::default()
    }
}

fn job<'a>(windows: &'a Windows, indices: &'a [usize]) -> Job<'a> {
    Job {
        windows,
        stretches: &[],
        train: indices,
        validation: &[],
        fold: 0,
    }
}

fn right(trained: &Trained, windows: &Windows) -> usize {
    let indices: Vec<usize> = (0..windows.len()).collect();
    let logits = trained.logits(windows, &indices).unwrap();
    let largest = |row: &[f32]| (0..3).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
    let classes = logits.chunks_exact(3).map(largest);
    classes.zip(&windows.y).filter(|(a, b)| a == *b).count()
}

fn widths(graph: &Graph) -> Vec<usize> {
    let convolutions = graph.nodes.iter().filter_map(|n| match &n.op {
        Op::Conv1d(c) => Some(c.out_channels),
        _ => None,
    });
    convolutions.collect()
}

#[test]
fn a_pruned_network_is_smaller_and_as_good() {
    let windows = windows(150, 150);
    let indices: Vec<usize> = (0..windows.len()).collect();
    let job = job(&windows, &indices);
    let trained = train(job, &config(), Hooks::default()).unwrap();
    let base = PruneConfig {
        epochs: 8,
        learning_rate: 1e-2,
        ..PruneConfig::default()
    };
    for (criterion, of, steps) in [
        (Criterion::Taylor, Cost::Mac, 1),
        (Criterion::L1, Cost::Parameters, 2),
        (Criterion::BatchNorm, Cost::Mac, 1),
    ] {
        let how = PruneConfig {
            criterion,
            of,
            steps,
            ..base.clone()
        };
        let pruned = prune(&trained, job, &config(), &how, Hooks::default()).unwrap();
        let cost = |graph: &Graph| match of {
            Cost::Mac => graph.macs(),
            Cost::Parameters => graph.parameters(),
            Cost::Bytes => int8_bytes(graph).unwrap(),
        };
        assert!(cost(&pruned.graph) * 2 <= cost(&trained.graph));
        let [first, depthwise, second] = widths(&pruned.graph)[..] else {
            unreachable!("three convolutions stay")
        };
        assert_eq!((first % 4, second % 4, depthwise), (0, 0, first));
        assert_eq!(pruned.graph.frontend, trained.graph.frontend);
        assert_eq!(pruned.graph.labels, trained.graph.labels);
        // Chance is 50 of 150.
        assert!(right(&pruned, &windows) >= 125, "{criterion:?}");
    }
}

#[test]
fn a_target_in_bytes_is_met_and_one_out_of_reach_is_named() {
    let windows = windows(150, 150);
    let indices: Vec<usize> = (0..windows.len()).collect();
    let job = job(&windows, &indices);
    let config = TrainConfig {
        epochs: 1,
        ..config()
    };
    let trained = train(job, &config, Hooks::default()).unwrap();
    let whole = int8_bytes(&trained.graph).unwrap();
    let to = |bytes, steps| {
        let how = PruneConfig {
            bytes: Some(bytes),
            steps,
            epochs: 0,
            ..PruneConfig::default()
        };
        prune(&trained, job, &config, &how, Hooks::default())
    };
    for steps in [1, 2] {
        let pruned = to(whole * 3 / 4, steps).unwrap();
        let bytes = int8_bytes(&pruned.graph).unwrap();
        assert!(bytes <= whole * 3 / 4, "{bytes} of {whole}");
        assert!(bytes > whole / 2, "{bytes} of {whole}");
    }
    // What fits stays.
    assert_eq!(to(whole, 1).unwrap().graph, trained.graph);
    let error = to(100, 1).unwrap_err().to_string();
    assert!(error.contains("bytes") && error.contains("100"), "{error}");
}

#[test]
fn without_epochs_nothing_is_trained() {
    let windows = windows(150, 150);
    let indices: Vec<usize> = (0..windows.len()).collect();
    let job = job(&windows, &indices);
    let short = TrainConfig {
        epochs: 1,
        ..config()
    };
    let trained = train(job, &short, Hooks::default()).unwrap();
    let how = PruneConfig {
        epochs: 0,
        ..PruneConfig::default()
    };
    let pruned = prune(&trained, job, &short, &how, Hooks::default()).unwrap();
    assert!(pruned.history.is_empty());
    assert!(pruned.graph.macs() * 2 <= trained.graph.macs());
    for bad in [0.0, 1.0, f64::NAN] {
        let how = PruneConfig {
            share: bad,
            ..how.clone()
        };
        let e = prune(&trained, job, &short, &how, Hooks::default()).unwrap_err();
        assert!(e.to_string().contains("share"), "{e}");
    }
}

#[test]
fn stopped_pruning_resumes() {
    let windows = windows(150, 150);
    let indices: Vec<usize> = (0..windows.len()).collect();
    let job = job(&windows, &indices);
    let short = TrainConfig {
        epochs: 2,
        ..config()
    };
    let trained = train(job, &short, Hooks::default()).unwrap();
    let how = PruneConfig {
        epochs: 2,
        steps: 2,
        ..PruneConfig::default()
    };
    let directory = tempfile::tempdir().unwrap();
    let kept = Hooks {
        checkpoint: Some(directory.path()),
        ..Hooks::default()
    };
    let whole = prune(&trained, job, &short, &how, Hooks::default()).unwrap();
    assert_eq!(prune(&trained, job, &short, &how, kept).unwrap(), whole);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
    // All is done: nothing is trained that could be stopped.
    let stop = AtomicBool::new(true);
    let stopping = Hooks {
        stop: Some(&stop),
        ..kept
    };
    assert_eq!(prune(&trained, job, &short, &how, stopping).unwrap(), whole);
    let other = PruneConfig { share: 0.4, ..how };
    let e = prune(&trained, job, &short, &other, stopping).unwrap_err();
    assert!(matches!(e, Error::Stopped { epochs: 0 }), "{e}");
}
