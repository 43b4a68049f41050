//! Training on streams: it learns, repeats, stops and resumes, and further training goes on in the same way.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use mote_data::{Stretch, Windows};
use mote_model::{Block, Cnn, cnn::Padding};
use mote_train::{
    Augmentation, Error, Hooks, Job, PruneConfig, QatConfig, StreamLoss, TrainConfig, TrainOn,
    Trained, prune, qat, train,
};
use std::f32::consts::TAU;

/// A network that decides every 4 samples by the last 17, and has its window.
fn cnn() -> Cnn {
    Cnn {
        blocks: vec![Block::plain(8, 5, 2), Block::separable(12, 7, 2)],
        padding: Padding::Valid,
        ..Cnn::default()
    }
}

fn config(loss: StreamLoss) -> TrainConfig {
    let mut config = TrainConfig {
        network: cnn(),
        train: TrainOn::Stream,
        epochs: 30,
        batch: 8,
        learning_rate: 1e-2,
        augmentation: Augmentation {
            rotation: 0.1,
            ..Augmentation::default()
        },
        ..TrainConfig::default()
    };
    config.stream.seconds = 10.0;
    config.stream.longest_bout = 8.0;
    config.stream.loss = loss;
    config
}

/// Recordings of 60 s of each activity by `users` users, and the windows of them.
fn recordings(users: u32) -> (Windows, Vec<Stretch>) {
    let time = cnn().receptive_field();
    let mut windows = common::windows(0, 1);
    windows.time = time;
    windows.hop = time;
    let mut stretches = Vec::new();
    for (recording, (user, class)) in (0..users)
        .flat_map(|u| [(u, 0), (u, 1), (u, 2)])
        .enumerate()
    {
        let hertz = [1.0, 2.0, 4.0][class];
        let x: Vec<f32> = (0..1200)
            .flat_map(|t| {
                let phase = TAU * hertz * t as f32 / 20.0 + user as f32;
                let amplitude = 1.0 + user as f32 * 0.2;
                let z = 9.81 + 0.5 * amplitude * phase.sin();
                [amplitude * phase.sin(), amplitude * phase.cos(), z]
            })
            .collect();
        for window in x.chunks_exact(time * 3) {
            windows.x.extend(window);
            windows.y.push(class);
            windows.users.push(user);
            windows.recordings.push(recording as u32);
        }
        stretches.push(Stretch {
            user,
            class,
            recording: recording as u32,
            x,
        });
    }
    (windows, stretches)
}

fn with_job<T>(work: impl FnOnce(Job<'_>, &Windows, &[usize]) -> T) -> T {
    let (windows, stretches) = recordings(4);
    let (train, test): (Vec<usize>, Vec<usize>) =
        (0..windows.len()).partition(|&n| windows.users[n] != 3);
    let job = Job {
        windows: &windows,
        stretches: &stretches,
        train: &train,
        validation: &[],
        fold: 0,
    };
    work(job, &windows, &test)
}

fn accuracy(trained: &Trained, windows: &Windows, test: &[usize]) -> f64 {
    let logits = trained.logits(windows, test).unwrap();
    let right = logits.chunks(3).zip(test).filter(|(row, n)| {
        let best = (0..3).max_by(|&a, &b| row[a].total_cmp(&row[b]));
        best == Some(windows.y[**n])
    });
    right.count() as f64 / test.len() as f64
}

#[test]
fn both_losses_learn_and_one_learns_a_filter() {
    with_job(|job, windows, test| {
        for loss in [StreamLoss::Filtered, StreamLoss::Pooled] {
            let trained = train(job, &config(loss), Hooks::default()).unwrap();
            let first = trained.history[0].loss;
            let last = trained.history.last().unwrap().loss;
            assert!(last < 0.7 * first, "{loss:?}: {first} to {last}");
            let right = accuracy(&trained, windows, test);
            assert!(right > 0.75, "{loss:?}: {right}");
            // The network has no pool: it decides at every step.
            assert!(trained.graph.nodes.iter().all(|n| n.name != "pool"));
            match (loss, &trained.filter) {
                (StreamLoss::Pooled, None) => {}
                (StreamLoss::Filtered, Some(filter)) => {
                    assert!(filter.weight > 0.0 && filter.costs.len() == 9);
                    for (i, &cost) in filter.costs.iter().enumerate() {
                        // Staying is cheap, changing is not.
                        assert_eq!(cost < 0.3, i % 4 == 0, "{:?}", filter.costs);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn it_repeats_and_resumes_and_further_training_goes_on_with_streams() {
    with_job(|job, windows, test| {
        let config = config(StreamLoss::Filtered);
        let directory = tempfile::tempdir().unwrap();
        let kept = Hooks {
            checkpoint: Some(directory.path()),
            ..Hooks::default()
        };
        let shorter = |epochs| TrainConfig {
            epochs,
            ..config.clone()
        };
        let whole = train(job, &shorter(4), Hooks::default()).unwrap();
        assert_eq!(whole, train(job, &shorter(4), kept).unwrap());
        assert_eq!(
            whole,
            train(job, &shorter(4), kept).unwrap(),
            "from the checkpoint"
        );

        let trained = train(job, &config, Hooks::default()).unwrap();
        let pruning = PruneConfig {
            share: 0.3,
            epochs: 10,
            ..PruneConfig::default()
        };
        let pruned = prune(&trained, job, &config, &pruning, Hooks::default()).unwrap();
        assert!(pruned.graph.macs() < trained.graph.macs());
        assert!(pruned.filter.is_some() && pruned.filter != trained.filter);
        assert!(accuracy(&pruned, windows, test) > 0.8);
        let rounding = QatConfig {
            epochs: 3,
            ..QatConfig::default()
        };
        let ready = qat(&trained, job, &config, &rounding, Hooks::default()).unwrap();
        assert!(ready.filter.is_some() && ready.filter != trained.filter);
        assert_eq!(ready.history.len(), 3);
    });
}

#[test]
fn what_streams_cannot_be_spliced_from_is_said() {
    with_job(|job, _, _| {
        let wrong = |job: Job<'_>, config: &TrainConfig| {
            let error: Error = train(job, config, Hooks::default()).unwrap_err();
            error.to_string()
        };
        let config = config(StreamLoss::Filtered);
        let none = Job {
            stretches: &[],
            ..job
        };
        assert!(wrong(none, &config).contains("continuous recordings"));
        let leaks = Job {
            train: &job.train[1..],
            ..job
        };
        assert!(wrong(leaks, &config).contains("both sides"));
        let padded = TrainConfig {
            network: Cnn {
                padding: Padding::Same,
                ..cnn()
            },
            ..config.clone()
        };
        assert!(wrong(job, &padded).contains("network.padding"));
        let mut long = config.clone();
        long.stream.fade = 9.0;
        assert!(wrong(job, &long).contains("stream.fade"));
    });
}
