//! Techniques that train a network anew, in a pipeline: told in figures, before int8, and with int8 behind them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mote_data::Windows;
use mote_model::Op;
use mote_techniques::host::{Host, compile};
use mote_techniques::{Artifact, Context, Training, apply};
use mote_train::{Block, CnnConfig, Hooks, Job, TrainConfig, Trained, train};

/// Oscillations of two tempi in two classes of four users, all starting alike.
fn windows() -> Windows {
    let (n, time) = (96, 30);
    let x = (0..n * time * 3).map(|i| {
        let (window, t, c) = (i / (time * 3), i / 3 % time, i % 3);
        let tempo = if window % 2 == 0 { 0.4 } else { 1.1 };
        let noise = ((i * 7) as f32 * 12.9898).sin() * 0.5;
        (t as f32 * tempo + c as f32).sin() * (4.0 + (window % 5) as f32 * 0.5) + noise
    });
    Windows {
        time,
        channels: 3,
        rate_hz: 20.0,
        hop: time,
        x: x.collect(),
        y: (0..n).map(|i| i % 2).collect(),
        users: (0..n).map(|i| (i / 24) as u32).collect(),
        recordings: vec![0; n],
        labels: vec!["slow".into(), "fast".into()],
    }
}

struct Setting {
    windows: Windows,
    train: Vec<usize>,
    config: TrainConfig,
    trained: Trained,
}

impl Setting {
    fn new() -> Self {
        let windows = windows();
        let indices: Vec<usize> = (0..windows.len()).collect();
        let config = TrainConfig {
            network: CnnConfig {
                blocks: vec![Block::plain(8, 5, 2), Block::separable(8, 3, 2)],
                ..CnnConfig::default()
            },
            epochs: 8,
            batch: 16,
            learning_rate: 1e-2,
            ..TrainConfig::default()
        };
        let trained = train(job(&windows, &indices), &config, Hooks::default()).unwrap();
        Self {
            windows,
            train: indices,
            config,
            trained,
        }
    }

    /// What a pipeline makes of the network, and what its techniques say.
    fn pipeline(&self, steps: &[&str]) -> Result<(Artifact, Vec<String>), mote_techniques::Error> {
        let context = Context {
            windows: &self.windows,
            train: &self.train,
            seed: 1,
            training: Some(Training {
                trained: &self.trained,
                config: &self.config,
                job: job(&self.windows, &self.train),
                stop: None,
                directory: None,
                others: None,
            }),
        };
        let mut artifact = Artifact::baseline(self.trained.graph.clone());
        let mut lines = Vec::new();
        for step in steps {
            lines.extend(apply(step, &mut artifact, &context)?.lines);
        }
        Ok((artifact, lines))
    }

    /// Windows of 96 that the engine decides right.
    fn right(&self, artifact: &Artifact) -> usize {
        let compiled = compile(&artifact.graph).unwrap();
        let mut host = Host::new(&compiled).unwrap();
        let mut decide = |n: usize| host.decide(self.windows.window(n)).unwrap().class();
        let hits = (0..self.windows.len()).filter(|&n| decide(n) == self.windows.y[n]);
        hits.count()
    }
}

fn job<'a>(windows: &'a Windows, train: &'a [usize]) -> Job<'a> {
    Job {
        windows,
        train,
        validation: &[],
        fold: 0,
    }
}

#[test]
fn each_trains_a_network_that_goes_on_to_int8() {
    let setting = Setting::new();
    for (step, said) in [
        (
            "contrastive:epochs=3,batch=32,labels=0.5,augment=rotation/jitter,head=finetune",
            "48 windows with labels (50 %) trained the network",
        ),
        (
            "contrastive:epochs=3,batch=32,head=linear,tune=20,supervised=true",
            "96 windows with labels (100 %) trained the last layer",
        ),
        (
            "contrastive:epochs=0,labels=0.5,of=windows",
            "not pretrained",
        ),
        ("distill:epochs=8", "a teacher of "),
        ("pca:components=6", "6 components keep "),
        (
            "pca:variance=0.8,head=mlp,hidden=8,epochs=20",
            "in 3 layers",
        ),
    ] {
        let (artifact, lines) = setting.pipeline(&[step, "int8"]).unwrap();
        assert!(lines.iter().any(|l| l.contains(said)), "{step}: {lines:?}");
        assert!(artifact.graph.is_int8());
        let right = setting.right(&artifact);
        assert!(right > 90, "{step}: {right} of 96");
    }
}

#[test]
fn what_they_train_is_trained_on_by_the_next() {
    let setting = Setting::new();
    let (artifact, _) = setting
        .pipeline(&["distill:epochs=8", "prune-channels:epochs=4", "int8"])
        .unwrap();
    assert!(artifact.graph.macs() < setting.trained.graph.macs() * 6 / 10);
    assert!(setting.right(&artifact) > 90);
}

#[test]
fn principal_components_are_dense_layers() {
    let setting = Setting::new();
    let (artifact, _) = setting
        .pipeline(&["pca:components=6,head=mlp,epochs=1"])
        .unwrap();
    let ops = artifact.graph.nodes.iter().map(|n| &n.op);
    assert!(ops.clone().all(|op| matches!(op, Op::Dense(_))));
    assert_eq!(ops.count(), 3);
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let setting = Setting::new();
    for (steps, reason) in [
        (["int8", "contrastive:epochs=1"], "before `int8`"),
        (["int8", "distill"], "before `int8`"),
        (["int8", "pca"], "before `int8`"),
        (
            ["pca:components=2", "distill"],
            "no longer what training made",
        ),
        (["contrastive:epochs=1,batch=1", "int8"], "batch"),
        (["contrastive:labels=0", "int8"], "labels"),
        (["distill:teacher=0.5", "int8"], "teacher"),
        (["pca:components=3,variance=0.9", "int8"], "not both"),
        (["pca:head=cnn", "int8"], "neither lda nor mlp"),
    ] {
        let e = setting.pipeline(&steps).err().unwrap().to_string();
        assert!(e.contains(reason), "{steps:?}: {e}");
    }
}
