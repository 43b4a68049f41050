//! The model format: what `mote-model` writes and [`Model`](crate::Model) reads.
//!
//! A model is a sequence of little-endian 32-bit words:
//!
//! | words | content |
//! |---|---|
//! | 0 | magic `MOTE` |
//! | 1 | length of the whole model in words |
//! | 2 | version, number of tensors, number of nodes, flags (one byte each) |
//! | 3 | input tensor, output tensor (one byte each), 0 (16 bits) |
//! | 4 | arena length in words |
//! | 5, 6 | scale of the input and of the output tensor (f32; 1 when the tensor is f32) |
//! | 7 | word offset of the front end's parameters, 0 for none |
//! | 8.. | tensors, [`TENSOR_WORDS`] each, then nodes, [`NODE_WORDS`] each, then parameters |
//! | last | CRC-32 of all words before |
//!
//! A tensor: `time | channels << 16`, then `arena offset in words | element type << 16 | zero point << 24`.
//!
//! A node: `operator | input << 8 | second input << 16 | output << 24`, `kernel | stride << 16 | dilation << 24`,
//! `padding before | output channels per group << 16`, `input channels per group | low << 16 | high << 24` (low
//! and high clamp an int8 output; for f32, low is the [activation](ACTIVATION_NONE)), word offset of the
//! parameters.
//!
//! Names and labels are not in the model: the device has no use for them.
//!
//! # Parameters
//!
//! **Convolution, int8.** Per output channel, rounded up to a pair, a [`Channel`](crate::quant::Channel); then
//! per group and block of two pairs of its output channels, the last perhaps of one, per four taps of the receptive
//! field, per pair `a`, `b`, two words: taps 0 and 2, then taps 1 and 3, each tap as the signed 16-bit number `256 * b + a`. Thus one `SXTB16`
//! yields two taps of `a`, and multiplying the word as it is gives `256 * b + a`, from which the sum over `a` is
//! subtracted in the end. The field is padded with zeros to a multiple of four taps. Dense layers are
//! convolutions whose kernel is the whole input, or one step of it when there are several output steps; they are
//! written as kernel 0, and round once where others round twice ([`Rounding`](crate::quant::Rounding)).
//!
//! **Convolution, int8 with weights of four bits.** As above, but the two words of four taps are one: with
//! `0x0707_0707` added, each has four nibbles in its even places; those of the second are shifted into the odd ones.
//! One group of channels, and fields of up to [`MAX_TAPS_I4`] taps.
//!
//! **Convolution, f32.** Per group and block of four output channels four biases; then, in the same order, per
//! row, per tap four weights. Missing channels of the last block are zero.
//!
//! **Depthwise, int8.** Per channel, rounded up to four, a `Channel`; then per four channels a word per tap.
//! **Depthwise, f32.** Biases, then per tap the channels.
//!
//! **Add, int8.** Multiplier value and exponent of both inputs and the output. **Activation, int8.** Multiplier
//! value and exponent. **Softmax, int8.** Multiplier value, exponent, smallest difference that counts.
//! **Quantize, dequantize.** Scale. **Windows of a stream.** `steps | hop << 16`, steps to skip; the second input is
//! the state. **Early exit.** Margin, in steps (int8) or as f32. **Front end.** Per channel: offset, multiplier value, exponent (int8), or
//! offset, scale, 0 (f32).

/// First word: `MOTE`.
pub const MAGIC: u32 = u32::from_le_bytes(*b"MOTE");
/// Version of the format.
pub const VERSION: u8 = 1;
/// Words before the tensors.
pub const HEADER_WORDS: usize = 8;
/// Words of one tensor.
pub const TENSOR_WORDS: usize = 2;
/// Words of one node.
pub const NODE_WORDS: usize = 5;
/// Words of one channel of the front end.
pub const FRONTEND_WORDS: usize = 3;

/// Element type: 32-bit float.
pub const ELEM_F32: u8 = 0;
/// Element type: quantized to 8 bits.
pub const ELEM_I8: u8 = 1;

/// No clamp.
pub const ACTIVATION_NONE: i8 = 0;
/// `max(x, 0)`.
pub const ACTIVATION_RELU: i8 = 1;
/// `min(max(x, 0), 6)`.
pub const ACTIVATION_RELU6: i8 = 2;

/// Longest run of int8 taps that is summed up at once: up to it the sum over the upper of two packed channels can be
/// told from the sum over the lower (`512 * 128 * 127 < 2^23`).
pub const MAX_RUN: usize = 512;
/// Longest int8 receptive field, in taps: up to it no accumulator leaves 30 bits.
pub const MAX_TAPS: usize = 1 << 15;
/// Longest receptive field of a convolution with weights of four bits, in taps: four output channels of it are unpacked
/// at a time, on the stack.
pub const MAX_TAPS_I4: usize = 256;

/// How the taps of one receptive field lie in the input: `count` runs of `len` consecutive elements, `step`
/// elements apart.
///
/// Input is time-major, so without dilation and groups the whole field is one run. With them there is one run
/// per kernel tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceptiveField {
    /// Runs.
    pub count: usize,
    /// Elements of one run.
    pub len: usize,
    /// Elements between the starts of two runs.
    pub step: usize,
}

impl ReceptiveField {
    /// Returns the field of a convolution over `channels` input channels, of which each group sees `group_channels`.
    pub const fn new(
        kernel: usize,
        channels: usize,
        group_channels: usize,
        dilation: usize,
    ) -> Self {
        if group_channels == channels && dilation == 1 {
            let len = kernel.saturating_mul(channels);
            Self {
                count: 1,
                len,
                step: len,
            }
        } else {
            Self {
                count: kernel,
                len: group_channels,
                step: channels.saturating_mul(dilation),
            }
        }
    }

    /// Counts the elements of the whole field.
    pub const fn taps(self) -> usize {
        self.count.saturating_mul(self.len)
    }
}
