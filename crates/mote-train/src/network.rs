//! The network as training sees it: layers over one flat vector of parameters.

use crate::Error;
use crate::config::CnnConfig;
use crate::ops::{self, Slide, Statistics};
use burn::tensor::{Tensor, TensorData};
use mote_model::Shape;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::ops::Range;

/// Bounds of "no clamp".
pub(crate) const UNBOUNDED: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

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
    /// What it was laid out from.
    pub config: CnnConfig,
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
    /// As [`Phase::Infer`], but differentiable, and what leaves layer `i` is multiplied by `gates[i]`,
    /// `[n, 1, channels]`: zeros mask channels, and the gradient of ones is what each channel matters.
    Gated {
        running: &'a [Statistics],
        gates: &'a [Tensor<3>],
    },
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
            config: config.clone(),
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

    /// The parameter `id` in the flat vector `values`; nothing when `values` is of another network.
    pub fn values<'v>(&self, id: SlotId, values: &'v [f32]) -> &'v [f32] {
        let slot = self.slots.get(id);
        slot.and_then(|s| values.get(s.range.clone()))
            .unwrap_or(&[])
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
        x: Tensor<3>,
        parameters: &[Tensor<1>],
        phase: Phase<'_>,
    ) -> Result<Tensor<2>, Error> {
        let dropout = match &phase {
            Phase::Train { dropout, .. } => *dropout,
            Phase::Infer { .. } | Phase::Gated { .. } => None,
        };
        let features = self.pooled(x, parameters, phase)?;
        self.classify(features, dropout, parameters)
    }

    /// Features, `[n, features]`, of `x`, `[n, time, channels]`: the network up to its pool.
    pub fn pooled(
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
                    let (scale, shift) = of_layer(running, i)?.affine(&host(gamma)?, &host(beta)?);
                    ops::scale_shift(rows, &scale, &shift, layer.norm.clamp)?
                }
                Phase::Gated { running, .. } => {
                    let (scale, shift) = of_layer(running, i)?.affine(&host(gamma)?, &host(beta)?);
                    let row = |v: Vec<f32>| {
                        let shape = [1, v.len()];
                        Tensor::<2>::from_data(TensorData::new(v, shape), &rows.device())
                    };
                    let z = rows.clone() * row(scale) + row(shift);
                    let (low, high) = layer.norm.clamp;
                    if low == f32::NEG_INFINITY {
                        z
                    } else {
                        z.clamp(low, high)
                    }
                }
            };
            x = rows.reshape([n, time, layer.channels_out]);
            if let Phase::Gated { gates, .. } = &phase {
                x = x * of_layer(gates, i)?.clone();
            }
        }
        Ok(x.mean_dim(1).reshape([n, self.features()]))
    }

    /// Logits, `[n, classes]`, of pooled features, `[n, features]`, multiplied by the dropout mask if there is one.
    pub fn classify(
        &self,
        mut features: Tensor<2>,
        dropout: Option<&Tensor<2>>,
        parameters: &[Tensor<1>],
    ) -> Result<Tensor<2>, Error> {
        if let Some(mask) = dropout {
            features = features.mul(mask.clone());
        }
        let weights = parameter(parameters, self.head_weights)?;
        let bias = parameter(parameters, self.head_bias)?.reshape([1, self.classes]);
        Ok(features.matmul(weights.reshape([self.features(), self.classes])) + bias)
    }
}

/// Draws initial parameters: He et al. 2015, equation 10, for weights.
pub(crate) fn initialise(slots: &[Slot], rng: &mut impl Rng) -> Vec<f32> {
    let mut values = Vec::with_capacity(slots.last().map_or(0, |s| s.range.end));
    for slot in slots {
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

fn of_layer<T>(all: &[T], layer: usize) -> Result<&T, Error> {
    all.get(layer).ok_or(Error::Backend {
        place: "forward pass",
        what: format!("nothing for layer {layer}"),
    })
}

pub(crate) fn parameter(parameters: &[Tensor<1>], id: SlotId) -> Result<Tensor<1>, Error> {
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
