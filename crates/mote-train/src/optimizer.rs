//! From a loss to the next state: gradients, AdamW, and the moving averages.

use crate::Error;
use crate::config::TrainConfig;
use crate::objective::Loss;
use crate::ops::to_host;
use crate::params::{Params, Role};
use crate::state::State;
use burn_core::tensor::{Device, Tensor, TensorData};
use burn_optim::{AdamWConfig, AdamWState, AdaptiveMomentumState, Optimizer as _};
use std::ops::Range;

/// Share of a running statistic that one batch leaves, when no weight average is kept.
const STATISTICS_SHARE: f32 = 0.9;

/// Moves the parameters of a run against the gradient of a loss.
pub(crate) struct Optimizer {
    params: Params,
    /// Parameters that stay as they are.
    pub frozen: Range<usize>,
    weight_decay: f64,
    ema: f32,
    /// One for each parameter that decays.
    decays: Tensor<1>,
}

impl Optimizer {
    /// Builds an optimizer that moves all of `params` but those in `frozen`.
    pub fn new(params: &Params, frozen: Range<usize>, config: &TrainConfig) -> Self {
        let decays: Vec<f32> = params
            .iter()
            .enumerate()
            .flat_map(|(i, p)| {
                let decays = !frozen.contains(&i) && matches!(p.role, Role::Weights { .. });
                p.range.clone().map(move |_| f32::from(decays))
            })
            .collect();
        let len = decays.len();
        Self {
            params: params.clone(),
            frozen,
            weight_decay: config.weight_decay,
            ema: config.ema,
            decays: Tensor::from_data(TensorData::new(decays, [len]), &Device::flex()),
        }
    }

    /// Returns the parameters as tensors of `device`; those that move track their gradient.
    pub fn parameters(&self, values: &[f32], device: &Device) -> Vec<Tensor<1>> {
        let tensors = self.params.tensors(values, device).into_iter();
        let tracked = tensors
            .enumerate()
            .map(|(i, tensor)| match self.frozen.contains(&i) {
                true => tensor,
                false => tensor.require_grad(),
            });
        tracked.collect()
    }

    /// Takes one step against the gradient of `loss` with respect to `parameters`, and blends what the norms saw into
    /// their running statistics. Returns the loss.
    pub fn step(
        &self,
        loss: Loss,
        parameters: &[Tensor<1>],
        rate: f64,
        state: &mut State,
        adam: &mut AdamW,
    ) -> Result<f64, Error> {
        let mut gradients = loss.value.backward();
        let gradient = parameters
            .iter()
            .enumerate()
            .map(|(i, parameter)| {
                if self.frozen.contains(&i) {
                    return Ok(Tensor::zeros(parameter.dims(), &Device::flex()));
                }
                parameter.grad_remove(&mut gradients).ok_or(Error::Backend {
                    place: "backward pass",
                    what: "a parameter has no gradient".to_owned(),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let decay = self.decays.clone() * (rate * self.weight_decay);
        state.current.values = adam.step(&state.current.values, gradient, rate, decay)?;

        // Averages start short, so that they forget the random start.
        let young = (1.0 + state.steps as f32) / (10.0 + state.steps as f32);
        let keep = self.ema.min(young);
        for (i, param) in self.params.iter().enumerate() {
            if self.frozen.contains(&i) {
                continue;
            }
            let values = &state.current.values[param.range.clone()];
            let averages = &mut state.average[param.range.clone()];
            for (average, value) in averages.iter_mut().zip(values) {
                *average = *average * keep + value * (1.0 - keep);
            }
        }
        let keep = self.ema.max(STATISTICS_SHARE).min(young);
        for (running, batch) in state.current.running.iter_mut().zip(&loss.statistics) {
            running.blend(batch, keep);
        }
        state.steps += 1;
        let loss = to_host(loss.value.inner())?;
        Ok(f64::from(*loss.first().expect("a loss is one value")))
    }
}

/// AdamW (Loshchilov and Hutter 2019) over the flat parameter vector.
pub(crate) struct AdamW {
    adam: burn_optim::AdamW,
    state: Option<AdamWState<1>>,
}

impl AdamW {
    /// Continues from the moments in `state`, if there are any.
    pub fn new(state: &State) -> Self {
        let tensor = |v: &Vec<f32>| {
            Tensor::from_data(TensorData::new(v.clone(), [v.len()]), &Device::flex())
        };
        Self {
            // Norms and biases do not decay, so decay is applied here and not by the library.
            adam: AdamWConfig::new().with_weight_decay(0.0).build(),
            state: state.moments.as_ref().map(|[first, second]| {
                AdamWState::new(AdaptiveMomentumState::new(
                    state.steps,
                    tensor(first),
                    tensor(second),
                ))
            }),
        }
    }

    /// Takes one step: `values`, less `decay` of each, moved against `gradient` (one tensor per parameter).
    pub fn step(
        &mut self,
        values: &[f32],
        gradient: Vec<Tensor<1>>,
        rate: f64,
        decay: Tensor<1>,
    ) -> Result<Vec<f32>, Error> {
        let values = Tensor::<1>::from_data(
            TensorData::new(values.to_vec(), [values.len()]),
            &Device::flex(),
        );
        let values = values.clone() - values * decay;
        let gradient = Tensor::cat(gradient, 0);
        let (values, state) = self.adam.step(rate, values, gradient, self.state.take());
        self.state = state;
        to_host(values)
    }

    /// Puts the moments into `state`.
    pub fn store(self, state: &mut State) -> Result<(), Error> {
        state.moments = match self.state {
            Some(s) => Some([to_host(s.momentum.moment_1)?, to_host(s.momentum.moment_2)?]),
            None => None,
        };
        Ok(())
    }
}
