//! A classical model, with the imputation, scaling and projection fitted with it.

use super::forest::forest;
use super::lda::{Linear, deviations, lda};
use super::spec::{Kind, Spec};
use super::tree::Tree;
use crate::Error;
use crate::features::Table;
use crate::pca::analysis::{Keep, Pca};
use mote::kernels::argmax;
use serde::{Deserialize, Serialize};

/// Bytes of one tree node on a device: feature, 16-bit threshold, two 16-bit child links, padded.
const NODE_BYTES: usize = 8;

/// A fitted classical model, with the imputation and scaling fitted with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classical {
    columns: usize,
    classes: usize,
    /// Training mean per column, which also stands in for missing values.
    mean: Vec<f32>,
    /// Projects features before a model that does not project them itself.
    projection: Option<Pca>,
    /// Components and the share of the variance they have.
    reduction: Option<(usize, f64)>,
    model: Model,
}

/// What was fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Model {
    /// Linear discriminant analysis.
    Lda(Linear),
    /// Trees that vote.
    Forest(Vec<Tree>),
}

impl Classical {
    /// Fits a model to the rows `indices` of `table`, whose classes are `y[index]`. Missing values (NaN) become
    /// the mean over those rows.
    ///
    /// # Errors
    /// [`Error::Data`] for an index or class that does not exist, [`Error::Classical`] when the model cannot be
    /// fitted.
    pub fn fit(
        kind: Kind,
        table: &Table,
        indices: &[usize],
        y: &[usize],
        classes: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        let spec = Spec { kind, pca: None };
        Self::fit_spec(spec, table, indices, y, classes, seed)
    }

    /// Fits as [`Classical::fit`] does, on principal components when `spec` says so. LDA and the projection before it
    /// become one linear map.
    ///
    /// # Errors
    /// Those of [`Classical::fit`] and of [`Pca::fit`].
    pub fn fit_spec(
        spec: Spec,
        table: &Table,
        indices: &[usize],
        y: &[usize],
        classes: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        let columns = table.columns();
        let mut rows = Vec::with_capacity(indices.len());
        let mut labels = Vec::with_capacity(indices.len());
        for &i in indices {
            let row = table.row(i);
            let class = y.get(i).copied().filter(|&c| c < classes);
            match class {
                Some(class) if !row.is_empty() => {
                    rows.push(row);
                    labels.push(class);
                }
                _ => {
                    return Err(Error::Data(format!(
                        "row {i} does not exist or has no class below {classes}"
                    )));
                }
            }
        }
        if rows.is_empty() {
            return Err(Error::Data("there is no training window".to_owned()));
        }
        let mean = column_means(&rows, columns);
        let mut complete: Vec<Vec<f32>> = rows.iter().map(|r| impute(r, &mean)).collect();
        let mut projection = match spec.pca {
            Some(keep) => Some(components(&complete, &mean, keep)?),
            None => None,
        };
        let reduction = projection.as_ref().map(|p| (p.len(), p.kept()));
        if let Some(pca) = &projection {
            complete.iter_mut().for_each(|row| *row = pca.project(row));
        }
        let model = match spec.kind {
            Kind::Lda => Model::Lda(match projection.take() {
                None => lda(&complete, &labels, &mean, classes)?,
                Some(pca) => {
                    let centre = vec![0.0; pca.len()];
                    let map = lda(&complete, &labels, &centre, classes)?;
                    let (weights, bias) = pca.fuse(&map.weights, &map.bias);
                    Linear { weights, bias }
                }
            }),
            Kind::RandomForest => Model::Forest(forest(&complete, &labels, classes, seed)),
        };
        Ok(Self {
            columns,
            classes,
            mean,
            projection,
            reduction,
            model,
        })
    }

    /// Returns the number of principal components that the model decides by, and the share of the variance they have;
    /// `None` when it decides by all features.
    pub fn reduction(&self) -> Option<(usize, f64)> {
        self.reduction
    }

