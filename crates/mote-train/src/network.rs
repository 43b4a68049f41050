//! The network as training sees it: layers over one flat vector of parameters.

use crate::Error;
use crate::config::CnnConfig;
use crate::ops::{self, Slide, Statistics};
use burn::tensor::Tensor;
use mote_model::Shape;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::ops::Range;

/// Bounds of "no clamp".
const UNBOUNDED: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

/// One parameter tensor inside the flat vector.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slot {
    pub range: Range<usize>,
    pub role: Role,
}

/// What a parameter is, which decides how it starts and whether it decays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Role {
    /// Weights of a layer that sums `fan_in` products.
    Weights { fan_in: usize },
    /// Starts at one.
    Gain,
    /// Starts at zero.
    Shift,
}

/// Index into [`Network::slots`].
pub(crate) type SlotId = usize;

/// Batch norm behind a convolution.
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    pub gamma: SlotId,
    pub beta: SlotId,
    /// Bounds of the clamp behind it.
    pub clamp: (f32, f32),
}

/// A convolution with its norm.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub name: String,
    pub slide: Slide,
    pub channels_in: usize,
    pub channels_out: usize,
    pub depthwise: bool,
    /// `[kernel][in][out]`, or `[kernel][channels]` when depthwise.
    pub weights: SlotId,
    pub norm: Norm,
}

/// Layers, pool and dense head, with where their parameters lie.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub input: Shape,
    pub classes: usize,
    pub layers: Vec<Layer>,
    /// Dense weights, `[features][classes]`.
    pub head_weights: SlotId,
    pub head_bias: SlotId,
    pub slots: Vec<Slot>,
}

/// What normalises, and what is collected on the way.
pub(crate) enum Phase<'a> {
    /// Norms use the batch, whose statistics are collected; features are multiplied by the dropout mask.
    Train {
        statistics: &'a mut Vec<Statistics>,
        dropout: Option<&'a Tensor<2>>,
    },
    /// Norms use running statistics.
    Infer { running: &'a [Statistics] },
}

impl Network {
    /// Lays out the network of `config` for windows of shape `input`.
    pub fn new(config: &CnnConfig, input: Shape, classes: usize) -> Result<Self, Error> {
        config.validate(input)?;
        if classes < 2 {
            return Err(Error::Data(format!(
                "{classes} class is not a classification task; at least 2 are needed"
            )));
        }
        let mut slots = Slots::default();
        let mut layers = Vec::new();
        let clamp = (0.0, config.nonlinearity.ceiling());
        let Shape {
            mut time,
            mut channels,
        } = input;
        for (i, block) in config.blocks.iter().enumerate() {
            let slide = Slide::new(block, time, config.padding);
            let name = format!("conv{}", i + 1);
            if block.separable {
                layers.push(Layer {
                    name: format!("{name}_depthwise"),
                    slide,
                    channels_in: channels,
                    channels_out: channels,
                    depthwise: true,
                    weights: slots.weights(block.kernel * channels, block.kernel),
                    norm: slots.norm(channels, UNBOUNDED),
                });
                layers.push(Layer {
                    name: format!("{name}_pointwise"),
                    slide: Slide::pointwise(slide.time_out),
                    channels_in: channels,
                    channels_out: block.channels,
                    depthwise: false,
                    weights: slots.weights(channels * block.channels, channels),
                    norm: slots.norm(block.channels, clamp),
                });
            } else {
                let fan_in = block.kernel * channels;
                layers.push(Layer {
                    name,
                    slide,
                    channels_in: channels,
                    channels_out: block.channels,
                    depthwise: false,
                    weights: slots.weights(fan_in * block.channels, fan_in),
                    norm: slots.norm(block.channels, clamp),
                });
            }
            (time, channels) = (slide.time_out, block.channels);
        }
        Ok(Self {
            input,
            classes,
            layers,
            head_weights: slots.weights(channels * classes, channels),
            head_bias: slots.push(classes, Role::Shift),
            slots: slots.0,
        })
    }

    /// Length of the flat parameter vector.
    pub fn len(&self) -> usize {
        self.slots.last().map_or(0, |s| s.range.end)
    }

    /// Features between pool and head.
    pub fn features(&self) -> usize {
        self.layers.last().map_or(0, |l| l.channels_out)
    }

