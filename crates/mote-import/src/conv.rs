//! 2-D convolutions as 1-D ones, exactly.
//!
//! A network over time has one spatial axis. A second, short one (the axes of an accelerometer) is folded into the
//! channels. A window of width 1 then is a grouped convolution. One that slides along both axes becomes an ordinary
//! convolution whose weights are zero wherever the window does not reach: more weights than the file has, but zeros
//! change no sum, in int8 either.

use mote_model::{Activation, Conv1d, Weights};

/// Most values of one layer's weights after folding.
pub(super) const MAX_WEIGHTS: usize = 1 << 24;

/// Extent, stride and dilation of a window along one axis.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub size: usize,
    pub stride: usize,
    pub dilation: usize,
}

impl Window {
    /// Input steps from the first tap to the last.
    const fn span(self) -> usize {
        (self.size - 1) * self.dilation + 1
    }

    /// Padding before and after `input` steps that makes `ceil(input / stride)` output steps.
    pub fn same_padding(self, input: usize) -> [usize; 2] {
        let covered = (input.div_ceil(self.stride) - 1) * self.stride + self.span();
        let total = covered.saturating_sub(input);
        [total / 2, total - total / 2]
    }

    /// Output steps over `padded` input steps, if the window fits.
    pub fn output(self, padded: usize) -> Option<usize> {
        Some(padded.checked_sub(self.span())? / self.stride + 1)
    }
}

/// A window along one axis with the zeros around its input.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub input: usize,
    pub window: Window,
    pub padding: [usize; 2],
}

impl Axis {
    /// Output steps.
    pub fn output(&self) -> Result<usize, String> {
        let [before, after] = self.padding;
        let output = self.window.output(self.input + before + after);
        output.ok_or_else(|| "the window does not fit its input".to_owned())
    }

    /// Whether the window looks at one step after the other.
    pub fn is_pointwise(&self) -> bool {
        let Window { size, stride, .. } = self.window;
        size == 1 && stride == 1 && self.padding == [0, 0]
    }

    /// Whether a single window sees all of the input.
    pub fn covers_all(&self) -> bool {
        let [before, _] = self.padding;
        self.output() == Ok(1)
            && self.window.dilation == 1
            && self.window.size >= before.saturating_add(self.input)
    }

    /// Whether each output step depends on the input step at its place only: the window looks at one step after the
    /// other, or there is only one, with zeros around it.
    pub fn is_apart(&self) -> bool {
        self.is_pointwise() || self.input == 1 && self.output() == Ok(1)
    }
}

impl From<Axis> for mote_model::Axis {
    fn from(axis: Axis) -> Self {
        let Window {
            size,
            stride,
            dilation,
        } = axis.window;
        Self {
            input: axis.input,
            kernel: size,
            stride,
            dilation,
            padding: axis.padding,
        }
    }
}

/// A convolution over time and a second axis, whose steps lie side by side in the channels.
#[derive(Clone, Copy)]
pub(super) struct Conv2d {
    pub time: Axis,
    pub width: Axis,
    /// Whether the filter's first axis is the width, and its second the time.
    pub width_first: bool,
    /// Input channels per step.
    pub channels: usize,
    /// Output channels per step.
    pub out: usize,
    /// Input channels that one output channel sees.
    pub per_group: usize,
}

impl Conv2d {
    /// The convolution over time with the width in its channels, `[time][width][channel]`, and the result's width.
    /// `weights` are `[out][first axis][second axis][per_group]`.
    pub fn lower(
        self,
        weights: Weights,
        activation: Activation,
    ) -> Result<(Conv1d, usize), String> {
        let columns = self.width.output()?;
        self.time.output()?;
        let groups = self.channels / self.per_group;
        let apart = self.width.is_apart();
        let (copies, field) = match apart {
            true => (1, self.per_group),
            false => (columns, self.width.input * self.channels),
        };
        let filters = columns.saturating_mul(self.out);
        let size = filters
            .saturating_mul(self.time.window.size)
            .saturating_mul(field);
        if size > MAX_WEIGHTS {
            return Err("its weights are too large for a microcontroller".to_owned());
        }
        let weights = match weights {
            Weights::F32 { weights, bias } => Weights::F32 {
                weights: self.spread(&weights, copies, field, apart),
                bias,
            },
            Weights::I8 {
                weights,
                bits,
                scales,
                bias,
            } => Weights::I8 {
                bits,
                weights: self.spread(&weights, copies, field, apart),
                scales,
                bias,
            },
        };
        let conv = Conv1d {
            out_channels: filters,
            kernel: self.time.window.size,
            stride: self.time.window.stride,
            dilation: self.time.window.dilation,
            padding: self.time.padding,
            groups: if apart { columns * groups } else { 1 },
            activation,
            weights: repeat(weights, columns, copies),
        };
        Ok((conv, columns))
    }

