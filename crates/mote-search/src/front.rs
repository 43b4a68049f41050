//! Which trials are worth having: dominance, fronts, and an order to promote candidates in.

use crate::{Figures, Limits, Objective, Record};
use mote_metrics::dominates;

/// A candidate that is so far behind the best m-F1 of its fidelity is not tried on: whatever it saves, nobody wants it.
const HOPELESS: f64 = 0.15;

/// What a search compares trials by.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Goal {
    /// What the user allows.
    pub limits: Limits,
    /// What is to be small; `None` weighs all of flash, RAM, latency and energy.
    pub objective: Option<Objective>,
}

impl Goal {
    /// All that is to be small, m-F1 negated.
    fn values(&self, record: &Record) -> Vec<f64> {
        let f = record.best_figures();
        let mut all = vec![-record.macro_f1];
        match self.objective {
            Some(objective) => all.push(objective.of(f)),
            None => all.extend(costs(f)),
        }
        all
    }

    /// By how much a record breaks the limits, as a share of them.
    pub fn excess(&self, record: &Record) -> f64 {
        self.limits
            .excess(record.best_figures(), Some(record.macro_f1))
    }

    /// Whether `a` is to be preferred to `b` whatever matters more to the user: it breaks the limits less, or keeps
    /// them and is nowhere worse and somewhere better.
    pub fn dominates(&self, a: &Record, b: &Record) -> bool {
        match (self.excess(a), self.excess(b)) {
            (x, y) if x > 0.0 || y > 0.0 => x < y,
            _ => dominates(&self.values(a), &self.values(b)),
        }
    }

    /// Indices of `records` from the one most worth trying on to the least: front by front (Deb et al. 2002, NSGA-II),
    /// within a front those with the most room around them first. Those hopelessly behind are left out.
    pub fn order(&self, records: &[&Record]) -> Vec<usize> {
        let best = records.iter().map(|r| r.macro_f1).fold(0.0, f64::max);
        let hope = |i: &usize| {
            records
                .get(*i)
                .is_some_and(|r| r.macro_f1 >= best - HOPELESS)
        };
        let mut left: Vec<usize> = (0..records.len()).filter(hope).collect();
        let mut order = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let (front, rest): (Vec<usize>, Vec<usize>) = left.iter().partition(|&&i| {
                let beats = |&j: &usize| match (records.get(j), records.get(i)) {
                    (Some(a), Some(b)) => self.dominates(a, b),
                    _ => false,
                };
                !left.iter().any(beats)
            });
            order.extend(self.by_room(records, front));
            left = rest;
        }
        order
    }

    /// A front, those with the most distant neighbours first.
    fn by_room(&self, records: &[&Record], front: Vec<usize>) -> Vec<usize> {
        let mut room: Vec<(usize, f64)> = front.into_iter().map(|i| (i, 0.0)).collect();
        let values = |i: usize| records.get(i).map(|r| self.values(r)).unwrap_or_default();
        let width = records.first().map_or(0, |r| self.values(r).len());
        for v in 0..width {
            let of = |i: usize| values(i).get(v).copied().unwrap_or(f64::INFINITY);
            room.sort_by(|a, b| of(a.0).total_cmp(&of(b.0)).then(a.0.cmp(&b.0)));
            let sorted: Vec<f64> = room.iter().map(|&(i, _)| of(i)).collect();
            let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else {
                continue;
            };
            let span = if high > low { high - low } else { 1.0 };
            let end = sorted.len() - 1;
            for (at, (_, room)) in room.iter_mut().enumerate() {
                let gap = match (
                    at.checked_sub(1).and_then(|p| sorted.get(p)),
                    sorted.get(at + 1),
                ) {
                    (Some(before), Some(after)) if at < end => (after - before) / span,
                    _ => f64::INFINITY,
                };
                *room += gap;
            }
        }
        room.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        room.into_iter().map(|(i, _)| i).collect()
    }

    /// The records that keep the limits and that no other one beats in m-F1, flash, RAM, latency and energy at once;
    /// by falling m-F1.
    pub fn front<'r>(&self, records: &[&'r Record]) -> Vec<&'r Record> {
        let all = Self {
            objective: None,
            ..*self
        };
        let fine: Vec<&Record> = records
            .iter()
            .copied()
            .filter(|r| r.failed.is_none() && self.excess(r) == 0.0)
            .collect();
        let mut front: Vec<&Record> = Vec::new();
        for (i, record) in fine.iter().enumerate() {
            let beaten = fine.iter().any(|other| all.dominates(other, record));
            let twin = |other: &&Record| all.values(other) == all.values(record);
            if !beaten && !fine.iter().take(i).any(twin) {
                front.push(record);
            }
        }
        front.sort_by(|a, b| {
            b.macro_f1
                .total_cmp(&a.macro_f1)
                .then(a.candidate.cmp(&b.candidate))
        });
        front
    }

    /// The one to take: of those that keep the limits the one with the least of what is to be small, or else with the
    /// highest m-F1. When something is to be small and no m-F1 is asked for, those within one point of the best count.
    pub fn best<'r>(&self, records: &[&'r Record]) -> Option<&'r Record> {
        let front = self.front(records);
        let Some(objective) = self.objective else {
            return front.first().copied();
        };
        let top = front.first()?.macro_f1;
        let enough = self.limits.min_f1.unwrap_or(top - 0.01);
        let fine = front.into_iter().filter(|r| r.macro_f1 >= enough);
        fine.min_by(|a, b| {
            let of = |r: &Record| objective.of(r.best_figures());
            of(a)
                .total_cmp(&of(b))
                .then(b.macro_f1.total_cmp(&a.macro_f1))
        })
    }
}

