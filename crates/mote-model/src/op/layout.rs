//! Weights of convolutions and dense layers, in the order the kernels read them.
//!
//! [`Graph::validate`](crate::Graph::validate) has checked the lengths of weights, scales and biases before anything is
//! written, so they are indexed here.

use super::{Activation, Site, Weights, output_grid};
use crate::{Error, Quant};
use mote::describe::Encoded;
use mote::format::MAX_TAPS;
use mote::kernels::conv1d::Conv1d;
use mote::kernels::conv1d_i4::{Conv1dI4, pack};
use mote::kernels::conv1d_i8::{Conv1dI8, Group};
use mote::kernels::depthwise::{Depthwise, DepthwiseI8};
use mote::kernels::{conv1d, depthwise};
use mote::op;
use mote::quant::{Channel, Multiplier, Rounding};

/// A layer with weights.
pub(super) struct Layout<'a> {
    pub site: &'a Site<'a>,
    pub shape: conv1d::Shape,
    pub weights: &'a Weights,
    pub activation: Activation,
}

/// Order of four taps in two words: one sign extension of the even bytes of an input word yields taps 0 and 2.
const TAP_ORDER: [usize; 4] = [0, 2, 1, 3];

impl Layout<'_> {
    /// Weights of one output channel: kernel taps times input channels of its group.
    fn taps(&self) -> usize {
        self.shape.kernel * self.shape.group_inputs
    }

    fn groups(&self) -> usize {
        self.shape.out_channels / self.shape.group_outputs.max(1)
    }

    fn error(&self, field: &'static str, what: impl Into<String>) -> Error {
        self.site.error(field, what)
    }

    /// Writes a convolution or, when it rounds once, a dense layer.
    pub fn convolution(&self, rounding: Rounding) -> Result<Encoded, Error> {
        let shape = self.shape;
        let (weights, bits, scales, bias) = match self.weights {
            Weights::F32 { weights, bias } => {
                return Ok(Encoded::of::<op::conv::F32>(&Conv1d {
                    shape,
                    clamp: self.activation.clamp(),
                    parameters: &self.convolution_f32(weights, bias),
                }));
            }
            Weights::I8 {
                weights,
                bits,
                scales,
                bias,
            } => (weights, *bits, scales, bias),
        };
        let (input, output) = self.grids()?;
        let channels = self.channels(weights, scales, bias)?;
        let groups = self.convolution_i8(weights)?;
        let channels = self.pairs(&channels);
        if bits == 8 {
            return Ok(Encoded::of::<op::conv::I8>(&Conv1dI8 {
                shape,
                input_zero: input.zero_point,
                output: output_grid(output, self.activation),
                rounding,
                channels: &channels,
                weights: &groups,
            }));
        }
        let packed: Option<Vec<u32>> = groups.iter().map(|&group| pack(group)).collect();
        let packed = packed
            .ok_or_else(|| self.error("weights", "do not fit 4 bits; quantize them to -7 to 7"))?;
        Ok(Encoded::of::<op::conv_i4::I4>(&Conv1dI4 {
            shape,
            input_zero: input.zero_point,
            output: output_grid(output, self.activation),
            rounding,
            channels: &channels,
            weights: &packed,
        }))
    }

    /// Writes a depthwise convolution.
    pub fn depthwise(&self) -> Result<Encoded, Error> {
        let shape = self.shape;
        let (kernel, channels) = (shape.kernel, shape.in_channels);
        let (weights, scales, bias) = match self.weights {
            Weights::F32 { weights, bias } => {
                let mut words: Vec<u32> = bias.iter().map(|b| b.to_bits()).collect();
                for tap in 0..kernel {
                    words.extend((0..channels).map(|c| weights[c * kernel + tap].to_bits()));
                }
                return Ok(Encoded::of::<op::depthwise::F32>(&Depthwise {
                    shape,
                    clamp: self.activation.clamp(),
                    parameters: &words,
                }));
            }
            Weights::I8 {
                weights,
                scales,
                bias,
                ..
            } => (weights, scales, bias),
        };
        if kernel > MAX_TAPS {
            let what = format!("{kernel} taps; int8 sums allow up to {MAX_TAPS}");
            return Err(self.error("kernel", what));
        }
        let (input, output) = self.grids()?;
        let block = depthwise::BLOCK;
        let mut all = self.channels(weights, scales, bias)?;
        all.resize(channels.next_multiple_of(block), NO_CHANNEL);
        let all: Vec<[u32; 2]> = all.iter().map(|c| c.to_words()).collect();
        let mut words = Vec::new();
        for first in (0..channels).step_by(block) {
            for tap in 0..kernel {
                let weight = |i: usize| match first + i {
                    c if c < channels => weights[c * kernel + tap] as u8,
                    _ => 0,
                };
                words.push(u32::from_le_bytes([
                    weight(0),
                    weight(1),
                    weight(2),
                    weight(3),
                ]));
            }
        }
        Ok(Encoded::of::<op::depthwise::I8>(&DepthwiseI8 {
            shape,
            input_zero: input.zero_point,
            output: output_grid(output, self.activation),
            channels: &all,
            weights: &words,
        }))
    }

    /// Grids of input and output.
    fn grids(&self) -> Result<(Quant, Quant), Error> {
        let grids = self.site.input.quant.zip(self.site.output.quant);
        grids.ok_or_else(|| self.error("weights", "int8 weights between f32 tensors"))
    }

    fn convolution_f32(&self, weights: &[f32], bias: &[f32]) -> Vec<u32> {
        let outputs = self.shape.group_outputs;
        let taps = self.taps();
        // First output channel of each block, and how many of the block exist.
        let blocks: Vec<(usize, usize)> = (0..self.groups())
            .flat_map(|group| {
                (0..outputs)
                    .step_by(conv1d::BLOCK)
                    .map(move |o| (group * outputs + o, (outputs - o).min(conv1d::BLOCK)))
            })
            .collect();
        let mut words = Vec::new();
        let mut push = |first: usize, count: usize, value: &dyn Fn(usize) -> f32| {
            let block = (0..conv1d::BLOCK).map(|i| {
                if i < count {
                    value(first + i).to_bits()
                } else {
                    0
                }
            });
            words.extend(block);
        };
        for &(first, count) in &blocks {
            push(first, count, &|o| bias[o]);
        }
        for &(first, count) in &blocks {
            for tap in 0..taps {
                push(first, count, &|o| weights[o * taps + tap]);
            }
        }
        words
    }

    fn convolution_i8(&self, weights: &[i8]) -> Result<Vec<Group>, Error> {
        let outputs = self.shape.group_outputs;
        let taps = self.taps();
        if taps > MAX_TAPS {
            let what = format!("{taps} taps; int8 sums allow up to {MAX_TAPS}");
            return Err(self.error("kernel", what));
        }
        let pairs = self.pair_places();
        let mut words = Vec::new();
        let packed = |(first, second): (usize, bool), tap: usize| {
            // A tap of both channels in one number; see `mote::format`.
            if tap >= taps {
                return 0;
            }
            let a = i16::from(weights[first * taps + tap]);
            let b = if second {
                i16::from(weights[(first + 1) * taps + tap])
            } else {
                0
            };
            (256 * b + a) as u16
        };
        // Blocks of four channels do not reach from one group into the next.
        for group in pairs.chunks(outputs.div_ceil(2).max(1)) {
            for block in group.chunks(2) {
                for four in (0..taps).step_by(4) {
                    for &pair in block {
                        let [a, b, c, d] = TAP_ORDER.map(|i| u32::from(packed(pair, four + i)));
                        words.push([a | b << 16, c | d << 16]);
                    }
                }
            }
        }
        Ok(words)
    }

    /// First output channel of each pair, and whether the second exists.
    fn pair_places(&self) -> Vec<(usize, bool)> {
        let outputs = self.shape.group_outputs;
        (0..self.groups())
            .flat_map(|group| {
                (0..outputs)
                    .step_by(2)
                    .map(move |o| (group * outputs + o, o + 1 < outputs))
            })
            .collect()
    }

    /// The words of all channels, an even number in each group.
    fn pairs(&self, channels: &[Channel]) -> Vec<[u32; 2]> {
        let mut words = Vec::new();
        for (first, second) in self.pair_places() {
            let none = match second {
                true => channels[first + 1],
                false => NO_CHANNEL,
            };
            words.push(channels[first].to_words());
            words.push(none.to_words());
        }
        words
    }

    /// Bias and factor of every output channel.
    fn channels(
        &self,
        weights: &[i8],
        scales: &[f32],
        bias: &[i32],
    ) -> Result<Vec<Channel>, Error> {
        let (input, output) = self.grids()?;
        if weights.contains(&i8::MIN) {
            let what = "contain -128; int8 weights are symmetric, -127 to 127";
            return Err(self.error("weights", what));
        }
        let per_channel = weights.chunks(self.taps().max(1)).zip(scales).zip(bias);
        per_channel
            .enumerate()
            .map(|(channel, ((weights, &scale), &bias))| {
                let sum: i64 = weights.iter().map(|&w| i64::from(w)).sum();
                let folded = i64::from(bias) - i64::from(input.zero_point) * sum;
                let real = f64::from(input.scale) * f64::from(scale) / f64::from(output.scale);
                i32::try_from(folded)
                    .ok()
                    .and_then(|bias| Channel::new(bias, Multiplier::from_real(real)))
                    .ok_or_else(|| {
                        let what = format!(
                            "channel {channel}: bias {folded} (24 bits) or factor {real} (below 1) is out \
                             of range; calibrate with a larger output scale"
                        );
                        self.error("quantization", what)
                    })
            })
            .collect()
    }
}

/// Fills up a pair or block of channels.
const NO_CHANNEL: Channel = Channel {
    bias_shift: 0,
    multiplier: 0,
};
