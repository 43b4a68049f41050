//! How the kernel of a convolution moves over time.

use super::Block;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What convolutions read beyond the ends of a window.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Zeros, as many as make `ceil(time / stride)` output steps: `floor(total / 2)` before the input.
    #[default]
    Same,
    /// Nothing: they stay inside the window. A network can run as a stream only with this rule.
    Valid,
}

/// Taps, steps and padding of one convolution over a known number of input steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvGeometry {
    /// Taps.
    pub kernel: usize,
    /// Input steps between two output steps.
    pub stride: usize,
    /// Input steps between two taps.
    pub dilation: usize,
    /// Input steps.
    pub time_in: usize,
    /// Output steps; 0 when the kernel does not fit even once.
    pub time_out: usize,
    /// Zeros before and after the input.
    pub padding: [usize; 2],
}

impl ConvGeometry {
    /// Returns the geometry of the convolution of `block` that has its taps, over `time` input steps. Kernel, stride
    /// and dilation must not be 0.
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

    /// Returns the geometry of one tap at every step of `time`.
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

    /// Returns whether every output step reads its own input step and no other.
    pub fn is_pointwise(&self) -> bool {
        self.kernel == 1 && self.stride == 1
    }

    /// Returns the taps of output step `t` that lie inside the input, and the input step under the first of them.
    #[inline(always)]
    pub fn taps(&self, t: usize) -> (Range<usize>, usize) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::window_count;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn output_steps_are_those_of_the_network_description(
            kernel in 1..12usize, stride in 1..5usize, dilation in 1..5usize, time in 1..60usize, same: bool,
        ) {
            let block = Block { dilation, ..Block::plain(1, kernel, stride) };
            let padding = if same { Padding::Same } else { Padding::Valid };
            let g = ConvGeometry::new(&block, time, padding);
            let steps = window_count("conv", time, kernel, dilation, stride, g.padding);
            prop_assert_eq!(g.time_out, steps.unwrap_or(0));
            if same {
                prop_assert_eq!(g.time_out, time.div_ceil(stride));
                prop_assert!(g.padding[1] - g.padding[0] <= 1);
            }
        }

        #[test]
        fn taps_are_those_inside_the_input(
            kernel in 1..12usize, stride in 1..5usize, dilation in 1..5usize, time in 1..60usize, same: bool,
        ) {
            let block = Block { dilation, ..Block::plain(1, kernel, stride) };
            let padding = if same { Padding::Same } else { Padding::Valid };
            let g = ConvGeometry::new(&block, time, padding);
            for t in 0..g.time_out {
                let step = |tap: usize| (t * stride + tap * dilation).checked_sub(g.padding[0]);
                let inside = |tap: &usize| step(*tap).is_some_and(|s| s < time);
                let expected: Vec<usize> = (0..kernel).filter(inside).collect();
                let (taps, from) = g.taps(t);
                prop_assert_eq!(taps.clone().collect::<Vec<_>>(), expected);
                if !taps.is_empty() {
                    prop_assert_eq!(Some(from), step(taps.start));
                }
            }
        }
    }

    #[test]
    fn without_padding_kernels_stay_inside() {
        // (13 - 5) / 2 + 1; nine taps do not fit four steps.
        let steps = |kernel, stride, time| {
            ConvGeometry::new(&Block::plain(1, kernel, stride), time, Padding::Valid).time_out
        };
        assert_eq!((steps(5, 2, 13), steps(9, 1, 4)), (5, 0));
    }
}
