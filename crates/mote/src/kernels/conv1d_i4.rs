//! 1-D convolution over time, int8, whose weights are stored in four bits.
//!
//! Weights are unpacked into a scratch for four output channels at a time, or more, which the [int8 kernel](super::conv1d_i8)
//! then computes for all steps whose fields are contiguous: the result is that of an int8 layer with the same weights,
//! bit for bit. The price is about ten cycles per word of weights, once for the steps at the beginning that read
//! padding, once for those at the end, and once for all in between.

use super::conv1d::Shape;
use super::conv1d_i8::{Conv1dI8, Group, ValidConv1dI8};
use super::{expect_len, part};
use crate::Error;
use crate::format::MAX_TAPS_I4;
use crate::quant::{Channel, Output, Rounding};
use crate::simd;
use core::cell::Cell;

/// Scratch that is enough for any convolution: four output channels with the longest field.
pub const SCRATCH_GROUPS: usize = MAX_TAPS_I4 / 2;

/// Output channels of one block. The int8 kernel computes as many together, and what it reads for them lies together.
pub const BLOCK: usize = 4;

/// Largest and smallest weight.
pub const LIMIT: i8 = 7;

/// What is added to two packed channels so that four weights become four nibbles, each in a byte of its own.
const OFFSET: u32 = 0x0101_0101 * LIMIT as u32;
const NIBBLES: u32 = 0x0f0f_0f0f;

/// A convolution with weights of four bits, of one group.
#[derive(Debug, Clone, Copy)]
pub struct Conv1dI4<'a> {
    /// Geometry.
    pub shape: Shape,
    /// The input's zero point: what taps outside the input read.
    pub input_zero: i8,
    /// Grid and clamp of the output.
    pub output: Output,
    /// Of the output.
    pub rounding: Rounding,
    /// A [`Channel`] per output channel, an even number.
    pub channels: &'a [[u32; 2]],
    /// The taps in the order of the int8 kernel, a [`Group`] in one word each.
    pub weights: &'a [u32],
}

impl<'a> Conv1dI4<'a> {
    /// A convolution of `shape` from its parameters in the model: channels, then weights.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the output channels are in groups, there are too few parameters, or a field is longer
    /// than [`MAX_TAPS_I4`].
    pub fn new(
        shape: Shape,
        input_zero: i8,
        output: Output,
        rounding: Rounding,
        parameters: &'a [u32],
    ) -> Result<Self, Error> {
        let taps = shape.rows().taps();
        let pairs = shape.out_channels.div_ceil(2);
        if pairs == 0 || taps == 0 || taps > MAX_TAPS_I4 || shape.groups() != 1 {
            return Err(Error::Corrupt);
        }
        let (channels, _) = parameters
            .as_chunks::<2>()
            .0
            .split_at_checked(2 * pairs)
            .ok_or(Error::Corrupt)?;
        Ok(Self {
            shape,
            input_zero,
            output,
            rounding,
            channels,
            weights: part(
                parameters,
                4 * pairs,
                pairs.saturating_mul(taps.div_ceil(4)),
            )?,
        })
    }

