//! How far the output of a kernel may reach into its input: the one rule that kernels keep, and that planners
//! of memory rely on.
//!
//! Kernels compute output steps in order, so an output may lie over input that no later step reads. What they
//! promise is stated in terms of `first(t) = t * stride - padding`, the first input step that output step `t`
//! reads (0 where that is negative):
//!
//! - *Convolutions* with one group compute up to [`TOGETHER`] steps at once, and write some of their channels
//!   while they still read for others. Before they write anything of the steps `t..t + TOGETHER`, they have read
//!   for the last time whatever lies before `first(t)`.
//! - *Channel-wise kernels* (depthwise convolution, pooling) write element `(t, c)` after they have read for the
//!   last time the steps before `first(t)`, and of step `first(t)` the channels up to `c`.
//! - *Element-wise kernels* (add, activation, softmax, exit) are channel-wise with `first(t) = t`.
//!
//! Convolutions with several groups go through the input once per group and promise nothing; neither do
//! conversions between element types.

/// Output steps that a convolution computes at once, at most.
pub const TOGETHER: usize = 2;

/// How a kernel goes through its input and output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk {
    /// Elements of one input step.
    pub in_row: usize,
    /// Elements of one output step.
    pub out_row: usize,
    /// Output steps.
    pub out_time: usize,
    /// Input steps between two output steps.
    pub stride: usize,
    /// Steps before the input.
    pub padding: usize,
    /// Steps whose outputs may be there while the first of them is still computed: [`TOGETHER`] for a convolution, 0
    /// for channel-wise kernels.
    pub ahead: usize,
}

impl Walk {
    /// How many elements before its input the output has to begin, at least, to leave alone all that is still to
    /// be read: the most that any step has written more than it has set free.
    ///
    /// A lead as long as the output means that the two may not overlap.
    pub fn lead(&self) -> usize {
        let excess = |t: usize| {
            let written = (t + self.ahead).min(self.out_time) * self.out_row;
            let first = (t * self.stride).saturating_sub(self.padding);
            written.saturating_sub(first * self.in_row)
        };
        (0..self.out_time).map(excess).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONV: Walk = Walk {
        in_row: 16,
        out_row: 32,
        out_time: 50,
        stride: 2,
        padding: 1,
        ahead: TOGETHER,
    };

    #[test]
    fn convolutions_lead_by_what_they_write_more_than_they_free() {
        // Rows of input and output pass equally fast: two steps of 32 ahead, and one step of 16 behind.
        assert_eq!(CONV.lead(), 80);
        // The output grows faster: the last step counts.
        let widening = Walk {
            in_row: 3,
            out_row: 16,
            out_time: 100,
            stride: 1,
            padding: 2,
            ahead: TOGETHER,
        };
        assert_eq!(widening.lead(), 100 * 16 - 96 * 3);
        // One step over the whole input, as a dense layer has: no overlap.
        let dense = Walk {
            out_time: 1,
            ..CONV
        };
        assert_eq!(dense.lead(), 32);
    }

    #[test]
    fn channel_wise_kernels_lead_by_their_padding() {
        let same = Walk {
            in_row: 8,
            out_row: 8,
            out_time: 20,
            stride: 1,
            padding: 2,
            ahead: 0,
        };
        assert_eq!(same.lead(), 16);
        let in_place = Walk { padding: 0, ..same };
        assert_eq!(in_place.lead(), 0);
    }
}
