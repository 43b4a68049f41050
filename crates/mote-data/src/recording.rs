//! Recordings, and the path every record takes to become part of one.

use crate::{Account, Error, Reason};

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
    /// Samples `[x, y, z]`, as many as timestamps.
    pub samples: Vec<[f32; 3]>,
}

/// Takes what a source reads, one recording or one ready-made window at a time, so that a data set never
/// lies in memory as a whole.
pub trait Sink {
    /// Takes a recording.
    ///
    /// # Errors
    /// Whatever makes reading on pointless; the source stops and hands it on.
    fn recording(&mut self, recording: Recording, account: &mut Account) -> Result<(), Error>;

    /// Takes one window of a data set that comes already cut: a row of features, or `[time][channels]`
    /// samples. NaN stands for a missing feature.
    ///
    /// # Errors
    /// As [`Sink::recording`].
    fn window(
        &mut self,
        user: u32,
        activity: &str,
        values: &[f32],
        account: &mut Account,
    ) -> Result<(), Error>;
}

/// Largest magnitude a record may hold: far above a fall or a punch, far below a corrupt float.
pub(crate) const PLAUSIBLE: f32 = 1000.0;

/// Checks a sample's values.
pub(crate) fn check_sample(sample: [f32; 3]) -> Result<(), Reason> {
    if sample.iter().any(|v| !v.is_finite()) {
        return Err(Reason::NotFinite);
    }
    if sample.iter().any(|v| v.abs() > PLAUSIBLE) {
        return Err(Reason::Implausible);
    }
    Ok(())
}

/// Groups sound records into recordings: a change of user or activity, or a clock that jumped back for
/// good, ends one. A single record out of order is rejected instead, which needs one record of look-ahead.
pub(crate) struct Collector<'a> {
    sink: &'a mut dyn Sink,
    account: &'a mut Account,
    file: &'a str,
    sensor: Sensor,
    current: Option<Recording>,
    pending: Option<(u64, i64, [f32; 3])>,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(
        sink: &'a mut dyn Sink,
        account: &'a mut Account,
        file: &'a str,
        sensor: Sensor,
    ) -> Self {
        account.files += 1;
        Self {
            sink,
            account,
            file,
            sensor,
            current: None,
            pending: None,
        }
    }

    pub(crate) fn reject(&mut self, line: u64, reason: Reason) {
        self.account.reject(self.file, line, reason);
    }

    pub(crate) fn blank_lines(&mut self, count: u64) {
        self.account.blank_lines += count;
    }

    /// Adds a sample; another user or activity than before starts a new recording.
    pub(crate) fn push(
        &mut self,
        line: u64,
        (user, activity): (u32, &str),
        t_ns: i64,
        sample: [f32; 3],
    ) -> Result<(), Error> {
        if let Err(reason) = check_sample(sample) {
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
            samples: Vec::new(),
        });
        let last = current.t_ns.last().copied();
        if last.is_none_or(|last| t_ns > last) {
            current.t_ns.push(t_ns);
            current.samples.push(sample);
            self.account.accept();
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
        // Two records in a row before the last one: the clock was reset.
        let next = Recording {
            user,
            activity: activity.to_owned(),
            sensor,
            t_ns: vec![pending_t],
            samples: vec![pending_sample],
        };
        let done = std::mem::replace(current, next);
        self.account.clock_resets += 1;
        self.account.accept();
        self.sink.recording(done, self.account)?;
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
            Some(done) => self.sink.recording(done, self.account),
            None => Ok(()),
        }
    }

    /// Hands over the last recording.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.flush()
    }
}
