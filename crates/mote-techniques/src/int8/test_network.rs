//! A network and windows to test quantization on.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use crate::artifact::Context;
use mote_data::Windows;
use mote_model::{Activation, Conv1d, Dense, Frontend, Graph, Op, Pool, PoolKind, Shape, Weights};

const TIME: usize = 24;

/// Sixteen windows of oscillations, of one user.
pub(super) fn windows() -> Windows {
    let sample = |i: usize| (i as f32 * 0.37).sin() * 6.0 + (i as f32 * 1.91).cos() * 2.0;
    Windows {
        time: TIME,
        channels: 3,
        rate_hz: 20.0,
        hop: TIME,
        x: (0..16 * TIME * 3).map(sample).collect(),
        y: vec![0; 16],
        users: vec![0; 16],
        recordings: vec![0; 16],
        labels: vec!["one".into(), "two".into()],
    }
}

pub(super) fn context<'a>(windows: &'a Windows, train: &'a [usize]) -> Context<'a> {
    Context {
        windows,
        train,
        seed: 1,
        training: None,
    }
}

/// A convolution, a separable one, a pool and a dense layer, in f32.
pub(super) fn network() -> Graph {
    let weights = |outputs: usize, taps: usize| Weights::F32 {
        weights: (0..outputs * taps)
            .map(|i| (i as f32 * 1.7).sin() / (taps as f32).sqrt())
            .collect(),
        bias: (0..outputs).map(|i| (i as f32).cos() * 0.2).collect(),
    };
    let conv = |channels: usize, out_channels: usize, kernel: usize, groups: usize| {
        Op::Conv1d(Conv1d {
            out_channels,
            kernel,
            stride: 1,
            dilation: 1,
            padding: [0, 0],
            groups,
            activation: Activation::Relu,
            weights: weights(out_channels, kernel * channels / groups),
        })
    };
    let mut graph = Graph::new("net", Shape::new(TIME, 3));
    graph.push("first", conv(3, 8, 5, 1)).unwrap();
    graph.push("depthwise", conv(8, 8, 3, 8)).unwrap();
    graph.push("pointwise", conv(8, 32, 1, 1)).unwrap();
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
        weights: weights(2, 32),
    };
    graph.push("dense", Op::Dense(dense)).unwrap();
    graph.frontend = Some(Frontend {
        offset: vec![10, -20, 0],
        scale: vec![4e-4; 3],
    });
    graph
}
