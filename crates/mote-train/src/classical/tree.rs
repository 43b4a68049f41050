//! One decision tree: how it decides, and how it is grown.

use rand::Rng;
use rand::seq::index;
use serde::{Deserialize, Serialize};

/// A decision tree; node 0 is the root.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// The nodes. Children come after their parent.
    pub nodes: Vec<Node>,
}

/// One node of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Node {
    /// Decides for a class.
    Leaf {
        /// The class.
        class: usize,
    },
    /// Goes `left` when the feature is at most `threshold`.
    Split {
        /// Column.
        feature: usize,
        /// Threshold.
        threshold: f32,
        /// Node for values up to the threshold.
        left: usize,
        /// Node for larger values.
        right: usize,
    },
}

/// What limits a tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Most splits between the root and a leaf.
    pub depth: usize,
    /// Fewest samples in a leaf.
    pub leaf: usize,
    /// Features drawn for each split.
    pub features: usize,
}

/// Rows and classes that trees are grown on.
pub(super) struct Samples<'a> {
    /// All of one length.
    pub rows: &'a [Vec<f32>],
    /// One per row, below `classes`.
    pub labels: &'a [usize],
    pub classes: usize,
}

impl Tree {
    /// Returns the class that `row` ends at.
    pub fn classify(&self, row: &[f32]) -> usize {
        let mut at = 0;
        loop {
            match self.nodes[at] {
                Node::Split {
                    feature,
                    threshold,
                    left,
                    right,
                } => {
                    at = if row[feature] <= threshold {
                        left
                    } else {
                        right
                    }
                }
                Node::Leaf { class } => return class,
            }
        }
    }

    /// Grows a tree on the rows `drawn` of `samples`, in which a row may occur several times: CART (Breiman et al. 1984)
    /// with Gini impurity, and features drawn anew for each split (Breiman 2001).
    pub(super) fn grow(
        samples: &Samples<'_>,
        mut drawn: Vec<usize>,
        limits: Limits,
        rng: &mut impl Rng,
    ) -> Self {
        let mut tree = Self { nodes: Vec::new() };
        let mut values = Vec::with_capacity(drawn.len());
        tree.grow_node(samples, &mut drawn, 0, limits, &mut values, rng);
        tree
    }

    /// Grows the node of the rows `drawn` and all below it. Returns its index.
    fn grow_node(
        &mut self,
        samples: &Samples<'_>,
        drawn: &mut [usize],
        depth: usize,
        limits: Limits,
        values: &mut Vec<(f32, usize)>,
        rng: &mut impl Rng,
    ) -> usize {
        let counts = count(samples, drawn);
        let at = self.nodes.len();
        let class = mote::kernels::argmax(&counts);
        self.nodes.push(Node::Leaf { class });
        let pure = counts[class] == drawn.len();
        if pure || depth >= limits.depth || drawn.len() < 2 * limits.leaf {
            return at;
        }
        let Some((feature, threshold)) = split(samples, drawn, &counts, limits, values, rng) else {
            return at;
        };
        let middle = partition(drawn, |&i| samples.rows[i][feature] <= threshold);
        let (low, high) = drawn.split_at_mut(middle);
        let left = self.grow_node(samples, low, depth + 1, limits, values, rng);
        let right = self.grow_node(samples, high, depth + 1, limits, values, rng);
        self.nodes[at] = Node::Split {
            feature,
            threshold,
            left,
            right,
        };
        at
    }
}

/// Counts the rows `drawn` of each class.
fn count(samples: &Samples<'_>, drawn: &[usize]) -> Vec<usize> {
    let mut counts = vec![0; samples.classes];
    drawn.iter().for_each(|&i| counts[samples.labels[i]] += 1);
    counts
}

