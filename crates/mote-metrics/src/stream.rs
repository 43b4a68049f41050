//! Figures of decisions on a continuous stream: how soon a change is noticed, and what goes wrong in between.

use serde::{Deserialize, Serialize};

/// The decisions on one stream, sample by sample.
#[derive(Debug, Clone, Copy)]
pub struct Decisions<'a> {
    /// Class that is right, per sample.
    pub truth: &'a [usize],
    /// Class that was decided last, per sample; `None` before the first decision.
    pub decided: &'a [Option<usize>],
    /// The first sample of each bout.
    pub starts: &'a [usize],
    /// The first sample that counts.
    pub from: usize,
}

/// What happened after the changes of activity in a stream. Counts of several streams can be [merged](Changes::merge).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Samples from each change to the first right decision, in any order.
    pub delays: Vec<usize>,
    /// Bouts that were never decided right.
    pub missed: usize,
    /// Decisions that left the right activity within its bout.
    pub false_changes: usize,
    /// Samples in the bouts.
    pub samples: usize,
    /// Samples, and right decisions, by samples since the change: the first 20 s or as many as were asked for.
    pub since: Vec<[u64; 2]>,
}

impl Changes {
    /// Counts the bouts of `stream` that begin with a change and lie whole behind `from`; curves over time since the
    /// change are `horizon` samples long.
    pub fn of(stream: &Decisions<'_>, horizon: usize) -> Self {
        let mut changes = Self {
            since: vec![[0; 2]; horizon],
            ..Self::default()
        };
        let end = stream.truth.len();
        let ends = stream.starts.iter().skip(1).copied().chain([end]);
        for (&start, end) in stream.starts.iter().zip(ends) {
            if start == 0 || start < stream.from || start >= end {
                continue;
            }
            let class = stream.truth[start];
            let decided = &stream.decided[start..end];
            let first = decided.iter().position(|&d| d == Some(class));
            match first {
                Some(delay) => changes.delays.push(delay),
                None => changes.missed += 1,
            }
            let later = first.map_or(&[][..], |first| &decided[first..]);
            let left = |pair: &&[Option<usize>]| pair[0] == Some(class) && pair[1] != Some(class);
            changes.false_changes += later.windows(2).filter(left).count();
            changes.samples += end - start;
            for (slot, decision) in changes.since.iter_mut().zip(decided) {
                slot[0] += 1;
                slot[1] += u64::from(*decision == Some(class));
            }
        }
        changes
    }

    /// Adds the counts of another stream.
    pub fn merge(&mut self, other: Self) {
        self.delays.extend(other.delays);
        self.missed += other.missed;
        self.false_changes += other.false_changes;
        self.samples += other.samples;
        self.since
            .resize(self.since.len().max(other.since.len()), [0; 2]);
        for (mine, [all, right]) in self.since.iter_mut().zip(other.since) {
            mine[0] += all;
            mine[1] += right;
        }
    }

    /// Returns the delay below which the share `share` of all bouts was decided right, in samples; `None` when fewer
    /// were.
    pub fn delay(&self, share: f64) -> Option<usize> {
        let mut delays = self.delays.clone();
        delays.sort_unstable();
        let bouts = delays.len() + self.missed;
        let rank = ((bouts as f64 * share).ceil() as usize).max(1);
        delays.get(rank - 1).copied()
    }

    /// Returns the share of bouts that were never decided right.
    pub fn missed_share(&self) -> f64 {
        let bouts = self.delays.len() + self.missed;
        self.missed as f64 / bouts.max(1) as f64
    }

    /// Returns the false changes per hour at `rate_hz` samples per second.
    pub fn false_changes_per_hour(&self, rate_hz: f64) -> f64 {
        self.false_changes as f64 * 3600.0 * rate_hz / self.samples.max(1) as f64
    }
}

/// Segment errors of Ward et al. 2011 ("Performance metrics for activity recognition", ACM TIST 2(1)), as shares of all
/// time. Each class is looked at on its own: time in which it is right and not decided is negative, time in which it is
/// decided and not right is positive; shares are summed over classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct SegmentErrors {
    /// Decided where nothing of it was right: an event that was not there.
    pub insertion: f64,
    /// Decided across the gap between two events of it.
    pub merge: f64,
    /// Decided before or after its event.
    pub overfill: f64,
    /// An event that was never decided.
    pub deletion: f64,
    /// Not decided in the middle of its event.
    pub fragmentation: f64,
    /// Not decided at the beginning or end of its event.
    pub underfill: f64,
}

impl SegmentErrors {
    /// Computes the errors of `stream` over `classes` classes.
    pub fn of(stream: &Decisions<'_>, classes: usize) -> Self {
        let truth = &stream.truth[stream.from.min(stream.truth.len())..];
        let decided = &stream.decided[stream.from.min(stream.decided.len())..];
        let mut errors = Self::default();
        for class in 0..classes {
            let right: Vec<bool> = truth.iter().map(|&t| t == class).collect();
            let found: Vec<bool> = decided.iter().map(|&d| d == Some(class)).collect();
            // The same three errors, with the roles of truth and decision exchanged.
            let [alone, between, side] = one_sided(&found, &right);
            errors.insertion += alone as f64;
            errors.merge += between as f64;
            errors.overfill += side as f64;
            let [alone, between, side] = one_sided(&right, &found);
            errors.deletion += alone as f64;
            errors.fragmentation += between as f64;
            errors.underfill += side as f64;
        }
        errors.scaled(1.0 / truth.len().max(1) as f64)
    }

