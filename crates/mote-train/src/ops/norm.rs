//! Batch norm and the clamp behind it, as one operator.

use super::backend::{Tracked, plain, refused, tensor, values};
use crate::Error;
use burn_core::backend::autodiff::checkpoint::{base::Checkpointer, strategy::NoCheckpointing};
use burn_core::backend::autodiff::grads::Gradients;
use burn_core::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn_core::backend::flex::{Flex, FlexTensor};
use burn_core::tensor::Tensor;
use serde::{Deserialize, Serialize};

const PLACE: &str = "batch norm";

/// Added to the variance before its root is taken (Ioffe and Szegedy 2015, algorithm 1).
pub(crate) const EPSILON: f32 = 1e-3;

/// Rows summed in f32 before the sum is added to an f64 total.
const ROWS_PER_PARTIAL_SUM: usize = 128;

/// Mean and (biased) variance of each channel over one batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Statistics {
    pub mean: Vec<f32>,
    pub variance: Vec<f32>,
}

impl Statistics {
    /// Returns the norm as one scale and one shift per channel.
    pub fn affine(&self, gamma: &[f32], beta: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let scale: Vec<f32> = gamma
            .iter()
            .zip(&self.variance)
            .map(|(g, v)| g / (v + EPSILON).sqrt())
            .collect();
        let shift = beta
            .iter()
            .zip(&scale)
            .zip(&self.mean)
            .map(|((b, a), m)| b - a * m)
            .collect();
        (scale, shift)
    }

    /// Moves towards the statistics of a new batch, and keeps `share` of the old value.
    pub fn blend(&mut self, batch: &Statistics, share: f32) {
        let blend = |old: &mut [f32], new: &[f32]| {
            for (old, new) in old.iter_mut().zip(new) {
                *old = *old * share + new * (1.0 - share);
            }
        };
        blend(&mut self.mean, &batch.mean);
        blend(&mut self.variance, &batch.variance);
    }
}

/// Lowest and highest value that a clamp lets through.
pub(crate) type Clamp = (f32, f32);

/// Lets every value through.
pub(crate) const UNBOUNDED: Clamp = (f32::NEG_INFINITY, f32::INFINITY);

/// Normalises `x`, `[rows, channels]`, by the statistics of this batch, scales it by `gamma`, shifts it by `beta` and
/// clamps it. All tensors must be autodiff tensors. Returns the result, and the statistics for the running averages
/// that inference uses.
pub(crate) fn batch_norm(
    x: Tensor<2>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    clamp: Clamp,
) -> Result<(Tensor<2>, Statistics), Error> {
    let x = x.try_into_primitive::<Tracked>().map_err(refused(PLACE))?;
    let gamma = gamma
        .try_into_primitive::<Tracked>()
        .map_err(refused(PLACE))?;
    let beta = beta
        .try_into_primitive::<Tracked>()
        .map_err(refused(PLACE))?;
    let (x, x_node) = x.into_parts();
    let (gamma, gamma_node) = gamma.into_parts();
    let (beta, beta_node) = beta.into_parts();
    let (x, gamma, beta) = (
        x.to_contiguous(),
        gamma.to_contiguous(),
        beta.to_contiguous(),
    );

    let (xs, gammas, betas): (&[f32], &[f32], &[f32]) = (
        values(&x, PLACE)?,
        values(&gamma, PLACE)?,
        values(&beta, PLACE)?,
    );
    let channels = gammas.len();
    let statistics = statistics(xs, channels);
    let inverse_std: Vec<f32> = statistics
        .variance
        .iter()
        .map(|v| (v + EPSILON).sqrt().recip())
        .collect();
    let (scale, shift) = statistics.affine(gammas, betas);
    let mut y = vec![0.0; xs.len()];
    affine_clamp(xs, &scale, &shift, clamp, &mut y);

    let y = tensor(y, x.layout().shape().clone());
    let y = match (BatchNorm { clamp })
        .prepare::<NoCheckpointing>([x_node, gamma_node, beta_node])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish(
            State {
                x,
                mean: statistics.mean.clone(),
                inverse_std,
                scale,
                shift,
            },
            y,
        ),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Ok((Tensor::from_primitive::<Tracked>(y), statistics))
}

/// Returns `clamp(x * scale + shift)` per channel of `x`, `[rows, channels]`: the norm in inference.
pub(crate) fn scale_shift(
    x: Tensor<2>,
    scale: &[f32],
    shift: &[f32],
    clamp: Clamp,
) -> Result<Tensor<2>, Error> {
    let x = plain(x, PLACE)?;
    let xs = values(&x, PLACE)?;
    let mut y = vec![0.0; xs.len()];
    affine_clamp(xs, scale, shift, clamp, &mut y);
    Ok(Tensor::from_primitive::<Flex>(tensor(
        y,
        x.layout().shape().clone(),
    )))
}

#[derive(Debug)]
struct BatchNorm {
    clamp: Clamp,
}

