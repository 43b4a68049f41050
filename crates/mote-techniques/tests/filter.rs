//! Filters in pipelines: which one it is, where it may be named, and what its probabilities mean.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use common::Setting;
use mote_data::Stretch;
use mote_model::session::{Session, compile};
use mote_model::stream::Schedule;
use mote_model::{Block, Cnn, Filter, Op, Padding, sensor};
use mote_techniques::{Artifact, Error, Step};
use mote_train::{Hooks, TrainConfig, train};

/// Motion of two tempos, which are hard to tell apart in places.
fn sample(window: usize, t: usize, c: usize, tempo: f32) -> f32 {
    let noise = ((window * 7919 + t * 104_729 + c * 1_299_709) % 1000) as f32 / 250.0 - 2.0;
    9.8 * f32::from(u8::from(c == 2)) + 3.0 * (tempo * t as f32).sin() + noise
}

/// A network without padding; `per_step` decides about each of its steps.
fn setting(per_step: bool) -> Setting {
    let mut setting = Setting::new(8, |n| n as u32 % 4, sample);
    let network = Cnn {
        blocks: vec![Block::plain(8, 5, 2), Block::separable(8, 3, 2)],
        padding: Padding::Valid,
        ..Cnn::default()
    };
    if per_step {
        setting.cut(network.receptive_field());
    }
    setting.config = TrainConfig {
        network,
        ..setting.config
    };
    let all = setting.train.clone();
    let job = common::job(&setting.windows, &all, &[]);
    setting.trained = train(job, &setting.config, Hooks::default()).unwrap();
    setting.stretches = (0..8)
        .map(|n| Stretch {
            user: n as u32 % 4,
            class: n / 4,
            recording: n as u32,
            x: (0..1200 * 3)
                .map(|i| sample(n, i / 3, i % 3, if n / 4 == 0 { 0.4 } else { 1.1 }))
                .collect(),
        })
        .collect();
    setting
}

fn filter_of(artifact: &Artifact) -> Filter {
    let network = artifact.network().unwrap();
    let found = network.nodes.iter().find_map(|node| match &node.op {
        Op::Filter(filter) => Some(filter.clone()),
        _ => None,
    });
    found.unwrap()
}

/// The cost of a change for activities of `dwell` seconds, two of them, at `rate` steps a second.
fn cost(dwell: f32, rate: f32) -> f32 {
    (dwell * rate - 1.0).ln()
}

#[test]
fn a_filter_counts_with_decisions_as_they_come() {
    for per_step in [false, true] {
        let setting = setting(per_step);
        let hop = setting.windows.hop;
        for first in [&[][..], &["int8"], &["int8", "flatten", "arena"]] {
            let windowed = [first, &["filter:dwell=10,weight=.5"]].concat();
            let (artifact, lines) = setting.pipeline(&windowed).unwrap();
            let filter = filter_of(&artifact);
            let expected = cost(10.0, 20.0 / hop as f32);
            assert!((filter.costs[1] - expected).abs() < 1e-4, "{filter:?}");
            assert_eq!((filter.weight, filter.skip), (0.5, None));
            assert!(lines.last().unwrap().contains("10 s"), "{lines:?}");

            let streamed = [first, &["stream:hop=8", "filter:dwell=10"]].concat();
            let (artifact, _) = setting.pipeline(&streamed).unwrap();
            let filter = filter_of(&artifact);
            // A network that decides at every step feeds it each of four samples.
            let rate = if per_step { 5.0 } else { 2.5 };
            assert!((filter.costs[1] - cost(10.0, rate)).abs() < 1e-4);
            assert_eq!(filter.weight, 0.3);
            let schedule = Schedule::of(&artifact.network().unwrap()).unwrap();
            assert_eq!(schedule.receptive_field.is_some(), per_step);
        }
    }
}

