//! Weights of convolutions and dense layers.

use super::Site;
use crate::Error;
use mote::format::MAX_TAPS_I4;
use mote::kernels::conv1d_i4::LIMIT;
use serde::{Deserialize, Serialize};

/// Weights of a convolution or dense layer, laid out `[out_channels][kernel][in_channels / groups]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Weights {
    /// Float weights and one bias per output channel.
    F32 {
        /// `out * kernel * in / groups` values.
        weights: Vec<f32>,
        /// `out` values.
        bias: Vec<f32>,
    },
    /// Symmetric int8 weights (`real = scale * q`), bias at scale `input_scale * scale`.
    I8 {
        /// `out * kernel * in / groups` values: -127 to 127, or -7 to 7 when they have 4 bits.
        weights: Vec<i8>,
        /// Bits that a weight takes in the model: 8, or 4 for convolutions of one group and dense layers over no more
        /// than [`MAX_TAPS_I4`](mote::format::MAX_TAPS_I4) inputs. The arithmetic is the same.
        #[serde(default = "eight")]
        bits: u8,
        /// One scale per output channel.
        scales: Vec<f32>,
        /// `out` values.
        bias: Vec<i32>,
    },
}

/// Bits of weights in descriptions that do not say.
fn eight() -> u8 {
    8
}

impl Weights {
    /// Bits that a weight takes in the model: 32, 8 or 4.
    pub const fn bits(&self) -> u8 {
        match self {
            Weights::F32 { .. } => 32,
            Weights::I8 { bits, .. } => *bits,
        }
    }

    /// Bytes of the weights, biases not counted.
    pub fn bytes(&self) -> usize {
        let count = match self {
            Weights::F32 { weights, .. } => weights.len(),
            Weights::I8 { weights, .. } => weights.len(),
        };
        (count * usize::from(self.bits())).div_ceil(8)
    }

    /// Number of weights and biases.
    pub fn len(&self) -> usize {
        match self {
            Weights::F32 { weights, bias } => weights.len() + bias.len(),
            Weights::I8 { weights, bias, .. } => weights.len() + bias.len(),
        }
    }

    /// Number of output channels or features: there is one bias for each.
    pub fn outputs(&self) -> usize {
        match self {
            Weights::F32 { bias, .. } => bias.len(),
            Weights::I8 { bias, .. } => bias.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Checks the weights of a layer of `outputs` channels with `per_output` of them each, in `groups` groups.
    pub(super) fn check(
        &self,
        site: &Site<'_>,
        outputs: usize,
        per_output: usize,
        groups: usize,
    ) -> Result<(), Error> {
        let length = |field, found: usize, expected: usize| {
            if found == expected {
                Ok(())
            } else {
                Err(site.error(field, format!("{found} values; expected {expected}")))
            }
        };
        let finite = |field, values: &[f32]| match values.iter().find(|v| !v.is_finite()) {
            Some(v) => Err(site.error(field, format!("contains {v}; expected finite numbers"))),
            None => Ok(()),
        };
        match self {
            Weights::F32 { weights, bias } => {
                length("weights", weights.len(), outputs.saturating_mul(per_output))?;
                length("bias", bias.len(), outputs)?;
                finite("weights", weights)?;
                finite("bias", bias)
            }
            Weights::I8 {
                weights,
                scales,
                bias,
                ..
            } => {
                length("weights", weights.len(), outputs.saturating_mul(per_output))?;
                length("scales", scales.len(), outputs)?;
                length("bias", bias.len(), outputs)?;
                if let Some(s) = scales.iter().find(|&&s| !(s.is_finite() && s > 0.0)) {
                    let what = format!("contains {s}; expected positive numbers");
                    return Err(site.error("scales", what));
                }
                self.check_bits(site, per_output, groups)
            }
        }
    }

    /// Checks that int8 weights fit the bits they are to take in the model.
    fn check_bits(&self, site: &Site<'_>, per_output: usize, groups: usize) -> Result<(), Error> {
        let fail = |what: String| Err(site.error("weights", what));
        match self {
            Weights::F32 { .. } | Weights::I8 { bits: 8, .. } => Ok(()),
            Weights::I8 {
                bits: 4, weights, ..
            } => {
                if groups != 1 || per_output > MAX_TAPS_I4 {
                    return fail(format!(
                        "{per_output} per channel in {groups} groups; 4 bits go with up to {MAX_TAPS_I4} in one group: \
                         take 8"
                    ));
                }
                match weights.iter().find(|w| !(-LIMIT..=LIMIT).contains(*w)) {
                    Some(w) => fail(format!(
                        "contain {w}; of 4 bits they are -{LIMIT} to {LIMIT}"
                    )),
                    None => Ok(()),
                }
            }
            Weights::I8 { bits, .. } => fail(format!("of {bits} bits; there are 8 and 4")),
        }
    }
}
