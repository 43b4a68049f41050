//! Recordings to windows.

use crate::{
    Account, Error, Recording, Sink, Windows,
    resample::{SECOND, resample},
};
use serde::{Deserialize, Serialize};

/// A pause longer than this, in ns, is not bridged: windows end before it and start anew behind it.
const GAP_NS: i64 = 1_000_000_000;

/// How recordings are cut. The default is 3 s windows, half overlapping, at 20 Hz.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowSpec {
    /// Window length in seconds.
    pub seconds: f32,
    /// Share of a window that the next one repeats, 0 up to but not including 1.
    pub overlap: f32,
    /// Rate of the uniform grid in Hz.
    pub rate_hz: f32,
}

impl Default for WindowSpec {
    fn default() -> Self {
        Self {
            seconds: 3.0,
            overlap: 0.5,
            rate_hz: 20.0,
        }
    }
}

impl WindowSpec {
    /// Samples per window.
    pub fn time(&self) -> usize {
        (self.seconds * self.rate_hz).round() as usize
    }

    /// New samples from one window to the next, at least one.
    pub fn hop(&self) -> usize {
        ((self.time() as f32 * (1.0 - self.overlap)).round() as usize).max(1)
    }

    /// Checks that windows can be cut so.
    ///
    /// # Errors
    /// [`Error::WindowSpec`] naming the field.
    pub fn check(&self) -> Result<(), Error> {
        let bad = |field, value, reason| {
            Err(Error::WindowSpec {
                field,
                value,
                reason,
            })
        };
        if !(1.0..=1000.0).contains(&self.rate_hz) {
            return bad("rate_hz", self.rate_hz, "must lie between 1 and 1000 Hz");
        }
        if !(0.0..=600.0).contains(&self.seconds) || self.time() < 2 {
            let reason = "a window must hold two samples or more and last 600 s or less";
            return bad("seconds", self.seconds, reason);
        }
        if !(0.0..1.0).contains(&self.overlap) {
            return bad("overlap", self.overlap, "must be 0 or more and below 1");
        }
        Ok(())
    }
}

/// Cuts recordings into windows as they come.
pub(crate) struct Cutter {
    windows: Windows,
    stretches: u32,
    grid: Vec<[f32; 3]>,
}

impl Cutter {
    /// Windows of recordings of the activities in `labels`.
    pub(crate) fn new(labels: Vec<String>, spec: &WindowSpec) -> Self {
        Self::with_shape(labels, spec.time(), 3, spec.rate_hz, spec.hop())
    }

    /// Windows of `[time][channels]` that come ready-made.
    pub(crate) fn with_shape(
        labels: Vec<String>,
        time: usize,
        channels: usize,
        rate_hz: f32,
        hop: usize,
    ) -> Self {
        Self {
            windows: Windows {
                time,
                channels,
                rate_hz,
                hop,
                x: Vec::new(),
                y: Vec::new(),
                users: Vec::new(),
                recordings: Vec::new(),
                labels,
            },
            stretches: 0,
            grid: Vec::new(),
        }
    }

    pub(crate) fn finish(self) -> Windows {
        self.windows
    }

    fn class(&self, activity: &str) -> Option<usize> {
        self.windows.labels.iter().position(|l| l == activity)
    }

    fn stretch(&mut self, user: u32, class: usize, t_ns: &[i64], samples: &[[f32; 3]]) -> bool {
        self.grid.clear();
        resample(t_ns, samples, self.windows.rate_hz, &mut self.grid);
        let windows = &mut self.windows;
        let count = (self.grid.len() + windows.hop).saturating_sub(windows.time) / windows.hop;
        // Growing by an eighth, not doubling, keeps the peak near what is needed.
        let needed = count * windows.time * 3;
        if windows.x.capacity() - windows.x.len() < needed {
            windows.x.reserve_exact(needed.max(windows.x.len() / 8));
        }
        for window in self.grid.windows(windows.time).step_by(windows.hop) {
            windows.x.extend(window.iter().flatten());
            windows.y.push(class);
            windows.users.push(user);
            windows.recordings.push(self.stretches);
        }
        self.stretches += u32::from(count > 0);
        count > 0
    }
}

impl Sink for Cutter {
    fn recording(&mut self, recording: Recording, account: &mut Account) -> Result<(), Error> {
        let Some(class) = self.class(&recording.activity) else {
            account.unused += recording.t_ns.len() as u64;
            return Ok(());
        };
        let (mut t_ns, mut samples) = (&recording.t_ns[..], &recording.samples[..]);
        while !t_ns.is_empty() {
            let gap = t_ns
                .windows(2)
                .position(|w| matches!(w, [a, b] if b.saturating_sub(*a) > GAP_NS));
            let end = gap.map_or(t_ns.len(), |i| i + 1);
            account.gaps += u64::from(gap.is_some());
            let (t, rest_t) = t_ns.split_at(end);
            let (s, rest_s) = samples.split_at(end.min(samples.len()));
            if !self.stretch(recording.user, class, t, s) {
                account.short += end as u64;
            }
            (t_ns, samples) = (rest_t, rest_s);
        }
        Ok(())
    }

    fn window(
        &mut self,
        user: u32,
        activity: &str,
        values: &[f32],
        account: &mut Account,
    ) -> Result<(), Error> {
        let Some(class) = self.class(activity) else {
            account.unused += 1;
            return Ok(());
        };
        let windows = &mut self.windows;
        if values.len() != windows.stride() {
            return Err(Error::Length {
                what: "a ready-made window".to_owned(),
                expected: windows.stride(),
                found: values.len(),
            });
        }
        windows.x.extend_from_slice(values);
        windows.y.push(class);
        windows.users.push(user);
        windows.recordings.push(self.stretches);
        self.stretches += 1;
        Ok(())
    }
}

/// Median number of samples per second of a recording; `None` below two samples.
pub(crate) fn median_rate(t_ns: &[i64]) -> Option<f64> {
    let mut steps: Vec<i64> = t_ns
        .windows(2)
        .map(|w| match w {
            [a, b] => b.saturating_sub(*a),
            _ => 0,
        })
        .collect();
    let middle = steps.len() / 2;
    if steps.is_empty() {
        return None;
    }
    let (_, median, _) = steps.select_nth_unstable(middle);
    Some(SECOND / *median as f64)
}
