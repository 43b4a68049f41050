//! 1-D convolution over time.

use super::layout::Layout;
use super::{Activation, Grids, Operator, Overlap, Site, Streaming, Weights};
use crate::shapes::window_count;
use crate::{Error, Shape};
use mote::describe::Encoded;
use mote::kernels::conv1d;
use mote::quant::Rounding;
use serde::{Deserialize, Serialize};

/// A 1-D convolution over time. `groups == 1` is plain, `groups == in_channels` is depthwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conv1d {
    /// Output channels; a multiple of `groups`.
    pub out_channels: usize,
    /// Taps.
    pub kernel: usize,
    /// Input steps between two output steps.
    pub stride: usize,
    /// Input steps between two taps.
    pub dilation: usize,
    /// Zeros before and after the input (the zero point in int8).
    pub padding: [usize; 2],
    /// Channel groups.
    pub groups: usize,
    /// Clamp.
    pub activation: Activation,
    /// Parameters.
    pub weights: Weights,
}

impl Conv1d {
    /// Whether the depthwise kernels run it over `input`.
    fn is_depthwise(&self, input: Shape) -> bool {
        self.groups > 1 && self.groups == input.channels && self.groups == self.out_channels
    }

    /// The geometry for the kernels.
    fn shape(&self, input: Shape, output: Shape) -> conv1d::Shape {
        conv1d::Shape {
            in_time: input.time,
            in_channels: input.channels,
            out_time: output.time,
            out_channels: output.channels,
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            padding: self.padding[0],
            group_inputs: input.channels / self.groups.max(1),
            group_outputs: output.channels / self.groups.max(1),
        }
    }
}

impl Operator for Conv1d {
    fn name(&self) -> &'static str {
        match self.groups {
            0 | 1 => "conv1d",
            _ => "depthwise_conv1d",
        }
    }

    fn output_shape(&self, node: &str, input: Shape) -> Result<Shape, Error> {
        let fits = self.groups > 0
            && input.channels.is_multiple_of(self.groups)
            && self.out_channels.is_multiple_of(self.groups)
            && self.out_channels > 0;
        if !fits {
            return Err(Error::shape(
                node,
                format!(
                    "{} groups divide neither {} input nor {} output channels",
                    self.groups, input.channels, self.out_channels
                ),
            ));
        }
        let (kernel, dilation) = (self.kernel, self.dilation);
        let time = window_count(
            node,
            input.time,
            kernel,
            dilation,
            self.stride,
            self.padding,
        )?;
        Ok(Shape::new(time, self.out_channels))
    }

    fn macs(&self, input: Shape, output: Shape) -> usize {
        output.len() * self.kernel * (input.channels / self.groups.max(1))
    }

    fn grids(&self) -> Grids {
        Grids::Free
    }

    fn check(&self, site: &Site<'_>) -> Result<(), Error> {
        let inputs = site.input.shape.channels / self.groups.max(1);
        let per_output = self.kernel.saturating_mul(inputs);
        self.weights
            .check(site, self.out_channels, per_output, self.groups)
    }

    fn overlap(&self, input: Shape, output: Shape) -> Overlap {
        // With four bits, a few output channels are computed at a time, each of which goes through all of the input.
        let walk = match self.weights.bits() {
            4 => None,
            _ => self.shape(input, output).walk(self.is_depthwise(input)),
        };
        walk.map_or(Overlap::Never, Overlap::Walk)
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::Windowed {
            span: self
                .kernel
                .saturating_sub(1)
                .saturating_mul(self.dilation)
                .saturating_add(1),
            stride: self.stride,
            padding: self.padding,
        }
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        let layout = Layout {
            site,
            shape: self.shape(site.input.shape, site.output.shape),
            weights: &self.weights,
            activation: self.activation,
        };
        match self.is_depthwise(site.input.shape) {
            true => layout.depthwise(),
            false => layout.convolution(Rounding::Twice),
        }
    }
}
