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
    /// The filter behind the head, when one is learnt with the network.
    pub filter: Option<FilterParams>,
    /// Whether the head reads every step, instead of the mean of all steps.
    pub per_step: bool,
    pub params: Params,
}

/// Where the parameters of a learnt filter lie. They are zero where they start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FilterParams {
    /// `[from][to]`.
    pub transitions: ParamId,
    /// One value.
    pub weight: ParamId,
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
            filter: None,
            per_step: false,
            params,
        })
    }

    /// Returns the network with the parameters of a filter behind those of the head.
    #[must_use]
    pub fn with_filter(mut self) -> Self {
        let classes = self.classes;
        self.filter = Some(FilterParams {
            transitions: self.params.push(classes * classes, Role::Shift),
            weight: self.params.push(1, Role::Shift),
        });
        self
    }

    /// Returns the same network, laid out over inputs of shape `input`; with `per_step`, its head reads every step.
    ///
    /// # Errors
    /// [`Error::Config`] when the inputs are too short for the network.
    pub fn over(&self, input: Shape, per_step: bool) -> Result<Self, Error> {
        let mut network = Self {
            input,
            per_step,
            ..self.clone()
        };
        let convs = self.cnn.layers(input)?;
        for (layer, conv) in network.layers.iter_mut().zip(convs) {
            layer.conv.geometry = conv.geometry;
        }
        Ok(network)
    }

    /// Returns the steps that the head reads in an input: one, or all that the last layer makes.
    pub fn steps(&self) -> usize {
        let last = self.layers.last().expect("a network has a layer");
        if self.per_step {
            last.conv.geometry.time_out
        } else {
            1
        }
    }

    /// Returns `snapshot`, of a network with or without the parameters of a filter, as a snapshot of this network.
    pub fn adopt(&self, mut snapshot: Snapshot) -> Snapshot {
        // The parameters of a filter come last, and start at zero.
        snapshot.values.resize(self.params.len(), 0.0);
        snapshot
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
