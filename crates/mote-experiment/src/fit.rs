//! Finds the pipeline that fits a board and a budget, and proves it on the emulated core.

use crate::error::{Error, Result};
use crate::observer::{Event, Observer};
use crate::trials::{TrialContext, TrialSettings, Trials};
use mote_report::Results;
use mote_search::{
    Candidate, Fidelity, Figures, Goal, Limits, NearMiss, Objective, Outcome, Record, Records,
    Search, Settings, Space, Store, collect, preset, presets,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a search looks for, and where.
#[derive(Debug, Clone)]
pub struct FitSettings {
    /// What all candidates have in common.
    pub trials: TrialSettings,
    /// Limits beside those of the board. Without a latency, a decision takes no longer than the hop.
    pub limits: Limits,
    /// What is to be small; without, the highest m-F1 (on streams, where candidates are judged on them) is best.
    pub minimize: Option<Objective>,
    /// What there is to choose from.
    pub space: Space,
    /// Presets take the hop of the space, too, not their own.
    pub hop_for_presets: bool,
    /// Evaluate and measure this preset instead of searching.
    pub preset: Option<String>,
    /// Time to search. Measuring the front comes on top.
    pub budget: Duration,
    /// Candidates that are proposed, at most.
    pub candidates: usize,
    /// Records that trials left in this folder are merged.
    pub collect: Option<PathBuf>,
}

/// A search that is ready to run.
pub struct Fit {
    settings: FitSettings,
    search: Settings,
    trials: Trials,
    known: Vec<Record>,
    shapes: mote_search::network::Shapes,
    observer: Observer,
}

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// The front and the best candidate; or those that come closest.
    pub outcome: Outcome,
    /// The names of the front's pipelines; empty when nothing was measured.
    pub names: BTreeMap<Candidate, String>,
}

impl Fit {
    /// Opens data and records. `repeat` gives the command line of each trial.
    ///
    /// # Errors
    /// When there is no such board, preset or task, or a file of records is damaged.
    pub fn new(
        settings: FitSettings,
        repeat: Box<crate::trials::Repeat>,
        observer: &Observer,
    ) -> Result<Self> {
        let mut first: Vec<Candidate> = match &settings.preset {
            Some(name) => vec![preset(name)?.candidate],
            None => presets()?.into_iter().map(|p| p.candidate).collect(),
        };
        if settings.hop_for_presets {
            for candidate in &mut first {
                candidate.hop_ms = settings.space.hop_ms;
            }
        }
        let (store, read) = Store::open(&Self::records(&settings.trials.out))?;
        tell_cut_off(&read, observer);
        let mut known = read.records;
        if let Some(folder) = &settings.collect {
            let collected = collect(folder)?;
            tell_cut_off(&collected, observer);
            observer.tell(Event::RecordsCollected {
                count: collected.records.len(),
            });
            for record in collected.records {
                if !known.contains(&record) {
                    store.add(&record)?;
                    known.push(record);
                }
            }
        }
        let trials = Trials::new(settings.trials.clone(), Some(store), repeat, observer)?;
        let experiment = trials.experiment(&first[0])?;
        let limits = &settings.limits;
        if (limits.max_delay_s.is_some() || limits.max_false_changes.is_some())
            && let Some(why) = trials.runner.no_streams(&experiment)
        {
            return Err(Error::Invalid(format!(
                "--max-delay and --max-false-changes need candidates that are judged on continuous streams: {why}"
            )));
        }
        retain(&mut known, &trials.context(&experiment), observer);
        Ok(Self {
            search: search_settings(&settings, &trials, first, experiment.folds.len()),
            shapes: trials.shapes(&experiment),
            settings,
            trials,
            known,
            observer: observer.clone(),
        })
    }

    /// Returns the file of records below the output folder.
    pub fn records(out: &Path) -> PathBuf {
        out.join("fit").join("trials.jsonl")
    }

    /// Returns candidates that keep the limits, to be tried elsewhere, and how thoroughly.
    ///
    /// # Errors
    /// [`Error::Invalid`] when none keeps them.
    pub fn propose(&self) -> Result<Vec<(Candidate, Fidelity)>> {
        self.observer.tell(Event::SearchStarted {
            limits: &self.search.goal.limits,
        });
        let fidelity = *self
            .search
            .fidelities
            .last()
            .expect("a search has fidelities");
        let predict = |candidate: &Candidate| self.trials.predict(candidate, self.shapes);
        let mut search = Search::new(&self.search, predict, self.known.clone());
        let mut proposed = Vec::new();
        loop {
            let candidates = search.propose(fidelity);
            if candidates.is_empty() {
                break;
            }
            proposed.extend(
                candidates
                    .into_iter()
                    .map(|candidate| (candidate, fidelity)),
            );
        }
        if proposed.is_empty() {
            return Err(Error::Invalid(format!(
                "no candidate keeps the limits ({}); nothing was written",
                self.search.goal.limits
            )));
        }
        Ok(proposed)
    }

    /// Searches; `measure` builds and runs the front as firmware, and writes results with `command` in them.
    ///
    /// # Errors
    /// [`Error::Stopped`], or what went wrong with data and files. A candidate that cannot be is no error.
    pub fn run(self, measure: bool, command: &str) -> Result<Found> {
        self.observer.tell(Event::SearchStarted {
            limits: &self.search.goal.limits,
        });
        let predict = |candidate: &Candidate| self.trials.predict(candidate, self.shapes);
        let search = Search::new(&self.search, predict, self.known.clone());
        let mut outcome = search.run(&self.trials, |status| {
            self.observer.tell(Event::SearchProgress { status });
            !self.observer.is_stopped()
        })?;
        let names = if measure {
            self.prove(&mut outcome, command)?
        } else {
            BTreeMap::new()
        };
        Ok(Found { outcome, names })
    }