    /// Returns all shares multiplied by `factor`.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            insertion: self.insertion * factor,
            merge: self.merge * factor,
            overfill: self.overfill * factor,
            deletion: self.deletion * factor,
            fragmentation: self.fragmentation * factor,
            underfill: self.underfill * factor,
        }
    }

    /// Returns the sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            insertion: self.insertion + other.insertion,
            merge: self.merge + other.merge,
            overfill: self.overfill + other.overfill,
            deletion: self.deletion + other.deletion,
            fragmentation: self.fragmentation + other.fragmentation,
            underfill: self.underfill + other.underfill,
        }
    }
}

/// Counts the samples of events in `of` that `by` does not cover: those of events that it misses altogether, those
/// between two parts that it covers, and those at the ends of an event.
fn one_sided(of: &[bool], by: &[bool]) -> [usize; 3] {
    let mut counts = [0; 3];
    let mut at = 0;
    while at < of.len() {
        if !of[at] {
            at += 1;
            continue;
        }
        let length = of[at..].iter().take_while(|&&o| o).count();
        let covered = &by[at..at + length];
        match (
            covered.iter().position(|&c| c),
            covered.iter().rposition(|&c| c),
        ) {
            (Some(first), Some(last)) => {
                counts[2] += first + (length - 1 - last);
                counts[1] += covered[first..last].iter().filter(|&&c| !c).count();
            }
            _ => counts[0] += length,
        }
        at += length;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `aaabb` as classes 0 and 1, `.` as none.
    fn read(text: &str) -> Vec<Option<usize>> {
        let class = |c: u8| (c != b'.').then(|| usize::from(c - b'a'));
        text.bytes().map(class).collect()
    }

    fn changes(truth: &str, decided: &str, from: usize) -> (Changes, SegmentErrors) {
        let truth: Vec<usize> = read(truth).into_iter().flatten().collect();
        let decided = read(decided);
        let mut starts = vec![0];
        starts.extend((1..truth.len()).filter(|&t| truth[t] != truth[t - 1]));
        let stream = Decisions {
            truth: &truth,
            decided: &decided,
            starts: &starts,
            from,
        };
        (Changes::of(&stream, 3), SegmentErrors::of(&stream, 3))
    }

    #[test]
    fn delays_and_false_changes_follow_by_counting() {
        // Bout b: right after 2, leaves once for c and once for a; bout c: never; bout a: at once.
        let (found, _) = changes("aaaabbbbbbbbccaaa", "..aaaabcbbabaaaaa", 0);
        assert_eq!(found.delays, [2, 0]);
        assert_eq!((found.missed, found.false_changes), (1, 2));
        assert_eq!(found.samples, 13);
        assert_eq!(found.delay(0.5), Some(2));
        assert_eq!(found.delay(0.9), None, "one of three bouts was never right");
        assert!((found.missed_share() - 1.0 / 3.0).abs() < 1e-12);
        assert!((found.false_changes_per_hour(1.0) - 2.0 * 3600.0 / 13.0).abs() < 1e-9);
        // By time since the change: a is right at once, b from its third sample on, c never.
        assert_eq!(found.since, [[3, 1], [3, 1], [2, 2]]);
    }

    #[test]
    fn bouts_before_the_first_scored_sample_do_not_count() {
        let (found, _) = changes("aabbaabb", "aaaaaabb", 4);
        assert_eq!((found.delays.as_slice(), found.missed), (&[0, 0][..], 0));
    }

    #[test]
    fn two_streams_merge_into_one_count() {
        let (mut all, _) = changes("aabb", "aaab", 0);
        all.merge(changes("aabb", "aabb", 0).0);
        assert_eq!(all.delays, [1, 0]);
        assert_eq!(all.since[0], [2, 1]);
    }

    #[test]
    fn segment_errors_follow_by_counting() {
        // Class a: underfill at its end (1), fragmented in the middle (1). Class b: overfill before (1), and inserted in
        // the middle of a (1).
        let (_, errors) = changes("aaaaaabbbb", "aabaabbbbb", 0);
        let tenth = |n: f64| n / 10.0;
        assert_eq!(errors.underfill, tenth(1.0));
        assert_eq!(errors.fragmentation, tenth(1.0));
        assert_eq!(errors.overfill, tenth(1.0));
        assert_eq!(errors.insertion, tenth(1.0));
        assert_eq!((errors.deletion, errors.merge), (0.0, 0.0));
        // A short event that is missed, and bridged by its neighbour.
        let (_, errors) = changes("aaabaaaaaa", "aaaaaaaaaa", 0);
        assert_eq!(errors.deletion, tenth(1.0));
        assert_eq!(errors.merge, tenth(1.0));
        assert_eq!(errors.insertion + errors.overfill + errors.underfill, 0.0);
    }
}
