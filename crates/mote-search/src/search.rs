//! Searches: many candidates are tried briefly, the better ones longer, and the best ones on all folds.
//!
//! Each generation proposes candidates, some at random and most of them one step away from the front of those tried
//! before. The cost model predicts what each takes on the device, and only those within the limits are trained. They
//! are tried with the lowest fidelity; the best third at each fidelity is tried with the next one (successive halving,
//! Jamieson and Talwalkar 2016, with promotion as in ASHA, Li et al. 2020). "Best" means front by front, and by
//! distance to the neighbours within a front (NSGA-II, Deb et al. 2002).
//!
//! The initial candidates are tried on all folds right after the first generation, because results are compared with
//! them. When the time for searching is over, the best of the others are tried on all folds.
//!
//! What is proposed depends on the seed and on the results of trials, not on how long they took. Records of an earlier
//! run count as trials, so the same search continues where it stopped.

use crate::candidate::Candidate;
use crate::error::Error;
use crate::front::Goal;
use crate::limits::{Figures, Limit};
use crate::record::{Fidelity, Record};
use crate::space::Space;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Share of the remaining time after which nothing new is proposed. Trying a few candidates on all folds takes longer
/// than finding them.
const SEARCHING: f64 = 0.3;

/// One candidate in so many is promoted to the next fidelity.
const HALVING: usize = 3;

/// Most proposals per candidate that is tried. Under tight limits most proposals break one.
const PROPOSALS: usize = 150;

/// Number of near misses that are kept, to start from and to show.
const NEAR_MISSES: usize = 5;

/// Most candidates tried on all folds at the end.
const FINALISTS: usize = 8;

/// Runs one trial.
pub trait Trial: Sync {
    /// An error that ends the whole search. What is wrong with one candidate goes into [`Record::failed`].
    type Error: Send;

    /// Trains and evaluates `candidate` with `fidelity`.
    ///
    /// # Errors
    /// Those that end the search: the user stopped it, the disk is full.
    fn run(&self, candidate: &Candidate, fidelity: Fidelity) -> Result<Record, Self::Error>;
}

/// What is searched for, where, and how long.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Compares trials.
    pub goal: Goal,
    /// The choices of which candidates are made.
    pub space: Space,
    /// Candidates that are tried first.
    pub initial: Vec<Candidate>,
    /// Rising fidelities; the last is that of the result.
    pub fidelities: Vec<Fidelity>,
    /// Candidates per generation.
    pub generation: usize,
    /// Seed of all choices.
    pub seed: u64,
    /// Folds trained at a time.
    pub threads: usize,
    /// Time for the whole search.
    pub budget: Duration,
    /// Most candidates that are tried.
    pub candidates: usize,
}

/// A candidate that breaks a limit.
#[derive(Debug, Clone, PartialEq)]
pub struct NearMiss {
    /// The candidate.
    pub candidate: Candidate,
    /// What it takes.
    pub figures: Figures,
    /// Its m-F1, if it was tried.
    pub macro_f1: Option<f64>,
    /// The limits it breaks, and by what share of each limit.
    pub broken: Vec<(Limit, f64)>,
}

impl NearMiss {
    fn excess(&self) -> f64 {
        self.broken.iter().map(|(_, excess)| excess).sum()
    }
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// The front at the highest fidelity that any candidate reached, highest m-F1 first.
    pub front: Vec<Record>,
    /// The candidate to use.
    pub best: Option<Record>,
    /// The closest candidates if the front is empty, the closest first.
    pub near: Vec<NearMiss>,
    /// Number of candidates that were tried.
    pub candidates: usize,
}

impl Outcome {
    /// Returns the limit that the closest candidate breaks most: the one to relax.
    pub fn binding(&self) -> Option<Limit> {
        let broken = &self.near.first()?.broken;
        let worst = broken.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        worst.map(|(limit, _)| *limit)
    }
}

/// The progress of a search.
#[derive(Debug)]
pub struct Status<'a> {
    /// Number of candidates that were tried.
    pub candidates: usize,
    /// The fidelity of the trials in the front.
    pub fidelity: Fidelity,
    /// The front so far.
    pub front: Vec<&'a Record>,
    /// Time since the search began.
    pub elapsed: Duration,
    /// Whether candidates are being tried on all folds.
    pub all_folds: bool,
}

