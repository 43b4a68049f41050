//! Depthwise convolution over two axes: each channel has a kernel of its own.

use super::depthwise::of_field;
use super::image::Shape;
use super::{Clamp, cells, part};
use crate::Error;
use crate::format::MAX_RUN;
use crate::quant::Output;
use core::cell::Cell;

/// Channels in a word of int8 weights.
pub const BLOCK: usize = 4;

/// An f32 depthwise convolution.
#[derive(Debug, Clone, Copy)]
pub struct Depthwise2d<'a> {
    /// Geometry, with as many output as input channels.
    pub shape: Shape,
    /// Clamp.
    pub clamp: Clamp,
    /// Biases (as bits), then weights, `[taps][channels]`.
    pub parameters: &'a [u32],
}

impl Depthwise2d<'_> {
    /// Words of parameters that a layer of `shape` has.
    pub const fn parameter_words(shape: &Shape) -> usize {
        (1 + shape.taps()) * shape.in_channels
    }

    /// Convolves `input` into `output`.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says, or there are too few parameters.
    pub fn run(&self, input: &[Cell<f32>], output: &[Cell<f32>]) -> Result<(), Error> {
        let shape = &self.shape;
        shape.check(input, output)?;
        let channels = shape.in_channels;
        if channels != shape.out_channels {
            return Err(Error::Corrupt);
        }
        let biases = part(self.parameters, 0, channels)?;
        let weights = part(self.parameters, channels, shape.taps() * channels)?;
        shape.windows(output, |taps, y| {
            for (bias, y) in biases.iter().zip(y) {
                y.set(f32::from_bits(*bias));
            }
            shape.each_tap(taps, input, |tap, x| {
                let weights = weights.get(tap * channels..).unwrap_or(&[]);
                for ((weight, x), y) in weights.iter().zip(x).zip(y) {
                    y.set(y.get() + f32::from_bits(*weight) * x.get());
                }
            });
            for y in y {
                y.set(self.clamp.apply(y.get()));
            }
        });
        Ok(())
    }
}

/// An int8 depthwise convolution.
#[derive(Debug, Clone, Copy)]
pub struct Depthwise2dI8<'a> {
    /// Geometry, with as many output as input channels.
    pub shape: Shape,
    /// The input's zero point.
    pub input_zero: i8,
    /// Grid and clamp of the output.
    pub output: Output,
    /// A [`Channel`](crate::quant::Channel) per channel; its bias counts the input's zero point at every tap, those outside the input too.
    pub channels: &'a [[u32; 2]],
    /// Per block of four channels, a word per tap.
    pub weights: &'a [u32],
}

