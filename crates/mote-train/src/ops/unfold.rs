//! Unfolding (im2col): the samples under a kernel laid side by side, so that a convolution becomes one matrix product.

use super::backend::{Tracked, plain, refused, tensor, values};
use crate::Error;
use burn_core::backend::autodiff::checkpoint::{base::Checkpointer, strategy::NoCheckpointing};
use burn_core::backend::autodiff::grads::Gradients;
use burn_core::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn_core::backend::flex::{Flex, FlexTensor};
use burn_core::tensor::Tensor;
use mote_model::ConvGeometry;

const PLACE: &str = "unfold";

/// Returns `x`, `[n, time, c]`, as `[n * time_out, kernel * c]`: row `(n, t)` holds the samples under the kernel at
/// output step `t`, zeros where it reaches beyond the window.
pub(crate) fn unfold(x: Tensor<3>, geometry: ConvGeometry) -> Result<Tensor<2>, Error> {
    if !x.is_autodiff() {
        let x = forward(&plain(x, PLACE)?, geometry)?;
        return Ok(Tensor::from_primitive::<Flex>(x));
    }
    let x = x.try_into_primitive::<Tracked>().map_err(refused(PLACE))?;
    let channels = x.primitive().layout().shape()[2];
    let (x, node) = x.into_parts();
    let y = forward(&x.to_contiguous(), geometry)?;
    let y = match (Unfold { geometry, channels })
        .prepare::<NoCheckpointing>([node])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish((), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Ok(Tensor::from_primitive::<Tracked>(y))
}

fn forward(x: &FlexTensor, geometry: ConvGeometry) -> Result<FlexTensor, Error> {
    let (n, c) = (x.layout().shape()[0], x.layout().shape()[2]);
    let y = gather(values(x, PLACE)?, geometry, c);
    Ok(tensor(y, [n * geometry.time_out, geometry.kernel * c]))
}

#[derive(Debug)]
struct Unfold {
    geometry: ConvGeometry,
    channels: usize,
}

impl Backward<Flex, 1> for Unfold {
    type State = ();

    fn backward(self, ops: Ops<(), 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node).to_contiguous();
        let [Some(parent)] = ops.parents else {
            return;
        };
        let Self { geometry, channels } = self;
        let n = dy.layout().shape()[0] / geometry.time_out;
        let mut dx = vec![0.0; n * geometry.time_in * channels];
        scatter(dy.storage(), &mut dx, geometry, channels);
        grads.register::<Flex>(parent.id, tensor(dx, [n, geometry.time_in, channels]));
    }
}

/// Copies the taps of every output step into a row; taps outside the input are zero.
fn gather(x: &[f32], geometry: ConvGeometry, c: usize) -> Vec<f32> {
    let samples = x.chunks_exact(geometry.time_in * c);
    let row = geometry.kernel * c;
    let mut y = Vec::with_capacity(samples.len() * geometry.time_out * row);
    for x in samples {
        for t in 0..geometry.time_out {
            let end = y.len() + row;
            let (taps, from) = geometry.taps(t);
            y.resize(y.len() + taps.start * c, 0.0);
            if geometry.dilation == 1 {
                y.extend_from_slice(&x[from * c..][..taps.len() * c]);
            } else {
                for i in 0..taps.len() {
                    y.extend_from_slice(&x[(from + i * geometry.dilation) * c..][..c]);
                }
            }
            y.resize(end, 0.0);
        }
    }
    y
}

/// Adds the taps of every row to the samples they were copied from: the transpose of [`gather`].
#[multiversion::multiversion(targets("x86_64+avx2+fma"))]
fn scatter(dy: &[f32], dx: &mut [f32], geometry: ConvGeometry, c: usize) {
    let row = geometry.kernel * c;
    let samples = dx.chunks_exact_mut(geometry.time_in * c);
    for (dx, dy) in samples.zip(dy.chunks_exact(geometry.time_out * row)) {
        for (t, dy) in dy.chunks_exact(row).enumerate() {
            let (taps, from) = geometry.taps(t);
            let dy = &dy[taps.start * c..taps.end * c];
            if geometry.dilation == 1 {
                add(&mut dx[from * c..][..dy.len()], dy);
            } else {
                for (i, dy) in dy.chunks_exact(c).enumerate() {
                    add(&mut dx[(from + i * geometry.dilation) * c..][..c], dy);
                }
            }
        }
    }
}

#[inline(always)]
fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}
