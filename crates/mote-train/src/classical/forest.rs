//! The random forest: fitted by a library, kept as plain trees.

use super::Model;
use crate::Error;
use serde::{Deserialize, Serialize};
use smartcore::ensemble::random_forest_classifier::{
    RandomForestClassifier, RandomForestClassifierParameters,
};
use smartcore::linalg::basic::matrix::DenseMatrix;

/// Trees of a random forest.
pub(super) const TREES: u16 = 50;

/// Deepest level of a tree.
const DEPTH: u16 = 12;

/// Fewest training windows in a leaf.
const LEAF: usize = 3;

/// A decision tree; node 0 is the root.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// The nodes.
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

impl Tree {
    /// The class that `row` ends at.
    pub fn classify(&self, row: &[f32]) -> usize {
        let mut at = 0;
        // A tree has no more levels than nodes: the bound keeps a damaged tree from hanging.
        for _ in 0..self.nodes.len() {
            match self.nodes.get(at) {
                Some(&Node::Split {
                    feature,
                    threshold,
                    left,
                    right,
                }) => {
                    let value = row.get(feature).copied().unwrap_or(f32::NAN);
                    at = if value <= threshold { left } else { right };
                }
                Some(&Node::Leaf { class }) => return class,
                None => break,
            }
        }
        usize::MAX
    }
}

pub(super) fn forest(rows: &[Vec<f32>], labels: &[usize], seed: u64) -> Result<Model, Error> {
    let failed = |what: String| Error::Classical {
        model: "random forest",
        what,
    };
    let x = DenseMatrix::from_2d_vec(&rows.to_vec()).map_err(|e| failed(e.to_string()))?;
    let y: Vec<u32> = labels.iter().map(|&c| c as u32).collect();
    let parameters = RandomForestClassifierParameters::default()
        .with_n_trees(TREES)
        .with_max_depth(DEPTH)
        .with_min_samples_leaf(LEAF)
        .with_seed(seed);
    let forest =
        RandomForestClassifier::fit(&x, &y, parameters).map_err(|e| failed(e.to_string()))?;
    // The library keeps its trees to itself; its serialized form is how they get out.
    let stored: StoredForest = serde_json::to_value(&forest)
        .and_then(serde_json::from_value)
        .map_err(|e| failed(e.to_string()))?;
    let trees = stored
        .trees
        .iter()
        .map(|t| Tree {
            nodes: t.nodes.iter().map(|n| n.node(&stored.classes)).collect(),
        })
        .collect();
    Ok(Model::Forest(trees))
}

/// The library's forest as it is serialized; `output` counts the classes that occur.
#[derive(Deserialize)]
struct StoredForest {
    trees: Vec<StoredTree>,
    classes: Vec<usize>,
}

#[derive(Deserialize)]
struct StoredTree {
    nodes: Vec<StoredNode>,
}

#[derive(Deserialize)]
struct StoredNode {
    output: usize,
    split_feature: usize,
    split_value: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

impl StoredNode {
    fn node(&self, classes: &[usize]) -> Node {
        match (self.split_value, self.true_child, self.false_child) {
            (Some(threshold), Some(left), Some(right)) => Node::Split {
                feature: self.split_feature,
                threshold: threshold as f32,
                left,
                right,
            },
            _ => Node::Leaf {
                class: classes.get(self.output).copied().unwrap_or(self.output),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classical::impute;
    use crate::classical::tests::data;

    #[test]
    fn our_trees_vote_as_the_library_does() {
        let (table, y) = data(300);
        let rows: Vec<Vec<f32>> = (0..300).map(|i| impute(table.row(i), &[1.0; 4])).collect();
        let x = DenseMatrix::from_2d_vec(&rows).unwrap();
        let labels: Vec<u32> = y.iter().map(|&c| c as u32).collect();
        let parameters = RandomForestClassifierParameters::default()
            .with_n_trees(TREES)
            .with_max_depth(DEPTH)
            .with_min_samples_leaf(LEAF)
            .with_seed(9);
        let theirs: Vec<u32> = RandomForestClassifier::fit(&x, &labels, parameters)
            .unwrap()
            .predict(&x)
            .unwrap();
        let Model::Forest(trees) = forest(&rows, &y, 9).unwrap() else {
            panic!("not a forest")
        };
        for (row, &theirs) in rows.iter().zip(&theirs) {
            let mut votes = [0.0; 4];
            trees.iter().for_each(|t| votes[t.classify(row)] += 1.0);
            assert_eq!(crate::infer::argmax(&votes), theirs as usize);
        }
    }
}
