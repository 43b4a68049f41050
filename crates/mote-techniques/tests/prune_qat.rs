//! Pruning and training for quantization in a pipeline: before int8, told in figures, and only where there is something
//! to train on.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::Setting;
use mote_model::session::{Scores, Session, compile};
use mote_model::{Op, Weights};
use mote_techniques::{Artifact, Context, Int8, PruneChannels, Technique};
use mote_train::{Hooks, QatConfig, qat};

/// Oscillations of two tempi by one user.
fn setting() -> Setting {
    Setting::new(
        16,
        |_| 0,
        |window, t, c, tempo| (t as f32 * tempo + (window * 7 + c) as f32).sin() * 5.0,
    )
}

#[test]
fn a_pruned_network_goes_through_the_rest_of_the_pipeline() {
    let setting = setting();
    let whole = setting.trained.graph.macs();
    let steps = ["prune-channels:share=0.5,epochs=4", "int8", "arena"];
    let (artifact, lines) = setting.pipeline(&steps).unwrap();
    assert!(artifact.graph.is_int8());
    assert!(artifact.graph.macs() * 2 <= whole);
    let fewer = format!("MAC {whole} -> {}", artifact.graph.macs());
    assert!(lines[0].starts_with(&fewer), "{lines:?}");
    assert!(lines.iter().any(|l| l.starts_with("`conv1` has ")));
    assert!(setting.right(&artifact) > 90);
}

#[test]
fn pruning_goes_on_from_what_was_pruned() {
    let setting = setting();
    let once = ["prune-channels:share=0.3,epochs=0"];
    let twice = [once[0], "prune-channels:share=0.4,epochs=0,criterion=l1"];
    let (once, _) = setting.pipeline(&once).unwrap();
    let (twice, _) = setting.pipeline(&twice).unwrap();
    assert!(twice.graph.macs() * 10 <= once.graph.macs() * 6);
}

/// Weights of a layer, as real values, and the step between them per output channel.
fn reals(op: &Op) -> Option<(Vec<f32>, Vec<f32>)> {
    match op.weights()? {
        Weights::F32 { weights, bias } => Some((weights.clone(), vec![0.0; bias.len()])),
        Weights::I8 {
            weights, scales, ..
        } => {
            let per_channel = weights.len() / scales.len();
            let real = |(i, &q): (usize, &i8)| f32::from(q) * scales[i / per_channel];
            Some((
                weights.iter().enumerate().map(real).collect(),
                scales.clone(),
            ))
        }
    }
}

#[test]
fn the_engine_computes_what_training_for_int8_computed() {
    let setting = setting();
    let how = QatConfig {
        epochs: 3,
        ..QatConfig::default()
    };
    let context = setting.context();
    let job = context.training.unwrap().job;
    let ready = qat(
        &setting.trained,
        job,
        &setting.config,
        &how,
        Hooks::default(),
    )
    .unwrap();
    let mut artifact = Artifact::baseline(ready.graph.clone());
    Int8::default().apply(&mut artifact, &context).unwrap();

    // Quantization after it changes no weight: all are multiples of the steps already.
    for (trained, quantized) in ready.graph.nodes.iter().zip(&artifact.graph.nodes) {
        let Some((expected, _)) = reals(&trained.op) else {
            continue;
        };
        let (weights, steps) = reals(&quantized.op).unwrap();
        let per_channel = weights.len() / steps.len();
        for (i, (a, b)) in weights.iter().zip(&expected).enumerate() {
            assert!(
                (a - b).abs() <= 1e-3 * steps[i / per_channel],
                "{}",
                trained.name
            );
        }
    }

    // The same grids: of the input, of each convolution, of the scores.
    let graph = &artifact.graph;
    let convolutions = graph.nodes.iter().filter(|n| matches!(n.op, Op::Conv1d(_)));
    let tensors = [graph.input]
        .into_iter()
        .chain(convolutions.map(|n| n.output))
        .chain([graph.output]);
    let grids: Vec<_> = tensors.map(|t| graph.tensors[t].quant.unwrap()).collect();
    let expected = ready
        .logits(&grids, &setting.windows, &setting.train)
        .unwrap();
    let scores = grids.last().unwrap();
    let compiled = compile(graph).unwrap();
    let mut session = Session::new(&compiled).unwrap();
    let mut worst = 0.0f32;
    let mut same = 0;
    for (&n, expected) in setting.train.iter().zip(expected.chunks_exact(2)) {
        let decision = session.classify(setting.windows.window(n)).unwrap();
        let Scores::I8(got) = &decision.scores else {
            unreachable!("the network is int8")
        };
        for (&q, real) in got.iter().zip(expected) {
            let steps = f32::from(q) - (real / scores.scale + f32::from(scores.zero_point));
            worst = worst.max(steps.abs());
            same += usize::from(steps.abs() < 0.5);
        }
    }
    assert!(
        worst < 2.5 && same > 150,
        "{worst} steps, {same} of 192 the same"
    );
}

#[test]
fn few_bits_are_told_and_what_was_pruned_can_be_trained_for_them() {
    let setting = setting();
    let steps = [
        "prune-channels:share=0.3,epochs=2",
        "qat:bits=4,epochs=3,rate=0.002",
        "int8",
    ];
    let (artifact, lines) = setting.pipeline(&steps).unwrap();
    assert!(artifact.graph.is_int8());
    assert!(lines.iter().any(|l| l.contains("have 4 bits")), "{lines:?}");
    assert!(setting.right(&artifact) > 90);
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let setting = setting();
    let refused = |steps: &[&str]| setting.pipeline(steps).err().unwrap().to_string();
    let error = refused(&["int8", "prune-channels"]);
    assert!(error.contains("before `int8`"), "{error}");
    let error = refused(&["int8", "qat"]);
    assert!(error.contains("before `int8`"), "{error}");
    let error = refused(&["qat:epochs=1", "prune-channels"]);
    assert!(error.contains("name `prune-channels` before"), "{error}");
    let error = refused(&["qat:bits=9"]);
    assert!(error.contains("bits"), "{error}");
    let error = refused(&["prune-channels:share=1.5"]);
    assert!(error.contains("share"), "{error}");
    let error = refused(&["prune-channels:criterion=luck"]);
    assert!(error.contains("criterion"), "{error}");
    let mut artifact = Artifact::baseline(setting.trained.graph.clone());
    let context = Context {
        training: None,
        ..setting.context()
    };
    let error = PruneChannels::default()
        .apply(&mut artifact, &context)
        .unwrap_err();
    assert!(
        error.to_string().contains("without its training"),
        "{error}"
    );
}