#[test]
fn without_options_it_is_the_one_that_was_learnt() {
    let mut setting = setting(true);
    let learnt = Filter {
        costs: vec![0.01, 5.0, 4.0, 0.02],
        weight: 0.7,
        skip: None,
    };
    setting.trained.filter = Some(learnt.clone());
    let (artifact, lines) = setting.pipeline(&["stream:hop=4", "filter"]).unwrap();
    let found = filter_of(&artifact);
    assert_eq!((found.costs, found.weight), (learnt.costs, learnt.weight));
    assert!(lines.last().unwrap().contains("learnt"), "{lines:?}");
    let (artifact, _) = setting.pipeline(&["filter:dwell=30"]).unwrap();
    assert_eq!(filter_of(&artifact).weight, 0.3);
    setting.trained.filter = None;
    let (artifact, _) = setting.pipeline(&["filter"]).unwrap();
    assert_eq!(filter_of(&artifact).weight, 0.3);
}

#[test]
fn where_it_makes_no_sense_it_is_refused_with_the_reason() {
    let setting = setting(true);
    let cases: [(&[&str], &[&str]); 6] = [
        (&["filter", "filter"], &["twice"]),
        (&["filter", "stream"], &["name `stream` before `filter`"]),
        (&["filter", "int8"], &["name `int8` before `filter`"]),
        (&["lazy:exit=conv1,loss=.5", "filter"], &["early exit"]),
        (&["filter", "lazy:exit=conv1,loss=.5"], &["early exit"]),
        (&["filter:weight=0"], &["weight"]),
    ];
    for (steps, parts) in cases {
        let error = setting.pipeline(steps).map(drop).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{steps:?}: {error}");
        }
    }
    // How it runs may be named in any order.
    let (artifact, _) = setting
        .pipeline(&["int8", "filter", "flatten", "arena", "static-pruning"])
        .unwrap();
    assert!(artifact.filter.is_some());
}

/// Decisions of the network on windows one after the other, and the confidence in each.
fn decisions(artifact: &Artifact, setting: &Setting) -> Vec<(usize, Option<f32>)> {
    let compiled = compile(&artifact.network().unwrap()).unwrap();
    let mut session = Session::new(&compiled).unwrap();
    let windows = (0..setting.windows.len()).map(|n| setting.windows.window(n));
    windows
        .map(|window| {
            let counts: Vec<i16> = window.iter().map(|&x| sensor::counts(x)).collect();
            let scores = session.tick(&counts).unwrap().unwrap();
            let reals = compiled.reals(&scores);
            (mote::kernels::argmax(&reals), compiled.confidence(&scores))
        })
        .collect()
}

#[test]
fn probabilities_leave_decisions_as_they_were() {
    let setting = setting(true);
    for first in [&[][..], &["int8"]] {
        let plain = [first, &["filter:dwell=5"]].concat();
        let sure = [first, &["filter:dwell=5,confidence=true"]].concat();
        let (plain, _) = setting.pipeline(&plain).unwrap();
        let (sure, lines) = setting.pipeline(&sure).unwrap();
        assert!(lines.last().unwrap().contains("temperature"), "{lines:?}");
        let (plain, sure) = (decisions(&plain, &setting), decisions(&sure, &setting));
        let same = plain.iter().zip(&sure).filter(|(a, b)| a.0 == b.0).count();
        // Costs are rounded to other steps.
        assert!(same >= plain.len() - 2, "{same}");
        assert!(plain.iter().all(|(_, confidence)| confidence.is_none()));
        let confidence: Vec<f32> = sure.iter().map(|(_, c)| c.unwrap()).collect();
        assert!(
            confidence.iter().all(|c| (0.49..=1.0).contains(c)),
            "{confidence:?}"
        );
        assert!(confidence.iter().any(|c| *c != confidence[0]));
    }
}

#[test]
fn without_recordings_there_is_no_temperature() {
    let mut setting = setting(true);
    setting.stretches.clear();
    let step: Step = "filter:confidence=true".parse().unwrap();
    let mut artifact = Artifact::baseline(setting.trained.graph.clone());
    let error = step.apply(&mut artifact, &setting.context()).unwrap_err();
    assert!(matches!(error, Error::Impossible { .. }));
    assert!(error.to_string().contains("recordings"), "{error}");
}
