//! The normalised, temperature-scaled cross-entropy loss.

use burn_core::tensor::activation::log_softmax;
use burn_core::tensor::{Tensor, TensorData};

/// Keeps a view from being compared with itself.
const NEVER: f32 = -1e9;

/// Returns the NT-Xent loss (Chen et al. 2020, arXiv 2002.05709, equation 1) of projections `z`, `[m, width]`: the
/// cross-entropy of telling the positives of each view from all other views by cosine similarity divided by
/// `temperature`. `positives`, `[m, m]`, has the weight of each pair. When all views of a class are positives, this is
/// equation 2 of Khosla et al. 2020 (arXiv 2004.11362).
pub(super) fn nt_xent(z: Tensor<2>, positives: Tensor<2>, temperature: f32) -> Tensor<1> {
    let [m, _] = z.dims();
    let length = (z.clone() * z.clone()).sum_dim(1) + 1e-12;
    let z = z / length.sqrt();
    let similarity = z.clone().matmul(z.transpose()) / temperature;
    let mut own = vec![0.0; m * m];
    own.iter_mut().step_by(m + 1).for_each(|x| *x = NEVER);
    let own = Tensor::from_data(TensorData::new(own, [m, m]), &positives.device());
    (log_softmax(similarity + own, 1) * positives).sum().neg()
}

/// Returns the weights of the positives, `[2n][2n]`, of two views of each of `n` windows, all first views before all
/// second ones. Positives of a view are the other view of its window, and both views of windows of the same known class.
/// All weights sum to 1, and every row has the same sum.
pub(super) fn positives(classes: &[Option<usize>]) -> Vec<f32> {
    let n = classes.len();
    let m = 2 * n;
    let mut weights = vec![0.0; m * m];
    for (i, row) in weights.chunks_exact_mut(m.max(1)).enumerate() {
        let own = classes[i % n];
        let alike = |j: usize| {
            let class = classes[j % n];
            j != i && (j % n == i % n || (own.is_some() && own == class))
        };
        let count = (0..m).filter(|&j| alike(j)).count();
        let weight = 1.0 / (m * count) as f32;
        for (j, value) in row.iter_mut().enumerate() {
            if alike(j) {
                *value = weight;
            }
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_core::tensor::Device;
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    const WIDTH: usize = 3;
    const TEMPERATURE: f32 = 0.4;

    fn random(n: usize) -> Vec<f32> {
        let mut rng = SmallRng::seed_from_u64(5);
        (0..2 * n * WIDTH)
            .map(|_| rng.random_range(-1.0..1.0))
            .collect()
    }

    /// The definition: for every view the mean over its positives of the negative log of its share among all others.
    fn by_definition(z: &[f32], classes: &[Option<usize>]) -> f64 {
        let (n, rows): (usize, Vec<&[f32]>) = (classes.len(), z.chunks(WIDTH).collect());
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
            products.sum()
        };
        let similarity = |i: usize, j: usize| {
            let (a, b) = (rows[i], rows[j]);
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt() / f64::from(TEMPERATURE)
        };
        let mut total = 0.0;
        for i in 0..2 * n {
            let others = || (0..2 * n).filter(|&j| j != i);
            let sum: f64 = others().map(|j| similarity(i, j).exp()).sum();
            let same_class =
                |j: usize| classes[i % n].is_some() && classes[i % n] == classes[j % n];
            let alike: Vec<usize> = others()
                .filter(|&j| j == (i + n) % (2 * n) || same_class(j))
                .collect();
            let losses = alike.iter().map(|&j| -(similarity(i, j).exp() / sum).ln());
            total += losses.sum::<f64>() / alike.len() as f64;
        }
        total / (2 * n) as f64
    }

    fn tensor(x: &[f32], columns: usize, device: &Device) -> Tensor<2> {
        Tensor::from_data(
            TensorData::new(x.to_vec(), [x.len() / columns, columns]),
            device,
        )
    }

    fn cases() -> [Vec<Option<usize>>; 3] {
        [
            vec![None; 5],
            vec![Some(1), None, Some(0), Some(1), None],
            vec![Some(0), Some(1), Some(0), Some(1), Some(1)],
        ]
    }

    #[test]
    fn it_is_the_double_loop() {
        let device = Device::flex();
        for classes in cases() {
            let z = random(5);
            let weights = tensor(&positives(&classes), 10, &device);
            let loss = nt_xent(tensor(&z, WIDTH, &device), weights, TEMPERATURE);
            let loss = crate::ops::to_host(loss).unwrap()[0];
            let expected = by_definition(&z, &classes);
            assert!(
                (f64::from(loss) - expected).abs() < 1e-5,
                "{loss}, not {expected}"
            );
        }
    }

    #[test]
    fn its_gradient_is_the_numerical_one() {
        let device = Device::flex().autodiff();
        for classes in cases() {
            let z = random(5);
            let leaf = tensor(&z, WIDTH, &device).require_grad();
            let weights = tensor(&positives(&classes), 10, &device);
            let mut gradients = nt_xent(leaf.clone(), weights, TEMPERATURE).backward();
            let gradient = leaf.grad_remove(&mut gradients).unwrap();
            let gradient = crate::ops::to_host(gradient).unwrap();
            for (i, &found) in gradient.iter().enumerate() {
                let at = |change: f32| {
                    let mut z = z.clone();
                    z[i] += change;
                    by_definition(&z, &classes)
                };
                let expected = (at(1e-3) - at(-1e-3)) / 2e-3;
                assert!(
                    (f64::from(found) - expected).abs() < 1e-3,
                    "{i}: {found}, not {expected}"
                );
            }
        }
    }
}
