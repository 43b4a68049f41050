//! Two tensors side by side.

use super::{Activation, Grids, Operator, Site, Streaming, output_grid, scale, zero_point};
use crate::{Error, Shape};
use mote::describe::Encoded;
use mote::kernels::concat;
use mote::op::concat as engine;
use mote::quant::Multiplier;
use serde::{Deserialize, Serialize};

/// The second tensor behind the first: its channels behind the first one's at every step, or its steps behind all steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concat {
    /// Shape of the second tensor.
    pub second: Shape,
    /// Whether steps are joined, and not channels.
    pub time: bool,
}

impl Operator for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn inputs(&self) -> usize {
        2
    }

    fn output_shape(&self, node: &str, input: Shape) -> Result<Shape, Error> {
        let Shape { time, channels } = self.second;
        match self.time {
            true if channels == input.channels => {
                Ok(Shape::new(input.time.saturating_add(time), channels))
            }
            false if time == input.time => {
                Ok(Shape::new(time, input.channels.saturating_add(channels)))
            }
            _ => {
                let what = format!(
                    "joins {} x {} and {time} x {channels}",
                    input.time, input.channels
                );
                Err(Error::shape(node, what))
            }
        }
    }

    fn grids(&self) -> Grids {
        Grids::Free
    }

    fn check(&self, site: &Site<'_>) -> Result<(), Error> {
        match site.second.shape == self.second {
            true => Ok(()),
            false => Err(site.error("inputs", "the second has another shape than it says")),
        }
    }

    fn streaming(&self, input: Shape) -> Streaming {
        match self.time && input.time > 0 {
            true => {
                Streaming::WholeWindow("it joins steps of two tensors; put a global pool before it")
            }
            false => Streaming::PerStep,
        }
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        let rows = if self.time { 1 } else { site.input.shape.time };
        let shape = concat::Shape {
            rows,
            left: site.input.shape.len() / rows.max(1),
            right: site.second.shape.len() / rows.max(1),
        };
        let Some(quant) = site.output.quant else {
            return Ok(Encoded::of::<engine::F32>(&shape));
        };
        let factor = |of: f32| Multiplier::from_real(f64::from(of) / f64::from(quant.scale));
        Ok(Encoded::of::<engine::I8>(&concat::ConcatI8 {
            shape,
            zeros: [zero_point(site.input), zero_point(site.second)],
            factors: [factor(scale(site.input)), factor(scale(site.second))],
            output: output_grid(quant, Activation::None),
        }))
    }
}
