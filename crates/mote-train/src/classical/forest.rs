//! The random forest (Breiman 2001): trees on bootstrap samples that vote.
//!
//! Of the crates there are, none both grows the same forest from the same seed and shows its trees, whose nodes say what
//! the model would take on a device.

use super::tree::{Limits, Samples, Tree};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Trees of a random forest.
pub(super) const TREES: usize = 50;

/// Most splits between the root and a leaf.
const DEPTH: usize = 11;

/// Fewest training windows in a leaf.
const LEAF: usize = 3;

/// Grows a forest on `rows` of the classes `labels`, all below `classes`. Each split chooses among as many features as
/// the square root of their number.
pub(super) fn forest(rows: &[Vec<f32>], labels: &[usize], classes: usize, seed: u64) -> Vec<Tree> {
    let samples = Samples {
        rows,
        labels,
        classes,
    };
    let limits = Limits {
        depth: DEPTH,
        leaf: LEAF,
        features: rows[0].len().isqrt().max(1),
    };
    let mut rng = SmallRng::seed_from_u64(seed);
    (0..TREES)
        .map(|_| {
            let draw = |_| rng.random_range(0..rows.len());
            let drawn: Vec<usize> = (0..rows.len()).map(draw).collect();
            Tree::grow(&samples, drawn, limits, &mut rng)
        })
        .collect()
}