    /// The weights as one group, `[out][first axis][second axis][channels]`: zero for channels of other groups.
    pub fn ungrouped(&self, weights: Weights) -> Weights {
        let (per_group, channels) = (self.per_group.max(1), self.channels);
        if per_group == channels {
            return weights;
        }
        let taps = self.time.window.size * self.width.window.size;
        let group_outputs = (self.out / (channels / per_group)).max(1);
        fn widen<T: Copy + Default>(
            weights: &[T],
            [taps, per_group, channels, group_outputs]: [usize; 4],
        ) -> Vec<T> {
            let fields = weights.chunks(per_group).enumerate();
            fields
                .flat_map(|(i, own)| {
                    let first = i / taps.max(1) / group_outputs * per_group;
                    let mut field = vec![T::default(); channels];
                    if let Some(place) = field.get_mut(first..first + own.len()) {
                        place.copy_from_slice(own);
                    }
                    field
                })
                .collect()
        }
        let sizes = [taps, per_group, channels, group_outputs];
        match weights {
            Weights::F32 { weights, bias } => Weights::F32 {
                weights: widen(&weights, sizes),
                bias,
            },
            Weights::I8 {
                weights,
                bits,
                scales,
                bias,
            } => Weights::I8 {
                weights: widen(&weights, sizes),
                bits,
                scales,
                bias,
            },
        }
    }

    /// The weights of `copies` output columns, `[copy][out][time][field]`: of a field of one column when columns are
    /// `apart`, else of all columns.
    fn spread<T: Copy + Default>(
        &self,
        weights: &[T],
        copies: usize,
        field: usize,
        apart: bool,
    ) -> Vec<T> {
        let (taps, width) = (self.time.window.size, self.width.window);
        let [before, _] = self.width.padding;
        let group_outputs = self.out / (self.channels / self.per_group);
        let mut all = vec![T::default(); copies * self.out * taps * field];
        let fields = (0..copies)
            .flat_map(|column| (0..self.out).map(move |o| (column, o)))
            .flat_map(|(column, o)| (0..taps).map(move |tap| (column, o, tap)));
        for ((column, o, tap), field) in fields.zip(all.chunks_exact_mut(field.max(1))) {
            for across in 0..width.size {
                // The input column this tap looks at; outside there are zeros.
                let at = (column * width.stride + across * width.dilation).checked_sub(before);
                let Some(at) = at.filter(|&at| at < self.width.input) else {
                    continue;
                };
                let [first, second, seconds] = match self.width_first {
                    true => [across, tap, taps],
                    false => [tap, across, width.size],
                };
                let from = (o * taps * width.size + first * seconds + second) * self.per_group;
                let to = match apart {
                    true => 0,
                    false => at * self.channels + o / group_outputs * self.per_group,
                };
                let source = weights.get(from..from + self.per_group);
                let target = field.get_mut(to..to + self.per_group);
                if let (Some(source), Some(target)) = (source, target) {
                    target.copy_from_slice(source);
                }
            }
        }
        all
    }
}

/// Weights that stand for `columns` columns, of which `copies` have their own: the same filters, scales and biases
/// once per column.
fn repeat(weights: Weights, columns: usize, copies: usize) -> Weights {
    let times = columns / copies;
    match weights {
        Weights::F32 { weights, bias } => Weights::F32 {
            weights: weights.repeat(times),
            bias: bias.repeat(columns),
        },
        Weights::I8 {
            weights,
            bits,
            scales,
            bias,
        } => Weights::I8 {
            bits,
            weights: weights.repeat(times),
            scales: scales.repeat(columns),
            bias: bias.repeat(columns),
        },
    }
}
