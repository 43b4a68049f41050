//! Recordings, and the path every record takes to become part of one.

use crate::{Error, IngestReport, Reason};

/// The stream a recording holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Sensor {
    /// Acceleration with gravity, in m/s^2.
    Accelerometer,
    /// Angular rate, in rad/s.
    Gyroscope,
}

/// One user, one activity, one sensor stream, in order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Who.
    pub user: u32,
    /// What they did, by the label tasks use (`walking`, `stairs`, ..).
    pub activity: String,
    /// Which stream.
    pub sensor: Sensor,
    /// Time of each sample in ns from an arbitrary origin, strictly increasing.
    pub t_ns: Vec<i64>,
    /// Values per sample, at least 1.
    pub channels: usize,
    /// Samples `[time][channels]`, as many rows as timestamps. Acceleration is in m/s^2, angular rate in rad/s.
    pub samples: Vec<f32>,
}

impl Recording {
    /// Returns the values of sample `n`; empty when there is no such sample.
    pub fn sample(&self, n: usize) -> &[f32] {
        let start = n * self.channels;
        self.samples
            .get(start..start + self.channels)
            .unwrap_or(&[])
    }
}

/// Receives what a source reads, one recording or one ready-made window at a time, so that a data set is never
/// in memory as a whole.
pub trait Sink {
    /// Receives a recording.
    ///
    /// # Errors
    /// Any error ends the reading; the source returns it to its caller.
    fn recording(&mut self, recording: Recording, ingest: &mut IngestReport) -> Result<(), Error>;

    /// Receives one window of a data set that has ready-made windows: a row of features, or `[time][channels]`
    /// samples. NaN stands for a missing feature.
    ///
    /// # Errors
    /// As [`Sink::recording`].
    fn window(
        &mut self,
        user: u32,
        activity: &str,
        values: &[f32],
        ingest: &mut IngestReport,
    ) -> Result<(), Error>;
}

/// Largest magnitude of a plausible value: far above a fall or a punch, far below most corrupt floats.
pub(crate) const PLAUSIBLE: f32 = 1000.0;

/// Checks that the values of a sample are finite and plausible.
pub(crate) fn check_sample(sample: &[f32]) -> Result<(), Reason> {
    if sample.iter().any(|v| !v.is_finite()) {
        return Err(Reason::NotFinite);
    }
    if sample.iter().any(|v| v.abs() > PLAUSIBLE) {
        return Err(Reason::Implausible);
    }
    Ok(())
}

/// Groups sound records into recordings.
///
/// A recording ends when the user or the activity changes, and when the clock was reset to an earlier time. A single
/// record that lies before its neighbours is rejected instead. To tell the two apart, the collector holds one such record
/// back until the next one arrives.
pub(crate) struct Collector<'a> {
    sink: &'a mut dyn Sink,
    ingest: &'a mut IngestReport,
    file: &'a str,
    sensor: Sensor,
    current: Option<Recording>,
    /// Line, time and sample of a record that lies before the last one.
    pending: Option<(u64, i64, [f32; 3])>,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(
        sink: &'a mut dyn Sink,
        ingest: &'a mut IngestReport,
        file: &'a str,
        sensor: Sensor,
    ) -> Self {
        ingest.files += 1;
        Self {
            sink,
            ingest,
            file,
            sensor,
            current: None,
            pending: None,
        }
    }

    pub(crate) fn reject(&mut self, line: u64, reason: Reason) {
        self.ingest.reject(self.file, line, reason);
    }

    pub(crate) fn blank_lines(&mut self, count: u64) {
        self.ingest.blank_lines += count;
    }

    /// Adds a sample; a change of user or activity starts a new recording.
    pub(crate) fn push(
        &mut self,
        line: u64,
        (user, activity): (u32, &str),
        t_ns: i64,
        sample: [f32; 3],
    ) -> Result<(), Error> {
        if let Err(reason) = check_sample(&sample) {
            self.reject(line, reason);
            return Ok(());
        }
        let same = |r: &Recording| r.user == user && r.activity == activity;
        if !self.current.as_ref().is_some_and(same) {
            self.flush()?;
        }
        let sensor = self.sensor;
        let current = self.current.get_or_insert_with(|| Recording {
            user,
            activity: activity.to_owned(),
            sensor,
            t_ns: Vec::new(),
            channels: 3,
            samples: Vec::new(),
        });
        let last = current.t_ns.last().copied();
        if last.is_none_or(|last| t_ns > last) {
            current.t_ns.push(t_ns);
            current.samples.extend(sample);
            self.ingest.accept();
            self.drop_pending();
            return Ok(());
        }
        if last == Some(t_ns) {
            self.reject(line, Reason::RepeatedTimestamp);
            return Ok(());
        }
        let Some((_, pending_t, pending_sample)) = self.pending.take() else {
            self.pending = Some((line, t_ns, sample));
            return Ok(());
        };
        // This is the second record in a row that lies before the last one: the clock was reset.
        let next = Recording {
            user,
            activity: activity.to_owned(),
            sensor,
            t_ns: vec![pending_t],
            channels: 3,
            samples: pending_sample.to_vec(),
        };
        let done = std::mem::replace(current, next);
        self.ingest.clock_resets += 1;
        self.ingest.accept();
        self.sink.recording(done, self.ingest)?;
        self.push(line, (user, activity), t_ns, sample)
    }

    fn drop_pending(&mut self) {
        if let Some((line, ..)) = self.pending.take() {
            self.reject(line, Reason::BackwardTimestamp);
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.drop_pending();
        match self.current.take() {
            Some(done) => self.sink.recording(done, self.ingest),
            None => Ok(()),
        }
    }

    /// Passes the last recording to the sink.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.flush()
    }
}
