//! Quantization of the weights of one layer.

use crate::error::Error;
use mote_model::Weights;

/// Name of the technique, for errors.
pub(super) const NAME: &str = "int8";

/// Builds the error that the network cannot be quantized.
pub(super) fn impossible(why: impl Into<String>) -> Error {
    Error::Impossible {
        technique: NAME,
        why: why.into(),
    }
}

/// Quantizes weights to symmetric integers of 8 or 4 bits with one scale per output channel, and the bias to int32.
///
/// Eight bits span the largest weight. Four bits take the scale with the least squared error, which is exact for
/// weights that were trained for four bits.
///
/// # Errors
/// [`Error::Impossible`] when the weights are int8 already.
pub(crate) fn quantize_weights(
    weights: &Weights,
    input_scale: f32,
    bits: u8,
) -> Result<Weights, Error> {
    let Weights::F32 { weights, bias } = weights else {
        return Err(impossible("a layer is int8 already"));
    };
    let levels = f32::from((1i16 << (bits - 1)) - 1);
    let per_channel = weights.len() / bias.len().max(1);
    let mut out = (Vec::with_capacity(weights.len()), Vec::new(), Vec::new());
    for (channel, &bias) in weights.chunks(per_channel.max(1)).zip(bias) {
        let largest = channel.iter().fold(0.0f32, |m, w| m.max(w.abs()));
        let span = match bits {
            4 => least_error(channel, largest, levels),
            _ => largest,
        };
        // Even a channel of nearly no weights must be able to represent its bias, which has 24 bits with the input's
        // zero point.
        let scale = (span / levels)
            .max(bias.abs() / (input_scale * (1u32 << 22) as f32))
            .max(1e-12);
        out.0
            .extend(channel.iter().map(|&w| nearest(w, scale, levels) as i8));
        out.1.push(scale);
        out.2
            .push((f64::from(bias) / (f64::from(input_scale) * f64::from(scale))).round() as i32);
    }
    Ok(Weights::I8 {
        weights: out.0,
        bits,
        scales: out.1,
        bias: out.2,
    })
}

/// Returns the multiple of `scale` nearest to `weight`, within `levels` on each side.
fn nearest(weight: f32, scale: f32, levels: f32) -> f32 {
    (weight / scale).round().clamp(-levels, levels)
}

/// Returns the span, at most `largest`, with which `levels` on each side represent the weights of a channel best.
fn least_error(channel: &[f32], largest: f32, levels: f32) -> f32 {
    let error = |span: f32| -> f64 {
        let scale = (span / levels).max(1e-12);
        let errors = channel
            .iter()
            .map(|&w| f64::from(nearest(w, scale, levels) * scale - w).powi(2));
        errors.sum()
    };
    let spans = (40..=100)
        .rev()
        .map(|percent| largest * percent as f32 / 100.0);
    spans
        .map(|span| (error(span), span))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .expect("there are spans to choose from")
        .1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_come_back_within_half_a_step() {
        let original = vec![0.5, -1.0, 0.25, 0.0, 0.003, 0.001];
        let w = Weights::F32 {
            weights: original.clone(),
            bias: vec![0.1, -0.2],
        };
        let Weights::I8 {
            weights,
            scales,
            bias,
            ..
        } = quantize_weights(&w, 0.02, 8).unwrap()
        else {
            panic!("not int8")
        };
        for (i, (&q, &real)) in weights.iter().zip(&original).enumerate() {
            let scale = scales[i / 3];
            assert!((f32::from(q) * scale - real).abs() <= scale / 2.0 + 1e-6);
        }
        assert_eq!(
            bias[0],
            (0.1 / (0.02 * f64::from(scales[0]))).round() as i32
        );
    }

    #[test]
    fn a_silent_channel_keeps_its_bias() {
        let w = Weights::F32 {
            weights: vec![0.0; 3],
            bias: vec![0.7],
        };
        let Weights::I8 { scales, bias, .. } = quantize_weights(&w, 0.05, 8).unwrap() else {
            panic!("not int8")
        };
        let back = bias[0] as f32 * scales[0] * 0.05;
        assert!((back - 0.7).abs() < 1e-4, "{back}");
    }

    fn reals(weights: &Weights) -> Vec<f32> {
        let Weights::I8 {
            weights, scales, ..
        } = weights
        else {
            panic!("not int8")
        };
        let per_channel = weights.len() / scales.len();
        let channels = weights.chunks(per_channel).zip(scales);
        channels
            .flat_map(|(w, s)| w.iter().map(move |&w| f32::from(w) * s))
            .collect()
    }

    #[test]
    fn weights_trained_for_four_bits_are_stored_as_they_are() {
        let trained: Vec<f32> = (0..45).map(|i| (i * 11 % 15 - 7) as f32 * 0.0371).collect();
        let w = Weights::F32 {
            weights: trained.clone(),
            bias: vec![0.3, -0.1, 0.0],
        };
        let stored = quantize_weights(&w, 0.02, 4).unwrap();
        assert_eq!(stored.bits(), 4);
        for (stored, trained) in reals(&stored).into_iter().zip(trained) {
            assert!((stored - trained).abs() < 1e-6, "{stored} {trained}");
        }
    }

    #[test]
    fn four_bits_cut_an_outlier_when_that_is_less_of_an_error() {
        let mut weights: Vec<f32> = (0..60).map(|i| (i as f32 * 0.7).sin()).collect();
        weights.push(1.6);
        let error = |rounded: &[f32]| -> f32 {
            let pairs = rounded.iter().zip(&weights);
            pairs.map(|(a, b)| (a - b).powi(2)).sum()
        };
        let w = Weights::F32 {
            weights: weights.clone(),
            bias: vec![0.0],
        };
        let best = reals(&quantize_weights(&w, 0.02, 4).unwrap());
        let step = 1.6 / 7.0;
        let spanning: Vec<f32> = weights.iter().map(|w| (w / step).round() * step).collect();
        assert!(error(&best) < error(&spanning));
        assert!(best.iter().all(|&w| w < 1.6));
    }
}
