//! Compares trials: dominance, fronts, and the order in which candidates are promoted. The m-F1 is that on continuous
//! streams, where candidates are judged on them.

use crate::limits::{Figures, Limits, Objective};
use crate::record::Record;
use mote_metrics::dominates;

/// A candidate whose m-F1 is this far below the best of its fidelity is never promoted, whatever it saves.
const HOPELESS: f64 = 0.15;

/// The criteria by which trials are compared.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Goal {
    /// What the user allows.
    pub limits: Limits,
    /// The figure to minimise; `None` weighs flash, RAM, latency and energy alike.
    pub objective: Option<Objective>,
}

impl Goal {
    /// Returns all values to minimise, among them the negated m-F1.
    fn values(&self, record: &Record) -> Vec<f64> {
        let f = record.best_figures();
        let mut all = vec![-record.score()];
        match self.objective {
            Some(objective) => all.push(objective.of(f)),
            None => all.extend(costs(f)),
        }
        all
    }

    /// Returns by how much a record breaks the limits, as a share of them; 0 when it keeps all.
    pub fn excess(&self, record: &Record) -> f64 {
        self.limits
            .excess(record.best_figures(), Some(record.quality()))
    }

    /// Returns whether `a` is better than `b`: it breaks the limits less; or both keep them, and `a` is worse in
    /// nothing and better in something.
    pub fn dominates(&self, a: &Record, b: &Record) -> bool {
        match (self.excess(a), self.excess(b)) {
            (x, y) if x > 0.0 || y > 0.0 => x < y,
            _ => dominates(&self.values(a), &self.values(b)),
        }
    }

    /// Returns the indices of `records`, the first to be promoted first: front by front (NSGA-II, Deb et al. 2002), and
    /// within a front those with the most distant neighbours first. Records far below the best m-F1 are left out.
    pub fn order(&self, records: &[&Record]) -> Vec<usize> {
        let best = records.iter().map(|r| r.score()).fold(0.0, f64::max);
        let hope = |i: &usize| records[*i].score() >= best - HOPELESS;
        let mut left: Vec<usize> = (0..records.len()).filter(hope).collect();
        let mut order = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let (front, rest): (Vec<usize>, Vec<usize>) = left.iter().partition(|&&i| {
                let beats = |&j: &usize| self.dominates(records[j], records[i]);
                !left.iter().any(beats)
            });
            order.extend(self.by_room(records, front));
            left = rest;
        }
        order
    }

    /// Sorts a front, those with the most distant neighbours first.
    fn by_room(&self, records: &[&Record], front: Vec<usize>) -> Vec<usize> {
        let width = front.first().map_or(0, |&i| self.values(records[i]).len());
        let mut room: Vec<(usize, f64)> = front.into_iter().map(|i| (i, 0.0)).collect();
        for v in 0..width {
            let of = |i: usize| self.values(records[i])[v];
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

    /// Returns the records that keep the limits and that no other one dominates in m-F1, flash, RAM, latency and
    /// energy, highest m-F1 first.
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
            b.score()
                .total_cmp(&a.score())
                .then(a.candidate.cmp(&b.candidate))
        });
        front
    }

    /// Returns the record to use: the smallest in the objective, or without one that of the highest m-F1. With an
    /// objective and no limit on the m-F1, only records within one point of the best m-F1 count.
    pub fn best<'r>(&self, records: &[&'r Record]) -> Option<&'r Record> {
        let front = self.front(records);
        let Some(objective) = self.objective else {
            return front.first().copied();
        };
        let top = front.first()?.score();
        let enough = self.limits.min_f1.unwrap_or(top - 0.01);
        let fine = front.into_iter().filter(|r| r.score() >= enough);
        fine.min_by(|a, b| {
            let of = |r: &Record| objective.of(r.best_figures());
            of(a)
                .total_cmp(&of(b))
                .then(b.score().total_cmp(&a.score()))
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
    use crate::record::OnStream;
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
    fn streams_decide_where_there_are_any() {
        let on_stream = |mut record: Record, macro_f1, delay_s| {
            record.stream = Some(OnStream {
                macro_f1,
                delay_s,
                ..OnStream::default()
            });
            record
        };
        let records = [
            on_stream(at(1, 0.95, 10_000, 1000), 0.80, Some(6.0)),
            on_stream(at(2, 0.90, 10_000, 1000), 0.92, Some(1.5)),
            on_stream(at(3, 0.93, 9_000, 1000), 0.85, None),
        ];
        let records: Vec<&Record> = records.iter().collect();
        let goal = Goal::default();
        assert_eq!(goal.best(&records).unwrap().macro_f1, 0.90);
        assert_eq!(goal.front(&records).len(), 2);
        let quick = Goal {
            limits: Limits {
                max_delay_s: Some(2.0),
                ..Limits::default()
            },
            objective: None,
        };
        assert_eq!(quick.front(&records), [records[1]]);
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
