//! A filter over the decisions of a stream.

use super::{Grids, Operator, Site, Streaming, window_pool::IN_A_STREAM};
use crate::{Error, Quant, Shape, Tensor};
use mote::describe::Encoded;
use mote::kernels::filter::{
    ChangeI8, FilterF32, FilterI8, LIMIT, STEPS_PER_NAT, WEIGHT_BITS, state_change_i8, state_f32,
    state_i8,
};
use mote::op::filter as engine;
use serde::{Deserialize, Serialize};

/// Scale and zero point that the int8 filter always writes: levels are 0 or less.
pub const FILTER_QUANT: Quant = Quant {
    scale: 1.0 / 16.0,
    zero_point: 127,
};

/// A filter over decisions, which changes its mind only for evidence that lasts: per step, `level[to]` becomes the largest
/// `level[from] - cost[from][to]` plus `weight` times the logit of `to`, less the largest level. The second input is
/// [state](crate::Graph::state).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// Cost of each change in nats, `[from][to]`, 0 or more.
    pub costs: Vec<f32>,
    /// Factor of the logits.
    pub weight: f32,
    /// Steps at the beginning of a stream that do not count; `None` in a network over windows.
    pub skip: Option<usize>,
}

impl Filter {
    /// Returns a filter over `classes` for activities that last `dwell` decisions on average and are equally likely to
    /// follow one another. Logits count with the factor `weight`.
    pub fn fixed(classes: usize, dwell: f64, weight: f32) -> Self {
        let others = classes.saturating_sub(1).max(1) as f64;
        let change = ((dwell.max(2.0) - 1.0) * others).ln().max(0.0) as f32;
        let cost = |i: usize| {
            if i.is_multiple_of(classes + 1) {
                0.0
            } else {
                change
            }
        };
        Self {
            costs: (0..classes * classes).map(cost).collect(),
            weight,
            skip: None,
        }
    }

    /// Returns the cost of a change, when all cost the same and to stay costs nothing: less state, and fewer steps of
    /// computation in int8.
    fn change(&self) -> Option<f32> {
        let classes = self.costs.len().isqrt();
        let mut costs = self.costs.iter().enumerate();
        let change = self.costs.get(1).copied().unwrap_or(0.0);
        let same = costs.all(|(i, &cost)| {
            let stays = i.is_multiple_of(classes + 1);
            cost == if stays { 0.0 } else { change }
        });
        same.then_some(change)
    }

    /// Returns the state tensor of a filter over `input`.
    pub fn state(&self, input: &Tensor) -> Tensor {
        let classes = input.shape.channels;
        let len = match (input.quant, self.change()) {
            (Some(_), None) => state_i8(classes),
            (Some(_), Some(_)) => state_change_i8(classes),
            (None, _) => state_f32(classes),
        };
        Tensor {
            shape: Shape::new(1, len),
            quant: input.quant,
        }
    }

    /// Returns the steps to skip, which must fit 16 bits.
    fn skip(&self, site: &Site<'_>) -> Result<u16, Error> {
        let skip = self.skip.unwrap_or(0);
        skip.try_into().map_err(|_| {
            let what = format!("{skip} steps to skip; the format allows up to 65535");
            site.error("skip", what)
        })
    }
}

impl Operator for Filter {
    fn name(&self) -> &'static str {
        "filter"
    }

    fn inputs(&self) -> usize {
        2
    }

    fn output_shape(&self, _: &str, input: Shape) -> Result<Shape, Error> {
        Ok(Shape::new(1, input.channels))
    }

    fn grids(&self) -> Grids {
        Grids::Fixed(FILTER_QUANT)
    }

    fn check(&self, site: &Site<'_>) -> Result<(), Error> {
        let classes = site.input.shape.channels;
        if self.costs.len() != classes * classes {
            let what = format!(
                "{} costs for {classes} classes; expected one for each pair",
                self.costs.len()
            );
            return Err(site.error("costs", what));
        }
        if let Some(cost) = self.costs.iter().find(|c| !(c.is_finite() && **c >= 0.0)) {
            return Err(site.error("costs", format!("contain {cost}; expected 0 or more")));
        }
        if !(self.weight.is_finite() && self.weight > 0.0) {
            let what = format!("{}; expected a positive number", self.weight);
            return Err(site.error("weight", what));
        }
        Ok(())
    }

    fn streaming(&self, _: Shape) -> Streaming {
        match self.skip {
            None => Streaming::WholeWindow("it takes the scores of a decision: put it last"),
            Some(_) => Streaming::Never(IN_A_STREAM),
        }
    }

    fn encode(&self, site: &Site<'_>) -> Result<Encoded, Error> {
        let skip = self.skip(site)?;
        let Some(quant) = site.input.quant else {
            let costs: Vec<u32> = self.costs.iter().map(|c| c.to_bits()).collect();
            return Ok(Encoded::of::<engine::F32>(&FilterF32 {
                skip,
                weight: self.weight,
                costs: &costs,
            }));
        };
        let steps = f64::from(STEPS_PER_NAT);
        let weight = f64::from(self.weight * quant.scale) * steps * f64::from(1 << WEIGHT_BITS);
        let most = f64::from(u16::MAX);
        if !(weight >= 1.0 && weight <= most) {
            let what = format!(
                "{} for logits in steps of {}; the format has room from {:.4} to {:.2}",
                self.weight,
                quant.scale,
                1.0 / (steps * 256.0) / f64::from(quant.scale),
                most / (steps * 256.0) / f64::from(quant.scale)
            );
            return Err(site.error("weight", what));
        }
        // What costs more than 16 nats does not happen within a day, and 16 nats are all there is room for.
        let cost = |c: &f32| (f64::from(*c) * steps).round().min(f64::from(LIMIT)) as u32;
        let weight = weight.round() as u16;
        if let Some(change) = self.change() {
            return Ok(Encoded::of::<engine::Change>(&ChangeI8 {
                skip,
                weight,
                cost: cost(&change) as u16,
            }));
        }
        let costs: Vec<u32> = self
            .costs
            .chunks(2)
            .map(|pair| match pair {
                [first, second] => cost(first) | cost(second) << 16,
                rest => rest.first().map_or(0, cost),
            })
            .collect();
        Ok(Encoded::of::<engine::I8>(&FilterI8 {
            skip,
            weight,
            costs: &costs,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_filter_costs_what_the_dwell_time_says() {
        // 30 s at 5 decisions a second and five classes: ln(149 * 4).
        let filter = Filter::fixed(5, 150.0, 0.3);
        assert_eq!(filter.costs.len(), 25);
        for (i, cost) in filter.costs.iter().enumerate() {
            let expected = if i % 6 == 0 { 0.0 } else { 596f32.ln() };
            assert!((cost - expected).abs() < 1e-5);
        }
    }
}
