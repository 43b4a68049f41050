//! Cuts recordings into windows.

use crate::{
    Error, IngestReport, Recording, Sink, Stretch, Windows,
    resample::{SECOND, resample},
};
use serde::{Deserialize, Serialize};

/// Longest pause within a window, in ns: at a longer one the recording is split.
pub(crate) const GAP_NS: i64 = 1_000_000_000;

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
    /// Returns the number of samples per window.
    pub fn time(&self) -> usize {
        (self.seconds * self.rate_hz).round() as usize
    }

    /// Returns the number of new samples from one window to the next, at least one.
    pub fn hop(&self) -> usize {
        ((self.time() as f32 * (1.0 - self.overlap)).round() as usize).max(1)
    }

    /// Checks that the settings make sense.
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

/// Cuts recordings into windows as they arrive.
pub(crate) struct Windower {
    windows: Windows,
    /// Stretches that gave windows so far; the number of the next one in [`Windows::recordings`].
    cut: u32,
    /// All stretches, those too short for a window as well.
    stretches: Vec<Stretch>,
    /// The stretch at hand on the uniform grid; kept to reuse its memory.
    grid: Vec<f32>,
}

impl Windower {
    /// Starts on recordings of the activities in `labels`, of `channels` values per sample.
    pub(crate) fn new(labels: Vec<String>, channels: usize, spec: &WindowSpec) -> Self {
        Self::with_shape(labels, spec.time(), channels, spec.rate_hz, spec.hop())
    }

    /// Starts on ready-made windows, `[time][channels]`.
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
            cut: 0,
            stretches: Vec::new(),
            grid: Vec::new(),
        }
    }

    /// Returns the windows cut so far, and the stretches that they were cut from.
    pub(crate) fn finish(self) -> (Windows, Vec<Stretch>) {
        (self.windows, self.stretches)
    }

    fn class(&self, activity: &str) -> Option<usize> {
        self.windows.labels.iter().position(|l| l == activity)
    }

    /// Resamples and cuts one stretch without gaps; returns whether it gave a window.
    fn stretch(&mut self, user: u32, class: usize, t_ns: &[i64], samples: &[f32]) -> bool {
        self.grid.clear();
        let windows = &mut self.windows;
        let channels = windows.channels;
        resample(t_ns, samples, channels, windows.rate_hz, &mut self.grid);
        let steps = self.grid.len() / channels;
        let count = (steps + windows.hop).saturating_sub(windows.time) / windows.hop;
        // Doubling could take twice the memory that is needed; growing by an eighth stays near it.
        let needed = count * windows.time * channels;
        if windows.x.capacity() - windows.x.len() < needed {
            windows.x.reserve_exact(needed.max(windows.x.len() / 8));
        }
        let (length, hop) = (windows.time * channels, windows.hop * channels);
        for window in self.grid.windows(length).step_by(hop) {
            windows.x.extend(window);
            windows.y.push(class);
            windows.users.push(user);
            windows.recordings.push(self.cut);
        }
        self.cut += u32::from(count > 0);
        self.stretches.push(Stretch {
            user,
            class,
            recording: self.stretches.len() as u32,
            x: self.grid.clone(),
        });
        count > 0
    }
}

