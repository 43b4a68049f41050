//! Layers over two axes, for networks that look at a window as an image: `[row][column][channel]`.

use super::layout::Layout;
use super::{Activation, Grids, Operator, PoolKind, Site, Streaming, Weights};
use crate::shapes::window_count;
use crate::{Error, Shape};
use mote::describe::Encoded;
use mote::format::MAX_RUN;
use mote::kernels::conv2d::{self, Conv2dI8};
use mote::kernels::depthwise2d::{Depthwise2d, Depthwise2dI8};
use mote::kernels::{conv1d, image};
use mote::op::{conv2d as engine, pool2d};
use mote::quant::Rounding;
use serde::{Deserialize, Serialize};

/// Why these operators cannot be streamed.
const WHOLE: &str =
    "its windows slide along two axes; a stream takes networks over time only: export 1-D layers";

/// A window along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// Input positions.
    pub input: usize,
    /// Taps.
    pub kernel: usize,
    /// Input positions between two output positions.
    pub stride: usize,
    /// Input positions between two taps.
    pub dilation: usize,
    /// Positions before and after the input.
    pub padding: [usize; 2],
}

impl Axis {
    /// Counts output positions.
    ///
    /// # Errors
    /// [`Error::Shape`] when the window does not fit.
    pub fn output(&self, node: &str) -> Result<usize, Error> {
        let Self {
            input,
            kernel,
            stride,
            dilation,
            padding,
        } = *self;
        window_count(node, input, kernel, dilation, stride, padding)
    }
}

/// The two axes of a layer, rows first, and the channels of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Windows along both axes.
    pub axes: [Axis; 2],
    /// Channels of the input.
    pub channels: usize,
}

impl Image {
    /// The output's shape with `channels` channels, every position being a step.
    fn output_shape(&self, node: &str, input: Shape, channels: usize) -> Result<Shape, Error> {
        let [rows, columns] = self.axes;
        let positions = rows.input.checked_mul(columns.input);
        if positions.and_then(|n| n.checked_mul(self.channels)) != Some(input.len()) {
            let what = format!(
                "{} elements for {} x {} positions of {} channels",
                input.len(),
                rows.input,
                columns.input,
                self.channels
            );
            return Err(Error::shape(node, what));
        }
        let positions = rows.output(node)?.saturating_mul(columns.output(node)?);
        Ok(Shape::new(positions, channels))
    }

    /// The geometry for the kernels.
    fn shape(&self, node: &str, out_channels: usize) -> Result<image::Shape, Error> {
        let axis = |axis: &Axis| -> Result<image::Axis, Error> {
            let Axis {
                input,
                kernel,
                stride,
                dilation,
                padding,
            } = *axis;
            Ok(image::Axis {
                input,
                output: axis.output(node)?,
                kernel,
                stride,
                dilation,
                padding: padding[0],
            })
        };
        let [rows, columns] = &self.axes;
        Ok(image::Shape {
            rows: axis(rows)?,
            columns: axis(columns)?,
            in_channels: self.channels,
            out_channels,
        })
    }

    /// Refuses numbers that the format has no room for; those of the rows are checked with the record.
    fn check(&self, site: &Site<'_>) -> Result<(), Error> {
        let [_, columns] = self.axes;
        let outputs = columns.output(site.node)?;
        let halves = [columns.input, outputs, columns.kernel, columns.padding[0]];
        let bytes = [columns.stride, columns.dilation];
        match halves.iter().all(|&n| n <= 0xffff) && bytes.iter().all(|&n| n <= 0xff) {
            true => Ok(()),
            false => Err(site.error(
                "columns",
                "are more than the format allows, 65535 or 255 apart",
            )),
        }
    }

    fn taps(&self) -> usize {
        let [rows, columns] = self.axes;
        rows.kernel.saturating_mul(columns.kernel)
    }
}

/// A convolution over two axes: of all channels, or depthwise, with as many output as input channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conv2d {
    /// Windows and input channels.
    pub image: Image,
    /// Output channels.
    pub out_channels: usize,
    /// Whether each channel has a kernel of its own.
    pub depthwise: bool,
    /// Clamp.
    pub activation: Activation,
    /// Parameters, laid out `[out][row][column][in]`, the last of them 1 when depthwise.
    pub weights: Weights,
}

impl Conv2d {
    /// Input elements that one output of an int8 convolution of all channels may see.
    pub const MAX_FIELD: usize = MAX_RUN;

    /// Input channels that one output channel sees.
    fn inputs(&self) -> usize {
        if self.depthwise {
            1
        } else {
            self.image.channels
        }
    }

    fn field(&self) -> usize {
        self.image.taps().saturating_mul(self.inputs())
    }
}

