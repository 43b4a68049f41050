//! Constants of a model: weights, biases, shapes.

use super::schema::kind;
use super::{Importer, names};
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

    /// Values of a constant of integers, or of what has been folded to one.
    pub(super) fn ints(&self, id: i32) -> Result<Vec<i32>, Error> {
        if let Some(values) = self.ints.get(&id) {
            return Ok(values.clone());
        }
        let tensor = self.tensor(id)?;
        match tensor.kind {
            _ if tensor.data.is_empty() => {}
            kind::INT32 => {
                let (words, _) = tensor.data.as_chunks();
                return Ok(words.iter().map(|w| i32::from_le_bytes(*w)).collect());
            }
            kind::INT64 => {
                let (words, _) = tensor.data.as_chunks();
                let values = words.iter().map(|w| i32::try_from(i64::from_le_bytes(*w)));
                if let Ok(values) = values.collect() {
                    return Ok(values);
                }
            }
            _ => {}
        }
        self.fail(format!(
            "`{}` is no constant of integers; export with fixed shapes",
            tensor.name
        ))
    }

    /// Values of a real constant: float32, float16, or int8 with scales, which run along the dimension that the file
    /// says.
    pub(super) fn floats(&self, id: i32) -> Result<Vec<f32>, Error> {
        let tensor = self.tensor(self.halves.get(&id).copied().unwrap_or(id))?;
        let data = tensor.data;
        if data.is_empty() {
            return self.fail(format!("`{}` is no constant", tensor.name));
        }
        Ok(match tensor.kind {
            kind::FLOAT32 => {
                let (values, _) = data.as_chunks();
                values.iter().map(|w| f32::from_le_bytes(*w)).collect()
            }
            kind::FLOAT16 => {
                let (values, _) = data.as_chunks();
                values
                    .iter()
                    .map(|w| crate::half(u16::from_le_bytes(*w)))
                    .collect()
            }
            kind::INT8 => {
                if tensor.zero_point.iter().any(|&z| z != 0) {
                    return self.fail(format!("`{}` has a zero point other than 0", tensor.name));
                }
                let scales = tensor.scale.as_slice();
                let shape = self.constant_shape(id)?;
                let axis = usize::try_from(tensor.axis).unwrap_or(usize::MAX);
                let (extent, inner) = match shape.get(axis..) {
                    Some([extent, inner @ ..]) => (
                        *extent,
                        inner.iter().fold(1usize, |n, &d| n.saturating_mul(d)),
                    ),
                    _ => (1, 1),
                };
                if scales.len() != 1 && scales.len() != extent {
                    return self.fail(format!("{} scales for `{}`", scales.len(), tensor.name));
                }
                let scale = |i: usize| match scales {
                    &[scale] => scale,
                    many => {
                        let at = i.checked_div(inner).map_or(0, |i| i % extent.max(1));
                        many.get(at).copied().unwrap_or(1.0)
                    }
                };
                let values = data.iter().enumerate();
                values
                    .map(|(i, &b)| f32::from(b.cast_signed()) * scale(i))
                    .collect()
            }
            other => {
                return self.fail(format!(
                    "`{}` is {}; constants may be float32, float16 or int8",
                    tensor.name,
                    names::element(other)
                ));
            }
        })
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
        let filter_id = filter;
        let filter = self.tensor(filter_id)?;
        if self.views.contains_key(&filter_id) {
            return self.fail(format!(
                "its weights `{}` are computed by the network; only constants are supported",
                filter.name
            ));
        }
        let shape = self.constant_shape(filter_id)?;
        let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        if self.activation_quant(input)?.is_none() {
            let bias = match bias {
                Some(bias) => self.floats(bias)?,
                None if out <= MAX_WEIGHTS => vec![0.0; out],
                None => Vec::new(),
            };
            let weights = self.floats(filter_id)?;
            if Some(weights.len()) != count || bias.len() != out {
                return self.fail(format!(
                    "{} weights and {} biases for a filter of {shape:?}",
                    weights.len(),
                    bias.len()
                ));
            }
            return Ok(Weights::F32 { weights, bias });
        }
        let bias = bias.map(|b| self.tensor(b)).transpose()?;
        if filter.kind != kind::INT8 {
            return self.fail(format!(
                "weights of {} for int8 activations; only int8 weights are supported: export with full integer \
                 quantization",
                names::element(filter.kind)
            ));
        }
        if let Some(b) = bias.filter(|b| b.kind != kind::INT32) {
            return self.fail(format!(
                "bias of {}; expected int32",
                names::element(b.kind)
            ));
        }
        // Without a bias there are `out` zeros.
        let words: Vec<[u8; 4]> = match bias {
            Some(b) => b.data.as_chunks().0.to_vec(),
            None if out <= MAX_WEIGHTS => vec![[0; 4]; out],
            None => Vec::new(),
        };
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
        let weights = Weights::I8 {
            weights: filter.data.iter().map(|&b| b.cast_signed()).collect(),
            bits: 8,
            scales,
            bias: words.into_iter().map(i32::from_le_bytes).collect(),
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
