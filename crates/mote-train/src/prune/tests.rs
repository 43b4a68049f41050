//! The pruned network computes the same as the masked one, and costs no more than its limit.

use super::criteria::GatedPass;
use super::*;
use crate::network::Snapshot;
use crate::ops::{Statistics, to_host};
use crate::{export, infer};
use burn_core::tensor::{Device, Tensor, TensorData};
use mote_data::Windows;
use mote_model::blob::int8_bytes;
use mote_model::{Block, Cnn, Frontend, Nonlinearity, Padding, Shape};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

const CLASSES: usize = 4;

fn network(rng: &mut SmallRng) -> Network {
    let blocks = (0..rng.random_range(1..4)).map(|_| Block {
        channels: rng.random_range(2..12),
        kernel: rng.random_range(1..5),
        stride: rng.random_range(1..3),
        separable: rng.random(),
        dilation: rng.random_range(1..3),
    });
    let config = Cnn {
        blocks: blocks.collect(),
        nonlinearity: [Nonlinearity::Relu, Nonlinearity::Relu6][rng.random_range(0..2)],
        padding: [Padding::Same, Padding::Valid][rng.random_range(0..2)],
    };
    let input = Shape::new(60, rng.random_range(1..4));
    Network::new(&config, input, CLASSES).unwrap()
}

/// Returns a state with random gains, shifts and statistics, which a fresh network does not have.
fn state(network: &Network, rng: &mut SmallRng) -> Snapshot {
    let mut draw = |n: usize, low: f32, high: f32| -> Vec<f32> {
        (0..n).map(|_| rng.random_range(low..high)).collect()
    };
    Snapshot {
        values: draw(network.params.len(), -1.0, 1.0),
        running: network
            .layers
            .iter()
            .map(|l| Statistics {
                mean: draw(l.conv.out_channels, -1.0, 1.0),
                variance: draw(l.conv.out_channels, 0.5, 4.0),
            })
            .collect(),
    }
}

fn graph(network: &Network, snapshot: &Snapshot) -> mote_model::Graph {
    export::graph("net", network, snapshot).unwrap()
}

#[test]
fn the_shrunk_network_computes_what_the_masked_one_computes() {
    let mut rng = SmallRng::seed_from_u64(11);
    let device = Device::flex();
    for case in 0..60 {
        let network = network(&mut rng);
        let snapshot = state(&network, &mut rng);
        let mut kept = Vec::new();
        for block in &network.cnn.blocks {
            let one = rng.random_range(0..block.channels);
            let all = 0..block.channels;
            kept.push(
                all.filter(|&c| c == one || rng.random())
                    .collect::<Vec<_>>(),
            );
        }
        let x: Vec<f32> = (0..5 * network.input.len())
            .map(|_| rng.random_range(-2.0..2.0))
            .collect();

        let mut blocks = kept.iter();
        let gates: Vec<Tensor<3>> = network
            .layers
            .iter()
            .map(|layer| {
                let c = layer.conv.out_channels;
                let mask: Vec<f32> = if layer.conv.depthwise {
                    vec![1.0; c]
                } else {
                    let kept = blocks.next().unwrap();
                    (0..c).map(|c| f32::from(kept.contains(&c))).collect()
                };
                Tensor::from_data(TensorData::new(mask, [1, 1, c]), &device)
            })
            .collect();
        let parameters = network.params.tensors(&snapshot.values, &device);
        let mut pass = GatedPass {
            running: &snapshot.running,
            gates: &gates,
        };
        let masked = network.forward(x.clone(), &parameters, &mut pass).unwrap();
        let masked = to_host(masked).unwrap();

        let (smaller, state) = shrink(&network, &snapshot, &kept).unwrap();
        let shrunk = infer::logits(&smaller, &state, &x).unwrap();
        let largest = masked.iter().fold(1.0f32, |m, v| m.max(v.abs()));
        for (a, b) in masked.iter().zip(&shrunk) {
            assert!((a - b).abs() <= 1e-5 * largest, "case {case}: {a} != {b}");
        }

        // The counts are those of the graph, before and after.
        for (network, snapshot) in [(&network, &snapshot), (&smaller, &state)] {
            let graph = graph(network, snapshot);
            assert_eq!(Cost::Mac.of(network).unwrap(), graph.macs());
            assert_eq!(Cost::Parameters.of(network).unwrap(), graph.parameters());
            let mut graph = graph;
            graph.frontend = Some(Frontend {
                offset: vec![5; network.input.channels],
                scale: vec![0.1; network.input.channels],
            });
            assert_eq!(
                Cost::Bytes.of(network).unwrap(),
                int8_bytes(&graph).unwrap()
            );
        }
    }
}

