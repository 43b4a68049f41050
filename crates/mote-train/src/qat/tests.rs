//! Rounding is what it says, and the network lives with it.

use super::*;
use crate::config::Augmentation;
use crate::ops;
use crate::train::train;
use burn_core::tensor::{Tensor, TensorData};
use mote::kernels::argmax;
use mote_model::{Block, Cnn};
use std::sync::atomic::AtomicBool;

/// Oscillations of three tempi in three classes.
fn windows() -> Windows {
    let (n, time) = (120, 30);
    let x = (0..n * time * 3).map(|i| {
        let (window, t, c) = (i / (time * 3), i / 3 % time, i % 3);
        let tempo = [0.3, 0.7, 1.3][window % 3];
        (t as f32 * tempo + (window * 7 + c) as f32).sin() * (2.0 + (window % 5) as f32)
    });
    Windows {
        time,
        channels: 3,
        rate_hz: 20.0,
        hop: time,
        x: x.collect(),
        y: (0..n).map(|i| i % 3).collect(),
        users: vec![0; n],
        recordings: vec![0; n],
        labels: ["slow", "medium", "fast"].map(str::to_owned).to_vec(),
    }
}

fn config() -> TrainConfig {
    TrainConfig {
        network: Cnn {
            blocks: vec![Block::plain(8, 5, 2), Block::separable(12, 3, 2)],
            ..Cnn::default()
        },
        epochs: 12,
        batch: 16,
        learning_rate: 1e-2,
        augmentation: Augmentation::NONE,
        ..TrainConfig::default()
    }
}

#[test]
fn weights_keep_their_largest_and_move_by_half_a_step_at_most() {
    let channel = [0.7f32, -0.31, 0.02, 0.0, -0.699];
    for bits in [2, 4, 8] {
        let levels = f32::from((1i16 << (bits - 1)) - 1);
        let step = 0.7 / levels;
        let rounded: Vec<f32> = symmetric(channel.iter().copied(), bits).collect();
        assert!((rounded[0] - 0.7).abs() < 1e-6);
        for (a, b) in rounded.iter().zip(&channel) {
            assert!((a - b).abs() <= step / 2.0 + 1e-6, "{bits} bits: {a} {b}");
            let level = a / step;
            assert!((level - level.round()).abs() < 1e-4);
        }
    }
    assert!(symmetric([0.0f32; 3].into_iter(), 4).all(|w| w == 0.0));
}

#[test]
fn the_gradient_of_rounding_passes_inside_the_range_only() {
    let device = Device::flex().autodiff();
    let leaf = |v: Vec<f32>| {
        let shape = [v.len()];
        Tensor::<1>::from_data(TensorData::new(v, shape), &device).require_grad()
    };
    // Two channels; biases move the first value of each below zero, the last beyond the grid.
    let x = leaf(vec![-1.0, 0.2, 0.5, 1.0, 1.7, 9.0]);
    let bias = leaf(vec![0.5, -0.4]);
    let grid = Quant::over(0.0, 2.0);
    let y = ops::fake_quantize(
        x.clone().reshape([3, 2]),
        bias.clone(),
        (0.0, f32::INFINITY),
        grid,
    )
    .unwrap();
    let values = to_host(y.clone().inner()).unwrap();
    for (y, expected) in values.iter().zip([0.0, 0.0, 1.0, 0.6, 2.0, 2.0]) {
        assert!(
            (y - expected).abs() <= grid.scale / 2.0 + 1e-6,
            "{values:?}"
        );
    }
    let gain = Tensor::<2>::from_data(
        TensorData::new(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 2]),
        &device,
    );
    let mut gradients = (y * gain).sum().backward();
    let dx = to_host(x.grad_remove(&mut gradients).unwrap()).unwrap();
    assert_eq!(dx, [0.0, 0.0, 3.0, 4.0, 0.0, 0.0]);
    let db = to_host(bias.grad_remove(&mut gradients).unwrap()).unwrap();
    assert_eq!(db, [3.0, 4.0]);
}

#[test]
fn trained_for_few_bits_it_still_works_repeats_and_resumes() {
    let windows = windows();
    let indices: Vec<usize> = (0..windows.len()).collect();
    let job = Job {
        windows: &windows,
        stretches: &[],
        train: &indices,
        validation: &[],
        fold: 0,
    };
    let trained = train(job, &config(), Hooks::default()).unwrap();
    let how = QatConfig {
        bits: 4,
        epochs: 4,
        learning_rate: 2e-3,
    };
    let directory = tempfile::tempdir().unwrap();
    let kept = Hooks {
        checkpoint: Some(directory.path()),
        ..Hooks::default()
    };
    let ready = qat(&trained, job, &config(), &how, kept).unwrap();

    // The pointwise convolution has at most 15 levels per channel, the others more.
    let levels = |name: &str| {
        let node = ready.graph.nodes.iter().find(|n| n.name == name).unwrap();
        let Some(Weights::F32 { weights, bias }) = node.op.weights() else {
            unreachable!("the network is f32")
        };
        let per_channel = weights.chunks(weights.len() / bias.len()).map(|channel| {
            let largest = channel.iter().fold(0.0f32, |m, w| m.max(w.abs()));
            let level = |w: &f32| (w / largest * 7.0 - (w / largest * 7.0).round()).abs();
            channel.iter().map(level).fold(0.0, f32::max)
        });
        per_channel.fold(0.0, f32::max)
    };
    assert!(levels("conv2_pointwise") < 1e-3);
    assert!(levels("conv1") > 1e-2 && levels("dense") > 1e-2);

    // Rounded as it was trained, it is right; so is the network it hands on, in the engine's arithmetic or not.
    let mut rounding = ready.rounding.clone();
    let x = normalised(&ready.graph, &windows, &indices).unwrap();
    rounding
        .observe(&ready.network, &ready.snapshot, x)
        .unwrap();
    let logits = ready.logits(&rounding.grids, &windows, &indices).unwrap();
    let classes = logits.chunks_exact(3).map(argmax);
    let right = classes.zip(&windows.y).filter(|(a, b)| a == *b).count();
    assert!(right >= 114, "{right} of 120");

    // Without training only the weights change.
    let none = QatConfig {
        epochs: 0,
        ..how.clone()
    };
    let rounded = qat(&trained, job, &config(), &none, kept).unwrap();
    assert!(rounded.history.is_empty());
    assert_eq!(rounded.snapshot, trained.snapshot);
    assert_ne!(rounded.graph, trained.graph);

    // A finished run is read back without training, and another is not taken for it.
    let stop = AtomicBool::new(true);
    let stopped = Hooks {
        stop: Some(&stop),
        ..kept
    };
    let again = qat(&trained, job, &config(), &how, stopped).unwrap();
    assert_eq!(again.graph, ready.graph);
    let again = qat(&trained, job, &config(), &how, Hooks::default()).unwrap();
    assert_eq!(again.graph, ready.graph);
    let other = QatConfig { bits: 8, ..how };
    let e = qat(&trained, job, &config(), &other, stopped).unwrap_err();
    assert!(matches!(e, Error::Stopped { .. }), "{e}");
    let bad = QatConfig { bits: 1, ..other };
    let e = qat(&trained, job, &config(), &bad, kept).unwrap_err();
    assert!(e.to_string().contains("bits"), "{e}");
}
