//! Parameter tensors inside one flat vector.
//!
//! Optimizer, averages and checkpoints work on one vector of f32 values; a [`Param`] says which part of it is which
//! tensor of the network.

use burn_core::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::ops::Range;

/// One parameter tensor inside the flat vector.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Param {
    /// Where its values lie.
    pub range: Range<usize>,
    pub role: Role,
}

/// The role of a parameter. It decides how the parameter starts and whether it decays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Role {
    /// Weights of a layer that sums `fan_in` products.
    Weights { fan_in: usize },
    /// Starts at one.
    Gain,
    /// Starts at zero.
    Shift,
}

/// Index of a parameter in a list of them.
pub(crate) type ParamId = usize;

/// Parameters one behind the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Params(Vec<Param>);

impl Params {
    /// Appends `len` values.
    pub fn push(&mut self, len: usize, role: Role) -> ParamId {
        let start = self.len();
        self.0.push(Param {
            range: start..start + len,
            role,
        });
        self.0.len() - 1
    }

    /// Appends the weights of a layer that sums `fan_in` products per output.
    pub fn weights(&mut self, len: usize, fan_in: usize) -> ParamId {
        self.push(len, Role::Weights { fan_in })
    }

    /// Returns the length of the flat vector.
    pub fn len(&self) -> usize {
        self.0.last().map_or(0, |p| p.range.end)
    }

    /// Returns the parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = &Param> {
        self.0.iter()
    }

    /// Returns the values of parameter `id` in the flat vector `values`, which belongs to these parameters.
    pub fn values<'v>(&self, id: ParamId, values: &'v [f32]) -> &'v [f32] {
        &values[self.0[id].range.clone()]
    }

    /// Returns the values of parameter `id` in the flat vector `values`, which belongs to these parameters.
    pub fn values_mut<'v>(&self, id: ParamId, values: &'v mut [f32]) -> &'v mut [f32] {
        &mut values[self.0[id].range.clone()]
    }

    /// Draws initial values: He et al. 2015, equation 10, for weights.
    pub fn initialise(&self, rng: &mut impl Rng) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.len());
        for param in &self.0 {
            match param.role {
                Role::Weights { fan_in } => {
                    let std = (2.0 / fan_in.max(1) as f32).sqrt();
                    values.extend(param.range.clone().map(|_| {
                        let z: f32 = StandardNormal.sample(rng);
                        z * std
                    }));
                }
                Role::Gain => values.extend(param.range.clone().map(|_| 1.0)),
                Role::Shift => values.extend(param.range.clone().map(|_| 0.0)),
            }
        }
        values
    }

    /// Builds one tensor of `device` per parameter from the flat vector `values`, which belongs to these parameters.
    pub fn tensors(&self, values: &[f32], device: &Device) -> Vec<Tensor<1>> {
        let tensor = |param: &Param| {
            let values = values[param.range.clone()].to_vec();
            let shape = [values.len()];
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        self.0.iter().map(tensor).collect()
    }
}