    /// Checks the values of the parameters: every shift is in range.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub(crate) fn validate(&self) -> Result<(), Error> {
        if self
            .channels
            .iter()
            .all(|&c| Channel::from_words(c).is_valid())
        {
            Ok(())
        } else {
            Err(Error::Corrupt)
        }
    }

    /// Groups of four taps in one receptive field.
    const fn field(&self) -> usize {
        self.shape.rows().taps().div_ceil(4)
    }

    /// Scratch that it takes at least: for one block of output channels.
    pub const fn scratch_groups(&self) -> usize {
        if self.shape.out_channels > BLOCK / 2 {
            2 * self.field()
        } else {
            self.field()
        }
    }

    /// Convolves `input` (`in_time x in_channels`) into the channels from `first` on of an `output` of `row` channels,
    /// as many channels at a time as there is `scratch` for. Input and output may not overlap.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says, the channels do not lie in the row, or the scratch is
    /// too small for one block of them.
    #[inline(never)]
    pub fn run_tile(
        &self,
        input: &[Cell<i8>],
        output: &[Cell<i8>],
        first: usize,
        row: usize,
        scratch: &mut [Group],
    ) -> Result<(), Error> {
        let shape = self.shape;
        if first.saturating_add(shape.out_channels) > row {
            return Err(Error::BufferLength);
        }
        let input = part(input, 0, shape.in_time * shape.in_channels)?;
        expect_len(output, shape.out_time * row)?;
        let output = output.get(first..).unwrap_or(&[]);
        let block = self.scratch_groups();
        // Not a division, which some cores do in software.
        let mut blocks = 0;
        while (blocks + 1) * block <= scratch.len() {
            blocks += 1;
        }
        if blocks == 0 {
            return Err(Error::BufferLength);
        }
        let scratch = scratch.get_mut(..blocks * block).unwrap_or_default();
        let steps = Conv1dI8 {
            shape,
            input_zero: self.input_zero,
            output: self.output,
            rounding: self.rounding,
            channels: self.channels,
            weights: &[],
        };
        steps.spans::<MAX_TAPS_I4>(input, output, row, &mut |conv, x, y| {
            self.blocks(conv, x, y, BLOCK * blocks, scratch)
        })
    }

    /// All output channels of the steps of `conv`, of which so many are unpacked at a time.
    #[inline(never)] // once for all kinds of steps
    fn blocks(
        &self,
        conv: &ValidConv1dI8<'_>,
        x: &[Cell<i8>],
        y: &[Cell<i8>],
        channels: usize,
        scratch: &mut [Group],
    ) -> Result<(), Error> {
        let (mut y, mut left) = (y, conv.outputs);
        let mut block = ValidConv1dI8 {
            outputs: channels,
            channels: self.channels,
            weights: &[],
            ..*conv
        };
        let mut weights = self.weights;
        while left > 0 {
            unpack(weights, scratch);
            block.outputs = left.min(channels);
            ValidConv1dI8 {
                weights: scratch,
                ..block
            }
            .run(x, y)?;
            weights = weights.get(scratch.len()..).unwrap_or(&[]);
            block.channels = block.channels.get(block.outputs..).unwrap_or(&[]);
            y = y.get(block.outputs..).unwrap_or(&[]);
            left -= block.outputs;
        }
        Ok(())
    }
}

/// Unpacks as many of `words` as there are `groups`.
pub fn unpack(words: &[u32], groups: &mut [Group]) {
    simd::unpack(words, groups, [NIBBLES, OFFSET]);
}