    /// Builds and runs the front as firmware, and writes results and deployments. Candidates are called by their preset's
    /// name, or `fit-1`, `fit-2` and so on: these names come back.
    fn prove(&self, outcome: &mut Outcome, command: &str) -> Result<BTreeMap<Candidate, String>> {
        let mut names = BTreeMap::new();
        let Some(best) = outcome.best.as_ref().map(|b| b.candidate.clone()) else {
            return Ok(names);
        };
        let presets = presets()?;
        let runner = &self.trials.runner;
        let goal = &self.search.goal;
        let mut results: Results = runner.empty_results(&*self.trials.experiment(&best)?)?;
        results.command = command.to_owned();
        results
            .notes
            .push(format!("limits of the search: {}", goal.limits));
        for (i, record) in outcome.front.iter_mut().enumerate() {
            let preset = presets.iter().find(|p| p.candidate == record.candidate);
            let name = match (&self.settings.preset, preset) {
                (Some(name), _) => name.clone(),
                (None, Some(preset)) => preset.name.to_owned(),
                (None, None) => format!("fit-{}", i + 1),
            };
            names.insert(record.candidate.clone(), name.clone());
            let (result, figures) = self
                .trials
                .prove(&name, &record.candidate, record.fidelity)?;
            record.measured = figures;
            let mut run = result.run;
            run.notes.push(format!("repeat it: {}", record.command));
            if let Some(measured) = &figures {
                let missed = missed(&record.figures, measured);
                run.notes.push(format!("predicted: {missed}"));
            }
            let trained = result.trained.expect("every candidate is a network");
            runner.save_deployment(&trained, &results, &run)?;
            results.runs.push(run);
            mote_report::write_report(&results, &self.settings.trials.out)?;
        }
        judge(goal, outcome);
        Ok(names)
    }
}

/// Judges the front by its measured figures, which may beat or break what was predicted.
fn judge(goal: &Goal, outcome: &mut Outcome) {
    let measured: Vec<Record> = outcome.front.clone();
    let measured: Vec<&Record> = measured.iter().collect();
    outcome.best = goal.best(&measured).cloned();
    outcome.front = goal.front(&measured).into_iter().cloned().collect();
    if outcome.front.is_empty() {
        outcome.near = measured
            .iter()
            .map(|r| NearMiss {
                candidate: r.candidate.clone(),
                figures: *r.best_figures(),
                macro_f1: Some(r.score()),
                broken: goal.limits.broken(r.best_figures(), Some(r.quality())),
            })
            .collect();
    }
}

/// Says by how much the cost model missed what was measured.
pub fn missed(predicted: &Figures, measured: &Figures) -> String {
    let share =
        |p: u64, m: u64| format!("{p} ({:+.1} %)", (p as f64 / m.max(1) as f64 - 1.0) * 100.0);
    // The cost model knows the core alone.
    let cycles = predicted.cycles.zip(measured.cycles_core);
    format!(
        "flash {}, RAM {}, cycles {}",
        share(predicted.flash, measured.flash),
        share(predicted.ram, measured.ram),
        cycles.map_or("unknown".to_owned(), |(p, m)| share(p, m))
    )
}

/// Tells of records that were cut off and are left out.
fn tell_cut_off(records: &Records, observer: &Observer) {
    for cut_off in &records.cut_off {
        observer.tell(Event::RecordCutOff { cut_off });
    }
}

/// Keeps the records that were made under the same circumstances.
fn retain(known: &mut Vec<Record>, context: &TrialContext, observer: &Observer) {
    known.retain(|r| TrialContext::deserialize(&r.context).is_ok_and(|c| c == *context));
    if !known.is_empty() {
        observer.tell(Event::TrialsKnown { count: known.len() });
    }
}

fn search_settings(
    settings: &FitSettings,
    trials: &Trials,
    mut first: Vec<Candidate>,
    folds: usize,
) -> Settings {
    let space = settings.space.clone();
    let board = trials.board();
    let least = |asked: Option<u64>, there_is: u32| {
        let there_is = u64::from(there_is) * 1024;
        Some(asked.map_or(there_is, |a| a.min(there_is)))
    };
    let hop_ms = f64::from(space.hop_ms);
    let asked = &settings.limits;
    let limits = Limits {
        flash: least(asked.flash, board.flash_kib),
        ram: least(asked.ram, board.ram_kib),
        latency_ms: Some(asked.latency_ms.map_or(hop_ms, |l| l.min(hop_ms))),
        ..*asked
    };
    let whole = Fidelity {
        folds,
        percent: 100,
    };
    let fidelity = |share: usize, percent| Fidelity {
        folds: share.min(folds),
        percent,
    };
    let mut fidelities = match settings.preset {
        Some(_) => vec![whole],
        None => vec![fidelity(1, 20), fidelity(2, 40), whole],
    };
    fidelities.dedup();
    let mut candidates = settings.candidates;
    if settings.preset.is_some() {
        candidates = first.len();
    } else if let Some(longest) = space.windows_ms.iter().copied().max() {
        // A preset with another window is another candidate.
        for candidate in &mut first {
            if candidate.window_ms > 0 && !space.windows_ms.contains(&candidate.window_ms) {
                candidate.window_ms = longest;
            }
        }
    }
    Settings {
        goal: Goal {
            limits,
            objective: settings.minimize,
        },
        space,
        initial: first,
        fidelities,
        generation: 8.min(candidates),
        seed: settings.trials.split.seed,
        threads: settings.trials.comparison().threads(),
        budget: settings.budget,
        candidates,
    }
}
