//! From a loss to the next state: gradients, the optimiser, and the averages.

use crate::checkpoint::State;
use crate::network::{Role, Slot, host};
use crate::ops::Statistics;
use crate::{Error, TrainConfig};
use burn::optim::{AdamWConfig, AdamWState, AdaptiveMomentumState, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};
use std::ops::Range;

/// Share of a running statistic that one batch leaves, when no weight average is kept.
const STATISTICS_SHARE: f32 = 0.9;

/// How a loss moves the parameters of a run.
pub(crate) struct Descent {
    slots: Vec<Slot>,
    /// Slots that stay as they are.
    pub frozen: Range<usize>,
    weight_decay: f64,
    ema: f32,
    /// One for each parameter that decays.
    decays: Tensor<1>,
}

impl Descent {
    /// Moves `slots`, all but those in `frozen`.
    pub fn new(slots: &[Slot], frozen: Range<usize>, config: &TrainConfig) -> Self {
        let decays: Vec<f32> = slots
            .iter()
            .enumerate()
            .flat_map(|(i, s)| {
                let decays = !frozen.contains(&i) && matches!(s.role, Role::Weights { .. });
                s.range.clone().map(move |_| f32::from(decays))
            })
            .collect();
        let len = decays.len();
        Self {
            slots: slots.to_vec(),
            frozen,
            weight_decay: config.weight_decay,
            ema: config.ema,
            decays: Tensor::from_data(TensorData::new(decays, [len]), &Device::flex()),
        }
    }

    /// The parameters as tensors of `device`, those that move with their gradient.
    pub fn leaves(&self, values: &[f32], device: &Device) -> Vec<Tensor<1>> {
        let leaves = crate::infer::leaves(&self.slots, values, device).into_iter();
        let moving = leaves
            .enumerate()
            .map(|(i, leaf)| match self.frozen.contains(&i) {
                true => leaf,
                false => leaf.require_grad(),
            });
        moving.collect()
    }

    /// One step against the gradient of `loss` with respect to `leaves`, with the norms' `statistics` of its
    /// batch. Returns the loss.
    pub fn step(
        &self,
        loss: Tensor<1>,
        leaves: &[Tensor<1>],
        statistics: &[Statistics],
        rate: f64,
        state: &mut State,
        optimiser: &mut AdamW,
    ) -> Result<f64, Error> {
        let mut gradients = loss.backward();
        let gradient = leaves
            .iter()
            .enumerate()
            .map(|(i, leaf)| {
                if self.frozen.contains(&i) {
                    return Ok(Tensor::zeros(leaf.dims(), &Device::flex()));
                }
                leaf.grad_remove(&mut gradients).ok_or(Error::Backend {
                    place: "backward pass",
                    what: "a parameter has no gradient".to_owned(),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let decay = self.decays.clone() * (rate * self.weight_decay);
        state.current.values = optimiser.step(&state.current.values, gradient, rate, decay)?;

        // Averages start short, so that they forget the random start.
        let young = (1.0 + state.steps as f32) / (10.0 + state.steps as f32);
        let keep = self.ema.min(young);
        for (i, slot) in self.slots.iter().enumerate() {
            let range = slot.range.clone();
            let values = state.current.values.get(range.clone());
            if let (false, Some(averages), Some(values)) = (
                self.frozen.contains(&i),
                state.average.get_mut(range),
                values,
            ) {
                for (average, value) in averages.iter_mut().zip(values) {
                    *average = *average * keep + value * (1.0 - keep);
                }
            }
        }
        let keep = self.ema.max(STATISTICS_SHARE).min(young);
        for (running, batch) in state.current.running.iter_mut().zip(statistics) {
            running.blend(batch, keep);
        }
        state.steps += 1;
        Ok(f64::from(
            host(loss.inner())?.first().copied().unwrap_or(f32::NAN),
        ))
    }
}

/// AdamW (Loshchilov and Hutter 2019) over the flat parameter vector.
pub(crate) struct AdamW {
    optimiser: burn::optim::AdamW,
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
            optimiser: AdamWConfig::new().with_weight_decay(0.0).build(),
            state: state.moments.as_ref().map(|[first, second]| {
                AdamWState::new(AdaptiveMomentumState::new(
                    state.steps,
                    tensor(first),
                    tensor(second),
                ))
            }),
        }
    }

    /// One step: `values`, less `decay` of each, moved against `gradient` (one tensor per slot).
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
        let (values, state) = self
            .optimiser
            .step(rate, values, gradient, self.state.take());
        self.state = state;
        host(values)
    }

    /// Puts the moments into `state`.
    pub fn store(self, state: &mut State) -> Result<(), Error> {
        state.moments = match self.state {
            Some(s) => Some([host(s.momentum.moment_1)?, host(s.momentum.moment_2)?]),
            None => None,
        };
        Ok(())
    }
}
