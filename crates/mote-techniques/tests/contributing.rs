//! The technique that CONTRIBUTING.md walks through compiles, works, and is what CONTRIBUTING.md shows.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "contributing/clip.rs"]
mod clip;

use clip::Clip;
use mote_data::Windows;
use mote_model::{Activation, Dense, Graph, Op, Shape, Weights};
use mote_techniques::{Artifact, Context, Technique, read};

#[test]
fn the_guide_shows_the_file() {
    let guide = include_str!("../../../CONTRIBUTING.md");
    let file = include_str!("contributing/clip.rs");
    assert!(guide.contains(&format!("```rust\n{file}```\n")));
}

#[test]
fn an_option_out_of_range_is_refused() {
    let message = read::<Clip>("at=0").unwrap_err().to_string();
    assert!(message.contains("`clip`"), "{message}");
    assert!(message.contains("a number from 1 to 100"), "{message}");
}

#[test]
fn outliers_are_clipped_and_the_rest_stays() {
    let windows = Windows {
        time: 1,
        channels: 8,
        rate_hz: 20.0,
        hop: 1,
        x: Vec::new(),
        y: Vec::new(),
        users: Vec::new(),
        recordings: Vec::new(),
        labels: Vec::new(),
    };
    let context = Context {
        windows: &windows,
        train: &[],
        seed: 1,
        training: None,
    };
    let mut graph = Graph::new("dense", Shape::new(1, 8));
    let mut weights = vec![0.1; 8];
    weights[3] = -5.0;
    let dense = Dense {
        out_features: 1,
        activation: Activation::None,
        weights: Weights::F32 {
            weights,
            bias: vec![0.0],
        },
    };
    graph.push("dense", Op::Dense(dense)).unwrap();
    let mut artifact = Artifact::baseline(graph);
    let clip: Clip = read("at=2").unwrap();
    let change = clip.apply(&mut artifact, &context).unwrap();
    assert_eq!(change.lines, ["1 weights clipped"]);
    let Some(Weights::F32 { weights, .. }) = artifact.graph.nodes[0].op.weights() else {
        unreachable!("it stays f32")
    };
    // The root mean square of seven times 0.1 and one 5.
    let limit = 2.0 * (25.07f32 / 8.0).sqrt();
    assert!((weights[3] + limit).abs() < 1e-5);
    assert!(weights.iter().enumerate().all(|(i, &w)| i == 3 || w == 0.1));
}