impl Sink for Windower {
    fn recording(&mut self, recording: Recording, ingest: &mut IngestReport) -> Result<(), Error> {
        let Some(class) = self.class(&recording.activity) else {
            ingest.unused += recording.t_ns.len() as u64;
            return Ok(());
        };
        if recording.channels != self.windows.channels {
            return Err(Error::Length {
                what: "a sample of a recording".to_owned(),
                expected: self.windows.channels,
                found: recording.channels,
            });
        }
        let (mut t_ns, mut samples) = (&recording.t_ns[..], &recording.samples[..]);
        while !t_ns.is_empty() {
            let gap = t_ns
                .windows(2)
                .position(|w| matches!(w, [a, b] if b.saturating_sub(*a) > GAP_NS));
            let end = gap.map_or(t_ns.len(), |i| i + 1);
            ingest.gaps += u64::from(gap.is_some());
            let (t, rest_t) = t_ns.split_at(end);
            let (s, rest_s) = samples.split_at((end * recording.channels).min(samples.len()));
            if !self.stretch(recording.user, class, t, s) {
                ingest.short += end as u64;
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
        ingest: &mut IngestReport,
    ) -> Result<(), Error> {
        let Some(class) = self.class(activity) else {
            ingest.unused += 1;
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
        windows.recordings.push(self.cut);
        self.cut += 1;
        Ok(())
    }
}

/// Computes the median number of samples per second of a recording; `None` below two samples.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sensor;
    use proptest::prelude::*;

    fn cut(recordings: Vec<Recording>, spec: &WindowSpec) -> (Windows, IngestReport) {
        let mut ingest = IngestReport::default();
        let mut windower = Windower::new(vec!["a".to_owned(), "b".to_owned()], 3, spec);
        for recording in recordings {
            windower.recording(recording, &mut ingest).unwrap();
        }
        (windower.finish().0, ingest)
    }

    /// A recording whose every sample holds `mark`.
    fn recording(user: u32, activity: &str, t_ns: Vec<i64>, mark: f32) -> Recording {
        Recording {
            user,
            activity: activity.to_owned(),
            sensor: Sensor::Accelerometer,
            channels: 3,
            samples: [mark, user as f32, 0.0].repeat(t_ns.len()),
            t_ns,
        }
    }

    fn grid(start_s: f64, count: usize) -> Vec<i64> {
        (0..count)
            .map(|i| ((start_s + i as f64 / 20.0) * SECOND) as i64)
            .collect()
    }

    #[test]
    fn lengths_hops_and_overlap() {
        let spec = WindowSpec::default();
        assert_eq!((spec.time(), spec.hop()), (60, 30));
        for (count, windows) in [(59, 0), (60, 1), (89, 1), (90, 2), (120, 3)] {
            let (w, ingest) = cut(vec![recording(1, "a", grid(5.0, count), 1.0)], &spec);
            assert_eq!(w.len(), windows, "{count}");
            assert_eq!(ingest.short, if windows == 0 { count as u64 } else { 0 });
            assert_eq!(w.x.len(), windows * 180);
        }
        let long = WindowSpec {
            seconds: 10.0,
            overlap: 0.0,
            ..spec
        };
        assert_eq!((long.time(), long.hop()), (200, 200));
    }

    #[test]
    fn windows_end_at_gaps() {
        // Two stretches of 4 s with a pause of just over, then just under, a second between them.
        for (pause, recordings, gaps) in [(1.06, 2, 1), (1.0, 1, 0)] {
            let mut t = grid(0.0, 80);
            t.extend(grid(79.0 / 20.0 + pause, 80));
            let (w, ingest) = cut(vec![recording(1, "a", t, 1.0)], &WindowSpec::default());
            assert_eq!(ingest.gaps, gaps);
            assert_eq!(w.recordings.iter().max(), Some(&(recordings - 1)));
            assert_eq!(w.len(), if gaps == 1 { 2 } else { 4 });
        }
    }

    #[test]
    fn stretches_hold_all_signal_and_windows_are_cut_from_them() {
        let mut windower = Windower::new(vec!["a".to_owned()], 3, &WindowSpec::default());
        let mut ingest = IngestReport::default();
        let mut gap = recording(4, "a", grid(0.0, 100), 1.0);
        let rest = recording(4, "a", grid(60.0, 30), 2.0);
        gap.t_ns.extend(rest.t_ns);
        gap.samples.extend(rest.samples);
        windower.recording(gap, &mut ingest).unwrap();
        let (windows, stretches) = windower.finish();
        let found: Vec<_> = stretches
            .iter()
            .map(|s| (s.user, s.recording, s.x.len()))
            .collect();
        // The second stretch is too short for a window of 60 samples, and there all the same.
        assert_eq!(found, [(4, 0, 300), (4, 1, 90)]);
        assert_eq!(windows.len(), 2);
        assert_eq!(windows.window(1), &stretches[0].x[90..270]);
    }

    #[test]
    fn unused_activities_are_counted() {
        let (w, ingest) = cut(
            vec![recording(1, "c", grid(0.0, 99), 1.0)],
            &WindowSpec::default(),
        );
        assert!(w.is_empty());
        assert_eq!(ingest.unused, 99);
    }

    #[test]
    fn settings_that_make_no_sense() {
        let good = WindowSpec::default();
        for (spec, field) in [
            (
                WindowSpec {
                    seconds: 0.0,
                    ..good
                },
                "seconds",
            ),
            (
                WindowSpec {
                    seconds: f32::NAN,
                    ..good
                },
                "seconds",
            ),
            (
                WindowSpec {
                    seconds: 601.0,
                    ..good
                },
                "seconds",
            ),
            (
                WindowSpec {
                    overlap: 1.0,
                    ..good
                },
                "overlap",
            ),
            (
                WindowSpec {
                    overlap: -0.1,
                    ..good
                },
                "overlap",
            ),
            (
                WindowSpec {
                    rate_hz: 0.0,
                    ..good
                },
                "rate_hz",
            ),
            (
                WindowSpec {
                    rate_hz: f32::INFINITY,
                    ..good
                },
                "rate_hz",
            ),
        ] {
            assert!(spec.check().unwrap_err().to_string().contains(field));
        }
        assert!(good.check().is_ok());
    }

    proptest! {
        /// Every recording, and every stretch between gaps, carries a mark of its own; no window mixes marks.
        #[test]
        fn windows_never_cross_user_activity_or_gap(
            stretches in prop::collection::vec((0u32..4, prop::bool::ANY, 1usize..200, prop::bool::ANY), 1..12),
            seconds in 0.5f32..4.0, overlap in 0.0f32..0.9,
        ) {
            let mut recordings: Vec<Recording> = Vec::new();
            let mut start = 0.0;
            for (mark, (user, is_b, count, joined)) in stretches.into_iter().enumerate() {
                let activity = if is_b { "b" } else { "a" };
                let t = grid(start, count);
                start += count as f64 / 20.0 + 1.5;
                let next = recording(user, activity, t, mark as f32);
                match recordings.last_mut() {
                    // The same recording goes on behind a gap.
                    Some(last) if joined && last.user == user && last.activity == activity => {
                        last.t_ns.extend(next.t_ns);
                        last.samples.extend(next.samples);
                    }
                    _ => recordings.push(next),
                }
            }
            let spec = WindowSpec { seconds, overlap, rate_hz: 20.0 };
            let (w, _) = cut(recordings, &spec);
            for n in 0..w.len() {
                let window = w.window(n);
                prop_assert!(window.chunks(3).all(|s| s == &window[..3]));
                prop_assert_eq!(window[1], w.users[n] as f32);
            }
            // One mark per recording number, and the other way round.
            for (a, b) in (0..w.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
                let same_mark = w.window(a)[0] == w.window(b)[0];
                prop_assert_eq!(same_mark, w.recordings[a] == w.recordings[b]);
            }
        }
    }
}
