//! The optimiser.

use crate::Error;
use crate::checkpoint::State;
use crate::network::host;
use burn::optim::{AdamWConfig, AdamWState, AdaptiveMomentumState, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};

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
