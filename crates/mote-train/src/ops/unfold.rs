//! Sliding windows laid side by side, so that a convolution becomes one matrix product.

use super::{Slide, Tracked, plain, refused, tensor, values};
use crate::Error;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::NoCheckpointing};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::{Flex, FlexTensor};
use burn::tensor::Tensor;

const PLACE: &str = "unfold";

/// `[n, time, c]` to `[n * time_out, kernel * c]`: row `(n, t)` holds the samples under the kernel at `t`.
pub(crate) fn unfold(x: Tensor<3>, slide: Slide) -> Result<Tensor<2>, Error> {
    if !x.is_autodiff() {
        let x = forward(&plain(x, PLACE)?, slide)?;
        return Ok(Tensor::from_primitive::<Flex>(x));
    }
    let x = x.try_into_primitive::<Tracked>().map_err(refused(PLACE))?;
    let channels = x.primitive().layout().shape()[2];
    let (x, node) = x.into_parts();
    let y = forward(&x.to_contiguous(), slide)?;
    let y = match (Unfold { slide, channels })
        .prepare::<NoCheckpointing>([node])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish((), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Ok(Tensor::from_primitive::<Tracked>(y))
}

fn forward(x: &FlexTensor, slide: Slide) -> Result<FlexTensor, Error> {
    let (n, c) = (x.layout().shape()[0], x.layout().shape()[2]);
    let y = gather(values(x, PLACE)?, slide, c);
    Ok(tensor(y, [n * slide.time_out, slide.kernel * c]))
}

#[derive(Debug)]
struct Unfold {
    slide: Slide,
    channels: usize,
}

impl Backward<Flex, 1> for Unfold {
    type State = ();

    fn backward(self, ops: Ops<(), 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node).to_contiguous();
        let [Some(parent)] = ops.parents else {
            return;
        };
        let Self { slide, channels } = self;
        let n = dy.layout().shape()[0] / slide.time_out;
        let mut dx = vec![0.0; n * slide.time_in * channels];
        scatter(dy.storage(), &mut dx, slide, channels);
        grads.register::<Flex>(parent.id, tensor(dx, [n, slide.time_in, channels]));
    }
}

/// Copies the taps of every output step into a row; taps outside the input are zero.
fn gather(x: &[f32], slide: Slide, c: usize) -> Vec<f32> {
    let samples = x.chunks_exact(slide.time_in * c);
    let row = slide.kernel * c;
    let mut y = Vec::with_capacity(samples.len() * slide.time_out * row);
    for x in samples {
        for t in 0..slide.time_out {
            let end = y.len() + row;
            let (taps, from) = slide.taps(t);
            y.resize(y.len() + taps.start * c, 0.0);
            if slide.dilation == 1 {
                y.extend_from_slice(&x[from * c..][..taps.len() * c]);
            } else {
                for i in 0..taps.len() {
                    y.extend_from_slice(&x[(from + i * slide.dilation) * c..][..c]);
                }
            }
            y.resize(end, 0.0);
        }
    }
    y
}

/// The transpose of [`gather`]: adds every row's taps back to where they came from.
#[multiversion::multiversion(targets("x86_64+avx2+fma"))]
fn scatter(dy: &[f32], dx: &mut [f32], slide: Slide, c: usize) {
    let row = slide.kernel * c;
    let samples = dx.chunks_exact_mut(slide.time_in * c);
    for (dx, dy) in samples.zip(dy.chunks_exact(slide.time_out * row)) {
        for (t, dy) in dy.chunks_exact(row).enumerate() {
            let (taps, from) = slide.taps(t);
            let dy = &dy[taps.start * c..taps.end * c];
            if slide.dilation == 1 {
                add(&mut dx[from * c..][..dy.len()], dy);
            } else {
                for (i, dy) in dy.chunks_exact(c).enumerate() {
                    add(&mut dx[(from + i * slide.dilation) * c..][..c], dy);
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
