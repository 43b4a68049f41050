//! Principal component analysis: the few directions in which training windows vary most (Jolliffe 2002).

use crate::Error;
use nalgebra::{DMatrix, SymmetricEigen};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Rows that the covariance takes in at a time.
const ROWS: usize = 256;

/// Most columns: the eigenvectors of more take minutes.
const COLUMNS: usize = 4096;

/// How many components are kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Keep {
    /// So many, or all when there are fewer.
    Components(usize),
    /// As few as together have this share of the variance, above 0 and up to 1.
    Variance(f64),
}

impl FromStr for Keep {
    type Err = Error;

    /// Reads `20` as a number of components, `0.95` as a share of the variance.
    fn from_str(text: &str) -> Result<Self, Error> {
        if let Ok(count) = text.parse::<usize>()
            && count > 0
        {
            return Ok(Keep::Components(count));
        }
        match text.parse::<f64>() {
            Ok(share) if share > 0.0 && share < 1.0 => Ok(Keep::Variance(share)),
            _ => Err(Error::config(
                "pca",
                format!(
                    "`{text}` is neither a number of components (20) nor a share of the variance (0.95)"
                ),
            )),
        }
    }
}

/// A fitted analysis: `components * (row - mean)` projects a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pca {
    /// Per column.
    pub mean: Vec<f32>,
    /// `[component][column]`, most variance first.
    pub components: Vec<f32>,
    /// Of each component.
    pub variances: Vec<f64>,
    /// Of all columns together.
    pub total: f64,
}

impl Pca {
    /// Fits to `rows`, `[n][columns]`.
    ///
    /// # Errors
    /// [`Error::Data`] when there are no rows, they have more than 4096 columns or do not vary, and
    /// [`Error::Config`] when none or more than all of the variance is asked for.
    pub fn fit(rows: &[f32], columns: usize, keep: Keep) -> Result<Self, Error> {
        if rows.is_empty() || columns == 0 {
            return Err(Error::Data("PCA has no rows to fit to".to_owned()));
        }
        if columns > COLUMNS {
            return Err(Error::Data(format!(
                "PCA of {columns} columns would take too long; choose shorter windows or a lower rate for {COLUMNS} \
                 or fewer"
            )));
        }
        let n = (rows.len() / columns) as f64;
        let mut mean = vec![0.0f64; columns];
        for row in rows.chunks_exact(columns) {
            for (mean, &x) in mean.iter_mut().zip(row) {
                *mean += f64::from(x);
            }
        }
        mean.iter_mut().for_each(|mean| *mean /= n);
        let mut covariance = DMatrix::<f64>::zeros(columns, columns);
        for block in rows.chunks(ROWS * columns) {
            let centred = block.chunks_exact(columns).flat_map(|row| {
                row.iter()
                    .zip(&mean)
                    .map(|(&x, mean)| (f64::from(x) - mean) / n.sqrt())
            });
            let block = DMatrix::from_row_iterator(block.len() / columns, columns, centred);
            covariance.gemm_tr(1.0, &block, &block, 1.0);
        }
        let total = covariance.trace();
        if !(total.is_finite() && total > 0.0) {
            return Err(Error::Data(
                "PCA needs rows that vary and hold finite values".to_owned(),
            ));
        }
        let eigen = SymmetricEigen::new(covariance);
        let mut order: Vec<usize> = (0..columns).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let variance = |&i: &usize| eigen.eigenvalues[i].max(0.0);
        order.truncate(match keep {
            Keep::Components(0) => {
                return Err(Error::config("components", "keep at least one"));
            }
            Keep::Components(count) => count.min(columns),
            Keep::Variance(share) if share > 0.0 && share <= 1.0 => {
                let mut sum = 0.0;
                let enough = order.iter().position(|i| {
                    sum += variance(i);
                    // Rounding may leave the last bit of the sum out.
                    sum >= share * total * (1.0 - 1e-12)
                });
                enough.map_or(columns, |last| last + 1)
            }
            Keep::Variance(share) => {
                return Err(Error::config(
                    "variance",
                    format!("{share} is not a share above 0 and up to 1"),
                ));
            }
        });
        let mut components = Vec::with_capacity(order.len() * columns);
        for &i in &order {
            let vector = eigen.eigenvectors.column(i);
            // The sign is arbitrary: the largest element is made positive, so that the same data give the same.
            let largest = vector[vector.iamax()];
            components.extend(vector.iter().map(|x| (x * largest.signum()) as f32));
        }
        Ok(Self {
            mean: mean.iter().map(|&m| m as f32).collect(),
            components,
            variances: order.iter().map(variance).collect(),
            total,
        })
    }

    /// Returns the number of components.
    pub fn len(&self) -> usize {
        self.variances.len()
    }

    /// Returns whether there is no component.
    pub fn is_empty(&self) -> bool {
        self.variances.is_empty()
    }

    /// Returns the share of the variance that the components have.
    pub fn kept(&self) -> f64 {
        self.variances.iter().sum::<f64>() / self.total
    }

    /// Returns the components of `row`.
    pub fn project(&self, row: &[f32]) -> Vec<f32> {
        let rows = self.components.chunks_exact(self.mean.len().max(1));
        rows.map(|component| {
            let pairs = component.iter().zip(row.iter().zip(&self.mean));
            pairs.map(|(w, (x, mean))| w * (x - mean)).sum()
        })
        .collect()
    }

    /// Divides each column by its `deviation` before it is projected.
    pub(crate) fn behind_scaling(&mut self, deviation: &[f32]) {
        for component in self.components.chunks_exact_mut(deviation.len().max(1)) {
            for (w, d) in component.iter_mut().zip(deviation) {
                *w /= d;
            }
        }
    }

