//! The search on trials that cost nothing: a formula stands for training.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use mote_device::board::Board;
use mote_device::core::Optimize;
use mote_search::calibration::SHAPES;
use mote_search::network::network;
use mote_search::{
    Calibration, Candidate, Error, Fidelity, Figures, Goal, Limit, Limits, Objective, Outcome,
    Prediction, Record, Search, Settings, Space, Trial, preset, presets,
};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Predicts by the calibrated model; scores rise with what a network computes, and with the fidelity.
struct Formula {
    board: Board,
    calibration: Calibration,
    runs: AtomicUsize,
    /// What was tried, in that order.
    tried: Mutex<Vec<(Candidate, Fidelity)>>,
    /// Runs after which the user stops.
    patience: usize,
}

impl Formula {
    fn new() -> Self {
        let board = Board::load("stm32l4r5").unwrap();
        Self {
            calibration: Calibration::of(board.core, Optimize::Speed).unwrap(),
            board,
            runs: AtomicUsize::new(0),
            tried: Mutex::default(),
            patience: usize::MAX,
        }
    }

    fn prediction(&self, candidate: &Candidate) -> Result<Prediction, Error> {
        let (graph, runtime) = network(candidate, SHAPES)?;
        let predicted = self.calibration.predict(&graph, runtime);
        predicted.map_err(|source| Error::Impossible {
            candidate: candidate.to_string(),
            source,
        })
    }

    fn figures(&self, candidate: &Candidate) -> Result<Figures, Error> {
        Ok(self
            .prediction(candidate)?
            .figures(&self.board, candidate.hop_s()))
    }

    fn score(candidate: &Candidate, fidelity: Fidelity) -> f64 {
        let (graph, _) = network(candidate, SHAPES).unwrap();
        let size = (graph.parameters() as f64).ln() / 10.0;
        let window = candidate.window_s(20.0).ln() * 0.03;
        let rate = 0.02 * f64::from(100 - fidelity.percent) / 100.0;
        (size + window - rate).min(0.97)
    }
}

impl Trial for Formula {
    type Error = String;

    fn run(&self, candidate: &Candidate, fidelity: Fidelity) -> Result<Record, String> {
        if self.runs.fetch_add(1, Ordering::SeqCst) >= self.patience {
            return Err("stopped".to_owned());
        }
        self.tried
            .lock()
            .unwrap()
            .push((candidate.clone(), fidelity));
        let predicted = self.prediction(candidate).map_err(|e| e.to_string())?;
        let macro_f1 = Self::score(candidate, fidelity);
        Ok(Record {
            candidate: candidate.clone(),
            fidelity,
            context: serde_json::Value::Null,
            command: String::new(),
            macro_f1,
            accuracy: macro_f1,
            stream: None,
            figures: predicted.figures(&self.board, candidate.hop_s()),
            predicted,
            measured: None,
            seconds: 0.0,
            failed: None,
        })
    }
}

fn settings(limits: Limits, objective: Option<Objective>) -> Settings {
    let fidelity = |folds, percent| Fidelity { folds, percent };
    Settings {
        goal: Goal { limits, objective },
        space: Space::default(),
        initial: presets()
            .unwrap()
            .into_iter()
            .map(|p| p.candidate)
            .collect(),
        fidelities: vec![fidelity(1, 20), fidelity(2, 40), fidelity(4, 100)],
        generation: 8,
        seed: 3,
        threads: 2,
        budget: Duration::from_secs(3600),
        candidates: 64,
    }
}

fn search(settings: &Settings, known: Vec<Record>) -> (Outcome, usize) {
    let formula = Formula::new();
    let predict = |candidate: &Candidate| formula.figures(candidate);
    let outcome = Search::new(settings, predict, known)
        .run(&formula, |_| true)
        .unwrap();
    (outcome, formula.runs.into_inner())
}

#[test]
fn it_finds_a_front_within_the_limits_that_no_preset_beats() {
    let limits = Limits {
        flash: Some(12 * 1024),
        ram: Some(1536),
        ..Limits::default()
    };
    let settings = settings(limits, None);
    let (found, runs) = search(&settings, Vec::new());
    let best = found.best.unwrap();
    assert_eq!(best.fidelity.folds, 4);
    assert!(best.figures.flash <= 12 * 1024 && best.figures.ram <= 1536);
    assert!(found.near.is_empty());
    // Most candidates were tried with the least fidelity only.
    assert!(runs < 2 * 64, "{runs} trials");
    assert_eq!(found.candidates, 64);
    // A preset that keeps the limits is on the front, or something on it is as good.
    let formula = Formula::new();
    for p in presets().unwrap() {
        let figures = formula.figures(&p.candidate).unwrap();
        if limits.broken(&figures, None).is_empty() {
            let score = Formula::score(&p.candidate, best.fidelity);
            assert!(best.macro_f1 >= score, "{} {score} beats {best:?}", p.name);
        }
    }
}

