//! Differentiable operators on time-major tensors, `[windows, time, channels]`.
//!
//! The engine stores activations time-major, and so does training: the input of a convolution at one output step is
//! one contiguous run, a pointwise convolution is one matrix product without any transposition, and loops over
//! channels vectorise. The tensor library's own convolutions are channel-major and slow when depthwise, and its
//! batch norm makes some 40 passes over memory; the operators here make 4.

mod backend;
mod depthwise;
mod fake_quantize;
mod norm;
mod unfold;

pub(crate) use backend::to_host;
pub(crate) use depthwise::depthwise;
pub(crate) use fake_quantize::fake_quantize;
pub(crate) use norm::{Clamp, Statistics, UNBOUNDED, batch_norm, scale_shift};
pub(crate) use unfold::unfold;

#[cfg(test)]
mod tests;
