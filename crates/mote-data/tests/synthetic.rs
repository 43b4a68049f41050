//! The made-up recordings: repeatable, physical, and neither trivial nor hopeless.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use common::Keep;
use mote_data::{
    IngestReport, Recording, SplitKind, SynthSpec, WindowSpec, Windows, folds, load, synthesize,
    task,
};

fn make(spec: SynthSpec) -> Vec<Recording> {
    let mut keep = Keep::default();
    synthesize(&spec, &mut IngestReport::default(), &mut keep).unwrap();
    keep.recordings
}

fn small(seed: u64, users: u32) -> SynthSpec {
    SynthSpec {
        users,
        seconds: 20.0,
        seed,
        ..SynthSpec::default()
    }
}

#[test]
fn a_seed_is_a_data_set_and_users_do_not_depend_on_each_other() {
    let first = make(small(1, 3));
    assert_eq!(first, make(small(1, 3)));
    assert_ne!(first, make(small(2, 3)));
    assert_eq!(first[..6], make(small(1, 1)));
    let load = || load(&task("synthetic/6").unwrap(), None, &WindowSpec::default()).unwrap();
    let (a, b) = (load(), load());
    assert!(a.synthetic && a.source.contains("SYNTHETIC"));
    assert_eq!((a.digest, a.windows), (b.digest, b.windows));
}

#[test]
fn gravity_noise_and_vigour_are_physical() {
    let magnitude = |s: &[f32; 3]| s.iter().map(|v| v * v).sum::<f32>().sqrt();
    let spread = |r: &Recording| {
        let all: Vec<f32> = r.samples.as_chunks().0.iter().map(magnitude).collect();
        let mean = all.iter().sum::<f32>() / all.len() as f32;
        (
            mean,
            (all.iter().map(|m| (m - mean).powi(2)).sum::<f32>() / all.len() as f32).sqrt(),
        )
    };
    for recordings in make(small(5, 8)).chunks(6) {
        let of = |name: &str| spread(recordings.iter().find(|r| r.activity == name).unwrap());
        for still in ["sitting", "standing"] {
            let (mean, deviation) = of(still);
            assert!((mean - 9.80665).abs() < 0.3, "{still}: {mean}");
            assert!((0.02..1.0).contains(&deviation), "{still}: {deviation}");
        }
        assert!(of("jogging").1 > 1.5 * of("walking").1);
        assert!(of("upstairs").1 > 2.0 * of("standing").1);
    }
}

/// Mean, deviation and mean step of each channel.
fn features(w: &Windows, n: usize) -> Vec<f32> {
    let window = w.window(n);
    let channel = |c: usize| {
        let v: Vec<f32> = window.iter().skip(c).step_by(3).copied().collect();
        let mean = v.iter().sum::<f32>() / v.len() as f32;
        let deviation = v.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / v.len() as f32;
        let step = v.windows(2).map(|p| (p[1] - p[0]).abs()).sum::<f32>() / v.len() as f32;
        [mean, deviation.sqrt(), step]
    };
    (0..3).flat_map(channel).collect()
}

/// Brings every channel to zero mean and unit deviation over the windows `train`.
fn standardize(w: &mut Windows, train: &[usize]) {
    for c in 0..w.channels {
        let values: Vec<f32> = train.iter().map(|&n| w.window(n)[c]).collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32;
        for value in w.x.iter_mut().skip(c).step_by(w.channels) {
            *value = (*value - mean) / variance.sqrt();
        }
    }
}

#[test]
fn a_crude_classifier_does_well_but_not_perfectly_on_new_users() {
    let task = task("synthetic/6").unwrap();
    let w = load(&task, None, &WindowSpec::default()).unwrap().windows;
    let mut f = Windows {
        time: 1,
        channels: 9,
        x: (0..w.len()).flat_map(|n| features(&w, n)).collect(),
        ..w.clone()
    };
    let folds = folds(&w, &SplitKind::GroupKFold { k: 4 }, 1).unwrap();
    standardize(&mut f, &folds[0].train);
    let distance = |a: usize, b: usize| -> f32 {
        f.window(a)
            .iter()
            .zip(f.window(b))
            .map(|(a, b)| (a - b).powi(2))
            .sum()
    };
    let mut right = 0;
    for &n in &folds[0].test {
        let near = |&&a: &&usize, &&b: &&usize| distance(n, a).total_cmp(&distance(n, b));
        let nearest = folds[0].train.iter().min_by(near).unwrap();
        right += usize::from(w.y[*nearest] == w.y[n]);
    }
    let accuracy = right as f64 / folds[0].test.len() as f64;
    assert!((0.6..0.97).contains(&accuracy), "{accuracy}");
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let good = SynthSpec::default();
    for (spec, field) in [
        (SynthSpec { users: 0, ..good }, "users"),
        (SynthSpec { users: 37, ..good }, "users"),
        (
            SynthSpec {
                seconds: f32::NAN,
                ..good
            },
            "seconds",
        ),
        (
            SynthSpec {
                rate_hz: 0.0,
                ..good
            },
            "rate_hz",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let error = mote_data::write_synthetic(&spec, folder.path()).unwrap_err();
        assert!(error.to_string().contains(field), "{error}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
