//! Packs rectangles (bytes x steps) into the smallest arena, some of them partly over others.

/// Placements tried before the search gives up its proof.
const BUDGET: usize = 50_000;

/// Larger sets of buffers are packed greedily only (the search recurses once per buffer).
const MAX_SEARCHED: usize = 256;

/// A run of bytes that is needed from step `first` to step `last`, inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buffer {
    pub len: usize,
    pub first: usize,
    pub last: usize,
}

impl Buffer {
    fn meets(&self, other: &Buffer) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Buffer `below` may reach into buffer `above` if it begins at least `bytes` before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lead {
    pub below: usize,
    pub above: usize,
    pub bytes: usize,
}

/// Offsets of all buffers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packing {
    pub offsets: Vec<usize>,
    pub len: usize,
    pub lower_bound: usize,
    pub optimal: bool,
}

/// What is to be packed.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub buffers: Vec<Buffer>,
    /// For each buffer, its leads over others.
    leads: Vec<Vec<Lead>>,
}

impl Problem {
    /// Builds the problem of packing `buffers`. A buffer may have leads only over buffers that are last needed at the step
    /// that writes it.
    pub fn new(buffers: Vec<Buffer>, leads: Vec<Lead>) -> Self {
        let own = |index: usize| leads.iter().copied().filter(move |l| l.below == index);
        let leads = (0..buffers.len()).map(|i| own(i).collect()).collect();
        Self { buffers, leads }
    }

    fn buffer(&self, index: usize) -> Buffer {
        self.buffers[index]
    }

    /// Returns the leads of buffer `index`.
    fn leads(&self, index: usize) -> &[Lead] {
        &self.leads[index]
    }

    /// Returns how many bytes `above` must begin behind the start of `below`, when both are live and lie in this order.
    fn distance(&self, below: usize, above: usize) -> usize {
        let lead = self.leads(below).iter().find(|l| l.above == above);
        let len = self.buffer(below).len;
        lead.map_or(len, |l| l.bytes.min(len))
    }

    /// Returns how many bytes whatever lies above `index` at `step` must begin behind its start.
    fn weight(&self, index: usize, step: usize) -> usize {
        let Buffer { len, first, .. } = self.buffer(index);
        let leads = self.leads(index).iter().filter(|_| step == first);
        leads.map(|l| l.bytes).fold(len, usize::min)
    }

    /// The weights of `index` at its steps.
    fn weights(&self, index: usize) -> impl Iterator<Item = (usize, usize)> {
        let Buffer { first, last, .. } = self.buffer(index);
        (first..=last).map(move |step| (step, self.weight(index, step)))
    }

    /// Weights of all buffers at every step. Whatever the order in which the buffers of a step lie, the top of the
    /// last one is no lower: an output that reaches into its inputs counts with its lead.
    fn live_bytes(&self) -> Vec<usize> {
        let steps = self.buffers.iter().map(|b| b.last + 1).max().unwrap_or(0);
        let mut live = vec![0; steps];
        for index in 0..self.buffers.len() {
            for (step, weight) in self.weights(index) {
                live[step] += weight;
            }
        }
        live
    }

    /// Returns whether `a` at byte `at` and `b` at byte `other` do not disturb each other.
    pub fn apart(&self, a: usize, at: usize, b: usize, other: usize) -> bool {
        !self.buffer(a).meets(&self.buffer(b))
            || at + self.distance(a, b) <= other
            || other + self.distance(b, a) <= at
    }

    fn extent(&self, offsets: &[usize]) -> usize {
        let ends = self.buffers.iter().zip(offsets).map(|(b, o)| o + b.len);
        ends.max().unwrap_or(0)
    }

    /// Places buffers in order of descending `key`, each as low as it fits.
    fn greedy<K: Ord>(&self, key: impl Fn(&Buffer) -> K) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.buffers.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(key(&self.buffer(i))));
        let mut placed: Vec<(usize, usize)> = Vec::new();
        let mut offsets = vec![0; self.buffers.len()];
        for index in order {
            let buffer = self.buffer(index);
            let near: Vec<(usize, usize)> = placed
                .iter()
                .copied()
                .filter(|&(other, _)| self.buffer(other).meets(&buffer))
                .collect();
            let on = near.iter().map(|&(b, at)| at + self.distance(b, index));
            let offset = on
                .chain([0])
                .filter(|&at| {
                    near.iter()
                        .all(|&(b, other)| self.apart(index, at, b, other))
                })
                .min()
                .expect("on top of the highest buffer nothing is in the way");
            offsets[index] = offset;
            placed.push((index, offset));
        }
        offsets
    }
}