    /// Turns a linear map of the components, `weights`, `[out][component]`, and `bias`, into one of the rows:
    /// `[out][column]` and bias.
    pub(crate) fn fuse(&self, weights: &[f32], bias: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let columns = self.mean.len().max(1);
        let (mut fused, mut biases) = (Vec::new(), Vec::new());
        for (weights, bias) in weights.chunks_exact(self.len().max(1)).zip(bias) {
            let mut row = vec![0.0f64; columns];
            for (&w, component) in weights.iter().zip(self.components.chunks_exact(columns)) {
                for (sum, &c) in row.iter_mut().zip(component) {
                    *sum += f64::from(w) * f64::from(c);
                }
            }
            let centre: f64 = row
                .iter()
                .zip(&self.mean)
                .map(|(w, &m)| w * f64::from(m))
                .sum();
            biases.push((f64::from(*bias) - centre) as f32);
            fused.extend(row.into_iter().map(|w| w as f32));
        }
        (fused, biases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;
    use rand_distr::{Distribution, StandardNormal};

    /// Deviations 5, 2 and 0.5 along a rotated orthonormal basis, around (1, -2, 3).
    fn rows() -> (Vec<f32>, [[f32; 3]; 3]) {
        let basis = [
            [2.0 / 3.0, 2.0 / 3.0, 1.0 / 3.0],
            [-2.0 / 3.0, 1.0 / 3.0, 2.0 / 3.0],
            [1.0 / 3.0, -2.0 / 3.0, 2.0 / 3.0],
        ];
        let mut rng = SmallRng::seed_from_u64(11);
        let mut rows = Vec::new();
        for _ in 0..20_000 {
            let z: [f32; 3] = [5.0, 2.0, 0.5].map(|d| {
                let z: f32 = StandardNormal.sample(&mut rng);
                z * d
            });
            for (c, mean) in [1.0, -2.0, 3.0].into_iter().enumerate() {
                rows.push(mean + (0..3).map(|k| z[k] * basis[k][c]).sum::<f32>());
            }
        }
        (rows, basis)
    }

    #[test]
    fn a_known_covariance_is_found() {
        let (rows, basis) = rows();
        let pca = Pca::fit(&rows, 3, Keep::Components(3)).unwrap();
        for (k, want) in [25.0, 4.0, 0.25].into_iter().enumerate() {
            let share = pca.variances[k] / want;
            assert!((share - 1.0).abs() < 0.05, "{:?}", pca.variances);
            let found = &pca.components[3 * k..][..3];
            let cosine: f32 = found.iter().zip(basis[k]).map(|(a, b)| a * b).sum();
            assert!(cosine.abs() > 0.999, "{k}: {found:?}");
        }
        assert!((pca.kept() - 1.0).abs() < 1e-9);
        // What is projected varies as the eigenvalues say, around zero.
        let projected: Vec<Vec<f32>> = rows.chunks(3).map(|r| pca.project(r)).collect();
        let mean = projected.iter().map(|p| f64::from(p[0])).sum::<f64>() / 20_000.0;
        let square = projected
            .iter()
            .map(|p| f64::from(p[0]).powi(2))
            .sum::<f64>()
            / 20_000.0;
        assert!(mean.abs() < 1e-3, "{mean}");
        assert!((square / pca.variances[0] - 1.0).abs() < 1e-3, "{square}");
    }

    #[test]
    fn components_are_kept_by_count_or_by_variance() {
        let (rows, _) = rows();
        let count = |keep| Pca::fit(&rows, 3, keep).unwrap().len();
        assert_eq!(count(Keep::Components(2)), 2);
        assert_eq!(count(Keep::Components(9)), 3);
        // 25 of 29.25 is 0.855, 29 is 0.991.
        assert_eq!(count(Keep::Variance(0.8)), 1);
        assert_eq!(count(Keep::Variance(0.95)), 2);
        assert_eq!(count(Keep::Variance(1.0)), 3);
    }

    #[test]
    fn texts_are_counts_or_shares() {
        assert_eq!("20".parse::<Keep>().unwrap(), Keep::Components(20));
        assert_eq!("0.95".parse::<Keep>().unwrap(), Keep::Variance(0.95));
        for bad in ["0", "1.5", "-3", "many", "NaN"] {
            assert!(bad.parse::<Keep>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_analysed_is_refused() {
        assert!(Pca::fit(&[], 3, Keep::Components(1)).is_err());
        assert!(Pca::fit(&[2.0; 30], 3, Keep::Components(1)).is_err());
        assert!(Pca::fit(&[1.0, f32::NAN, 0.0, 1.0], 2, Keep::Components(1)).is_err());
        assert!(Pca::fit(&[1.0, 2.0], 1, Keep::Variance(1.5)).is_err());
        assert!(Pca::fit(&vec![0.0; 10_000], 5_000, Keep::Components(1)).is_err());
    }

    #[test]
    fn fused_maps_give_what_one_after_the_other_gives() {
        let (rows, _) = rows();
        let pca = Pca::fit(&rows, 3, Keep::Components(2)).unwrap();
        let (weights, bias) = ([0.5, -1.0, 2.0, 0.25], [1.0, -3.0]);
        let (fused, biases) = pca.fuse(&weights, &bias);
        for row in rows.chunks(3).take(50) {
            let components = pca.project(row);
            for out in 0..2 {
                let dot = |w: &[f32], x: &[f32]| w.iter().zip(x).map(|(w, x)| w * x).sum::<f32>();
                let want = bias[out] + dot(&weights[2 * out..][..2], &components);
                let found = biases[out] + dot(&fused[3 * out..][..3], row);
                assert!((want - found).abs() < 1e-4, "{found}, not {want}");
            }
        }
    }
}
