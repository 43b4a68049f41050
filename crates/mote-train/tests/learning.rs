//! Pretraining, few labels and principal components, as their users see them.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use mote_data::Windows;
use mote_metrics::Confusion;
use mote_model::{Activation, Block, Cnn, Op};
use mote_train::pca::{Keep, PcaConfig, PcaHead, reduce};
use mote_train::{
    ContrastiveConfig, Error, Head, Hooks, Job, LabelsOf, TrainConfig, Trained, labelled, pretrain,
    scratch, train,
};
use std::f32::consts::TAU;
use std::sync::atomic::AtomicBool;

const TIME: usize = 40;

/// Three "activities" at 1, 2 and 4 Hz of six users; `in_phase` makes windows of one activity begin alike.
fn windows(in_phase: bool) -> Windows {
    let mut x = Vec::new();
    for i in 0..180 {
        let hertz = [1.0, 2.0, 4.0][i % 3];
        let amplitude = 1.0 + (i % 7) as f32 * 0.3;
        for t in 0..TIME {
            let start = if in_phase { 0.0 } else { i as f32 };
            let phase = TAU * hertz * t as f32 / 20.0 + start;
            let noise = ((i * TIME + t) as f32 * 12.9898).sin() * 0.2;
            let z = 9.81 + 0.5 * amplitude * phase.sin();
            x.extend([amplitude * phase.sin() + noise, amplitude * phase.cos(), z]);
        }
    }
    Windows {
        time: TIME,
        channels: 3,
        rate_hz: 20.0,
        hop: TIME,
        x,
        y: (0..180).map(|i| i % 3).collect(),
        users: (0..180).map(|i| (i / 30) as u32).collect(),
        recordings: (0..180).collect(),
        labels: ["slow", "medium", "fast"].map(str::to_owned).to_vec(),
    }
}

/// The last user tests.
const TRAIN: usize = 150;

fn config() -> TrainConfig {
    TrainConfig {
        network: Cnn {
            blocks: vec![Block::plain(8, 5, 2), Block::separable(12, 3, 2)],
            ..Cnn::default()
        },
        epochs: 6,
        batch: 16,
        learning_rate: 1e-2,
        ..TrainConfig::default()
    }
}

fn contrastive() -> ContrastiveConfig {
    ContrastiveConfig {
        epochs: 5,
        batch: 32,
        learning_rate: 1e-2,
        ..ContrastiveConfig::default()
    }
}

