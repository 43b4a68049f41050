//! Fully connected layer.

use super::layout::Layout;
use super::{Activation, Grids, Operator, Overlap, Site, Streaming, Weights};
use crate::{Error, Shape};
use mote::describe::Encoded;
use mote::kernels::conv1d;
use mote::quant::Rounding;
use serde::{Deserialize, Serialize};

/// A fully connected layer over the flattened input; or, with weights for one time step only, over each time
/// step on its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    /// Output features.
    pub out_features: usize,
    /// Clamp.
    pub activation: Activation,
    /// Parameters, laid out `[out_features][time * channels]`, or `[out_features][channels]` per step.
    pub weights: Weights,
}

impl Dense {
    /// Whether the layer applies to each time step of `input` on its own.
    pub fn is_per_step(&self, input: Shape) -> bool {
        let per_output = self.weights.len() / self.out_features.max(1);
        // One of them is the bias.
        input.time > 1 && per_output == input.channels + 1
    }

    /// Input elements that one output sees.
    fn inputs(&self, input: Shape) -> usize {
        match self.is_per_step(input) {
            true => input.channels,
            false => input.len(),
        }
    }

    /// The geometry for the kernels.
    fn shape(&self, input: Shape) -> conv1d::Shape {
        let steps = match self.is_per_step(input) {
            true => input.time,
            false => 1,
        };
        conv1d::Shape {
            in_time: steps,
            out_time: steps,
            ..conv1d::Shape::dense(self.inputs(input), self.out_features)
        }
    }
}

impl Operator for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn output_shape(&self, _: &str, input: Shape) -> Result<Shape, Error> {
        Ok(match self.is_per_step(input) {
            true => Shape::new(input.time, self.out_features),
            false => Shape::new(1, self.out_features),
        })
    }

    fn macs(&self, input: Shape, _: Shape) -> usize {
        self.out_features * input.len()
    }

    fn grids(&self) -> Grids {
        Grids::Free
    }

    fn check(&self, site: &Site<'_>) -> Result<(), Error> {
        let inputs = self.inputs(site.input.shape);
        self.weights.check(site, self.out_features, inputs, 1)
    }

    fn overlap(&self, input: Shape, _: Shape) -> Overlap {
        let walk = match self.weights.bits() {
            // A few outputs at a time, each of which goes through all of the input.
            4 => None,
            _ if !self.is_per_step(input) => None,
            _ => self.shape(input).walk(false),
        };
        walk.map_or(Overlap::Never, Overlap::Walk)
    }

    fn streaming(&self, input: Shape) -> Streaming {
        // Over a single step, both kinds of layers are the same.
        match input.time == 1 || self.is_per_step(input) {
            true => Streaming::PerStep,
            false => Streaming::WholeWindow(
                "it takes all steps of the window at once; put a global pool before it",
            ),
        }
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        Layout {
            site,
            shape: self.shape(site.input.shape),
            weights: &self.weights,
            activation: self.activation,
        }
        .convolution(Rounding::Once)
    }
}