    /// Draws initial parameters: He et al. 2015, equation 10, for weights.
    pub fn initialise(&self, rng: &mut impl Rng) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.len());
        for slot in &self.slots {
            match slot.role {
                Role::Weights { fan_in } => {
                    let std = (2.0 / fan_in.max(1) as f32).sqrt();
                    values.extend(slot.range.clone().map(|_| {
                        let z: f32 = StandardNormal.sample(rng);
                        z * std
                    }));
                }
                Role::Gain => values.extend(slot.range.clone().map(|_| 1.0)),
                Role::Shift => values.extend(slot.range.clone().map(|_| 0.0)),
            }
        }
        values
    }

    /// One for each parameter that weight decay applies to, zero for the rest.
    pub fn decays(&self) -> Vec<f32> {
        self.slots
            .iter()
            .flat_map(|s| {
                let decays = matches!(s.role, Role::Weights { .. });
                s.range.clone().map(move |_| f32::from(decays))
            })
            .collect()
    }

    /// Running statistics before the first batch: mean 0, variance 1, per layer.
    pub fn initial_statistics(&self) -> Vec<Statistics> {
        self.layers
            .iter()
            .map(|l| Statistics {
                mean: vec![0.0; l.channels_out],
                variance: vec![1.0; l.channels_out],
            })
            .collect()
    }

    /// Logits, `[n, classes]`, of `x`, `[n, time, channels]`. `parameters` holds one tensor per slot.
    pub fn forward(
        &self,
        mut x: Tensor<3>,
        parameters: &[Tensor<1>],
        mut phase: Phase<'_>,
    ) -> Result<Tensor<2>, Error> {
        let n = x.dims()[0];
        for (i, layer) in self.layers.iter().enumerate() {
            let weights = parameter(parameters, layer.weights)?;
            let time = layer.slide.time_out;
            let rows = if layer.depthwise {
                let weights = weights.reshape([layer.slide.kernel, layer.channels_in]);
                ops::depthwise(x, weights, layer.slide)?.reshape([n * time, layer.channels_out])
            } else {
                let fan_in = layer.slide.kernel * layer.channels_in;
                let pointwise = layer.slide.kernel == 1 && layer.slide.stride == 1;
                let rows = if pointwise {
                    x.reshape([n * time, fan_in])
                } else {
                    ops::unfold(x, layer.slide)?
                };
                rows.matmul(weights.reshape([fan_in, layer.channels_out]))
            };
            let gamma = parameter(parameters, layer.norm.gamma)?;
            let beta = parameter(parameters, layer.norm.beta)?;
            let rows = match &mut phase {
                Phase::Train { statistics, .. } => {
                    let (rows, batch) = ops::batch_norm(rows, gamma, beta, layer.norm.clamp)?;
                    statistics.push(batch);
                    rows
                }
                Phase::Infer { running } => {
                    let statistics = running.get(i).ok_or(Error::Backend {
                        place: "inference",
                        what: format!("no running statistics for layer {i}"),
                    })?;
                    let (scale, shift) = statistics.affine(&host(gamma)?, &host(beta)?);
                    ops::scale_shift(rows, &scale, &shift, layer.norm.clamp)?
                }
            };
            x = rows.reshape([n, time, layer.channels_out]);
        }
        let mut features = x.mean_dim(1).reshape([n, self.features()]);
        if let Phase::Train {
            dropout: Some(mask),
            ..
        } = phase
        {
            features = features.mul(mask.clone());
        }
        let weights = parameter(parameters, self.head_weights)?;
        let bias = parameter(parameters, self.head_bias)?.reshape([1, self.classes]);
        Ok(features.matmul(weights.reshape([self.features(), self.classes])) + bias)
    }
}

/// The values of `tensor`.
pub(crate) fn host<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, Error> {
    tensor
        .into_data()
        .try_into_vec()
        .map_err(|e| Error::Backend {
            place: "reading a tensor",
            what: format!("{e:?}"),
        })
}

fn parameter(parameters: &[Tensor<1>], id: SlotId) -> Result<Tensor<1>, Error> {
    parameters.get(id).cloned().ok_or(Error::Backend {
        place: "forward pass",
        what: format!("no parameter {id}"),
    })
}

#[derive(Default)]
struct Slots(Vec<Slot>);

impl Slots {
    fn push(&mut self, len: usize, role: Role) -> SlotId {
        let start = self.0.last().map_or(0, |s| s.range.end);
        self.0.push(Slot {
            range: start..start + len,
            role,
        });
        self.0.len() - 1
    }

    fn weights(&mut self, len: usize, fan_in: usize) -> SlotId {
        self.push(len, Role::Weights { fan_in })
    }

    fn norm(&mut self, channels: usize, clamp: (f32, f32)) -> Norm {
        Norm {
            gamma: self.push(channels, Role::Gain),
            beta: self.push(channels, Role::Shift),
            clamp,
        }
    }
}
