//! From windows to the network's input, exactly as the device computes it.

use crate::Error;
use mote_data::Windows;
use mote_model::Frontend;
use mote_model::sensor::counts;

/// Fits [`Frontend`] to the windows `indices`: mean and inverse standard deviation per channel.
///
/// # Errors
/// [`Error::Data`] when an index has no window, or a value is not finite.
pub fn fit(windows: &Windows, indices: &[usize]) -> Result<Frontend, Error> {
    let channels = windows.channels;
    let mut sum = vec![0.0f64; channels];
    let mut squares = vec![0.0f64; channels];
    let mut rows = 0usize;
    for &n in indices {
        for row in samples(windows, n)?.chunks_exact(channels) {
            rows += 1;
            for ((s, q), &x) in sum.iter_mut().zip(&mut squares).zip(row) {
                let x = f64::from(counts(x));
                *s += x;
                *q += x * x;
            }
        }
    }
    if rows == 0 {
        return Err(Error::Data("there is no training window".to_owned()));
    }
    let rows = rows as f64;
    let mean: Vec<f64> = sum.iter().map(|s| s / rows).collect();
    Ok(Frontend {
        offset: mean.iter().map(|m| m.round() as i16).collect(),
        // A constant channel has no deviation: one count is then the smallest that can be told apart.
        scale: squares
            .iter()
            .zip(&mean)
            .map(|(q, m)| ((q / rows - m * m).max(1.0).sqrt().recip()) as f32)
            .collect(),
    })
}

/// Returns the sensor counts of window `n`, `[time][channels]`.
///
/// # Errors
/// [`Error::Data`] when there is no such window, or a value is not finite.
pub fn window_counts(windows: &Windows, n: usize) -> Result<Vec<i16>, Error> {
    Ok(samples(windows, n)?.iter().map(|&x| counts(x)).collect())
}

/// Returns the sensor counts of the windows `indices` as floats, `[n][time][channels]`.
pub(crate) fn gather(windows: &Windows, indices: &[usize]) -> Result<Vec<f32>, Error> {
    let mut x = Vec::with_capacity(indices.len() * windows.stride());
    for &n in indices {
        x.extend(samples(windows, n)?.iter().map(|&x| f32::from(counts(x))));
    }
    Ok(x)
}

/// Replaces every sample of `x`, `[time][channels]`, by `(count - offset) * scale`. `x` holds counts, `[time][channels]`.
pub fn normalise(frontend: &Frontend, x: &mut [f32]) {
    for row in x.chunks_exact_mut(frontend.scale.len().max(1)) {
        for ((x, o), s) in row.iter_mut().zip(&frontend.offset).zip(&frontend.scale) {
            *x = (*x - f32::from(*o)) * s;
        }
    }
}

fn samples(windows: &Windows, n: usize) -> Result<&[f32], Error> {
    if n >= windows.len() {
        return Err(Error::Data(format!(
            "window {n} does not exist; there are {}",
            windows.len()
        )));
    }
    let x = windows.window(n);
    if x.is_empty() {
        return Err(Error::Data(format!(
            "window {n} has no samples: choose a longer window"
        )));
    }
    if x.iter().any(|x| !x.is_finite()) {
        return Err(Error::Data(format!(
            "window {n} holds a value that is not finite; networks need complete windows"
        )));
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows() -> Windows {
        Windows {
            time: 2,
            channels: 2,
            rate_hz: 20.0,
            hop: 1,
            x: vec![0.0, 9.80665, 2.0, 9.80665, 4.0, 9.80665, 6.0, 9.80665],
            y: vec![0, 1],
            users: vec![1, 2],
            recordings: vec![0, 1],
            labels: vec!["a".into(), "b".into()],
        }
    }

    #[test]
    fn normalised_training_windows_have_mean_0_and_deviation_1() {
        let w = windows();
        let f = fit(&w, &[0, 1]).unwrap();
        let mut x: Vec<f32> = (0..2)
            .flat_map(|n| window_counts(&w, n).unwrap())
            .map(f32::from)
            .collect();
        normalise(&f, &mut x);
        let first: Vec<f32> = x.iter().step_by(2).copied().collect();
        let mean = first.iter().sum::<f32>() / 4.0;
        let var = first.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 4.0;
        assert!(mean.abs() < 1e-3, "{mean}");
        assert!((var - 1.0).abs() < 1e-3, "{var}");
        assert_eq!(f.offset[1], 4096, "a constant channel is centred");
        assert_eq!(f.scale[1], 1.0, "and not blown up");
    }

    #[test]
    fn only_the_given_windows_count() {
        let f = fit(&windows(), &[0]).unwrap();
        assert_eq!(f.offset[0], counts(1.0));
    }

    #[test]
    fn bad_values_and_indices_are_named() {
        let mut w = windows();
        w.x[5] = f32::NAN;
        assert!(
            fit(&w, &[0, 1])
                .unwrap_err()
                .to_string()
                .contains("window 1")
        );
        assert!(fit(&w, &[7]).unwrap_err().to_string().contains("window 7"));
        assert!(fit(&w, &[]).is_err());
    }
}
