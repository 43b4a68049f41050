//! Packs rectangles (bytes x steps) into the smallest arena.

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

/// Offsets of all buffers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packing {
    pub offsets: Vec<usize>,
    pub len: usize,
    pub lower_bound: usize,
    pub optimal: bool,
}

/// Bytes live at every step.
pub(super) fn live_bytes(buffers: &[Buffer]) -> Vec<usize> {
    let steps = buffers.iter().map(|b| b.last + 1).max().unwrap_or(0);
    let mut live = vec![0; steps];
    for b in buffers {
        for bytes in live.iter_mut().take(b.last + 1).skip(b.first) {
            *bytes += b.len;
        }
    }
    live
}

/// Packs `buffers`: greedy in several orders, then, unless one of them meets the lower bound, branch and
/// bound within a budget.
pub(super) fn pack(buffers: &[Buffer]) -> Packing {
    let lower_bound = live_bytes(buffers).into_iter().max().unwrap_or(0);
    let mut best = greedy(buffers, |b| (b.len, 0));
    for offsets in [
        greedy(buffers, |b| (b.len * (b.last - b.first + 1), 0)),
        greedy(buffers, |b| (b.last - b.first, b.len)),
        greedy(buffers, |b| (usize::MAX - b.first, b.len)),
    ] {
        if extent(buffers, &offsets) < extent(buffers, &best) {
            best = offsets;
        }
    }
    let mut search = Search {
        buffers,
        order: (0..buffers.len()).collect(),
        heights: vec![0; live_bytes(buffers).len()],
        remaining: live_bytes(buffers),
        offsets: vec![0; buffers.len()],
        best_len: extent(buffers, &best),
        best,
        lower_bound,
        budget: if buffers.len() <= MAX_SEARCHED {
            BUDGET
        } else {
            0
        },
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

fn extent(buffers: &[Buffer], offsets: &[usize]) -> usize {
    let ends = buffers.iter().zip(offsets).map(|(b, o)| o + b.len);
    ends.max().unwrap_or(0)
}

/// Places buffers in order of descending `key`, each in the lowest gap it fits.
fn greedy<K: Ord>(buffers: &[Buffer], key: impl Fn(&Buffer) -> K) -> Vec<usize> {
    let mut order: Vec<(usize, &Buffer)> = buffers.iter().enumerate().collect();
    order.sort_by_key(|(_, b)| std::cmp::Reverse(key(b)));
    let mut placed: Vec<(usize, &Buffer)> = Vec::new();
    let mut offsets = vec![0; buffers.len()];
    for (index, buffer) in order {
        let mut offset = 0;
        for &(other_offset, other) in placed.iter().filter(|(_, o)| o.meets(buffer)) {
            if offset + buffer.len <= other_offset {
                break;
            }
            offset = offset.max(other_offset + other.len);
        }
        if let Some(slot) = offsets.get_mut(index) {
            *slot = offset;
        }
        let at = placed.partition_point(|(o, _)| *o <= offset);
        placed.insert(at, (offset, buffer));
    }
    offsets
}

/// Depth-first search over the orders in which buffers are stacked.
///
/// Some smallest packing has every buffer either at 0 or on top of one it meets; listed by ascending offset
/// (then index), each buffer of it lies exactly on the skyline of those before. So it is enough to try
/// orders, put each buffer on the skyline, and cut whenever (offset, index) would descend.
struct Search<'a> {
    buffers: &'a [Buffer],
    /// Unplaced buffers are `order[depth..]`.
    order: Vec<usize>,
    /// Skyline per step.
    heights: Vec<usize>,
    /// Bytes of unplaced buffers per step.
    remaining: Vec<usize>,
    offsets: Vec<usize>,
    best: Vec<usize>,
    best_len: usize,
    lower_bound: usize,
    budget: usize,
}

impl Search<'_> {
    fn place(&mut self, depth: usize, floor: usize, floor_index: usize) {
        if depth == self.order.len() {
            let len = extent(self.buffers, &self.offsets);
            if len < self.best_len {
                self.best_len = len;
                self.best.clone_from(&self.offsets);
            }
            return;
        }
        for next in depth..self.order.len() {
            if self.best_len == self.lower_bound || self.budget == 0 || self.hopeless(floor) {
                return;
            }
            let Some(&index) = self.order.get(next) else {
                return;
            };
            let Some(&buffer) = self.buffers.get(index) else {
                return;
            };
            let steps = buffer.first..=buffer.last;
            let under: Vec<usize> = self
                .heights
                .get(steps.clone())
                .map(<[usize]>::to_vec)
                .unwrap_or_default();
            let offset = under.iter().copied().max().unwrap_or(0);
            if (offset, index) < (floor, floor_index) || offset + buffer.len >= self.best_len {
                continue;
            }
            self.budget -= 1;
            self.order.swap(depth, next);
            self.set(index, offset, &steps, |height, _| {
                *height = offset + buffer.len
            });
            self.lift(&steps, |remaining| *remaining -= buffer.len);
            self.place(depth + 1, offset, index);
            self.lift(&steps, |remaining| *remaining += buffer.len);
            self.set(index, 0, &steps, |height, i| {
                *height = under.get(i).copied().unwrap_or(0)
            });
            self.order.swap(depth, next);
        }
    }

    fn set(
        &mut self,
        index: usize,
        offset: usize,
        steps: &std::ops::RangeInclusive<usize>,
        height: impl Fn(&mut usize, usize),
    ) {
        if let Some(slot) = self.offsets.get_mut(index) {
            *slot = offset;
        }
        for (i, h) in self
            .heights
            .get_mut(steps.clone())
            .into_iter()
            .flatten()
            .enumerate()
        {
            height(h, i);
        }
    }

    fn lift(&mut self, steps: &std::ops::RangeInclusive<usize>, change: impl Fn(&mut usize)) {
        self.remaining
            .get_mut(steps.clone())
            .into_iter()
            .flatten()
            .for_each(change);
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
    fn brute_force(buffers: &[Buffer]) -> usize {
        fn fits(rest: &[Buffer], placed: &mut Vec<(usize, Buffer)>, extent: usize) -> bool {
            let Some((b, rest)) = rest.split_first() else {
                return true;
            };
            (0..=extent)
                .take_while(|o| o + b.len <= extent)
                .any(|offset| {
                    let free = placed
                        .iter()
                        .all(|(o, p)| !p.meets(b) || offset + b.len <= *o || o + p.len <= offset);
                    free && {
                        placed.push((offset, *b));
                        let found = fits(rest, placed, extent);
                        placed.pop();
                        found
                    }
                })
        }
        (0..).find(|&e| fits(buffers, &mut Vec::new(), e)).unwrap()
    }

    fn assert_disjoint(buffers: &[Buffer], packing: &Packing) {
        for (i, (a, x)) in buffers.iter().zip(&packing.offsets).enumerate() {
            assert!(x + a.len <= packing.len);
            for (b, y) in buffers.iter().zip(&packing.offsets).skip(i + 1) {
                assert!(!a.meets(b) || x + a.len <= *y || y + b.len <= *x);
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
        let packing = pack(&buffers);
        assert_disjoint(&buffers, &packing);
        assert_eq!((packing.lower_bound, packing.len), (7, 8));
        assert!(packing.optimal);
        assert_eq!(brute_force(&buffers), 8);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
        #[test]
        fn small_sets_are_packed_optimally(
            list in prop::collection::vec((1usize..5, 0usize..6, 0usize..4), 1..8)
        ) {
            let list: Vec<_> = list.into_iter().map(|(len, a, n)| (len, a, a + n)).collect();
            let buffers = buffers(&list);
            let packing = pack(&buffers);
            assert_disjoint(&buffers, &packing);
            prop_assert!(packing.optimal);
            prop_assert_eq!(packing.len, brute_force(&buffers));
        }

        #[test]
        fn large_sets_are_packed_validly(
            list in prop::collection::vec((1usize..500, 0usize..30, 0usize..10), 1..60)
        ) {
            let list: Vec<_> = list.into_iter().map(|(len, a, n)| (len, a, a + n)).collect();
            let buffers = buffers(&list);
            let packing = pack(&buffers);
            assert_disjoint(&buffers, &packing);
            prop_assert!(packing.len >= packing.lower_bound);
        }
    }
}
