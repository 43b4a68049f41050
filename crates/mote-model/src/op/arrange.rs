//! Values that only change their places.

use super::{Grids, Operator, Overlap, Site, Streaming};
use crate::{Error, Shape};
use mote::describe::Encoded;
use mote::op::arrange as engine;
use serde::{Deserialize, Serialize};

/// Why these operators cannot be streamed.
const WHOLE: &str = "it rearranges a whole window; put a global pool before it";

/// The same elements as a tensor of another shape. It costs nothing where the output may lie over the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reshape {
    /// The output's shape.
    pub shape: Shape,
}

impl Operator for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn output_shape(&self, node: &str, input: Shape) -> Result<Shape, Error> {
        let Shape { time, channels } = self.shape;
        if time.checked_mul(channels) == Some(input.len()) {
            return Ok(self.shape);
        }
        let what = format!("{time} x {channels} of {} elements", input.len());
        Err(Error::shape(node, what))
    }

    fn grids(&self) -> Grids {
        Grids::Same
    }

    fn overlap(&self, _: Shape, _: Shape) -> Overlap {
        Overlap::InPlace
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::WholeWindow(WHOLE)
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        Ok(match site.input.quant {
            Some(_) => Encoded::of::<engine::ReshapeI8>(&()),
            None => Encoded::of::<engine::ReshapeF32>(&()),
        })
    }
}

/// The first two of three axes swapped: `[rows][columns][len]` to `[columns][rows][len]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transpose {
    /// Extent of the input's first axis.
    pub rows: usize,
    /// Extent of the input's second axis.
    pub columns: usize,
    /// Elements that stay together.
    pub len: usize,
    /// The output's shape.
    pub shape: Shape,
}

impl Operator for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn output_shape(&self, node: &str, input: Shape) -> Result<Shape, Error> {
        let sides = self.rows.checked_mul(self.columns);
        let count = sides.and_then(|n| n.checked_mul(self.len));
        let Shape { time, channels } = self.shape;
        if count == Some(input.len()) && time.checked_mul(channels) == count {
            return Ok(self.shape);
        }
        let what = format!(
            "{} x {} x {} elements of {}",
            self.rows,
            self.columns,
            self.len,
            input.len()
        );
        Err(Error::shape(node, what))
    }

    fn grids(&self) -> Grids {
        Grids::Same
    }

    fn check(&self, site: &Site<'_>) -> Result<(), Error> {
        match self.rows.max(self.columns) > 0xffff {
            true => Err(site.error("axes", "are longer than 65535, more than the format allows")),
            false => Ok(()),
        }
    }

    fn streaming(&self, _: Shape) -> Streaming {
        Streaming::WholeWindow(WHOLE)
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        let sides = [self.rows, self.columns, self.len];
        Ok(match site.input.quant {
            Some(_) => Encoded::of::<engine::TransposeI8>(&sides),
            None => Encoded::of::<engine::TransposeF32>(&sides),
        })
    }
}
