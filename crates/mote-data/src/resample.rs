//! Resampling to a uniform grid by timestamp.
//!
//! Between samples the signal is taken as a straight line. Where a stretch was recorded at more than
//! [`OVERSAMPLED`] times the grid's rate, each grid value is the mean of that line over one grid period, a
//! low-pass with its first zero at the grid's rate; otherwise it is the line's value at the grid point. The
//! first keeps what lies above the new Nyquist frequency from folding back, the second does not blur data
//! that is at the right rate already.

/// Input-to-output rate ratio from which grid values are means over a period.
const OVERSAMPLED: f64 = 1.2;

/// Nanoseconds in a second.
pub(crate) const SECOND: f64 = 1e9;

/// Samples at `rate_hz` from the first timestamp on, `[x, y, z]` each, appended to `out`. `t_ns` increases
/// strictly.
pub(crate) fn resample(t_ns: &[i64], samples: &[[f32; 3]], rate_hz: f32, out: &mut Vec<[f32; 3]>) {
    let (Some(&first), Some(&last)) = (t_ns.first(), t_ns.last()) else {
        return;
    };
    // Seconds from the start: exact enough in f64 for days.
    let second = |t: i64| t.saturating_sub(first) as f64 / SECOND;
    let duration = second(last);
    let period = 1.0 / f64::from(rate_hz);
    let points = (duration / period + 1e-6).floor() as usize + 1;
    let intervals = samples.len().saturating_sub(1) as f64;
    let mean = intervals * period > OVERSAMPLED * duration;
    out.reserve(points);
    let mut line = Line {
        segments: t_ns.windows(2).zip(samples.windows(2)),
        current: samples.first().map_or(Segment::default(), |&a| Segment {
            start: 0.0,
            end: 0.0,
            a,
            b: a,
        }),
        integral: [0.0; 3],
    };
    if !mean {
        out.extend((0..points).map(|i| line.value(i as f64 * period, second)));
        return;
    }
    let mut from = 0.0;
    let mut before = [0.0; 3];
    for i in 0..points {
        let to = ((i as f64 + 0.5) * period).min(duration);
        let after = line.integral(to, second);
        let span = to - from;
        // Only the last point can have no span, when it falls on the end of the one before.
        if span > 1e-9 {
            let value = |c: usize| match (after.get(c), before.get(c)) {
                (Some(a), Some(b)) => ((a - b) / span) as f32,
                _ => 0.0,
            };
            out.push([value(0), value(1), value(2)]);
        }
        (from, before) = (to, after);
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Segment {
    start: f64,
    end: f64,
    a: [f32; 3],
    b: [f32; 3],
}

impl Segment {
    fn at(&self, t: f64) -> [f64; 3] {
        let span = self.end - self.start;
        let u = if span > 0.0 {
            ((t - self.start) / span).clamp(0.0, 1.0)
        } else {
            1.0
        };
        let mix = |a: f32, b: f32| f64::from(a) + u * (f64::from(b) - f64::from(a));
        let ([ax, ay, az], [bx, by, bz]) = (self.a, self.b);
        [mix(ax, bx), mix(ay, by), mix(az, bz)]
    }

    /// Integral of the line from the segment's start to `t`.
    fn area(&self, t: f64) -> [f64; 3] {
        let t = t.clamp(self.start, self.end);
        let span = t - self.start;
        let ([ax, ay, az], [bx, by, bz]) = (self.a.map(f64::from), self.at(t));
        [
            (ax + bx) * span / 2.0,
            (ay + by) * span / 2.0,
            (az + bz) * span / 2.0,
        ]
    }
}

/// Walks along the line through all samples, forward only.
struct Line<I> {
    segments: I,
    current: Segment,
    /// Integral up to the start of the current segment.
    integral: [f64; 3],
}

impl<'a, I> Line<I>
where
    I: Iterator<Item = (&'a [i64], &'a [[f32; 3]])>,
{
    fn advance(&mut self, t: f64, second: impl Fn(i64) -> f64) {
        while t > self.current.end {
            let Some(([start, end], [a, b])) = self.segments.next() else {
                return;
            };
            let area = self.current.area(self.current.end);
            for (sum, area) in self.integral.iter_mut().zip(area) {
                *sum += area;
            }
            self.current = Segment {
                start: second(*start),
                end: second(*end),
                a: *a,
                b: *b,
            };
        }
    }

    fn value(&mut self, t: f64, second: impl Fn(i64) -> f64) -> [f32; 3] {
        self.advance(t, second);
        self.current.at(t).map(|v| v as f32)
    }

    fn integral(&mut self, t: f64, second: impl Fn(i64) -> f64) -> [f64; 3] {
        self.advance(t, second);
        let [x, y, z] = self.integral;
        let [ax, ay, az] = self.current.area(t);
        [x + ax, y + ay, z + az]
    }
}
