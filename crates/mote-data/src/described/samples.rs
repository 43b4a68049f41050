//! Samples of one sensor in the order of the file, and what brings them into the order of time.

use crate::{Reason, segmentation::GAP_NS};

/// Share of repeated timestamps from which samples are taken to have come in packets.
const PACKETS: f64 = 0.1;

/// Share of steps back in time from which samples are sorted.
const DISORDER: f64 = 0.1;

/// Samples with their times and lines.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    pub t_ns: Vec<i64>,
    pub lines: Vec<u64>,
    /// `[time][width]`.
    pub x: Vec<f32>,
}

/// What was done to bring samples into order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ordered {
    /// They ran backwards, or in no order.
    pub sorted: bool,
    /// They shared timestamps and were spread over the time to the next.
    pub spread: bool,
}

impl Samples {
    /// Brings samples into the order of time: those that run backwards are turned round, those in no order sorted, and
    /// those that came in packets spread over the time from one packet to the next.
    pub(crate) fn order(&mut self, width: usize) -> Ordered {
        let steps = self.t_ns.len().saturating_sub(1).max(1) as f64;
        let count = |back: fn(i64, i64) -> bool| {
            let pairs = self.t_ns.windows(2);
            let wrong = pairs.filter(|w| matches!(w, [a, b] if back(*a, *b)));
            wrong.count() as f64
        };
        let backward = count(|a, b| b < a);
        let forward = count(|a, b| b > a);
        let mut done = Ordered {
            sorted: backward > 1.0 && backward > DISORDER * (backward + forward),
            ..Ordered::default()
        };
        if done.sorted {
            let mut order: Vec<usize> = (0..self.t_ns.len()).collect();
            if backward > forward {
                order.reverse();
            }
            order.sort_by_key(|&i| self.t_ns.get(i).copied());
            self.rearrange(&order, width);
        }
        let repeated = self.t_ns.windows(2).filter(|w| w.first() == w.last());
        let repeated = repeated.count() as f64;
        if repeated > 1.0 && repeated > PACKETS * steps {
            done.spread = self.spread();
        }
        done
    }

    fn rearrange(&mut self, order: &[usize], width: usize) {
        let t_ns = order.iter().filter_map(|&i| self.t_ns.get(i).copied());
        let lines = order.iter().filter_map(|&i| self.lines.get(i).copied());
        let rows = order
            .iter()
            .filter_map(|&i| self.x.get(i * width..(i + 1) * width));
        *self = Self {
            t_ns: t_ns.collect(),
            lines: lines.collect(),
            x: rows.flatten().copied().collect(),
        };
    }

    /// Spreads the samples of each packet over the time to the next one. Returns whether there was more than one packet.
    fn spread(&mut self) -> bool {
        let packets: Vec<(i64, usize)> = self
            .t_ns
            .chunk_by(|a, b| a == b)
            .filter_map(|packet| Some((*packet.first()?, packet.len())))
            .collect();
        let step = |a: &(i64, usize), b: &(i64, usize)| b.0.saturating_sub(a.0) / a.1 as i64;
        let steps = packets.windows(2).filter_map(|w| match w {
            [a, b] => Some(step(a, b)).filter(|step| *step > 0),
            _ => None,
        });
        let mut steps: Vec<i64> = steps.collect();
        let middle = steps.len().saturating_sub(1) / 2;
        if steps.is_empty() {
            return false;
        }
        let (_, &mut typical, _) = steps.select_nth_unstable(middle);
        let nexts = packets.iter().skip(1).map(Some).chain([None]);
        let mut spread = Vec::with_capacity(self.t_ns.len());
        for (packet, next) in packets.iter().zip(nexts) {
            // A packet before a pause does not last until the next one.
            let step = next
                .map(|next| step(packet, next))
                .filter(|&step| (1..=typical.saturating_mul(4)).contains(&step));
            let step = step.unwrap_or(typical);
            spread.extend(
                (0..packet.1 as i64).map(|k| packet.0.saturating_add(k.saturating_mul(step))),
            );
        }
        self.t_ns = spread;
        true
    }

    /// Parts samples where the clock was reset, and passes those whose time repeats or lies before its neighbours to
    /// `reject`. What comes out increases strictly in time.
    pub(crate) fn parts(self, width: usize, reject: &mut dyn FnMut(u64, Reason)) -> Vec<Samples> {
        let increasing = self.t_ns.windows(2).all(|w| matches!(w, [a, b] if a < b));
        if increasing {
            return if self.t_ns.is_empty() {
                vec![]
            } else {
                vec![self]
            };
        }
        let mut parts = Vec::new();
        let mut current = Samples::default();
        // A sample that lies before the last one: it is wrong when the next goes on from there, and otherwise the first
        // after a reset.
        let mut held: Option<(i64, u64, &[f32])> = None;
        let rows = self.t_ns.iter().zip(&self.lines).zip(self.x.chunks(width));
        for ((&t, &line), row) in rows {
            if let (Some((held_t, held_line, held_row)), Some(&last)) = (held, current.t_ns.last())
            {
                if t > last {
                    reject(held_line, Reason::BackwardTimestamp);
                } else {
                    parts.push(std::mem::take(&mut current));
                    current.push(held_t, held_line, held_row);
                }
                held = None;
            }
            match current.t_ns.last() {
                Some(&last) if t == last => reject(line, Reason::RepeatedTimestamp),
                Some(&last) if t < last => held = Some((t, line, row)),
                _ => current.push(t, line, row),
            }
        }
        if let Some((_, line, _)) = held {
            reject(line, Reason::BackwardTimestamp);
        }
        parts.push(current);
        parts
    }

