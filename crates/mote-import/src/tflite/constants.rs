//! Constants of a model: weights, biases, shapes.

use super::Importer;
use super::schema::kind;
use crate::conv::MAX_WEIGHTS;
use mote_model::{Error, Weights};

impl Importer<'_> {
    /// Dimensions of constant `id`.
    pub(super) fn constant_shape(&self, id: i32) -> Result<Vec<usize>, Error> {
        let tensor = self.tensor(id)?;
        let dims = tensor
            .shape
            .iter()
            .map(|&d| usize::try_from(d).ok().filter(|&d| d > 0));
        dims.collect::<Option<_>>()
            .ok_or_else(|| self.error(format!("shape {:?} of `{}`", tensor.shape, tensor.name)))
    }

    /// Values of an int32 constant.
    pub(super) fn ints(&self, id: i32) -> Result<Vec<i32>, Error> {
        let tensor = self.tensor(id)?;
        if tensor.kind != kind::INT32 || tensor.data.is_empty() {
            return self.fail(format!("`{}` is not an int32 constant", tensor.name));
        }
        let (words, _) = tensor.data.as_chunks();
        Ok(words.iter().map(|w| i32::from_le_bytes(*w)).collect())
    }

    /// Filter `filter` and bias of a layer of `out` channels that reads `input`; scales run along `axis`.
    pub(super) fn weights(
        &self,
        input: i32,
        filter: i32,
        bias: Option<i32>,
        out: usize,
        axis: i32,
    ) -> Result<Weights, Error> {
        let filter = self.tensor(filter)?;
        let count = filter
            .shape
            .iter()
            .try_fold(1usize, |n, &d| n.checked_mul(usize::try_from(d).ok()?));
        let bias = bias.map(|b| self.tensor(b)).transpose()?;
        let expected_kind = if self.activation_quant(input)?.is_some() {
            kind::INT8
        } else {
            kind::FLOAT32
        };
        if filter.kind != expected_kind {
            return self.fail(format!(
                "weights of element type {} for activations of type {expected_kind}; weights-only and uint8 quantization are not supported",
                filter.kind
            ));
        }
        let bias_kind = if filter.kind == kind::INT8 {
            kind::INT32
        } else {
            kind::FLOAT32
        };
        if let Some(b) = bias.filter(|b| b.kind != bias_kind) {
            return self.fail(format!(
                "bias of element type {}; expected {bias_kind}",
                b.kind
            ));
        }
        // Without a bias there are `out` zeros.
        let words: Vec<[u8; 4]> = match bias {
            Some(b) => b.data.as_chunks().0.to_vec(),
            None if out <= MAX_WEIGHTS => vec![[0; 4]; out],
            None => Vec::new(),
        };
        let weights = if filter.kind == kind::INT8 {
            if filter.zero_point.iter().any(|&z| z != 0) {
                return self.fail(format!("`{}` has a zero point other than 0", filter.name));
            }
            let scales = match filter.scale.as_slice() {
                &[scale] if out <= MAX_WEIGHTS => vec![scale; out],
                scales if scales.len() == out && filter.axis == axis => scales.to_vec(),
                scales => {
                    return self.fail(format!("{} weight scales for {out} channels", scales.len()));
                }
            };
            Weights::I8 {
                weights: filter.data.iter().map(|&b| b.cast_signed()).collect(),
                bits: 8,
                scales,
                bias: words.into_iter().map(i32::from_le_bytes).collect(),
            }
        } else {
            let (values, _) = filter.data.as_chunks();
            Weights::F32 {
                weights: values.iter().map(|w| f32::from_le_bytes(*w)).collect(),
                bias: words.into_iter().map(f32::from_le_bytes).collect(),
            }
        };
        let found = weights.len();
        if count.and_then(|n| n.checked_add(out)) != Some(found) {
            return self.fail(format!(
                "{found} weights and biases; the shapes ask for another number"
            ));
        }
        Ok(weights)
    }
}

/// `[kernel][out]` to `[out][kernel]`.
pub(super) fn transpose(weights: Weights, out: usize) -> Weights {
    fn turn<T: Copy>(values: &[T], out: usize) -> Vec<T> {
        (0..out)
            .flat_map(|o| values.iter().skip(o).step_by(out).copied())
            .collect()
    }
    match weights {
        Weights::F32 { weights, bias } => Weights::F32 {
            weights: turn(&weights, out),
            bias,
        },
        Weights::I8 {
            weights,
            bits,
            scales,
            bias,
        } => Weights::I8 {
            bits,
            weights: turn(&weights, out),
            scales,
            bias,
        },
    }
}
