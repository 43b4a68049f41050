//! Fake quantization: activations rounded as int8 rounds them, while the gradient passes as if they were not.

use super::backend::{Tracked, plain, refused, tensor, values};
use super::norm::Clamp;
use crate::Error;
use burn_core::backend::autodiff::checkpoint::{base::Checkpointer, strategy::NoCheckpointing};
use burn_core::backend::autodiff::grads::Gradients;
use burn_core::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn_core::backend::flex::{Flex, FlexTensor};
use burn_core::tensor::Tensor;
use mote_model::Quant;

const PLACE: &str = "fake quantization";

/// Returns `clamp(x + bias)` rounded to the grid; `x` is `[rows, channels]`. The gradient passes where the value lies
/// inside the clamp and the ends of the grid (the straight-through estimator, Bengio et al. 2013, arXiv 1308.3432).
pub(crate) fn fake_quantize(
    x: Tensor<2>,
    bias: Tensor<1>,
    clamp: Clamp,
    grid: Quant,
) -> Result<Tensor<2>, Error> {
    let op = FakeQuantize { clamp, grid };
    if !x.is_autodiff() {
        let y = op.forward(&plain(x, PLACE)?, &plain(bias, PLACE)?)?;
        return Ok(Tensor::from_primitive::<Flex>(y));
    }
    let x = x.try_into_primitive::<Tracked>().map_err(refused(PLACE))?;
    let bias = bias
        .try_into_primitive::<Tracked>()
        .map_err(refused(PLACE))?;
    let (x, x_node) = x.into_parts();
    let (bias, bias_node) = bias.into_parts();
    let (x, bias) = (x.to_contiguous(), bias.to_contiguous());
    let y = op.forward(&x, &bias)?;
    let y = match op
        .prepare::<NoCheckpointing>([x_node, bias_node])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish((x, bias), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Ok(Tensor::from_primitive::<Tracked>(y))
}

#[derive(Debug, Clone, Copy)]
struct FakeQuantize {
    clamp: Clamp,
    grid: Quant,
}

impl FakeQuantize {
    fn forward(self, x: &FlexTensor, bias: &FlexTensor) -> Result<FlexTensor, Error> {
        let (xs, biases) = (values(x, PLACE)?, values(bias, PLACE)?);
        let mut y = vec![0.0; xs.len()];
        round(xs, biases, self.clamp, self.grid, &mut y);
        Ok(tensor(y, x.layout().shape().clone()))
    }
}

impl Backward<Flex, 2> for FakeQuantize {
    /// Input and bias, both contiguous.
    type State = (FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node).to_contiguous();
        let (x, bias) = ops.state;
        let (xs, biases, dy): (&[f32], &[f32], &[f32]) =
            (x.storage(), bias.storage(), dy.storage());
        let zero = f32::from(self.grid.zero_point);
        let low = self.clamp.0.max((-128.0 - zero) * self.grid.scale);
        let high = self.clamp.1.min((127.0 - zero) * self.grid.scale);
        let mut dx = vec![0.0; xs.len()];
        let mut db = vec![0.0; biases.len()];
        gradients(xs, biases, dy, (low, high), &mut dx, &mut db);
        let [x_node, bias_node] = ops.parents;
        if let Some(node) = x_node {
            grads.register::<Flex>(node.id, tensor(dx, x.layout().shape().clone()));
        }
        if let Some(node) = bias_node {
            grads.register::<Flex>(node.id, tensor(db, [biases.len()]));
        }
    }
}

#[multiversion::multiversion(targets("x86_64+avx2+fma"))]
fn round(x: &[f32], bias: &[f32], (low, high): Clamp, grid: Quant, y: &mut [f32]) {
    let rows = x
        .chunks_exact(bias.len())
        .zip(y.chunks_exact_mut(bias.len()));
    for (x, y) in rows {
        for ((y, x), b) in y.iter_mut().zip(x).zip(bias) {
            *y = grid.nearest((x + b).max(low).min(high));
        }
    }
}

#[multiversion::multiversion(targets("x86_64+avx2+fma"))]
fn gradients(
    x: &[f32],
    bias: &[f32],
    dy: &[f32],
    (low, high): Clamp,
    dx: &mut [f32],
    db: &mut [f32],
) {
    let channels = bias.len();
    let rows = x.chunks_exact(channels).zip(dy.chunks_exact(channels));
    for ((x, dy), dx) in rows.zip(dx.chunks_exact_mut(channels)) {
        for ((((dx, db), x), dy), b) in dx.iter_mut().zip(&mut *db).zip(x).zip(dy).zip(bias) {
            let z = x + b;
            let d = if z > low && z < high { *dy } else { 0.0 };
            *dx = d;
            *db += d;
        }
    }
}