/// A search in progress.
pub struct Search<'a, P> {
    settings: &'a Settings,
    predict: P,
    known: BTreeMap<(Fidelity, Candidate), Record>,
    /// Candidates in the order they were proposed.
    proposed: Vec<Candidate>,
    near: Vec<NearMiss>,
}

impl<'a, P: Fn(&Candidate) -> Result<Figures, Error>> Search<'a, P> {
    /// Builds a search that continues from `known` records. `predict` returns the figures of a candidate on the device,
    /// or why it cannot run.
    pub fn new(settings: &'a Settings, predict: P, known: Vec<Record>) -> Self {
        let known = known
            .into_iter()
            .map(|r| ((r.fidelity, r.candidate.clone()), r));
        Self {
            settings,
            predict,
            known: known.collect(),
            proposed: Vec::new(),
            near: Vec::new(),
        }
    }

    /// Searches until the time is over, `observe` returns `false`, or nothing is left to try.
    ///
    /// # Errors
    ///
    /// Those of the trials.
    pub fn run<T: Trial>(
        mut self,
        trial: &T,
        mut observe: impl FnMut(&Status<'_>) -> bool,
    ) -> Result<Outcome, T::Error> {
        let start = Instant::now();
        let fidelities = self.settings.fidelities.clone();
        let Some((&last, before)) = fidelities.split_last() else {
            return Ok(Outcome::default());
        };
        let budget = self.settings.budget;
        let mut observe = |search: &Self, all_folds| observe(&search.status(start, all_folds));
        let mut going_on = start.elapsed() < budget
            && self.generation(trial, before, last)?
            && observe(&self, false);
        let initial = self.initial();
        going_on = going_on && self.evaluate_fully(trial, &initial, last, start, &mut observe)?;
        let left = budget.saturating_sub(start.elapsed());
        let share = if before.is_empty() { 1.0 } else { SEARCHING };
        let searching = budget.saturating_sub(left.mul_f64(1.0 - share));
        while going_on && start.elapsed() < searching && self.generation(trial, before, last)? {
            going_on = observe(&self, false);
        }
        if let (Some(&survivors), true) = (before.last(), going_on) {
            let finalists = self.finalists(survivors);
            self.evaluate_fully(trial, &finalists, last, start, &mut observe)?;
        }
        Ok(self.outcome())
    }

    /// Proposes candidates, tries them with the lowest fidelity, and promotes the better ones up to the fidelity before
    /// the last. Returns whether there were any.
    fn generation<T: Trial>(
        &mut self,
        trial: &T,
        before: &[Fidelity],
        last: Fidelity,
    ) -> Result<bool, T::Error> {
        let first = before.first().copied().unwrap_or(last);
        let generation = self.propose(first);
        self.evaluate(trial, &generation, first)?;
        for pair in before.windows(2) {
            if let &[lower, higher] = pair {
                let promoted = self.promoted(lower, higher);
                self.evaluate(trial, &promoted, higher)?;
            }
        }
        Ok(!generation.is_empty())
    }

    /// Tries the candidates with the last fidelity, in turn. Those that would take longer than the time left are left
    /// out, unless nothing was tried with it yet. Returns whether to continue.
    fn evaluate_fully<T: Trial>(
        &mut self,
        trial: &T,
        candidates: &[Candidate],
        last: Fidelity,
        start: Instant,
        mut observe: impl FnMut(&Self, bool) -> bool,
    ) -> Result<bool, T::Error> {
        for candidate in candidates {
            let none = self.tried(last).is_empty();
            let left = self.settings.budget.saturating_sub(start.elapsed());
            if !none && self.takes(candidate, last) > left {
                continue;
            }
            self.evaluate(trial, std::slice::from_ref(candidate), last)?;
            if !observe(self, true) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Proposes candidates for the next generation. By the cost model, all of them keep the limits.
    pub fn propose(&mut self, fidelity: Fidelity) -> Vec<Candidate> {
        let room = self.settings.candidates.saturating_sub(self.proposed.len());
        let wanted = self.settings.generation.min(room);
        let generation = (self.proposed.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut rng = StdRng::seed_from_u64(self.settings.seed ^ generation);
        let mut seen: BTreeSet<Candidate> = self.proposed.iter().cloned().collect();
        let parents = self.parents(fidelity);
        let mut chosen = Vec::new();
        let first = self.settings.initial.iter().cloned();
        let mut waiting: Vec<Candidate> = first.filter(|s| !seen.contains(s)).collect();
        waiting.reverse();
        for _ in 0..wanted.max(1) * PROPOSALS {
            if chosen.len() == wanted {
                break;
            }
            // As long as nothing was tried, near misses are the best starting points.
            let parent = match parents.choose(&mut rng) {
                Some(parent) => Some(parent),
                None => self.near.choose(&mut rng).map(|n| &n.candidate),
            };
            let candidate = match (waiting.pop(), parent) {
                (Some(candidate), _) => candidate,
                (None, Some(parent)) if rng.random_bool(0.7) => {
                    self.settings.space.mutate(parent, &mut rng)
                }
                _ => self.settings.space.sample(&mut rng),
            };
            if !seen.insert(candidate.clone()) {
                continue;
            }
            let Ok(figures) = (self.predict)(&candidate) else {
                continue;
            };
            let broken = self.settings.goal.limits.broken(&figures, None);
            if broken.is_empty() {
                chosen.push(candidate);
            } else {
                self.remember(NearMiss {
                    candidate,
                    figures,
                    macro_f1: None,
                    broken,
                });
            }
        }
        self.proposed.extend(chosen.iter().cloned());
        chosen
    }

    /// Returns the better half of the candidates tried with `fidelity`.
    fn parents(&self, fidelity: Fidelity) -> Vec<Candidate> {
        let tried = self.tried(fidelity);
        let order = self.settings.goal.order(&tried);
        let half = order.len().div_ceil(2);
        let better = order.into_iter().take(half);
        better.map(|i| tried[i].candidate.clone()).collect()
    }

    fn remember(&mut self, near: NearMiss) {
        self.near.push(near);
        self.near.sort_by(|a, b| {
            let order = a.excess().total_cmp(&b.excess());
            order.then_with(|| a.candidate.cmp(&b.candidate))
        });
        self.near.dedup_by(|a, b| a.candidate == b.candidate);
        self.near.truncate(NEAR_MISSES);
    }

    /// Returns the successful records of a fidelity, in the order in which their candidates were proposed. Those of the
    /// highest fidelity include records of earlier runs and of other machines.
    fn tried(&self, fidelity: Fidelity) -> Vec<&Record> {
        let all: Vec<&Record> = match self.settings.fidelities.last() == Some(&fidelity) {
            true => self
                .known
                .iter()
                .filter(|((e, _), _)| *e == fidelity)
                .map(|(_, r)| r)
                .collect(),
            false => {
                let known = |s: &Candidate| self.known.get(&(fidelity, s.clone()));
                self.proposed.iter().filter_map(known).collect()
            }
        };
        all.into_iter().filter(|r| r.failed.is_none()).collect()
    }

    /// Returns the best third of what was tried with `lower`, without those that were tried with `higher` already.
    fn promoted(&self, lower: Fidelity, higher: Fidelity) -> Vec<Candidate> {
        let tried = self.tried(lower);
        let quota = tried.len().div_ceil(HALVING);
        let order = self.settings.goal.order(&tried);
        let best = order.into_iter().take(quota).map(|i| tried[i]);
        best.filter(|r| !self.known.contains_key(&(higher, r.candidate.clone())))
            .map(|r| r.candidate.clone())
            .collect()
    }

    /// Returns the candidates to try on all folds, in order: the initial ones, the best one, then front by front.
    fn finalists(&self, survivors: Fidelity) -> Vec<Candidate> {
        let tried = self.tried(survivors);
        let order = self.settings.goal.order(&tried);
        let best = self.settings.goal.best(&tried).map(|r| r.candidate.clone());
        let rest = order.into_iter().map(|i| tried[i].candidate.clone());
        let mut all = self.initial();
        let most = all.len() + FINALISTS;
        for candidate in best.into_iter().chain(rest) {
            if !all.contains(&candidate) && all.len() < most {
                all.push(candidate);
            }
        }
        all
    }

    /// Returns the initial candidates that keep the limits.
    fn initial(&self) -> Vec<Candidate> {
        let first = self.settings.initial.iter();
        let keep = first.filter(|candidate| self.proposed.contains(candidate));
        keep.cloned().collect()
    }

    /// Estimates how long a trial takes, from its time at a lower fidelity. Folds are trained in parallel.
    fn takes(&self, candidate: &Candidate, fidelity: Fidelity) -> Duration {
        let tried = self.settings.fidelities.iter().rev();
        let mut tried = tried.filter_map(|&e| self.known.get(&(e, candidate.clone())));
        let Some(&Record {
            fidelity: before,
            seconds,
            ..
        }) = tried.next()
        else {
            return Duration::ZERO;
        };
        if before == fidelity {
            return Duration::ZERO;
        }
        let waves = |e: Fidelity| {
            let waves = e.folds.div_ceil(self.settings.threads.max(1));
            (waves * e.epochs(candidate.epochs)) as f64
        };
        Duration::try_from_secs_f64(seconds * waves(fidelity) / waves(before).max(1.0))
            .unwrap_or(Duration::MAX)
    }

    /// Tries the candidates that have no record yet, as many at a time as there are threads for.
    fn evaluate<T: Trial>(
        &mut self,
        trial: &T,
        candidates: &[Candidate],
        fidelity: Fidelity,
    ) -> Result<(), T::Error> {
        let todo: Vec<&Candidate> = candidates
            .iter()
            .filter(|s| !self.known.contains_key(&(fidelity, (*s).clone())))
            .collect();
        let workers = (self.settings.threads / fidelity.folds.max(1)).clamp(1, todo.len().max(1));
        let next = AtomicUsize::new(0);
        let done = Mutex::new((Vec::new(), None));
        let lock = || done.lock().unwrap_or_else(PoisonError::into_inner);
        let work = || {
            while let Some(candidate) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                match trial.run(candidate, fidelity) {
                    Ok(record) => lock().0.push(record),
                    Err(error) => {
                        next.store(todo.len(), Ordering::Relaxed);
                        lock().1.get_or_insert(error);
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..workers {
                scope.spawn(work);
            }
            work();
        });
        let (records, error) = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            self.known
                .insert((fidelity, record.candidate.clone()), record);
        }
        error.map_or(Ok(()), Err)
    }

    /// Returns the highest fidelity that any candidate reached, and its records.
    fn highest(&self) -> (Fidelity, Vec<&Record>) {
        let reached = self.settings.fidelities.iter().rev();
        reached
            .map(|&e| (e, self.tried(e)))
            .find(|(_, tried)| !tried.is_empty())
            .unwrap_or((
                Fidelity {
                    folds: 0,
                    percent: 0,
                },
                Vec::new(),
            ))
    }

    fn status(&self, start: Instant, all_folds: bool) -> Status<'_> {
        let (fidelity, tried) = self.highest();
        Status {
            candidates: self.proposed.len(),
            fidelity,
            front: self.settings.goal.front(&tried),
            elapsed: start.elapsed(),
            all_folds,
        }
    }

    fn outcome(mut self) -> Outcome {
        let goal = self.settings.goal;
        let tried: Vec<Record> = self.highest().1.into_iter().cloned().collect();
        let tried: Vec<&Record> = tried.iter().collect();
        let front: Vec<Record> = goal.front(&tried).into_iter().cloned().collect();
        if front.is_empty() {
            // Measured figures are better evidence than predicted ones.
            if !tried.is_empty() {
                self.near.clear();
            }
            for record in &tried {
                let figures = *record.best_figures();
                self.remember(NearMiss {
                    candidate: record.candidate.clone(),
                    figures,
                    macro_f1: Some(record.score()),
                    broken: goal.limits.broken(&figures, Some(record.quality())),
                });
            }
        } else {
            self.near.clear();
        }
        Outcome {
            best: goal.best(&tried).cloned(),
            front,
            near: self.near,
            candidates: self.proposed.len(),
        }
    }
}
