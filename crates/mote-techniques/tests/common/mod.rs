//! A small trained network, for tests of techniques that go on training it.
#![allow(dead_code, clippy::unwrap_used, reason = "helpers of tests")]

use mote_data::{Stretch, Windows};
use mote_model::session::{Session, compile};
use mote_model::{Block, Cnn};
use mote_techniques::{Artifact, Context, Error, Step, Training};
use mote_train::{Hooks, Job, TrainConfig, Trained, train};

pub struct Setting {
    pub windows: Windows,
    pub train: Vec<usize>,
    pub config: TrainConfig,
    pub trained: Trained,
    /// Recordings, for techniques that want streams.
    pub stretches: Vec<Stretch>,
}

impl Setting {
    /// A network of two blocks of `channels`, trained on 96 windows of two classes. `x` gives what the sensor says from
    /// window, step, axis and the class's tempo; `of` gives each window's user.
    pub fn new(
        channels: usize,
        of: impl Fn(usize) -> u32,
        x: impl Fn(usize, usize, usize, f32) -> f32,
    ) -> Self {
        let (n, time) = (96, 30);
        let sample = |i| {
            let (window, t, c) = (i / (time * 3), i / 3 % time, i % 3);
            x(window, t, c, if window % 2 == 0 { 0.4 } else { 1.1 })
        };
        let windows = Windows {
            time,
            channels: 3,
            rate_hz: 20.0,
            hop: time,
            x: (0..n * time * 3).map(sample).collect(),
            y: (0..n).map(|i| i % 2).collect(),
            users: (0..n).map(of).collect(),
            recordings: vec![0; n],
            labels: vec!["slow".into(), "fast".into()],
        };
        let all: Vec<usize> = (0..n).collect();
        let config = TrainConfig {
            network: Cnn {
                blocks: vec![
                    Block::plain(channels, 5, 2),
                    Block::separable(channels, 3, 2),
                ],
                ..Cnn::default()
            },
            epochs: 8,
            batch: 16,
            learning_rate: 1e-2,
            ..TrainConfig::default()
        };
        let trained = train(job(&windows, &all, &[]), &config, Hooks::default()).unwrap();
        Self {
            windows,
            train: all,
            config,
            trained,
            stretches: Vec::new(),
        }
    }

    /// Leaves the first `time` samples of each window.
    pub fn cut(&mut self, time: usize) {
        let stride = self.windows.stride();
        let kept = time * self.windows.channels;
        let windows = self.windows.x.chunks_exact(stride);
        self.windows.x = windows.flat_map(|window| window[..kept].to_vec()).collect();
        self.windows.time = time;
    }

    pub fn context(&self) -> Context<'_> {
        Context {
            windows: &self.windows,
            train: &self.train,
            seed: 1,
            training: Some(Training {
                trained: &self.trained,
                config: &self.config,
                job: job(&self.windows, &self.train, &self.stretches),
                stop: None,
                directory: None,
                others: None,
            }),
        }
    }

    /// What a pipeline makes of the network, and what its techniques say.
    pub fn pipeline(&self, steps: &[&str]) -> Result<(Artifact, Vec<String>), Error> {
        let context = self.context();
        let mut artifact = Artifact::baseline(self.trained.graph.clone());
        let mut lines = Vec::new();
        for step in steps {
            let change = step.parse::<Step>()?.apply(&mut artifact, &context)?;
            lines.extend(change.lines);
        }
        Ok((artifact, lines))
    }

    /// Windows of 96 that the engine decides right.
    pub fn right(&self, artifact: &Artifact) -> usize {
        let compiled = compile(&artifact.graph).unwrap();
        let mut session = Session::new(&compiled).unwrap();
        let mut classify = |n: usize| session.classify(self.windows.window(n)).unwrap().class();
        let hits = (0..self.windows.len()).filter(|&n| classify(n) == self.windows.y[n]);
        hits.count()
    }
}

pub fn job<'a>(windows: &'a Windows, train: &'a [usize], stretches: &'a [Stretch]) -> Job<'a> {
    Job {
        windows,
        stretches,
        train,
        validation: &[],
        fold: 0,
    }
}