#[derive(Debug, Clone)]
struct State {
    x: FlexTensor,
    mean: Vec<f32>,
    inverse_std: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Backward<Flex, 3> for BatchNorm {
    type State = State;

    fn backward(self, ops: Ops<State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node).to_contiguous();
        let s = ops.state;
        let channels = s.scale.len();
        let (x, dy): (&[f32], &[f32]) = (s.x.storage(), dy.storage());
        let rows = (x.len() / channels.max(1)).max(1) as f32;
        // Sums over rows of dz and dz * x, where z is the value before the clamp.
        let (dz, dz_x) = gradient_sums(x, dy, &s.scale, &s.shift, self.clamp);
        let d_gamma: Vec<f32> = (0..channels)
            .map(|c| (dz_x[c] - s.mean[c] * dz[c]) * s.inverse_std[c])
            .collect();
        // dx = scale * (dz - mean(dz) - x_hat * mean(dz * x_hat)), rearranged to dz * scale + x * a + b.
        let a: Vec<f32> = (0..channels)
            .map(|c| -s.scale[c] * s.inverse_std[c] * d_gamma[c] / rows)
            .collect();
        let b: Vec<f32> = (0..channels)
            .map(|c| -s.scale[c] * dz[c] / rows - a[c] * s.mean[c])
            .collect();
        let [x_node, gamma_node, beta_node] = ops.parents;
        if let Some(node) = x_node {
            let mut dx = vec![0.0; x.len()];
            input_gradient(x, dy, &s, (&a, &b), self.clamp, &mut dx);
            grads.register::<Flex>(node.id, tensor(dx, s.x.layout().shape().clone()));
        }
        if let Some(node) = gamma_node {
            grads.register::<Flex>(node.id, tensor(d_gamma, [channels]));
        }
        if let Some(node) = beta_node {
            grads.register::<Flex>(node.id, tensor(dz, [channels]));
        }
    }
}

fn statistics(x: &[f32], channels: usize) -> Statistics {
    let (sum, squares) = moments(x, channels);
    let rows = (x.len() / channels.max(1)).max(1) as f64;
    let mean: Vec<f64> = sum.iter().map(|s| s / rows).collect();
    Statistics {
        variance: squares
            .iter()
            .zip(&mean)
            .map(|(q, m)| (q / rows - m * m).max(0.0) as f32)
            .collect(),
        mean: mean.iter().map(|&m| m as f32).collect(),
    }
}

#[multiversion::multiversion(targets("x86_64+avx2+fma"))]
fn moments(x: &[f32], channels: usize) -> (Vec<f64>, Vec<f64>) {
    let mut totals = (vec![0.0; channels], vec![0.0; channels]);
    let mut sum = vec![0.0f32; channels];
    let mut squares = vec![0.0f32; channels];
    for rows in x.chunks(channels * ROWS_PER_PARTIAL_SUM) {
        sum.fill(0.0);
        squares.fill(0.0);
        for row in rows.chunks_exact(channels) {
            for ((s, q), x) in sum.iter_mut().zip(&mut squares).zip(row) {
                *s += x;
                *q += x * x;
            }
        }
        flush(&mut totals.0, &sum);
        flush(&mut totals.1, &squares);
    }
    totals
}

#[inline(always)]
fn flush(total: &mut [f64], partial: &[f32]) {
    for (t, p) in total.iter_mut().zip(partial) {
        *t += f64::from(*p);
    }
}

#[multiversion::multiversion(targets("x86_64+avx2+fma"))]
fn affine_clamp(x: &[f32], scale: &[f32], shift: &[f32], (low, high): Clamp, y: &mut [f32]) {
    let rows = x
        .chunks_exact(scale.len())
        .zip(y.chunks_exact_mut(scale.len()));
    for (x, y) in rows {
        for (((y, x), a), b) in y.iter_mut().zip(x).zip(scale).zip(shift) {
            *y = (x * a + b).max(low).min(high);
        }
    }
}

/// Returns the gradient before the clamp: that behind it where the clamp changed nothing, else 0.
#[inline(always)]
fn pass(dy: f32, z: f32, (low, high): Clamp) -> f32 {
    if z > low && z < high { dy } else { 0.0 }
}

#[multiversion::multiversion(targets("x86_64+avx2+fma"))]
fn gradient_sums(
    x: &[f32],
    dy: &[f32],
    scale: &[f32],
    shift: &[f32],
    clamp: Clamp,
) -> (Vec<f32>, Vec<f32>) {
    let channels = scale.len();
    let mut totals = (vec![0.0f64; channels], vec![0.0f64; channels]);
    let mut sum = vec![0.0f32; channels];
    let mut product = vec![0.0f32; channels];
    let block = channels * ROWS_PER_PARTIAL_SUM;
    for (x, dy) in x.chunks(block).zip(dy.chunks(block)) {
        sum.fill(0.0);
        product.fill(0.0);
        for (x, dy) in x.chunks_exact(channels).zip(dy.chunks_exact(channels)) {
            let outputs = sum.iter_mut().zip(&mut product);
            let inputs = x.iter().zip(dy).zip(scale.iter().zip(shift));
            for ((s, p), ((x, dy), (a, b))) in outputs.zip(inputs) {
                let dz = pass(*dy, x * a + b, clamp);
                *s += dz;
                *p += dz * x;
            }
        }
        flush(&mut totals.0, &sum);
        flush(&mut totals.1, &product);
    }
    let narrow = |v: Vec<f64>| v.into_iter().map(|v| v as f32).collect();
    (narrow(totals.0), narrow(totals.1))
}

#[multiversion::multiversion(targets("x86_64+avx2+fma"))]
fn input_gradient(
    x: &[f32],
    dy: &[f32],
    s: &State,
    (a, b): (&[f32], &[f32]),
    clamp: Clamp,
    dx: &mut [f32],
) {
    let channels = s.scale.len();
    let rows = x.chunks_exact(channels).zip(dy.chunks_exact(channels));
    for ((x, dy), dx) in rows.zip(dx.chunks_exact_mut(channels)) {
        let per_channel = s.scale.iter().zip(&s.shift).zip(a.iter().zip(b));
        for (((dx, x), dy), ((scale, shift), (a, b))) in
            dx.iter_mut().zip(x).zip(dy).zip(per_channel)
        {
            *dx = pass(*dy, x * scale + shift, clamp) * scale + (x * a + b);
        }
    }
}