impl Operator for Conv2d {
    fn name(&self) -> &'static str {
        match self.depthwise {
            true => "depthwise_conv2d",
            false => "conv2d",
        }
    }

    fn output_shape(&self, node: &str, input: Shape) -> Result<Shape, Error> {
        if self.depthwise && self.out_channels != self.image.channels {
            let what = format!(
                "{} output channels of {} input channels",
                self.out_channels, self.image.channels
            );
            return Err(Error::shape(node, what));
        }
        self.image.output_shape(node, input, self.out_channels)
    }

    fn macs(&self, _: Shape, output: Shape) -> usize {
        output.len().saturating_mul(self.field())
    }

    fn grids(&self) -> Grids {
        Grids::Free
    }

    fn check(&self, site: &Site<'_>) -> Result<(), Error> {
        self.image.check(site)?;
        let int8 = site.input.quant.is_some();
        if int8 && !self.depthwise && self.field() > Self::MAX_FIELD {
            let what = format!(
                "{} elements in a window; int8 allows {}",
                self.field(),
                Self::MAX_FIELD
            );
            return Err(site.error("kernel", what));
        }
        if int8 && self.depthwise && self.field() > Depthwise2dI8::MAX_TAPS {
            let what = format!(
                "{} taps; int8 allows {}",
                self.field(),
                Depthwise2dI8::MAX_TAPS
            );
            return Err(site.error("kernel", what));
        }
        // Its weights have eight bits, as those of several groups.
        self.weights.check(site, self.out_channels, self.field(), 2)
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::WholeWindow(WHOLE)
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        let shape = self.image.shape(site.node, self.out_channels)?;
        let layout = |shape| Layout {
            site,
            shape,
            weights: &self.weights,
            activation: self.activation,
        };
        let clamp = self.activation.clamp();
        let input_zero = super::zero_point(site.input);
        let output = site.output.quant;
        let output = output.map(|quant| super::output_grid(quant, self.activation));
        if self.depthwise {
            let channels = self.out_channels;
            let plain = conv1d::Shape {
                in_channels: channels,
                out_channels: channels,
                kernel: shape.taps(),
                group_inputs: 1,
                group_outputs: 1,
                ..conv1d::Shape::dense(channels, channels)
            };
            let words = layout(plain).depthwise()?.parameters;
            let Some(output) = output else {
                return Ok(Encoded::of::<engine::DepthwiseF32>(&Depthwise2d {
                    shape,
                    clamp,
                    parameters: &words,
                }));
            };
            let filled = 2 * channels.next_multiple_of(mote::kernels::depthwise2d::BLOCK);
            let (own, weights) = words.split_at(filled.min(words.len()));
            let (own, _) = own.as_chunks::<2>();
            return Ok(Encoded::of::<engine::DepthwiseI8>(&Depthwise2dI8 {
                shape,
                input_zero,
                output,
                channels: own.get(..channels).unwrap_or(own),
                weights,
            }));
        }
        let Some(output) = output else {
            let Weights::F32 { weights, bias } = &self.weights else {
                return Err(site.error("weights", "are int8 between f32 tensors"));
            };
            let field = self.field();
            let mut words: Vec<u32> = bias.iter().map(|b| b.to_bits()).collect();
            for tap in 0..field {
                words.extend(weights.iter().skip(tap).step_by(field).map(|w| w.to_bits()));
            }
            return Ok(Encoded::of::<engine::ConvF32>(&conv2d::Conv2d {
                shape,
                clamp,
                parameters: &words,
            }));
        };
        let over_field = conv2d::over_field(&shape);
        let words = layout(over_field).convolution(Rounding::Twice)?.parameters;
        let [channels, _] = Conv2dI8::parameter_pairs(&shape);
        let (pairs, _) = words.as_chunks::<2>();
        let (channels, weights) = pairs.split_at(channels.min(pairs.len()));
        Ok(Encoded::of::<engine::ConvI8>(&Conv2dI8 {
            shape,
            input_zero,
            output,
            channels,
            weights,
        }))
    }
}

/// Pooling over two axes, per channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pool2d {
    /// Windows and channels.
    pub image: Image,
    /// What is computed: [`PoolKind::Mean`] is not known here.
    pub kind: PoolKind,
}

impl Operator for Pool2d {
    fn name(&self) -> &'static str {
        match self.kind {
            PoolKind::Max => "max_pool2d",
            PoolKind::Average | PoolKind::Mean => "average_pool2d",
        }
    }

    fn output_shape(&self, node: &str, input: Shape) -> Result<Shape, Error> {
        self.image.output_shape(node, input, self.image.channels)
    }

    fn grids(&self) -> Grids {
        Grids::Same
    }

    fn check(&self, site: &Site<'_>) -> Result<(), Error> {
        self.image.check(site)?;
        let [rows, columns] = self.image.axes;
        let empty = [rows, columns]
            .iter()
            .any(|axis| axis.padding.iter().any(|&pad| pad >= axis.kernel));
        if empty {
            return Err(site.error("padding", "leaves a window without any input"));
        }
        match self.kind {
            PoolKind::Mean => Err(site.error("kind", "a mean is taken over time, with a pool")),
            PoolKind::Max | PoolKind::Average => Ok(()),
        }
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::WholeWindow(WHOLE)
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        let shape = self.image.shape(site.node, self.image.channels)?;
        let max = self.kind == PoolKind::Max;
        Ok(match (max, site.input.quant) {
            (true, Some(_)) => Encoded::of::<pool2d::MaxI8>(&shape),
            (true, None) => Encoded::of::<pool2d::MaxF32>(&shape),
            (false, Some(_)) => Encoded::of::<pool2d::AverageI8>(&shape),
            (false, None) => Encoded::of::<pool2d::AverageF32>(&shape),
        })
    }
}