#[test]
fn what_the_search_begins_with_is_tried_on_all_folds_first_if_it_keeps_the_limits() {
    let limits = Limits {
        flash: Some(8 * 1024),
        ..Limits::default()
    };
    let settings = settings(limits, None);
    let formula = Formula::new();
    let predict = |candidate: &Candidate| formula.figures(candidate);
    let search = Search::new(&settings, predict, Vec::new());
    search.run(&formula, |_| true).unwrap();
    let tried = formula.tried.lock().unwrap();
    let whole = tried.iter().filter(|(_, fidelity)| fidelity.folds == 4);
    let whole: Vec<_> = whole.map(|(candidate, _)| candidate.clone()).collect();
    let keeps = |candidate: &&Candidate| formula.figures(candidate).unwrap().flash <= 8 * 1024;
    let kept: Vec<_> = settings.initial.iter().filter(keeps).cloned().collect();
    assert!((1..settings.initial.len()).contains(&kept.len()));
    assert_eq!(whole[..kept.len()], kept);
    assert!(whole.len() > kept.len(), "nothing but what it began with");
    // All of this before the second generation.
    let last = tried
        .iter()
        .position(|(s, e)| e.folds == 4 && *s == kept[kept.len() - 1]);
    let before: BTreeSet<_> = tried[..last.unwrap()]
        .iter()
        .map(|(candidate, _)| candidate)
        .collect();
    assert!(before.len() <= settings.generation, "{before:?}");
}

#[test]
fn the_same_seed_finds_the_same_and_a_stopped_search_goes_on() {
    let mut settings = settings(Limits::default(), Some(Objective::Ram));
    settings.candidates = 24;
    let (whole, runs) = search(&settings, Vec::new());
    assert_eq!(search(&settings, Vec::new()).0, whole);

    // Stopped in the middle, with what was finished kept as `mote fit` keeps it.
    let kept = std::sync::Mutex::new(Vec::new());
    struct Keeping<'a>(Formula, &'a std::sync::Mutex<Vec<Record>>);
    impl Trial for Keeping<'_> {
        type Error = String;
        fn run(&self, candidate: &Candidate, fidelity: Fidelity) -> Result<Record, String> {
            let record = self.0.run(candidate, fidelity)?;
            self.1.lock().unwrap().push(record.clone());
            Ok(record)
        }
    }
    let mut formula = Formula::new();
    formula.patience = runs / 2;
    let predictor = Formula::new();
    let trial = Keeping(formula, &kept);
    let stopped = Search::new(&settings, |s: &Candidate| predictor.figures(s), Vec::new())
        .run(&trial, |_| true);
    assert_eq!(stopped.unwrap_err(), "stopped");
    let kept = kept.into_inner().unwrap();
    assert_eq!(kept.len(), runs / 2);
    let (resumed, rest) = search(&settings, kept);
    assert_eq!(resumed, whole);
    assert_eq!(rest, runs - runs / 2);
}

#[test]
fn impossible_limits_end_with_what_comes_closest_and_train_nothing() {
    let limits = Limits {
        flash: Some(64 * 1024),
        ram: Some(100),
        ..Limits::default()
    };
    let (found, runs) = search(&settings(limits, None), Vec::new());
    assert_eq!(runs, 0);
    assert!(found.front.is_empty() && found.best.is_none());
    assert_eq!(found.binding(), Some(Limit::Ram));
    let closest = &found.near[0];
    assert!(closest.figures.ram < 600, "{closest:?}");
    assert!(
        found
            .near
            .windows(2)
            .all(|n| n[0].broken[0].1 <= n[1].broken[0].1)
    );
}

#[test]
fn an_m_f1_out_of_reach_is_the_limit_that_binds() {
    let limits = Limits {
        flash: Some(8 * 1024),
        min_f1: Some(0.99),
        ..Limits::default()
    };
    let (found, _) = search(&settings(limits, Some(Objective::Flash)), Vec::new());
    assert!(found.front.is_empty());
    assert_eq!(found.binding(), Some(Limit::F1));
    assert!(found.near[0].macro_f1.unwrap() > 0.5);
}

#[test]
fn tight_limits_are_found_by_going_on_from_what_nearly_keeps_them() {
    let limits = Limits {
        flash: Some(4 * 1024 + 512),
        ram: Some(450),
        latency_ms: Some(0.15),
        ..Limits::default()
    };
    let mut tight = settings(limits, None);
    tight.initial.clear();
    let (found, _) = search(&tight, Vec::new());
    let best = found.best.unwrap_or_else(|| panic!("{:?}", found.near));
    assert!(best.figures.ram <= 450 && best.figures.flash <= 4608);
}

#[test]
fn a_search_is_over_when_its_time_is() {
    let mut none = settings(Limits::default(), None);
    none.budget = Duration::ZERO;
    let (found, runs) = search(&none, Vec::new());
    assert_eq!((runs, found.candidates), (0, 0));
    assert!(preset("balanced").is_ok());
}