/// Packs `problem`: greedy in several orders, then, unless one of them meets the lower bound, branch and
/// bound within a budget.
pub(super) fn pack(problem: &Problem) -> Packing {
    let live = problem.live_bytes();
    let lower_bound = live.iter().copied().max().unwrap_or(0);
    let candidates = [
        problem.greedy(|b| (b.len, 0)),
        problem.greedy(|b| (b.len * (b.last - b.first + 1), 0)),
        problem.greedy(|b| (b.last - b.first, b.len)),
        problem.greedy(|b| (usize::MAX - b.first, b.len)),
        problem.greedy(|b| (b.first, b.len)),
    ];
    let best = candidates
        .into_iter()
        .min_by_key(|offsets| problem.extent(offsets))
        .expect("there are five candidates");
    let count = problem.buffers.len();
    let near = |index: usize| {
        let others = (0..count).filter(move |&b| b != index);
        others
            .filter(|&b| problem.buffer(b).meets(&problem.buffer(index)))
            .map(|b| (b, problem.distance(b, index)))
            .collect()
    };
    let mut search = Search {
        problem,
        near: (0..count).map(near).collect(),
        order: (0..count).collect(),
        placed: vec![None; count],
        heights: vec![0; live.len()],
        remaining: live,
        best_len: problem.extent(&best),
        best,
        lower_bound,
        budget: if count <= MAX_SEARCHED { BUDGET } else { 0 },
    };
    if search.best_len > lower_bound {
        search.place(0, 0, 0);
    }
    Packing {
        len: search.best_len,
        lower_bound,
        optimal: search.best_len == lower_bound || search.budget > 0,
        offsets: search.best,
    }
}

/// Depth-first search over the orders in which buffers are stacked.
///
/// Some smallest packing has every buffer either at 0 or as close on top of another as the two may be; listed by
/// ascending offset (and by index, where the order of two does not matter), each buffer of it lies as low as those
/// before allow. So it is enough to try orders, put each buffer there, and cut whenever the list would descend.
struct Search<'a> {
    problem: &'a Problem,
    /// Per buffer, those it meets, and how far above their starts it has to begin.
    near: Vec<Vec<(usize, usize)>>,
    /// Unplaced buffers are `order[depth..]`.
    order: Vec<usize>,
    placed: Vec<Option<usize>>,
    /// Skyline of the placed buffers per step, by their weights.
    heights: Vec<usize>,
    /// Weights of unplaced buffers per step.
    remaining: Vec<usize>,
    best: Vec<usize>,
    best_len: usize,
    lower_bound: usize,
    budget: usize,
}