impl Depthwise2dI8<'_> {
    /// Most taps of a window: fields of four channels are copied.
    pub const MAX_TAPS: usize = MAX_RUN / BLOCK;

    /// Words of weights that a layer of `shape` has.
    pub const fn weight_words(shape: &Shape) -> usize {
        shape.in_channels.div_ceil(BLOCK) * shape.taps()
    }

    /// Convolves `input` into `output`.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says, or there are too few parameters.
    pub fn run(&self, input: &[Cell<i8>], output: &[Cell<i8>]) -> Result<(), Error> {
        let shape = &self.shape;
        shape.check(input, output)?;
        if shape.in_channels != shape.out_channels {
            return Err(Error::Corrupt);
        }
        let weights = part(self.weights, 0, Self::weight_words(shape))?;
        part(self.channels, 0, shape.in_channels)?;
        // As many channels at a time as have room, in whole blocks.
        let all = shape.taps();
        let tile = (MAX_RUN.checked_div(all).unwrap_or(0) / BLOCK * BLOCK).min(shape.in_channels);
        if tile == 0 {
            return Err(Error::Corrupt);
        }
        let mut copy = [0i8; MAX_RUN];
        let copy = cells(&mut copy);
        shape.windows(output, |taps, y| {
            let [rows, columns] = taps;
            let outside = rows.count * columns.count != all;
            let mut first = 0;
            for (y, channels) in y.chunks(tile).zip(self.channels.chunks(tile)) {
                if outside {
                    for x in copy.iter().take(all * y.len()) {
                        x.set(self.input_zero);
                    }
                }
                shape.each_tap(taps, input, |tap, x| {
                    let copy = copy.get(tap * y.len()..).unwrap_or(&[]);
                    let x = x.get(first..).unwrap_or(&[]);
                    for (copy, x) in copy.iter().zip(x).take(y.len()) {
                        copy.set(x.get());
                    }
                });
                let weights = weights.get(first / BLOCK * all..).unwrap_or(&[]);
                of_field(weights, all, copy, channels, self.output, y);
                first += tile;
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::super::image::tests::shapes;
    use super::*;
    use crate::quant::{Channel, Multiplier};
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn equals_a_plain_loop(shape in shapes(), seed: u64, zero: i8) {
            let shape = Shape { out_channels: shape.in_channels, ..shape };
            let mut state = seed;
            let mut random = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                ((state >> 56) as i8).max(-127)
            };
            let channels = shape.in_channels;
            let mut x: Vec<i8> = (0..shape.in_len()).map(|_| random()).collect();
            let kernel: Vec<i8> = (0..shape.taps() * channels).map(|_| random()).collect();
            let bias: Vec<i32> = (0..channels).map(|_| i32::from(random())).collect();
            let factor = Multiplier::from_real(0.01);
            let output = Output { zero_point: 3, low: -100, high: 100 };
            let words: Vec<[u32; 2]> = (0..channels).map(|c| {
                let sum: i32 = (0..shape.taps()).map(|t| i32::from(kernel[t * channels + c])).sum();
                Channel::new(bias[c] - i32::from(zero) * sum, factor).unwrap().to_words()
            }).collect();
            let mut weights = Vec::new();
            for first in (0..channels).step_by(BLOCK) {
                for tap in 0..shape.taps() {
                    weights.push(u32::from_le_bytes(core::array::from_fn(|i| {
                        if first + i < channels { kernel[tap * channels + first + i] as u8 } else { 0 }
                    })));
                }
            }
            let layer = Depthwise2dI8 { shape, input_zero: zero, output, channels: &words, weights: &weights };
            let mut y = vec![0; shape.out_len()];
            layer.run(cells(&mut x), cells(&mut y)).unwrap();
            let mut xf: Vec<f32> = x.iter().map(|&x| f32::from(x)).collect();
            let mut parameters: Vec<u32> = bias.iter().map(|&b| (b as f32).to_bits()).collect();
            parameters.extend(kernel.iter().map(|&w| f32::from(w).to_bits()));
            let real = Depthwise2d { shape, clamp: Clamp::NONE, parameters: &parameters };
            let mut yf = vec![0.0; shape.out_len()];
            real.run(cells(&mut xf), cells(&mut yf)).unwrap();
            let (rows, columns) = (shape.rows, shape.columns);
            for (i, y) in y.iter().enumerate() {
                let (c, at) = (i % channels, i / channels);
                let (row, column) = (at / columns.output, at % columns.output);
                let (mut sum, mut plain) = (bias[c], bias[c]);
                for tap in 0..shape.taps() {
                    let (kr, kc) = (tap / columns.kernel, tap % columns.kernel);
                    let r = (row * rows.stride + kr * rows.dilation) as isize - rows.padding as isize;
                    let k = (column * columns.stride + kc * columns.dilation) as isize - columns.padding as isize;
                    if r < 0 || k < 0 || r as usize >= rows.input || k as usize >= columns.input {
                        continue;
                    }
                    let x = i32::from(x[(r as usize * columns.input + k as usize) * channels + c]);
                    let weight = i32::from(kernel[tap * channels + c]);
                    sum += weight * (x - i32::from(zero));
                    plain += weight * x;
                }
                prop_assert_eq!(i32::from(*y), (factor.apply(sum) + 3).clamp(-100, 100));
                prop_assert_eq!(yf[i], plain as f32);
            }
        }
    }
}
