//! Differentiable operators on time-major tensors, `[windows, time, channels]`.
//!
//! The engine stores activations time-major, and so do we: a convolution's input at one output step is one
//! contiguous run, a pointwise convolution is one matrix product without any transposition, and per-channel
//! loops vectorise. The tensor library's own convolutions are channel-major and slow when depthwise, and its
//! batch norm makes some 40 passes over memory; the operators here make 4.

mod depthwise;
mod norm;
mod snap;
mod unfold;

pub(crate) use depthwise::depthwise;
pub(crate) use norm::{Statistics, batch_norm, scale_shift};
pub(crate) use snap::snap;
pub(crate) use unfold::unfold;

use crate::Error;
use crate::config::{Block, Padding};
use burn::backend::Autodiff;
use burn::backend::flex::{Flex, FlexTensor};
use burn::tensor::{Tensor, TensorData};
use std::ops::Range;

/// Tensors as the autodiff decorator holds them.
pub(crate) type Tracked = Autodiff<Flex>;

/// How a kernel slides over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slide {
    pub kernel: usize,
    pub stride: usize,
    pub dilation: usize,
    pub time_in: usize,
    /// None when the kernel does not fit even once.
    pub time_out: usize,
    /// Zeros before and after the input.
    pub padding: [usize; 2],
}

impl Slide {
    /// The slide of `block` over `time` steps.
    pub fn new(block: &Block, time: usize, padding: Padding) -> Self {
        let Block {
            kernel,
            stride,
            dilation,
            ..
        } = *block;
        let span = (kernel - 1) * dilation + 1;
        let (time_out, total) = match padding {
            Padding::Same => {
                let time_out = time.div_ceil(stride);
                let needed = (time_out.max(1) - 1) * stride + span;
                (time_out, needed.saturating_sub(time))
            }
            Padding::Valid => ((time + stride).saturating_sub(span) / stride, 0),
        };
        Self {
            kernel,
            stride,
            dilation,
            time_in: time,
            time_out,
            padding: [total / 2, total - total / 2],
        }
    }

    /// Step by step.
    pub fn pointwise(time: usize) -> Self {
        Self {
            kernel: 1,
            stride: 1,
            dilation: 1,
            time_in: time,
            time_out: time,
            padding: [0, 0],
        }
    }

    /// Taps of output step `t` that lie inside the input, and the input step under the first of them.
    #[inline(always)]
    fn taps(&self, t: usize) -> (Range<usize>, usize) {
        let start = t * self.stride;
        let before = self.padding[0]
            .saturating_sub(start)
            .div_ceil(self.dilation);
        let room = (self.time_in + self.padding[0]).saturating_sub(start);
        let inside = before..room.div_ceil(self.dilation).min(self.kernel).max(before);
        (
            inside,
            (start + before * self.dilation).saturating_sub(self.padding[0]),
        )
    }
}

fn refused(place: &'static str) -> impl FnOnce(burn::tensor::PrimitiveConversionError) -> Error {
    move |e| Error::Backend {
        place,
        what: format!("{e:?}"),
    }
}

/// The values of a contiguous tensor.
fn values<'a>(tensor: &'a FlexTensor, place: &'static str) -> Result<&'a [f32], Error> {
    tensor.as_slice::<f32>().ok_or(Error::Backend {
        place,
        what: "the tensor is not contiguous f32".to_owned(),
    })
}

/// A tensor of `values`.
fn tensor(values: Vec<f32>, shape: impl Into<burn::tensor::Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

fn plain<const D: usize>(x: Tensor<D>, place: &'static str) -> Result<FlexTensor, Error> {
    Ok(x.try_into_primitive::<Flex>()
        .map_err(refused(place))?
        .to_contiguous())
}

#[cfg(test)]
mod tests;
