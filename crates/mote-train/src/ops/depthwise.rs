//! Depthwise convolution: one kernel per channel.

use super::backend::{Tracked, plain, refused, tensor, values};
use crate::Error;
use burn_core::backend::autodiff::checkpoint::{base::Checkpointer, strategy::NoCheckpointing};
use burn_core::backend::autodiff::grads::Gradients;
use burn_core::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn_core::backend::flex::{Flex, FlexTensor};
use burn_core::tensor::Tensor;
use mote_model::ConvGeometry;

const PLACE: &str = "depthwise convolution";

/// Returns the depthwise convolution, `[n, time_out, c]`, of `x`, `[n, time, c]`, with `weights`, `[kernel, c]`.
pub(crate) fn depthwise(
    x: Tensor<3>,
    weights: Tensor<2>,
    geometry: ConvGeometry,
) -> Result<Tensor<3>, Error> {
    if !x.is_autodiff() {
        let y = forward(&plain(x, PLACE)?, &plain(weights, PLACE)?, geometry)?;
        return Ok(Tensor::from_primitive::<Flex>(y));
    }
    let x = x.try_into_primitive::<Tracked>().map_err(refused(PLACE))?;
    let weights = weights
        .try_into_primitive::<Tracked>()
        .map_err(refused(PLACE))?;
    let (x, x_node) = x.into_parts();
    let (weights, weights_node) = weights.into_parts();
    let (x, weights) = (x.to_contiguous(), weights.to_contiguous());
    let y = forward(&x, &weights, geometry)?;
    let y = match (Depthwise { geometry })
        .prepare::<NoCheckpointing>([x_node, weights_node])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish((x, weights), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Ok(Tensor::from_primitive::<Tracked>(y))
}

fn forward(
    x: &FlexTensor,
    weights: &FlexTensor,
    geometry: ConvGeometry,
) -> Result<FlexTensor, Error> {
    let (n, c) = (x.layout().shape()[0], x.layout().shape()[2]);
    let mut y = vec![0.0; n * geometry.time_out * c];
    convolve(
        values(x, PLACE)?,
        values(weights, PLACE)?,
        &mut y,
        geometry,
        c,
    );
    Ok(tensor(y, [n, geometry.time_out, c]))
}

#[derive(Debug)]
struct Depthwise {
    geometry: ConvGeometry,
}

impl Backward<Flex, 2> for Depthwise {
    /// Input and weights, both contiguous.
    type State = (FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node).to_contiguous();
        let (x, weights) = ops.state;
        let shape = x.layout().shape().clone();
        let c = shape[2];
        let mut dx = vec![0.0; shape.num_elements()];
        let mut dw = vec![0.0; self.geometry.kernel * c];
        let (x, w): (&[f32], &[f32]) = (x.storage(), weights.storage());
        gradients(x, w, dy.storage(), &mut dx, &mut dw, self.geometry, c);
        let [x_node, w_node] = ops.parents;
        if let Some(node) = x_node {
            grads.register::<Flex>(node.id, tensor(dx, shape));
        }
        if let Some(node) = w_node {
            grads.register::<Flex>(node.id, tensor(dw, [self.geometry.kernel, c]));
        }
    }
}

#[multiversion::multiversion(targets("x86_64+avx2+fma"))]
fn convolve(x: &[f32], weights: &[f32], y: &mut [f32], geometry: ConvGeometry, c: usize) {
    let samples = x.chunks_exact(geometry.time_in * c);
    for (x, y) in samples.zip(y.chunks_exact_mut(geometry.time_out * c)) {
        for (t, y) in y.chunks_exact_mut(c).enumerate() {
            let (taps, from) = geometry.taps(t);
            let weights = weights[taps.start * c..taps.end * c].chunks_exact(c);
            for (i, w) in weights.enumerate() {
                let x = &x[(from + i * geometry.dilation) * c..][..c];
                for ((y, x), w) in y.iter_mut().zip(x).zip(w) {
                    *y += x * w;
                }
            }
        }
    }
}

#[multiversion::multiversion(targets("x86_64+avx2+fma"))]
fn gradients(
    x: &[f32],
    weights: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    dw: &mut [f32],
    geometry: ConvGeometry,
    c: usize,
) {
    let samples = x
        .chunks_exact(geometry.time_in * c)
        .zip(dx.chunks_exact_mut(geometry.time_in * c));
    for ((x, dx), dy) in samples.zip(dy.chunks_exact(geometry.time_out * c)) {
        for (t, dy) in dy.chunks_exact(c).enumerate() {
            let (taps, from) = geometry.taps(t);
            let taps = taps.start * c..taps.end * c;
            let weights = weights[taps.clone()].chunks_exact(c);
            for (i, (w, dw)) in weights.zip(dw[taps].chunks_exact_mut(c)).enumerate() {
                let at = (from + i * geometry.dilation) * c;
                for ((dx, w), dy) in dx[at..][..c].iter_mut().zip(w).zip(dy) {
                    *dx += w * dy;
                }
                for ((dw, x), dy) in dw.iter_mut().zip(&x[at..][..c]).zip(dy) {
                    *dw += x * dy;
                }
            }
        }
    }
}