    pub(crate) fn push(&mut self, t_ns: i64, line: u64, row: &[f32]) {
        self.t_ns.push(t_ns);
        self.lines.push(line);
        self.x.extend_from_slice(row);
    }
}

/// Joins sensors in time: at the samples of the sensor with most of them, the values of all others are interpolated
/// between their neighbours. Samples where another sensor has no neighbour within the length of a gap are left out; the
/// second value returned counts them. `sensors` are `[time][width]` each, with the channels that their values belong to.
pub(crate) fn join(sensors: &[(&Samples, &[usize])], channels: usize) -> (Samples, u64) {
    let most = sensors
        .iter()
        .enumerate()
        .max_by_key(|(i, (s, _))| (s.t_ns.len(), usize::MAX - i));
    let Some((_, (base, _))) = most else {
        return (Samples::default(), 0);
    };
    let mut joined = Samples::default();
    let mut left_out = 0;
    let mut next = vec![0usize; sensors.len()];
    let mut row = vec![0.0; channels];
    for (&t, &line) in base.t_ns.iter().zip(&base.lines) {
        let whole = sensors
            .iter()
            .zip(&mut next)
            .all(|((sensor, places), next)| {
                while sensor.t_ns.get(*next).is_some_and(|&n| n < t) {
                    *next += 1;
                }
                interpolate(sensor, places, *next, t, &mut row)
            });
        if whole {
            joined.push(t, line, &row);
        } else {
            left_out += 1;
        }
    }
    (joined, left_out)
}

/// Writes the values of `sensor` at time `t` to their places in `row`; `next` is its first sample at `t` or later.
/// Returns whether there are neighbours to interpolate between.
fn interpolate(sensor: &Samples, places: &[usize], next: usize, t: i64, row: &mut [f32]) -> bool {
    let at = |i: usize| {
        let values = sensor.x.get(i * places.len()..(i + 1) * places.len())?;
        Some((*sensor.t_ns.get(i)?, values))
    };
    let Some((t_b, b)) = at(next) else {
        return false;
    };
    let (t_a, a) = match next.checked_sub(1).and_then(at) {
        _ if t_b == t => (t_b, b),
        Some(before) => before,
        None => return false,
    };
    if t_b.saturating_sub(t_a) > GAP_NS {
        return false;
    }
    let span = t_b.saturating_sub(t_a) as f64;
    let u = if span > 0.0 {
        t.saturating_sub(t_a) as f64 / span
    } else {
        0.0
    };
    for ((&place, &a), &b) in places.iter().zip(a).zip(b) {
        if let Some(slot) = row.get_mut(place) {
            *slot = (f64::from(a) + u * (f64::from(b) - f64::from(a))) as f32;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn samples(t_ns: &[i64]) -> Samples {
        Samples {
            t_ns: t_ns.to_vec(),
            lines: (1..=t_ns.len() as u64).collect(),
            x: (0..t_ns.len()).map(|i| i as f32).collect(),
        }
    }

    #[test]
    fn newest_first_is_turned_round() {
        let mut s = samples(&[50, 40, 30, 20, 10]);
        assert!(s.order(1).sorted);
        assert_eq!(s.t_ns, [10, 20, 30, 40, 50]);
        assert_eq!(s.x, [4.0, 3.0, 2.0, 1.0, 0.0]);
        assert_eq!(s.lines, [5, 4, 3, 2, 1]);
    }

    #[test]
    fn packets_are_spread_to_the_next_and_not_over_a_pause() {
        let mut s = samples(&[0, 0, 0, 150, 150, 150, 9000, 9000, 9000]);
        assert!(s.order(1).spread);
        assert_eq!(s.t_ns, [0, 50, 100, 150, 200, 250, 9000, 9050, 9100]);
    }

    #[test]
    fn sensors_are_joined_at_the_times_of_the_faster() {
        let slow = samples(&[0, 100, 200]);
        let fast = samples(&[-50, 0, 50, 100, 150, 200, 250]);
        let (joined, left_out) = join(&[(&slow, &[1]), (&fast, &[0])], 2);
        assert_eq!(joined.t_ns, [0, 50, 100, 150, 200]);
        assert_eq!(joined.x, [1.0, 0.0, 2.0, 0.5, 3.0, 1.0, 4.0, 1.5, 5.0, 2.0]);
        assert_eq!(left_out, 2);
    }

    proptest! {
        #[test]
        fn parts_increase_and_nothing_is_lost(t in prop::collection::vec(0i64..40, 0..60)) {
            let mut rejected = 0;
            let mut s = samples(&t);
            s.order(1);
            let parts = s.parts(1, &mut |_, _| rejected += 1);
            let kept: usize = parts.iter().map(|p| p.t_ns.len()).sum();
            prop_assert_eq!(kept + rejected, t.len());
            for part in &parts {
                prop_assert!(part.t_ns.windows(2).all(|w| w[0] < w[1]));
                prop_assert_eq!(part.x.len(), part.t_ns.len());
            }
        }
    }
}