impl Search<'_> {
    /// Places the buffers from `depth` on, of which none may lie below `floor`, where `last` lies.
    fn place(&mut self, depth: usize, floor: usize, last: usize) {
        if depth == self.order.len() {
            let offsets: Vec<usize> = (self.placed.iter())
                .map(|offset| offset.expect("every buffer is placed at the last depth"))
                .collect();
            let len = self.problem.extent(&offsets);
            if len < self.best_len {
                self.best_len = len;
                self.best = offsets;
            }
            return;
        }
        for next in depth..self.order.len() {
            if self.best_len == self.lower_bound || self.budget == 0 || self.hopeless(floor) {
                return;
            }
            let index = self.order[next];
            let buffer = self.problem.buffer(index);
            let offset = self.lowest(index);
            let swapped =
                offset == floor && index < last && !self.problem.buffer(last).meets(&buffer);
            if offset < floor || swapped || offset + buffer.len >= self.best_len {
                continue;
            }
            self.budget -= 1;
            let steps = buffer.first..=buffer.last;
            let under = self.heights[steps.clone()].to_vec();
            self.order.swap(depth, next);
            self.put(index, offset);
            self.place(depth + 1, offset, index);
            self.take(index);
            self.order.swap(depth, next);
            self.heights[steps].copy_from_slice(&under);
        }
    }

    fn put(&mut self, index: usize, offset: usize) {
        self.placed[index] = Some(offset);
        for (step, weight) in self.problem.weights(index) {
            self.heights[step] = self.heights[step].max(offset + weight);
            self.remaining[step] -= weight;
        }
    }

    /// Undoes [`Search::put`], but for the heights.
    fn take(&mut self, index: usize) {
        self.placed[index] = None;
        for (step, weight) in self.problem.weights(index) {
            self.remaining[step] += weight;
        }
    }

    /// Where `index` lies on top of those placed.
    fn lowest(&self, index: usize) -> usize {
        let near = self.near[index].iter();
        near.filter_map(|&(b, distance)| Some(self.placed[b]? + distance))
            .max()
            .unwrap_or(0)
    }

    /// Whether some step's unplaced bytes, stacked on its skyline, already reach the best length known.
    fn hopeless(&self, floor: usize) -> bool {
        self.heights
            .iter()
            .zip(&self.remaining)
            .any(|(&h, &r)| r > 0 && h.max(floor) + r >= self.best_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn buffers(list: &[(usize, usize, usize)]) -> Vec<Buffer> {
        list.iter()
            .map(|&(len, first, last)| Buffer { len, first, last })
            .collect()
    }

    /// Smallest extent by trying every offset of every buffer.
    fn brute_force(problem: &Problem) -> usize {
        fn fits(problem: &Problem, placed: &mut Vec<usize>, extent: usize) -> bool {
            let index = placed.len();
            let Some(b) = problem.buffers.get(index) else {
                return true;
            };
            (0..=extent)
                .take_while(|o| o + b.len <= extent)
                .any(|offset| {
                    let others = placed.iter().enumerate();
                    let free = others
                        .clone()
                        .all(|(other, &at)| problem.apart(index, offset, other, at));
                    free && {
                        placed.push(offset);
                        let found = fits(problem, placed, extent);
                        placed.pop();
                        found
                    }
                })
        }
        (0..).find(|&e| fits(problem, &mut Vec::new(), e)).unwrap()
    }

    fn assert_apart(problem: &Problem, packing: &Packing) {
        assert!(packing.len >= problem.extent(&packing.offsets));
        for (i, &x) in packing.offsets.iter().enumerate() {
            for (j, &y) in packing.offsets.iter().enumerate().skip(i + 1) {
                assert!(problem.apart(i, x, j, y), "{i} at {x}, {j} at {y}");
            }
        }
    }

    /// Here the peak (7) cannot be reached: a proof has to come from the search.
    #[test]
    fn the_optimum_can_lie_above_the_lower_bound() {
        let buffers = buffers(&[
            (3, 5, 5),
            (2, 2, 4),
            (3, 0, 0),
            (3, 4, 5),
            (1, 5, 5),
            (3, 0, 1),
            (2, 1, 3),
            (2, 1, 4),
        ]);
        let problem = Problem::new(buffers, Vec::new());
        let packing = pack(&problem);
        assert_apart(&problem, &packing);
        assert_eq!((packing.lower_bound, packing.len), (7, 8));
        assert!(packing.optimal);
        assert_eq!(brute_force(&problem), 8);
    }

    /// A buffer written at each step, over the buffers that end there: the shape of a network.
    fn network(list: &[(usize, usize, usize)]) -> Problem {
        let count = list.len();
        let mut all: Vec<Buffer> = Vec::new();
        for (step, &(len, uses, _)) in list.iter().enumerate() {
            let last = (step + uses).min(count);
            all.push(Buffer {
                len,
                first: step,
                last,
            });
        }
        let mut leads = Vec::new();
        for (above, a) in all.iter().enumerate() {
            if let Some(&(_, _, bytes)) = list.get(a.last).filter(|_| a.last > above) {
                leads.push(Lead {
                    below: a.last,
                    above,
                    bytes,
                });
            }
        }
        Problem::new(all, leads)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
        #[test]
        fn small_sets_are_packed_optimally(
            list in prop::collection::vec((1usize..5, 0usize..6, 0usize..4), 1..8)
        ) {
            let list: Vec<_> = list.into_iter().map(|(len, a, n)| (len, a, a + n)).collect();
            let problem = Problem::new(buffers(&list), Vec::new());
            let packing = pack(&problem);
            assert_apart(&problem, &packing);
            prop_assert!(packing.optimal);
            prop_assert_eq!(packing.len, brute_force(&problem));
        }

        #[test]
        fn overlapping_sets_are_packed_optimally(
            list in prop::collection::vec((1usize..6, 0usize..4, 0usize..4), 1..8)
        ) {
            let problem = network(&list);
            let packing = pack(&problem);
            assert_apart(&problem, &packing);
            prop_assert!(packing.optimal);
            prop_assert!(packing.len >= packing.lower_bound);
            prop_assert_eq!(packing.len, brute_force(&problem));
        }

        #[test]
        fn large_sets_are_packed_validly(
            list in prop::collection::vec((1usize..500, 0usize..30, 0usize..10), 1..60)
        ) {
            let list: Vec<_> = list.into_iter().map(|(len, a, n)| (len, a, a + n)).collect();
            let problem = Problem::new(buffers(&list), Vec::new());
            let packing = pack(&problem);
            assert_apart(&problem, &packing);
            prop_assert!(packing.len >= packing.lower_bound);
        }
    }
}