fn costs(f: &Figures) -> [f64; 4] {
    [
        Objective::Flash,
        Objective::Ram,
        Objective::Latency,
        Objective::Energy,
    ]
    .map(|o| o.of(f))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;

    fn at(window: usize, f1: f64, flash: u64, ram: u64) -> Record {
        let figures = Figures {
            flash,
            ram,
            ..Figures::default()
        };
        record(&format!("window={window},net=c8k3"), f1, figures)
    }

    #[test]
    fn the_front_holds_what_nothing_beats() {
        let records = [
            at(1, 0.90, 10_000, 1000),
            at(2, 0.89, 10_000, 1200), // beaten by the first
            at(3, 0.85, 5_000, 1100),
            at(4, 0.92, 20_000, 2000), // breaks a limit
            at(5, 0.80, 4_000, 900),
        ];
        let records: Vec<&Record> = records.iter().collect();
        let goal = Goal {
            limits: Limits {
                flash: Some(16_000),
                ..Limits::default()
            },
            objective: Some(Objective::Flash),
        };
        let windows = |front: Vec<&Record>| -> Vec<u32> {
            front.iter().map(|r| r.candidate.window_ms / 1000).collect()
        };
        assert_eq!(windows(goal.front(&records)), [1, 3, 5]);
        assert_eq!(goal.best(&records).unwrap().macro_f1, 0.90);
        let frugal = Goal {
            limits: Limits {
                min_f1: Some(0.84),
                ..goal.limits
            },
            ..goal
        };
        assert_eq!(frugal.best(&records).unwrap().macro_f1, 0.85);
    }

    #[test]
    fn what_keeps_the_limits_comes_first_and_the_hopeless_not_at_all() {
        let records = [
            at(1, 0.95, 50_000, 1000), // breaks the limit by far
            at(2, 0.94, 17_000, 1000), // by little
            at(3, 0.85, 10_000, 1000),
            at(4, 0.50, 1_000, 100), // nobody wants it
        ];
        let records: Vec<&Record> = records.iter().collect();
        let goal = Goal {
            limits: Limits {
                flash: Some(16_000),
                ..Limits::default()
            },
            objective: None,
        };
        assert_eq!(goal.order(&records), [2, 1, 0]);
    }

    #[test]
    fn the_ends_of_a_front_come_before_its_crowded_middle() {
        let records = [
            at(1, 0.90, 9_000, 0),
            at(2, 0.895, 8_900, 0),
            at(3, 0.89, 8_800, 0),
            at(4, 0.80, 1_000, 0),
        ];
        let records: Vec<&Record> = records.iter().collect();
        let goal = Goal {
            objective: Some(Objective::Flash),
            ..Goal::default()
        };
        assert_eq!(goal.order(&records), [0, 3, 2, 1]);
    }
}
