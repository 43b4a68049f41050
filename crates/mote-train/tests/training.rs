//! Training as its users see it: it learns, repeats, stops and resumes.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use common::windows;
use mote_data::{Fold, Windows};
use mote_model::{Block, Cnn, Nonlinearity};
use mote_train::{Augmentation, Epoch, Error, Hooks, Job, Progress, TrainConfig, Trained, train};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn config() -> TrainConfig {
    TrainConfig {
        network: Cnn {
            blocks: vec![Block::plain(8, 5, 2), Block::separable(12, 3, 2)],
            nonlinearity: Nonlinearity::Relu6,
            ..Cnn::default()
        },
        epochs: 6,
        batch: 16,
        learning_rate: 1e-2,
        hold_out: true,
        ..TrainConfig::default()
    }
}

fn folds() -> Vec<Fold> {
    let by_user = |users: [u32; 1]| (0..180).filter(move |i| users.contains(&((i / 30) as u32)));
    (0..3)
        .map(|k| Fold {
            name: format!("{}/3", k + 1),
            train: (0..180)
                .filter(|i| ![k, k + 1].contains(&(i / 30)))
                .collect(),
            validation: by_user([k as u32 + 1]).collect(),
            test: by_user([k as u32]).collect(),
            train_users: Vec::new(),
            validation_users: vec![k as u32 + 1],
            test_users: vec![k as u32],
        })
        .collect()
}

fn run(config: &TrainConfig, hooks: Hooks<'_>) -> Result<Trained, Error> {
    let (windows, folds) = (windows(180, 30), folds());
    let job = Job {
        windows: &windows,
        stretches: &[],
        train: &folds[0].train,
        validation: &folds[0].validation,
        fold: 0,
    };
    train(job, config, hooks)
}

#[test]
fn learns_and_reports_how() {
    let longer = TrainConfig {
        epochs: 25,
        augmentation: Augmentation {
            rotation: 0.2,
            ..Augmentation::default()
        },
        ..config()
    };
    let trained = run(&longer, Hooks::default()).unwrap();
    assert_eq!(trained.history.len(), 25);
    assert_eq!(trained.graph.labels, ["slow", "medium", "fast"]);
    let last = trained.history.last().unwrap();
    let validation = last.validation.unwrap();
    assert!(validation.macro_f1 > 0.95, "{validation:?}");
    assert!(last.loss < trained.history[0].loss);
    assert!(last.learning_rate < 1e-3, "the learning rate falls");
    let frontend = trained.graph.frontend.unwrap();
    assert_eq!(frontend.offset.len(), 3);
    assert!(
        (frontend.offset[2] - 4097).abs() < 30,
        "gravity: {}",
        frontend.offset[2]
    );
}

#[test]
fn the_seed_decides() {
    let a = run(&config(), Hooks::default()).unwrap();
    assert_eq!(a, run(&config(), Hooks::default()).unwrap());
    let other = TrainConfig {
        seed: 2,
        ..config()
    };
    assert_ne!(a.graph, run(&other, Hooks::default()).unwrap().graph);
}

#[test]
fn without_hold_out_validation_users_train() {
    let (windows, fold) = (windows(180, 30), &folds()[0]);
    let both: Vec<usize> = [&fold.train[..], &fold.validation[..]].concat();
    let short = TrainConfig {
        epochs: 1,
        hold_out: false,
        ..config()
    };
    let with = |train, validation| {
        let job = Job {
            windows: &windows,
            stretches: &[],
            train,
            validation,
            fold: 0,
        };
        train_one(job, &short)
    };
    let merged = with(&fold.train, &fold.validation);
    assert!(merged.history[0].validation.is_none());
    assert_eq!(merged, with(&both, &[]));
}

fn train_one(job: Job<'_>, config: &TrainConfig) -> Trained {
    train(job, config, Hooks::default()).unwrap()
}

/// Stops after a number of batches.
struct StopAfter<'a> {
    batches: AtomicUsize,
    stop: &'a AtomicBool,
}

impl Progress for StopAfter<'_> {
    fn batch(&self, _: usize, _: usize, _: usize, _: usize, _: usize) {
        if self.batches.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_stopped_run_resumes_as_if_it_had_not_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let hooks = Hooks {
        checkpoint: Some(directory.path()),
        ..Hooks::default()
    };
    // 7 batches per epoch: stops in the middle of the third epoch.
    let stop = AtomicBool::new(false);
    let progress = StopAfter {
        batches: AtomicUsize::new(18),
        stop: &stop,
    };
    let stopped = run(
        &config(),
        Hooks {
            stop: Some(&stop),
            progress: Some(&progress),
            ..hooks
        },
    );
    assert!(
        matches!(stopped, Err(Error::Stopped { epochs: 2 })),
        "{stopped:?}"
    );
    let whole = run(&config(), Hooks::default()).unwrap();
    assert_eq!(run(&config(), hooks).unwrap(), whole);
    // A finished run is read back without training.
    let stop = AtomicBool::new(true);
    let again = Hooks {
        stop: Some(&stop),
        ..hooks
    };
    assert_eq!(run(&config(), again).unwrap(), whole);
}

#[test]
fn checkpoints_of_other_runs_and_damaged_ones_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let hooks = Hooks {
        checkpoint: Some(directory.path()),
        ..Hooks::default()
    };
    let short = TrainConfig {
        epochs: 1,
        ..config()
    };
    run(&short, hooks).unwrap();
    let other = TrainConfig {
        seed: 9,
        ..short.clone()
    };
    let e = run(&other, hooks).unwrap_err().to_string();
    assert!(e.contains("other settings"), "{e}");
    let file = directory.path().join("training.ckpt");
    let bytes = std::fs::read(&file).unwrap();
    for damaged in [&bytes[..bytes.len() / 2], &[], &[0x7f; 40]] {
        std::fs::write(&file, damaged).unwrap();
        let e = run(&short, hooks).unwrap_err();
        assert!(matches!(e, Error::Checkpoint { .. }), "{e}");
    }
}

