//! The engine computes what training computed: f32, batch norms folded.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use mote::{Interpreter, Model, registry};
use mote_data::Windows;
use mote_model::{Block, Cnn, Nonlinearity, Strategy, blob, plan::plan};
use mote_train::{Hooks, Job, TrainConfig, train};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

fn windows(time: usize, channels: usize) -> Windows {
    let mut rng = SmallRng::seed_from_u64(5);
    let n = 48;
    Windows {
        time,
        channels,
        rate_hz: 20.0,
        hop: time,
        x: (0..n * time * channels)
            .map(|_| rng.random_range(-20.0..20.0))
            .collect(),
        y: (0..n).map(|i| i % 4).collect(),
        users: vec![0; n],
        recordings: vec![0; n],
        labels: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
    }
}

fn agrees(blocks: Vec<Block>, nonlinearity: Nonlinearity, time: usize, channels: usize) {
    let windows = windows(time, channels);
    let indices: Vec<usize> = (0..windows.len()).collect();
    let config = TrainConfig {
        network: Cnn {
            blocks,
            nonlinearity,
            ..Cnn::default()
        },
        epochs: 2,
        batch: 12,
        ..TrainConfig::default()
    };
    let job = Job {
        windows: &windows,
        stretches: &[],
        train: &indices,
        validation: &[],
        fold: 0,
    };
    let trained = train(job, &config, Hooks::default()).unwrap();
    let expected = trained.logits(&windows, &indices).unwrap();

    let plan = plan(&trained.graph, Strategy::InPlace).unwrap();
    let words = blob::to_words(&trained.graph, &plan).unwrap();
    let network = Interpreter::new(Model::parse(&words).unwrap(), registry::ALL_F32).unwrap();
    let mut arena = vec![0; plan.arena.div_ceil(4)];
    for (i, expected) in expected.chunks_exact(4).enumerate() {
        let counts = mote_train::frontend::window_counts(&windows, i).unwrap();
        network.load_counts(&counts, &mut arena).unwrap();
        network.run(&mut arena).unwrap();
        let got = network.output_f32(&arena).unwrap();
        for (got, expected) in got.iter().zip(expected) {
            assert!(
                (got - expected).abs() <= 1e-4,
                "window {i}: {got} != {expected}"
            );
        }
    }
}

#[test]
fn plain_convolutions() {
    let blocks = vec![Block::plain(7, 5, 2), Block::plain(9, 4, 3)];
    agrees(blocks, Nonlinearity::Relu, 37, 3);
}

#[test]
fn separable_convolutions() {
    let blocks = vec![Block::separable(8, 5, 2), Block::separable(12, 3, 1)];
    agrees(blocks, Nonlinearity::Relu6, 40, 3);
}

#[test]
fn dilation_and_six_channels() {
    let mut dilated = Block::plain(8, 3, 1);
    dilated.dilation = 4;
    agrees(
        vec![dilated, Block::separable(6, 7, 2)],
        Nonlinearity::Relu,
        25,
        6,
    );
}

#[test]
fn the_default_network() {
    agrees(Cnn::default().blocks, Nonlinearity::Relu, 60, 3);
}