#[test]
fn groups_of_four_leave_least_important_first_until_the_limit_is_met() {
    let config = Cnn {
        blocks: vec![Block::plain(14, 3, 1), Block::separable(16, 3, 1)],
        ..Cnn::default()
    };
    let network = Network::new(&config, Shape::new(40, 3), CLASSES).unwrap();
    let scores = [14, 16].map(|n| (0..n).map(|c| c as f32).collect::<Vec<f32>>());
    for of in [Cost::Mac, Cost::Parameters, Cost::Bytes] {
        let whole = of.of(&network).unwrap();
        for percent in [90, 70, 50, 40] {
            let limit = whole * percent / 100;
            let kept = choose(&network, &scores, of, limit).unwrap();
            let widths: Vec<usize> = kept.iter().map(Vec::len).collect();
            assert!(of.of(&resized(&network, &widths).unwrap()).unwrap() <= limit);
            for (kept, all) in kept.iter().zip([14, 16]) {
                assert!(kept.len() == all || kept.len() % GROUP == 0, "{kept:?}");
                let most: Vec<usize> = (all - kept.len()..all).collect();
                assert_eq!(kept, &most);
            }
        }
        let e = choose(&network, &scores, of, 10).unwrap_err().to_string();
        let field = if of == Cost::Bytes { "bytes" } else { "share" };
        assert!(e.contains(field) && e.contains("down to 4"), "{e}");
    }
}

#[test]
fn criteria_score_what_they_say() {
    let mut rng = SmallRng::seed_from_u64(3);
    let config = Cnn {
        blocks: vec![Block::plain(5, 3, 2), Block::separable(6, 3, 1)],
        ..Cnn::default()
    };
    let network = Network::new(&config, Shape::new(20, 3), CLASSES).unwrap();
    let mut snapshot = state(&network, &mut rng);
    // Nothing reads channel 2 of the last block; batch norm silences channel 1 of the first.
    let head = network.head_weights;
    network.params.values_mut(head, &mut snapshot.values)[2 * CLASSES..3 * CLASSES].fill(0.0);
    let gamma = network.layers[0].gamma;
    network.params.values_mut(gamma, &mut snapshot.values)[1] = 0.0;
    let windows = Windows {
        time: 20,
        channels: 3,
        rate_hz: 20.0,
        hop: 20,
        x: (0..24 * 60).map(|_| rng.random_range(-9.0..9.0)).collect(),
        y: (0..24).map(|i| i % CLASSES).collect(),
        users: vec![0; 24],
        recordings: vec![0; 24],
        labels: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
    };
    let indices: Vec<usize> = (0..24).collect();
    let job = Job {
        windows: &windows,
        stretches: &[],
        train: &indices,
        validation: &[],
        fold: 0,
    };
    let config = TrainConfig {
        network: config,
        ..TrainConfig::default()
    };
    let data = TrainingSet::new(job, &config).unwrap();
    let scores = |c| criteria::scores(c, &network, &snapshot, &data).unwrap();
    for criterion in [Criterion::L1, Criterion::BatchNorm, Criterion::Taylor] {
        for (block, n) in scores(criterion).iter().zip([5, 6]) {
            assert_eq!(block.len(), n);
            let squares: f32 = block.iter().map(|s| s * s).sum();
            assert!((squares / n as f32 - 1.0).abs() < 1e-4);
        }
    }
    assert_eq!(scores(Criterion::BatchNorm)[0][1], 0.0);
    assert_eq!(scores(Criterion::Taylor)[1][2], 0.0);
    let l1 = scores(Criterion::L1);
    let sum = |c: usize| -> f32 {
        let weights = network
            .params
            .values(network.layers[0].weights, &snapshot.values);
        weights.iter().skip(c).step_by(5).map(|w| w.abs()).sum()
    };
    assert!((l1[0][3] / l1[0][4] - sum(3) / sum(4)).abs() < 1e-4);
}
