//! Resampling to a uniform grid by timestamp.
//!
//! The signal is interpolated linearly between samples. There are two ways to take a grid value from it:
//!
//! - When the stretch was recorded at more than [`OVERSAMPLED`] times the grid's rate, the value is the mean of the line
//!   over one grid period. This is a low-pass filter with its first zero at the grid's rate; it suppresses frequencies
//!   above the new Nyquist frequency, which would otherwise alias.
//! - Otherwise the value is the line at the grid point, so data that has the right rate already is not blurred.

/// Input-to-output rate ratio from which grid values are means over a period.
const OVERSAMPLED: f64 = 1.2;

/// Nanoseconds in a second.
pub(crate) const SECOND: f64 = 1e9;

/// Appends samples at `rate_hz`, from the first timestamp on, to `out`; `samples` and `out` are `[time][channels]`.
/// `t_ns` must increase strictly.
pub(crate) fn resample(
    t_ns: &[i64],
    samples: &[f32],
    channels: usize,
    rate_hz: f32,
    out: &mut Vec<f32>,
) {
    let (Some(&first), Some(&last)) = (t_ns.first(), t_ns.last()) else {
        return;
    };
    // Seconds from the start; an f64 keeps them exact enough for days.
    let second = |t: i64| t.saturating_sub(first) as f64 / SECOND;
    let duration = second(last);
    let period = 1.0 / f64::from(rate_hz);
    let points = (duration / period + 1e-6).floor() as usize + 1;
    let intervals = t_ns.len().saturating_sub(1) as f64;
    let mean = intervals * period > OVERSAMPLED * duration;
    out.reserve(points * channels);
    let mut line = Line::new(t_ns, samples, channels);
    if !mean {
        for i in 0..points {
            line.advance(i as f64 * period, second);
            line.value(i as f64 * period, out);
        }
        return;
    }
    let mut from = 0.0;
    let mut before = vec![0.0; channels];
    let mut after = vec![0.0; channels];
    for i in 0..points {
        let to = ((i as f64 + 0.5) * period).min(duration);
        line.advance(to, second);
        line.integral(to, &mut after);
        let span = to - from;
        if span > 1e-6 {
            let means = after.iter().zip(&before);
            out.extend(means.map(|(after, before)| ((after - before) / span) as f32));
        } else {
            // The last grid point lies on the end of the period before it.
            line.value(to, out);
        }
        from = to;
        std::mem::swap(&mut before, &mut after);
    }
}

/// Walks along the line through all samples, forward only. Times in seconds from the start.
struct Line<'a> {
    segments: std::slice::Windows<'a, i64>,
    /// Samples from the start of the next segment on.
    ahead: &'a [f32],
    channels: usize,
    start: f64,
    end: f64,
    a: &'a [f32],
    b: &'a [f32],
    /// Integral up to the start of the current segment, by channel.
    sums: Vec<f64>,
}

impl<'a> Line<'a> {
    fn new(t_ns: &'a [i64], samples: &'a [f32], channels: usize) -> Self {
        let first = samples.get(..channels).unwrap_or(&[]);
        Self {
            segments: t_ns.windows(2),
            ahead: samples,
            channels,
            start: 0.0,
            end: 0.0,
            a: first,
            b: first,
            sums: vec![0.0; channels],
        }
    }

    /// Moves to the segment that holds time `t`.
    fn advance(&mut self, t: f64, second: impl Fn(i64) -> f64) {
        while t > self.end {
            let Some([start, end]) = self.segments.next() else {
                return;
            };
            let span = self.end - self.start;
            for ((sum, &a), &b) in self.sums.iter_mut().zip(self.a).zip(self.b) {
                let (a, b) = (f64::from(a), f64::from(b));
                *sum += (a + (a + (b - a))) * span / 2.0;
            }
            let (a, rest) = self.ahead.split_at(self.channels.min(self.ahead.len()));
            (self.a, self.b) = (a, rest.get(..self.channels).unwrap_or(a));
            self.ahead = rest;
            (self.start, self.end) = (second(*start), second(*end));
        }
    }

    /// Returns how far `t` is along the current segment, 0 to 1.
    fn share(&self, t: f64) -> f64 {
        let span = self.end - self.start;
        if span > 0.0 {
            ((t - self.start) / span).clamp(0.0, 1.0)
        } else {
            1.0
        }
    }

    /// Appends the value of the line at time `t` of the current segment.
    fn value(&self, t: f64, out: &mut Vec<f32>) {
        let u = self.share(t);
        let mix = |(&a, &b): (&f32, &f32)| {
            let (a, b) = (f64::from(a), f64::from(b));
            (a + u * (b - a)) as f32
        };
        out.extend(self.a.iter().zip(self.b).map(mix));
    }

