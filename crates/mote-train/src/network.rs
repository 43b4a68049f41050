//! The network as training sees it: convolutions with batch norms over one flat vector of parameters.

use crate::Error;
use crate::ops::Statistics;
use crate::params::{ParamId, Params, Role};
use mote_model::{Cnn, ConvLayer, Shape};
use serde::{Deserialize, Serialize};

/// A convolution, its batch norm and the clamp behind it.
#[derive(Debug, Clone)]
pub(crate) struct NormedConv {
    /// Shape and clamp.
    pub conv: ConvLayer,
    /// `[kernel][in][out]`, or `[kernel][channels]` when depthwise.
    pub weights: ParamId,
    /// Scale behind the norm.
    pub gamma: ParamId,
    /// Shift behind the norm.
    pub beta: ParamId,
}

/// Layers, pool and dense head, with where their parameters lie.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    /// What it was laid out from.
    pub cnn: Cnn,
    pub input: Shape,
    pub classes: usize,
    pub layers: Vec<NormedConv>,
    /// Dense weights, `[features][classes]`.
    pub head_weights: ParamId,
    pub head_bias: ParamId,
    pub params: Params,
}

/// What a network has learnt: its parameters, and the running statistics of its norms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// The flat vector of parameters.
    pub values: Vec<f32>,
    /// Per layer.
    pub running: Vec<Statistics>,
}

impl Network {
    /// Lays out the network of `cnn` for windows of shape `input`.
    pub fn new(cnn: &Cnn, input: Shape, classes: usize) -> Result<Self, Error> {
        if classes < 2 {
            return Err(Error::Data(format!(
                "{classes} class is not a classification task; at least 2 are needed"
            )));
        }
        let mut params = Params::default();
        let mut layers = Vec::new();
        for conv in cnn.layers(input)? {
            let (fan_in, outputs) = (conv.fan_in(), conv.out_channels);
            layers.push(NormedConv {
                weights: params.weights(fan_in * outputs, fan_in),
                gamma: params.push(outputs, Role::Gain),
                beta: params.push(outputs, Role::Shift),
                conv,
            });
        }
        let features = cnn.features_shape(input)?.channels;
        Ok(Self {
            cnn: cnn.clone(),
            input,
            classes,
            layers,
            head_weights: params.weights(features * classes, features),
            head_bias: params.push(classes, Role::Shift),
            params,
        })
    }

    /// Returns the number of features between pool and head.
    pub fn features(&self) -> usize {
        let last = self.layers.last().expect("a network has a layer");
        last.conv.out_channels
    }

    /// Returns running statistics before the first batch: mean 0, variance 1, per layer.
    pub fn initial_statistics(&self) -> Vec<Statistics> {
        self.layers
            .iter()
            .map(|l| Statistics {
                mean: vec![0.0; l.conv.out_channels],
                variance: vec![1.0; l.conv.out_channels],
            })
            .collect()
    }
}
