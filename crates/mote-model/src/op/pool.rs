//! Pooling over time, per channel.

use super::{
    Activation, Grids, Operator, OutputGrid, Overlap, Site, Streaming, output_grid, scale,
    zero_point,
};
use crate::shapes::window_count;
use crate::{Error, Shape};
use mote::describe::Encoded;
use mote::kernels::mean::{MeanI8, Rescale};
use mote::kernels::pool;
use mote::op::{mean, pool as engine};
use serde::{Deserialize, Serialize};

/// What a pooling window computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PoolKind {
    /// Largest element.
    Max,
    /// Mean of the elements inside the input; int8 rounds half away from zero.
    Average,
    /// Mean over all steps, onto a grid of its own; int8 rounds around the zero point, as `MEAN` of TensorFlow Lite does.
    Mean,
}

/// Pooling over time, per channel. A global pool has `kernel == input.time` and `stride == 1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// What is computed.
    pub kind: PoolKind,
    /// Window length in steps.
    pub kernel: usize,
    /// Steps between windows.
    pub stride: usize,
    /// Steps before and after that do not count.
    pub padding: [usize; 2],
}

impl Pool {
    /// The geometry for the kernels.
    fn shape(&self, input: Shape, output: Shape) -> pool::Shape {
        pool::Shape {
            in_time: input.time,
            channels: input.channels,
            out_time: output.time,
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding[0],
        }
    }
}

impl Operator for Pool {
    fn name(&self) -> &'static str {
        match self.kind {
            PoolKind::Max => "max_pool",
            PoolKind::Average => "average_pool",
            PoolKind::Mean => "mean",
        }
    }

    fn output_shape(&self, node: &str, input: Shape) -> Result<Shape, Error> {
        let time = window_count(node, input.time, self.kernel, 1, self.stride, self.padding)?;
        Ok(Shape::new(time, input.channels))
    }

    fn grids(&self) -> Grids {
        match self.kind {
            PoolKind::Mean => Grids::Free,
            PoolKind::Max | PoolKind::Average => Grids::Same,
        }
    }

    fn output_grid(&self) -> OutputGrid {
        OutputGrid::Input
    }

    fn check(&self, site: &Site<'_>) -> Result<(), Error> {
        if self.kind == PoolKind::Mean && self.padding != [0, 0] {
            return Err(site.error(
                "padding",
                "does not go with a mean; pool or convolve before it",
            ));
        }
        if self.padding.iter().all(|&pad| pad < self.kernel) {
            return Ok(());
        }
        let what = format!(
            "{:?} leaves a window of {} without any input",
            self.padding, self.kernel
        );
        Err(site.error("padding", what))
    }

    fn overlap(&self, input: Shape, output: Shape) -> Overlap {
        Overlap::Walk(self.shape(input, output).walk())
    }

    fn streaming(&self, input: Shape) -> Streaming {
        // The mean of a single step still changes the grid.
        if self.kind == PoolKind::Mean && input.time == 1 {
            return Streaming::PerStep;
        }
        match self.kernel == input.time && self.padding == [0, 0] {
            true => Streaming::GlobalPool(self.kind),
            false => Streaming::Windowed {
                span: self.kernel,
                stride: self.stride,
                padding: self.padding,
            },
        }
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        let shape = self.shape(site.input.shape, site.output.shape);
        Ok(match (self.kind, site.input.quant) {
            (PoolKind::Max, Some(_)) => Encoded::of::<engine::MaxI8>(&shape),
            (PoolKind::Max, None) => Encoded::of::<engine::MaxF32>(&shape),
            (PoolKind::Average, Some(_)) => Encoded::of::<engine::AverageI8>(&shape),
            (PoolKind::Mean, Some(_)) => Encoded::of::<mean::I8>(&MeanI8 {
                shape,
                rescale: rescale(site, self.kernel),
            }),
            (PoolKind::Average | PoolKind::Mean, None) => Encoded::of::<engine::AverageF32>(&shape),
        })
    }
}

/// How int8 sums over `steps` become means.
pub(super) fn rescale(site: &Site<'_>, steps: usize) -> Rescale {
    let grid = site.output.quant.unwrap_or(crate::Quant {
        scale: 1.0,
        zero_point: 0,
    });
    let ratio = f64::from(scale(site.input)) / f64::from(grid.scale);
    Rescale {
        zeros: i32::from(zero_point(site.input)).saturating_mul(steps as i32),
        factor: Rescale::factor(ratio, steps as u32),
        output: output_grid(grid, Activation::None),
    }
}