/// Returns the feature and threshold of the lowest impurity among features drawn at random; none when no split leaves
/// enough rows on both sides.
fn split(
    samples: &Samples<'_>,
    drawn: &[usize],
    counts: &[usize],
    limits: Limits,
    values: &mut Vec<(f32, usize)>,
    rng: &mut impl Rng,
) -> Option<(usize, f32)> {
    let columns = samples.rows[0].len();
    let mut best: Option<(f64, usize, f32)> = None;
    for feature in index::sample(rng, columns, limits.features.min(columns)) {
        values.clear();
        let of = |&i: &usize| (samples.rows[i][feature], samples.labels[i]);
        values.extend(drawn.iter().map(of));
        values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (mut left, mut right) = (vec![0; counts.len()], counts.to_vec());
        for (n, pair) in values.windows(2).enumerate() {
            let &[(value, class), (next, _)] = pair else {
                unreachable!("windows of two");
            };
            left[class] += 1;
            right[class] -= 1;
            let (low, high) = (n + 1, values.len() - n - 1);
            if value == next || low < limits.leaf || high < limits.leaf {
                continue;
            }
            let purity = purity(&left, low) + purity(&right, high);
            if best.is_none_or(|(most, ..)| purity > most) {
                best = Some((purity, feature, between(value, next)));
            }
        }
    }
    best.map(|(_, feature, threshold)| (feature, threshold))
}

/// Returns the sum of squared class counts over their sum: the Gini impurity of both sides of a split is lowest where
/// the sum over the sides is highest.
fn purity(counts: &[usize], total: usize) -> f64 {
    let squares: usize = counts.iter().map(|n| n * n).sum();
    squares as f64 / total as f64
}

/// Returns a threshold with `low` up to it and `high` above it.
fn between(low: f32, high: f32) -> f32 {
    let middle = low + (high - low) / 2.0;
    if (low..high).contains(&middle) {
        middle
    } else {
        low
    }
}

/// Moves the elements that `first` is true of to the front. Returns their number.
fn partition(x: &mut [usize], first: impl Fn(&usize) -> bool) -> usize {
    let mut middle = 0;
    for i in 0..x.len() {
        if first(&x[i]) {
            x.swap(i, middle);
            middle += 1;
        }
    }
    middle
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    fn grown(rows: &[Vec<f32>], labels: &[usize], limits: Limits) -> Tree {
        let samples = Samples {
            rows,
            labels,
            classes: 3,
        };
        let drawn = (0..rows.len()).collect();
        Tree::grow(&samples, drawn, limits, &mut SmallRng::seed_from_u64(1))
    }

    const FREE: Limits = Limits {
        depth: 12,
        leaf: 1,
        features: 9,
    };

    #[test]
    fn a_worked_example_is_split_where_impurity_falls_most() {
        // The first column separates class 2, the second says little.
        let rows: Vec<Vec<f32>> = [[1.0, 5.0], [2.0, 1.0], [3.0, 4.0], [7.0, 2.0], [8.0, 3.0]]
            .map(Vec::from)
            .to_vec();
        let tree = grown(&rows, &[0, 1, 0, 2, 2], FREE);
        let expected = [
            Node::Split {
                feature: 0,
                threshold: 5.0,
                left: 1,
                right: 4,
            },
            Node::Split {
                feature: 1,
                threshold: 2.5,
                left: 2,
                right: 3,
            },
            Node::Leaf { class: 1 },
            Node::Leaf { class: 0 },
            Node::Leaf { class: 2 },
        ];
        assert_eq!(tree.nodes, expected);
        for (row, class) in rows.iter().zip([0, 1, 0, 2, 2]) {
            assert_eq!(tree.classify(row), class);
        }
    }

    #[test]
    fn limits_hold() {
        let rows: Vec<Vec<f32>> = (0..64).map(|i| vec![i as f32]).collect();
        let labels: Vec<usize> = (0..64).map(|i| i % 3).collect();
        let shallow = grown(&rows, &labels, Limits { depth: 2, ..FREE });
        assert!(shallow.nodes.len() <= 7);
        let wide = grown(&rows, &labels, Limits { leaf: 20, ..FREE });
        assert!(wide.nodes.len() <= 5, "{:?}", wide.nodes);
        // Equal values cannot be told apart.
        let same = vec![vec![1.0]; 64];
        assert_eq!(grown(&same, &labels, FREE).nodes.len(), 1);
    }

    #[test]
    fn thresholds_lie_between_the_values_they_part() {
        let next = f32::from_bits(1.0f32.to_bits() + 1);
        for (low, high) in [(1.0, next), (-1.0, 1.0), (f32::MIN, f32::MAX)] {
            let threshold = between(low, high);
            assert!(
                low <= threshold && threshold < high,
                "{low} {threshold} {high}"
            );
        }
    }
}