    /// Integrates the line from the first sample to time `t` of the current segment.
    fn integral(&self, t: f64, out: &mut [f64]) {
        let u = self.share(t);
        let span = t.clamp(self.start, self.end) - self.start;
        let ends = self.sums.iter().zip(self.a.iter().zip(self.b));
        for (out, (sum, (&a, &b))) in out.iter_mut().zip(ends) {
            let (a, b) = (f64::from(a), f64::from(b));
            *out = sum + (a + (a + u * (b - a))) * span / 2.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::f64::consts::TAU;

    fn signal(t_ns: &[i64], f: impl Fn(f64) -> f64) -> Vec<[f32; 3]> {
        let value = |&t: &i64| f(t as f64 / SECOND) as f32;
        t_ns.iter().map(value).map(|v| [v, -v, 1.0]).collect()
    }

    fn regular(rate: f64, count: i64) -> Vec<i64> {
        (0..count)
            .map(|i| (i as f64 * SECOND / rate).round() as i64)
            .collect()
    }

    fn run(t_ns: &[i64], samples: &[[f32; 3]], rate_hz: f32) -> Vec<[f32; 3]> {
        let mut out = Vec::new();
        resample(t_ns, samples.as_flattened(), 3, rate_hz, &mut out);
        out.as_chunks().0.to_vec()
    }

    /// Amplitude of the `hz` component, away from the ends.
    fn amplitude(out: &[[f32; 3]], rate: f64, hz: f64) -> f64 {
        let inner = &out[10..out.len() - 10];
        let (mut s, mut c) = (0.0, 0.0);
        for (i, v) in inner.iter().enumerate() {
            let phase = TAU * hz * i as f64 / rate;
            s += f64::from(v[0]) * phase.sin();
            c += f64::from(v[0]) * phase.cos();
        }
        2.0 * (s * s + c * c).sqrt() / inner.len() as f64
    }

    #[test]
    fn data_on_the_grid_stays_as_it_is() {
        let t = regular(20.0, 100);
        let samples = signal(&t, |t| (3.0 * t).sin() * 9.0);
        let out = run(&t, &samples, 20.0);
        assert_eq!(out.len(), 100);
        for (a, b) in out.iter().zip(&samples) {
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }

    #[test]
    fn slow_motion_passes_and_what_would_fold_back_does_not() {
        // 50 Hz to 20 Hz: 18 Hz would come back as 2 Hz.
        let t = regular(50.0, 2000);
        let slow = run(&t, &signal(&t, |t| (TAU * 2.0 * t).sin()), 20.0);
        let fast = run(&t, &signal(&t, |t| (TAU * 18.0 * t).sin()), 20.0);
        assert!(amplitude(&slow, 20.0, 2.0) > 0.96);
        assert!(amplitude(&fast, 20.0, 2.0) < 0.12);
        assert_eq!(slow.len(), 800);
    }

    #[test]
    fn halving_the_rate_is_the_trapezoid_rule() {
        let t = regular(50.0, 9);
        let samples: Vec<[f32; 3]> = (0..9).map(|i| [(i * i) as f32, 0.0, 1.0]).collect();
        let out = run(&t, &samples, 25.0);
        // (x[2i-1] + 2 x[2i] + x[2i+1]) / 4 inside, half of that at the ends.
        let expected = [0.5, 4.5, 16.5, 36.5, 56.5];
        assert_eq!(out.len(), expected.len());
        for (found, expected) in out.iter().zip(expected) {
            assert!((found[0] - expected).abs() < 1e-4, "{found:?} {expected}");
            assert!((found[2] - 1.0).abs() < 1e-6);
        }
    }

    proptest! {
        /// A straight line is a straight line on any grid, whatever the sampling was.
        #[test]
        fn lines_stay_lines(
            start in -1i64 << 40..1i64 << 40, steps in prop::collection::vec(1_000_000i64..900_000_000, 1..200),
            rate in 5.0f32..60.0, slope in -5.0f64..5.0,
        ) {
            let mut t = vec![start];
            t.extend(steps.iter().scan(start, |t, step| { *t += step; Some(*t) }));
            let at = |t: i64| (t - start) as f64 / SECOND * slope;
            let samples: Vec<[f32; 3]> = t.iter().map(|&t| [at(t) as f32, 7.0, 0.0]).collect();
            let out = run(&t, &samples, rate);
            let duration = (t[t.len() - 1] - start) as f64 / SECOND;
            let points = duration * f64::from(rate) + 1.0;
            prop_assert!((out.len() as f64) <= points + 1e-3 && out.len() as f64 > points - 2.0);
            for (i, v) in out.iter().enumerate() {
                let t = i as f64 / f64::from(rate);
                // Means at the two ends cover half a period only.
                let slack = slope.abs() * 0.5 / f64::from(rate);
                let slack = if i == 0 || i + 1 == out.len() { slack } else { 0.0 };
                prop_assert!((f64::from(v[0]) - t * slope).abs() <= slack + 1e-3 * (1.0 + t));
                prop_assert!((v[1] - 7.0).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn nothing_and_almost_nothing() {
        assert!(run(&[], &[], 20.0).is_empty());
        assert_eq!(run(&[5], &[[1.0, 2.0, 3.0]], 20.0), [[1.0, 2.0, 3.0]]);
        assert_eq!(
            run(&[i64::MIN, i64::MIN + 1], &[[1.0; 3]; 2], 20.0).len(),
            1
        );
    }
}