    /// Returns the classes of the rows `indices` of `table`.
    ///
    /// # Errors
    /// [`Error::Data`] when a row does not exist or has another number of columns than the training rows.
    pub fn predict(&self, table: &Table, indices: &[usize]) -> Result<Vec<usize>, Error> {
        indices
            .iter()
            .map(|&i| {
                let row = table.row(i);
                if row.len() != self.columns {
                    return Err(Error::Data(format!(
                        "row {i} has {} columns, but the model was fitted on {}",
                        row.len(),
                        self.columns
                    )));
                }
                let row = impute(row, &self.mean);
                Ok(match &self.projection {
                    Some(pca) => self.classify(&pca.project(&row)),
                    None => self.classify(&row),
                })
            })
            .collect()
    }

    fn classify(&self, row: &[f32]) -> usize {
        let mut scores = vec![0.0; self.classes];
        match &self.model {
            Model::Lda(Linear { weights, bias }) => {
                let weights = weights.chunks_exact(self.columns);
                for ((score, weights), bias) in scores.iter_mut().zip(weights).zip(bias) {
                    *score = bias + weights.iter().zip(row).map(|(w, x)| w * x).sum::<f32>();
                }
            }
            Model::Forest(trees) => {
                for tree in trees {
                    scores[tree.classify(row)] += 1.0;
                }
            }
        }
        argmax(&scores)
    }

    /// Returns what was fitted.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Counts fitted values: weights and biases, or tree nodes, and those of a projection before them.
    pub fn parameters(&self) -> usize {
        self.projected()
            + match &self.model {
                Model::Lda(map) => map.weights.len() + map.bias.len(),
                Model::Forest(trees) => trees.iter().map(|t| t.nodes.len()).sum(),
            }
    }

    /// Counts the weights of the projection before the model, and one bias per component.
    fn projected(&self) -> usize {
        self.projection
            .as_ref()
            .map_or(0, |p| p.components.len() + p.len())
    }

    /// Counts the bytes of the model on a device, without the code that computes features: f32 weights, or 8 bytes per
    /// tree node.
    pub fn bytes(&self) -> usize {
        let (projected, all) = (self.projected(), self.parameters());
        let own = match &self.model {
            Model::Lda(_) => size_of::<f32>(),
            Model::Forest(_) => NODE_BYTES,
        };
        projected * size_of::<f32>() + (all - projected) * own
    }
}

fn column_means(rows: &[&[f32]], columns: usize) -> Vec<f32> {
    (0..columns)
        .map(|c| {
            let values = rows
                .iter()
                .filter_map(|r| r.get(c))
                .filter(|v| v.is_finite());
            let (sum, n) = values.fold((0.0f64, 0u32), |(s, n), &v| (s + f64::from(v), n + 1));
            (sum / f64::from(n.max(1))) as f32
        })
        .collect()
}

/// Fits principal components to the standardised columns of `rows`. They take raw rows.
fn components(rows: &[Vec<f32>], mean: &[f32], keep: Keep) -> Result<Pca, Error> {
    let deviation: Vec<f32> = deviations(rows, mean).iter().map(|&d| d as f32).collect();
    let standardised: Vec<f32> = rows
        .iter()
        .flat_map(|row| {
            let columns = row.iter().zip(mean).zip(&deviation);
            columns.map(|((x, mean), deviation)| (x - mean) / deviation)
        })
        .collect();
    let mut pca = Pca::fit(&standardised, mean.len(), keep)?;
    pca.behind_scaling(&deviation);
    pca.mean = mean.to_vec();
    Ok(pca)
}