/// One word for `group`, whose weights are in `-LIMIT..=LIMIT`; `None` when one does not fit four bits.
///
/// Borrows between neighbouring weights are part of the nibbles: what subtracting [`OFFSET`] takes from a neighbour,
/// adding it has given before.
pub const fn pack(group: Group) -> Option<u32> {
    let [even, odd] = [group[0].wrapping_add(OFFSET), group[1].wrapping_add(OFFSET)];
    if (even | odd) & !NIBBLES == 0 {
        Some(even | odd << 4)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cells;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    /// Four taps of the output channels `a` and `b`, as the format has them.
    fn group(a: [i8; 4], b: [i8; 4]) -> Group {
        let packed = |i: usize| (256 * i32::from(b[i]) + i32::from(a[i])) as u16;
        let word = |low, high| u32::from(packed(low)) | u32::from(packed(high)) << 16;
        [word(0, 2), word(1, 3)]
    }

    #[test]
    fn every_pair_of_neighbours_survives() {
        let weights = || -LIMIT..=LIMIT;
        for (a0, b0) in weights().flat_map(|a| weights().map(move |b| (a, b))) {
            for (a2, b2) in weights().flat_map(|a| weights().map(move |b| (a, b))) {
                let group = group([a0, b2, a2, -a0], [b0, a2, b2, -b0]);
                let mut back = [[0; 2]];
                unpack(&[pack(group).unwrap()], &mut back);
                assert_eq!(back, [group]);
            }
        }
    }

    #[test]
    fn weights_beyond_four_bits_are_refused() {
        for wrong in [9, -8, 100, -128] {
            for tap in 0..4 {
                let mut taps = [0; 4];
                taps[tap] = wrong;
                assert_eq!(pack(group(taps, [0; 4])), None);
                assert_eq!(pack(group([3; 4], taps)), None);
            }
        }
    }

    /// Weights of `pairs` pairs of channels, packed and as the int8 kernel reads them.
    fn weights(pairs: usize, field: usize, seed: u64) -> (Vec<u32>, Vec<Group>) {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(99);
            ((state >> 33) % 15) as i8 - LIMIT
        };
        let mut four = || [next(), next(), next(), next()];
        let groups: Vec<Group> = (0..pairs * field).map(|_| group(four(), four())).collect();
        (groups.iter().map(|&g| pack(g).unwrap()).collect(), groups)
    }

    proptest! {
        #[test]
        fn outputs_are_those_of_an_int8_layer_with_the_same_weights(
            outputs in 1usize..11,
            inputs in 1usize..9,
            (kernel, stride, dilation, padding) in (1usize..6, 1usize..4, 1usize..3, 0usize..3),
            extra in 0usize..9,
            scratch in 1usize..80,
            seed: u64,
        ) {
            let in_time = (kernel - 1) * dilation + 1 + extra;
            let shape = Shape {
                in_time,
                in_channels: inputs,
                out_time: (extra + padding) / stride + 1,
                out_channels: outputs,
                kernel,
                stride,
                dilation,
                padding,
                group_inputs: inputs,
                group_outputs: outputs,
            };
            let pairs = outputs.div_ceil(2);
            let field = shape.rows().taps().div_ceil(4);
            let (packed, groups) = weights(pairs, field, seed);
            let channels: Vec<[u32; 2]> =
                (0..2 * pairs as u32).map(|c| [(c * 2560) | 5, (1 << 30) | (c << 20)]).collect();
            let output = Output { zero_point: 3, low: -100, high: 127 };
            let mut parameters = channels.concat();
            parameters.extend(&packed);
            let conv = Conv1dI4::new(shape, 7, output, Rounding::Twice, &parameters).unwrap();
            let wide = Conv1dI8 {
                shape,
                input_zero: 7,
                output,
                rounding: Rounding::Twice,
                channels: &channels,
                weights: &groups,
            };
            let mut x: Vec<i8> = (0..in_time * inputs).map(|i| (seed.wrapping_mul(i as u64 + 1) >> 56) as i8).collect();
            let x = cells(&mut x);
            let (mut expected, mut found) =
                (vec![0; shape.out_time * outputs], vec![1; shape.out_time * outputs]);
            wide.run(x, cells(&mut expected)).unwrap();
            let mut scratch = vec![[0; 2]; scratch.max(conv.scratch_groups())];
            conv.run_tile(x, cells(&mut found), 0, outputs, &mut scratch).unwrap();
            prop_assert_eq!(&found, &expected);
        }
    }

    #[test]
    fn a_scratch_too_small_is_an_error() {
        let shape = Shape::dense(10, 2);
        let output = Output {
            zero_point: 0,
            low: -128,
            high: 127,
        };
        let parameters = [0; 7];
        let conv = Conv1dI4::new(shape, 0, output, Rounding::Once, &parameters).unwrap();
        assert_eq!(conv.scratch_groups(), 3);
        let (mut x, mut y) = ([0; 10], [0; 2]);
        let mut run =
            |scratch: &mut [Group]| conv.run_tile(cells(&mut x), cells(&mut y), 0, 2, scratch);
        assert_eq!(run(&mut [[0; 2]; 2]), Err(Error::BufferLength));
        assert_eq!(run(&mut [[0; 2]; 3]), Ok(()));
        let short = Conv1dI4::new(shape, 0, output, Rounding::Once, &parameters[..6]);
        assert_eq!(short.err(), Some(Error::BufferLength));
        let long = Shape::dense(MAX_TAPS_I4 + 1, 2);
        let refused = Conv1dI4::new(long, 0, output, Rounding::Once, &[0; 200]);
        assert_eq!(refused.err(), Some(Error::Corrupt));
    }
}
