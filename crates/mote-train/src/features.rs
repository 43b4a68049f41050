//! Hand-made window features for the classical baselines.
//!
//! Each signal is one channel, or the magnitude of a triple of channels (one sensor's x, y, z). Features per
//! signal, in this order:
//!
//! | feature | meaning |
//! |---|---|
//! | `mean` | mean |
//! | `std` | standard deviation |
//! | `min`, `max` | extremes |
//! | `median` | median |
//! | `iqr` | range from the first to the third quartile |
//! | `step` | mean absolute difference of neighbouring samples |
//! | `crossings` | crossings of the mean, per second |
//! | `frequency` | frequency of the strongest spectral line, Hz, mean removed |
//! | `line` | share of that line in the spectral power |
//! | `entropy` | entropy of the spectrum, 0 (one line) to 1 (flat) |
//! | `band0.5`, `band2`, `band4` | share of the power in 0.5-2, 2-4 and 4-8 Hz |
//!
//! A triple adds the three correlations between its axes. Windows of one time step are feature tables
//! already: their columns are used as they are.

use crate::Error;
use mote_data::Windows;
use std::f32::consts::TAU;

const PER_SIGNAL: [&str; 14] = [
    "mean",
    "std",
    "min",
    "max",
    "median",
    "iqr",
    "step",
    "crossings",
    "frequency",
    "line",
    "entropy",
    "band0.5",
    "band2",
    "band4",
];

/// Lower and upper bounds, in Hz, of the spectral bands.
const BANDS: [(f32, f32); 3] = [(0.5, 2.0), (2.0, 4.0), (4.0, 8.0)];

/// A table of features, one row per window.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Column names.
    pub names: Vec<String>,
    /// Values, row-major; NaN where a value is missing.
    pub x: Vec<f32>,
}

impl Table {
    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.names.len()
    }

    /// Returns the features of row `n`; empty when there is no such row.
    pub fn row(&self, n: usize) -> &[f32] {
        let columns = self.columns();
        self.x
            .get(n * columns..(n + 1) * columns)
            .unwrap_or_default()
    }
}

/// Computes the features of every window.
///
/// # Errors
/// [`Error::Data`] when the windows have no samples.
pub fn table(windows: &Windows) -> Result<Table, Error> {
    let channels = windows.channels;
    if windows.stride() == 0 {
        return Err(Error::Data("the windows have no samples".to_owned()));
    }
    if windows.time == 1 {
        return Ok(Table {
            names: (0..channels).map(|c| format!("column{c}")).collect(),
            x: windows.x.clone(),
        });
    }
    let spectrum = Spectrum::new(windows.time, windows.rate_hz);
    let mut x = Vec::new();
    for window in windows.x.chunks_exact(windows.stride()) {
        let signals: Vec<Vec<f32>> = (0..channels)
            .map(|c| window.iter().skip(c).step_by(channels).copied().collect())
            .collect();
        for signal in &signals {
            signal_features(signal, windows.rate_hz, &spectrum, &mut x);
        }
        for triple in signals.chunks_exact(3) {
            if let [a, b, c] = triple {
                let magnitude: Vec<f32> = a
                    .iter()
                    .zip(b)
                    .zip(c)
                    .map(|((a, b), c)| (a * a + b * b + c * c).sqrt())
                    .collect();
                signal_features(&magnitude, windows.rate_hz, &spectrum, &mut x);
                x.extend([correlation(a, b), correlation(b, c), correlation(c, a)]);
            }
        }
    }
    Ok(Table {
        names: names(channels),
        x,
    })
}

fn names(channels: usize) -> Vec<String> {
    let of = |signal: String| PER_SIGNAL.map(|f| format!("{signal}.{f}"));
    let mut names: Vec<String> = (0..channels).flat_map(|c| of(format!("c{c}"))).collect();
    for i in (0..channels / 3).map(|t| 3 * t) {
        names.extend(of(format!("c{i}..c{}", i + 2)));
        for (a, b) in [(i, i + 1), (i + 1, i + 2), (i + 2, i)] {
            names.push(format!("c{a}*c{b}.correlation"));
        }
    }
    names
}

fn signal_features(signal: &[f32], rate: f32, spectrum: &Spectrum, out: &mut Vec<f32>) {
    let n = signal.len().max(1) as f32;
    let mean = signal.iter().sum::<f32>() / n;
    let centred: Vec<f32> = signal.iter().map(|x| x - mean).collect();
    let std = (centred.iter().map(|x| x * x).sum::<f32>() / n).sqrt();
    let mut sorted = signal.to_vec();
    sorted.sort_by(f32::total_cmp);
    let quantile = |q: f32| {
        let at = (q * (sorted.len() - 1) as f32).round() as usize;
        sorted[at]
    };
    let neighbours = || centred.iter().zip(centred.iter().skip(1));
    let step = neighbours().map(|(a, b)| (b - a).abs()).sum::<f32>() / (n - 1.0).max(1.0);
    let crossings = neighbours()
        .filter(|(a, b)| (**a < 0.0) != (**b < 0.0))
        .count() as f32;
    out.extend([
        mean,
        std,
        quantile(0.0),
        quantile(1.0),
        quantile(0.5),
        quantile(0.75) - quantile(0.25),
        step,
        crossings * rate / n,
    ]);
    spectrum.features(&centred, out);
}