/// What a checkpoint must belong to, beside the settings that are compared as a whole.
#[test]
fn checkpoints_belong_to_the_data_they_were_trained_on() {
    let directory = tempfile::tempdir().unwrap();
    let short = TrainConfig {
        epochs: 1,
        labels: 0.5,
        ..config()
    };
    let fold = &folds()[0];
    let trained = |windows: &Windows, fold_number| {
        let job = Job {
            windows,
            stretches: &[],
            train: &fold.train,
            validation: &fold.validation,
            fold: fold_number,
        };
        let hooks = Hooks {
            checkpoint: Some(directory.path()),
            ..Hooks::default()
        };
        train(job, &short, hooks)
    };
    let original = windows(180, 30);
    trained(&original, 0).unwrap();
    trained(&original, 0).unwrap();
    assert!(trained(&original, 1).is_err(), "another fold");
    type Change = fn(&mut Windows);
    let changes: [(&str, Change); 5] = [
        ("a sample", |w| w.x[7000] += 0.5),
        ("a label", |w| w.y[100] = (w.y[100] + 1) % 3),
        ("the shape of windows", |w| {
            (w.time, w.channels) = (w.channels, w.time);
        }),
        ("the number of classes", |w| {
            w.labels.push("none".to_owned())
        }),
        ("which users have labels", |w| w.users.rotate_left(31)),
    ];
    for (what, change) in changes {
        let mut windows = original.clone();
        change(&mut windows);
        let e = trained(&windows, 0).unwrap_err().to_string();
        assert!(e.contains("other settings, data or seed"), "{what}: {e}");
    }
}

#[test]
fn folds_differ() {
    let (windows, folds) = (windows(180, 30), folds());
    let short = TrainConfig {
        epochs: 2,
        ..config()
    };
    let graph = |k: usize, fold| {
        let job = Job {
            windows: &windows,
            stretches: &[],
            train: &folds[k].train,
            validation: &folds[k].validation,
            fold,
        };
        train_one(job, &short).graph
    };
    assert_ne!(graph(0, 0), graph(1, 0), "other windows");
    assert_ne!(graph(0, 0), graph(0, 1), "another seed");
}

#[test]
fn early_stopping_keeps_the_best_epoch() {
    let patient = TrainConfig {
        patience: Some(1),
        epochs: 20,
        ..config()
    };
    let trained = run(&patient, Hooks::default()).unwrap();
    let f1 = |e: &Epoch| e.validation.unwrap().macro_f1;
    let best = trained.history.iter().map(f1).fold(0.0, f64::max);
    assert_eq!(f1(&trained.history[trained.best_epoch]), best);
    assert_eq!(trained.history.len(), (trained.best_epoch + 2).min(20));
}

#[test]
fn settings_and_data_are_checked() {
    let bad = TrainConfig {
        dropout: 1.0,
        ..config()
    };
    let e = run(&bad, Hooks::default()).unwrap_err().to_string();
    assert!(e.contains("dropout"), "{e}");
    let bad = TrainConfig {
        patience: Some(3),
        hold_out: false,
        ..config()
    };
    let e = run(&bad, Hooks::default()).unwrap_err().to_string();
    assert!(e.contains("hold_out"), "{e}");
    let mut bad = config();
    bad.network.blocks[1].stride = 0;
    let e = run(&bad, Hooks::default()).unwrap_err().to_string();
    assert!(e.contains("network.blocks[1].stride"), "{e}");

    let original = windows(180, 30);
    let refused = |change: fn(&mut Windows)| {
        let mut windows = original.clone();
        change(&mut windows);
        let job = Job {
            windows: &windows,
            stretches: &[],
            train: &[0, 1, 2],
            validation: &[],
            fold: 0,
        };
        let e = train(job, &config(), Hooks::default()).unwrap_err();
        e.to_string()
    };
    let e = refused(|w| w.x[4] = f32::INFINITY);
    assert!(e.contains("window 0") && e.contains("not finite"), "{e}");
    // A window without a label is not one of the first class.
    let e = refused(|w| w.y[1] = 3);
    assert!(e.contains("window 1 has class 3"), "{e}");
    let e = refused(|w| w.y.truncate(2));
    assert!(e.contains("window 2 does not exist"), "{e}");
}

#[test]
fn settings_are_written_as_toml() {
    let text = toml::to_string(&TrainConfig::default()).unwrap();
    assert_eq!(
        toml::from_str::<TrainConfig>(&text).unwrap(),
        TrainConfig::default()
    );
    let some: TrainConfig = toml::from_str(
        "epochs = 3\n[augmentation]\njitter = 0.0\n[[network.blocks]]\nchannels = 8\nkernel = 3\n",
    )
    .unwrap();
    assert_eq!(some.epochs, 3);
    assert_eq!(some.augmentation.rotation, Augmentation::default().rotation);
    assert_eq!(some.network.blocks, [Block::plain(8, 3, 1)]);
    assert!(toml::from_str::<TrainConfig>("epoch = 3").is_err());
}

#[test]
fn the_default_network_is_small() {
    let parameters = run(
        &TrainConfig {
            network: Cnn::default(),
            epochs: 1,
            ..config()
        },
        Hooks::default(),
    )
    .unwrap()
    .graph
    .parameters();
    assert!(parameters <= 11_000, "{parameters}");
}