/// Runs `f` with the training side of `windows`.
fn with<T>(windows: &Windows, f: impl FnOnce(Job<'_>) -> T) -> T {
    let train: Vec<usize> = (0..TRAIN).collect();
    f(Job {
        windows,
        stretches: &[],
        train: &train,
        validation: &[],
        fold: 0,
    })
}

fn assert_learnt(windows: &Windows, trained: &Trained) {
    let found = macro_f1(windows, trained);
    // Chance is a third.
    assert!(found > 0.7, "m-F1 is {found}");
}

fn macro_f1(windows: &Windows, trained: &Trained) -> f64 {
    let test: Vec<usize> = (TRAIN..windows.len()).collect();
    let truth: Vec<usize> = test.iter().map(|&n| windows.y[n]).collect();
    let logits = trained.logits(windows, &test).unwrap();
    let largest = |row: &[f32]| (0..3).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
    let predicted: Vec<usize> = logits.chunks(3).map(largest).collect();
    let confusion = Confusion::of(&windows.labels, &truth, &predicted);
    confusion.scores().macro_f1
}

#[test]
fn pretraining_learns_to_tell_views_apart_and_repeats() {
    let windows = windows(false);
    with(&windows, |job| {
        let once = pretrain(job, &config(), &contrastive(), &[], Hooks::default()).unwrap();
        let losses: Vec<f64> = once.history().iter().map(|e| e.loss).collect();
        assert_eq!(losses.len(), 5);
        // 63 others to take a view for: by chance the loss is ln 63.
        assert!(losses[0] < 63f64.ln() + 1.0, "{losses:?}");
        assert!(losses[4] < losses[0] - 0.3, "{losses:?}");
        let again = pretrain(job, &config(), &contrastive(), &[], Hooks::default()).unwrap();
        assert_eq!(once, again);
        // Labels do not matter without supervision.
        let fewer = TrainConfig {
            labels: 0.1,
            ..config()
        };
        assert_eq!(
            once.history(),
            pretrain(job, &fewer, &contrastive(), &[], Hooks::default())
                .unwrap()
                .history()
        );
        let supervised = ContrastiveConfig {
            supervised: true,
            ..contrastive()
        };
        let other = pretrain(job, &config(), &supervised, &[], Hooks::default()).unwrap();
        assert_ne!(once.history(), other.history());
    });
}

#[test]
fn windows_of_other_data_sets_are_pretrained_on_but_not_those_of_test_users() {
    let task = windows(false);
    with(&task, |job| {
        let loss = |others: &[&Windows]| {
            let pretrained = pretrain(job, &config(), &contrastive(), others, Hooks::default())?;
            let last = pretrained.history().last().map(|e| e.loss);
            Ok::<_, mote_train::Error>(last)
        };
        let alone = loss(&[]).unwrap();
        let mut others = windows(true);
        assert_ne!(loss(&[&others]).unwrap(), alone);
        // All of the user who tests.
        others.users.fill(5);
        assert_eq!(loss(&[&others]).unwrap(), alone);
        others.users.fill(77);
        assert_ne!(loss(&[&others]).unwrap(), alone);
        others.time /= 2;
        let e = loss(&[&others]).unwrap_err().to_string();
        assert!(e.contains("steps"), "{e}");
    });
}

#[test]
fn a_linear_head_leaves_the_encoder_alone() {
    let windows = windows(false);
    with(&windows, |job| {
        let pretrained = pretrain(job, &config(), &contrastive(), &[], Hooks::default()).unwrap();
        let convolutions = |trained: &Trained| -> Vec<Op> {
            let nodes = trained.graph.nodes.iter().map(|n| n.op.clone());
            nodes.filter(|op| matches!(op, Op::Conv1d(_))).collect()
        };
        let tune = |head, epochs| {
            let config = TrainConfig { epochs, ..config() };
            pretrained
                .tune(job, &config, head, Hooks::default())
                .unwrap()
        };
        let (short, long) = (tune(Head::Linear, 1), tune(Head::Linear, 30));
        assert_eq!(convolutions(&short), convolutions(&long));
        assert_ne!(short.graph, long.graph);
        assert_learnt(&windows, &long);
        let tuned = tune(Head::FineTune, 15);
        assert_ne!(convolutions(&tuned), convolutions(&long));
        assert_learnt(&windows, &tuned);
    });
}

#[test]
fn stopped_pretraining_resumes() {
    let windows = windows(false);
    with(&windows, |job| {
        let directory = tempfile::tempdir().unwrap();
        let kept = Hooks {
            checkpoint: Some(directory.path()),
            ..Hooks::default()
        };
        let stop = AtomicBool::new(true);
        let stopped = Hooks {
            stop: Some(&stop),
            ..kept
        };
        let e = pretrain(job, &config(), &contrastive(), &[], stopped).unwrap_err();
        assert!(matches!(e, Error::Stopped { .. }), "{e}");
        let first = pretrain(job, &config(), &contrastive(), &[], kept).unwrap();
        // Finished runs are read back: the stop flag finds nothing to stop.
        let again = pretrain(job, &config(), &contrastive(), &[], stopped).unwrap();
        assert_eq!(first, again);
    });
}

#[test]
fn few_labels_are_enough_for_an_epoch_of_full_length() {
    let windows = windows(false);
    with(&windows, |job| {
        let few = TrainConfig {
            labels: 0.1,
            labels_of: LabelsOf::Windows,
            epochs: 15,
            ..config()
        };
        assert_eq!(labelled(job, &few).unwrap().len(), 15);
        assert_eq!(labelled(job, &config()).unwrap().len(), TRAIN);
        let trained = scratch(job, &few, Hooks::default()).unwrap();
        assert_eq!(trained, train(job, &few, Hooks::default()).unwrap());
        assert_learnt(&windows, &trained);
        let all = TrainConfig {
            labels: 1.0,
            ..few.clone()
        };
        assert_ne!(trained, scratch(job, &all, Hooks::default()).unwrap());
        for bad in [0.0, 1.5, f64::NAN] {
            let bad = TrainConfig {
                labels: bad,
                ..config()
            };
            let e = train(job, &bad, Hooks::default()).unwrap_err().to_string();
            assert!(e.contains("labels"), "{e}");
        }
    });
}

#[test]
fn other_labels_than_the_chosen_ones_are_not_looked_at() {
    let windows = windows(false);
    let few = TrainConfig {
        labels: 0.4,
        epochs: 2,
        ..config()
    };
    let chosen = with(&windows, |job| labelled(job, &few).unwrap());
    assert_eq!(chosen.len(), 60);
    // Wrong labels of users who are not chosen.
    let mut wrong = windows.clone();
    for n in (0..TRAIN).filter(|n| !chosen.contains(n)) {
        wrong.y[n] = (windows.y[n] + 1) % 3;
    }
    let right = with(&windows, |job| train(job, &few, Hooks::default()).unwrap());
    let spoilt = with(&wrong, |job| train(job, &few, Hooks::default()).unwrap());
    assert_eq!(right.graph, spoilt.graph);
}

#[test]
fn principal_components_and_a_head_are_a_network_of_dense_layers() {
    let windows = windows(true);
    with(&windows, |job| {
        let config = TrainConfig {
            epochs: 20,
            ..config()
        };
        let made = |keep, head| {
            let pca = PcaConfig { keep, head };
            reduce(job, &config, &pca, Hooks::default()).unwrap()
        };
        let columns = TIME * 3;
        // One fused layer takes 3 * 120 weights, two take 2 * 120 + 3 * 2 or 8 * 120 + 3 * 8.
        let narrow = made(Keep::Components(2), PcaHead::Lda);
        let wide = made(Keep::Components(8), PcaHead::Lda);
        assert_eq!(narrow.graph.parameters(), 2 * columns + 2 + 3 * 2 + 3);
        assert_eq!(wide.graph.parameters(), 3 * columns + 3);
        assert!(narrow.kept < wide.kept && wide.kept < 1.0);
        let mlp = made(Keep::Variance(0.9), PcaHead::Mlp { hidden: 10 });
        assert!(mlp.kept >= 0.9);
        let layers: Vec<(&str, usize, Activation)> = mlp
            .graph
            .nodes
            .iter()
            .map(|node| match &node.op {
                Op::Dense(d) => (node.name.as_str(), d.out_features, d.activation),
                op => unreachable!("{} is no dense layer", op.name()),
            })
            .collect();
        let expected = [
            ("pca", mlp.components, Activation::None),
            ("hidden", 10, Activation::Relu),
            ("dense", 3, Activation::None),
        ];
        assert_eq!(layers, expected);
        for network in [&wide, &mlp] {
            assert_eq!(network.graph.labels, windows.labels);
            assert!(right(&windows, &network.graph) > 0.9);
        }
    });
}

/// Share of test windows that `graph` gets right, by a plain forward pass.
fn right(windows: &Windows, graph: &mote_model::Graph) -> f64 {
    let frontend = graph.frontend.as_ref().unwrap();
    let classify = |n: usize| {
        let counts = mote_train::frontend::window_counts(windows, n).unwrap();
        let mut x: Vec<f32> = counts.into_iter().map(f32::from).collect();
        mote_train::frontend::normalise(frontend, &mut x);
        for node in &graph.nodes {
            let Op::Dense(dense) = &node.op else {
                unreachable!("no dense layer")
            };
            let mote_model::Weights::F32 { weights, bias } = &dense.weights else {
                unreachable!("not f32")
            };
            let rows = weights.chunks(x.len()).zip(bias);
            x = rows
                .map(|(row, bias)| bias + row.iter().zip(&x).map(|(w, x)| w * x).sum::<f32>())
                .map(|y| match dense.activation {
                    Activation::None => y,
                    _ => y.max(0.0),
                })
                .collect();
        }
        (0..3).max_by(|&a, &b| x[a].total_cmp(&x[b])).unwrap()
    };
    let test = TRAIN..windows.len();
    let hits = test.clone().filter(|&n| classify(n) == windows.y[n]);
    hits.count() as f64 / test.len() as f64
}

#[test]
fn settings_are_checked() {
    let windows = windows(false);
    with(&windows, |job| {
        let cold = ContrastiveConfig {
            temperature: 0.0,
            ..contrastive()
        };
        let e = pretrain(job, &config(), &cold, &[], Hooks::default()).unwrap_err();
        assert!(e.to_string().contains("temperature"), "{e}");
        let none = ContrastiveConfig {
            epochs: 0,
            ..contrastive()
        };
        let e = pretrain(job, &config(), &none, &[], Hooks::default()).unwrap_err();
        assert!(e.to_string().contains("epochs"), "{e}");
        let pca = PcaConfig {
            keep: Keep::Components(0),
            head: PcaHead::Lda,
        };
        let e = reduce(job, &config(), &pca, Hooks::default()).unwrap_err();
        assert!(e.to_string().contains("components"), "{e}");
    });
}