fn impute(row: &[f32], mean: &[f32]) -> Vec<f32> {
    row.iter()
        .zip(mean)
        .map(|(&x, &mean)| if x.is_finite() { x } else { mean })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classical::forest::TREES;
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    /// Three classes around three centres; one constant column, one copy, some values missing.
    fn data(n: usize) -> (Table, Vec<usize>) {
        let mut rng = SmallRng::seed_from_u64(7);
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for i in 0..n {
            let class = [0, 2, 3][i % 3];
            let mut near = |c: f32| c + rng.random_range(-1.0..1.0);
            let a = near(class as f32 * 3.0);
            let b = if i % 17 == 0 {
                f32::NAN
            } else {
                near(if class == 2 { 4.0 } else { 0.0 })
            };
            x.extend([a, b, 5.0, a]);
            y.push(class);
        }
        let names = ["a", "b", "constant", "copy"].map(str::to_owned).to_vec();
        (Table { names, x }, y)
    }

    fn accuracy(kind: Kind) -> (f64, Classical) {
        let (table, y) = data(600);
        let (train, test): (Vec<usize>, Vec<usize>) = (0..600).partition(|i| i % 5 != 0);
        let model = Classical::fit(kind, &table, &train, &y, 4, 1).unwrap();
        let p = model.predict(&table, &test).unwrap();
        let right = p.iter().zip(&test).filter(|&(&p, &i)| p == y[i]).count();
        (right as f64 / test.len() as f64, model)
    }

    #[test]
    fn both_separate_what_is_separate() {
        for kind in [Kind::Lda, Kind::RandomForest] {
            let (accuracy, _) = accuracy(kind);
            assert!(accuracy > 0.97, "{kind:?}: {accuracy}");
        }
    }

    #[test]
    fn sizes_are_those_of_the_model() {
        let (_, lda) = accuracy(Kind::Lda);
        assert_eq!((lda.parameters(), lda.bytes()), (4 * 4 + 4, 80));
        let (_, forest) = accuracy(Kind::RandomForest);
        let Model::Forest(trees) = forest.model() else {
            panic!("not a forest")
        };
        assert_eq!(trees.len(), TREES);
        assert!(trees.iter().all(|t| t.nodes.len() > 2), "trees have splits");
        assert_eq!(forest.bytes(), forest.parameters() * 8);
    }

    #[test]
    fn components_stand_in_for_features() {
        let (table, y) = data(600);
        let (train, test): (Vec<usize>, Vec<usize>) = (0..600).partition(|i| i % 5 != 0);
        for (name, bytes) in [("lda:pca=2", Some(80)), ("random-forest:pca=0.9", None)] {
            let spec = name.parse().unwrap();
            let model = Classical::fit_spec(spec, &table, &train, &y, 4, 1).unwrap();
            // The copy and the constant carry nothing, so two components have it all.
            let (components, kept) = model.reduction().unwrap();
            assert_eq!(components, 2, "{name}");
            assert!(kept > 0.999, "{name}: {kept}");
            let p = model.predict(&table, &test).unwrap();
            let right = p.iter().zip(&test).filter(|&(&p, &i)| p == y[i]).count();
            assert!(right as f64 > 0.97 * test.len() as f64, "{name}: {right}");
            if let Some(bytes) = bytes {
                assert_eq!(model.bytes(), bytes, "one map of all features");
            } else {
                let nodes = model.parameters() - (2 * 4 + 2);
                assert_eq!(model.bytes(), nodes * 8 + (2 * 4 + 2) * 4);
            }
        }
        for bad in ["svm", "lda:pca=0", "lda:components=3"] {
            assert!(bad.parse::<Spec>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_seed_decides() {
        let (table, y) = data(600);
        let all: Vec<usize> = (0..600).collect();
        let fitted = |seed| Classical::fit(Kind::RandomForest, &table, &all, &y, 4, seed).unwrap();
        assert_eq!(fitted(1), fitted(1));
        assert_ne!(fitted(1), fitted(2));
    }

    #[test]
    fn bad_rows_and_classes_are_refused() {
        let (table, y) = data(30);
        assert!(Classical::fit(Kind::Lda, &table, &[99], &y, 4, 1).is_err());
        assert!(Classical::fit(Kind::Lda, &table, &[1], &y, 2, 1).is_err());
        assert!(Classical::fit(Kind::Lda, &table, &[], &y, 4, 1).is_err());
    }
}
