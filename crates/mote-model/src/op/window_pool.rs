//! Global pooling of a stream.

use super::pool::rescale;
use super::{Grids, Operator, PoolKind, Site, Streaming};
use crate::{Error, Shape, Tensor};
use mote::describe::Encoded;
use mote::kernels::mean::WindowMeanI8;
use mote::kernels::window_pool;
use mote::op::{mean, window_pool as engine};
use serde::{Deserialize, Serialize};

/// Why an operator of a stream is not streamed again.
pub(super) const IN_A_STREAM: &str = "the network is a stream already";

/// A global pool of a stream: window `w` covers steps `skip + w * hop .. skip + w * hop + steps` of all that ever
/// came. A run that completes no window ends here. The second input is [state](crate::Graph::state).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowPool {
    /// What is computed.
    pub kind: PoolKind,
    /// Steps of one window.
    pub steps: usize,
    /// Steps from the start of one window to the start of the next; a run brings no more.
    pub hop: usize,
    /// Steps at the beginning of the stream that belong to no window.
    pub skip: usize,
}

impl WindowPool {
    /// Returns the state tensor of a pool over `input`: bytes when that is int8, else f32.
    pub fn state(&self, input: &Tensor) -> Tensor {
        let shape = self.shape(input.shape);
        let len = match (input.quant, self.kind) {
            (None, _) => shape.state_f32(),
            (Some(_), PoolKind::Max) => shape.state_max_i8(),
            (Some(_), PoolKind::Average | PoolKind::Mean) => shape.state_average_i8(),
        };
        Tensor {
            shape: Shape::new(1, len),
            quant: input.quant,
        }
    }

    /// The geometry for the kernels.
    fn shape(&self, input: Shape) -> window_pool::Shape {
        window_pool::Shape {
            in_time: input.time,
            channels: input.channels,
            steps: self.steps,
            hop: self.hop,
            skip: self.skip,
        }
    }
}

impl Operator for WindowPool {
    fn name(&self) -> &'static str {
        match self.kind {
            PoolKind::Max => "window_max_pool",
            PoolKind::Average => "window_average_pool",
            PoolKind::Mean => "window_mean",
        }
    }

    fn inputs(&self) -> usize {
        2
    }

    fn output_shape(&self, node: &str, input: Shape) -> Result<Shape, Error> {
        if self.steps == 0 || self.hop < input.time {
            let what = format!(
                "{} steps at a time into windows of {} steps, {} apart: a window must have steps, and no more \
                 than one may end in a run",
                input.time, self.steps, self.hop
            );
            return Err(Error::shape(node, what));
        }
        Ok(Shape::new(1, input.channels))
    }

    fn grids(&self) -> Grids {
        match self.kind {
            PoolKind::Mean => Grids::Free,
            PoolKind::Max | PoolKind::Average => Grids::Same,
        }
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::Never(IN_A_STREAM)
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        for (field, value) in [
            ("steps", self.steps),
            ("hop", self.hop),
            ("skip", self.skip),
        ] {
            if value > 0xffff {
                let what = format!("{field} {value}; the format allows up to 65535");
                return Err(site.error("geometry", what));
            }
        }
        let shape = self.shape(site.input.shape);
        Ok(match (self.kind, site.input.quant) {
            (PoolKind::Max, Some(_)) => Encoded::of::<engine::MaxI8>(&shape),
            (PoolKind::Max, None) => Encoded::of::<engine::MaxF32>(&shape),
            (PoolKind::Average, Some(_)) => Encoded::of::<engine::AverageI8>(&shape),
            (PoolKind::Mean, Some(_)) => Encoded::of::<mean::WindowI8>(&WindowMeanI8 {
                shape,
                rescale: rescale(site, self.steps),
            }),
            (PoolKind::Average | PoolKind::Mean, None) => Encoded::of::<engine::AverageF32>(&shape),
        })
    }
}