/// Returns Pearson's correlation of two signals; 0 when a signal is constant.
fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let n = a.len().max(1) as f32;
    let mean = |x: &[f32]| x.iter().sum::<f32>() / n;
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        ab += (a - ma) * (b - mb);
        aa += (a - ma).powi(2);
        bb += (b - mb).powi(2);
    }
    let norm = (aa * bb).sqrt();
    if norm > f32::EPSILON { ab / norm } else { 0.0 }
}

/// Plain discrete Fourier transform: windows are short, and one table of cosines serves all of them.
struct Spectrum {
    /// `cos` and `sin` of `2 pi i / time`.
    table: Vec<(f32, f32)>,
    /// Frequency between two lines, Hz.
    resolution: f32,
}

impl Spectrum {
    fn new(time: usize, rate: f32) -> Self {
        Self {
            table: (0..time)
                .map(|i| {
                    let (sin, cos) = (TAU * i as f32 / time as f32).sin_cos();
                    (cos, sin)
                })
                .collect(),
            resolution: rate / time as f32,
        }
    }

    /// Returns the power of lines 1 to `time / 2`.
    fn power(&self, x: &[f32]) -> Vec<f32> {
        let time = self.table.len();
        (1..=time / 2)
            .map(|line| {
                let (mut re, mut im, mut phase) = (0.0, 0.0, 0);
                for x in x {
                    let (cos, sin) = self.table[phase];
                    re += x * cos;
                    im += x * sin;
                    phase += line;
                    if phase >= time {
                        phase -= time;
                    }
                }
                re * re + im * im
            })
            .collect()
    }

    fn features(&self, centred: &[f32], out: &mut Vec<f32>) {
        let power = self.power(centred);
        let total: f32 = power.iter().sum();
        if total <= f32::EPSILON {
            out.extend([0.0; 3 + BANDS.len()]);
            return;
        }
        let hertz = |line: usize| (line + 1) as f32 * self.resolution;
        let (strongest, peak) =
            power.iter().enumerate().fold(
                (0, 0.0),
                |best, (i, &p)| if p > best.1 { (i, p) } else { best },
            );
        let entropy: f32 = power
            .iter()
            .map(|p| p / total)
            .filter(|&p| p > 0.0)
            .map(|p| -p * p.ln())
            .sum();
        out.extend([
            hertz(strongest),
            peak / total,
            entropy / (power.len().max(2) as f32).ln(),
        ]);
        out.extend(BANDS.map(|(low, high)| {
            let band = |&(i, _): &(usize, &f32)| (low..high).contains(&hertz(i));
            power
                .iter()
                .enumerate()
                .filter(band)
                .map(|(_, p)| p / total)
                .sum::<f32>()
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(time: usize, x: Vec<f32>, channels: usize) -> Windows {
        let n = x.len() / (time * channels);
        Windows {
            time,
            channels,
            rate_hz: 20.0,
            hop: time,
            x,
            y: vec![0; n],
            users: vec![0; n],
            recordings: vec![0; n],
            labels: vec!["a".into(), "b".into()],
        }
    }

    fn value(table: &Table, name: &str) -> f32 {
        let column = table.names.iter().position(|n| n == name).unwrap();
        table.row(0)[column]
    }

    #[test]
    fn a_sine_is_described_as_one() {
        let x: Vec<f32> = (0..60)
            .flat_map(|t| {
                let phase = TAU * 2.0 * t as f32 / 20.0;
                [5.0 + 3.0 * phase.sin(), -phase.sin(), 9.81]
            })
            .collect();
        let t = table(&windows(60, x, 3)).unwrap();
        assert_eq!(t.columns(), t.x.len());
        let close = |name, want: f32| {
            let got = value(&t, name);
            assert!((got - want).abs() < 0.02, "{name} is {got}, not {want}");
        };
        close("c0.mean", 5.0);
        close("c0.std", 3.0 / 2f32.sqrt());
        close("c0.frequency", 2.0);
        close("c0.line", 1.0);
        close("c0.entropy", 0.0);
        close("c0.band2", 1.0);
        // 12 crossings in 3 s, the one at the very start unseen.
        close("c0.crossings", 11.0 / 3.0);
        close("c0*c1.correlation", -1.0);
        close("c1*c2.correlation", 0.0);
        close("c2.std", 0.0);
        close("c2.frequency", 0.0);
    }

    #[test]
    fn feature_tables_pass_through() {
        let w = windows(1, vec![1.0, f32::NAN, 3.0, 4.0], 2);
        let t = table(&w).unwrap();
        assert_eq!(t.columns(), 2);
        assert!(t.row(0)[1].is_nan());
        assert_eq!(t.row(1), [3.0, 4.0]);
        assert!(t.row(2).is_empty());
    }
}
